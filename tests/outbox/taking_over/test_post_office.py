from __future__ import annotations

import json
import unittest
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from unittest import mock

import django
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection, models
from django.test import override_settings

from anymail.outbox.models import Entry, Recipient
from anymail.outbox.taking_over.post_office import PostOfficeQueue
from anymail.outbox.taking_over.post_office_tables import (
    MODELS,
    OldAttachment,
    OldAttachmentLink,
    OldEmail,
    OldTemplate,
)

from ...class_context import enter_context
from ...second_database import add_database
from .cases import LAST_WEEK, TakingOverTestCase, Terminal

IN_MEMORY = {"BACKEND": "django.core.files.storage.InMemoryStorage"}


class PostOfficeTestCase(TakingOverTestCase):
    command = "anymail_import_post_office"
    tables: Sequence[type[models.Model]] = MODELS

    def add(self, **values: Any) -> int:
        defaults = {
            "from_email": "shop@example.com",
            "to": "ann@example.com",
            "subject": "Hello",
            "message": "Hi Ann",
            "status": 2,
            "priority": 1,
            "created": LAST_WEEK,
        }
        row = OldEmail._default_manager.using(self.alias).create(**{**defaults, **values})
        return int(row.pk)

    def status(self, row_id: int) -> int | None:
        return OldEmail._default_manager.using(self.alias).get(pk=row_id).status


class MessageTests(PostOfficeTestCase):
    def test_everything_arrives(self) -> None:
        tomorrow, next_week = LAST_WEEK + timedelta(days=8), LAST_WEEK + timedelta(days=14)
        row_id = self.add(
            from_email='"Shop, The" <shop@example.com>',
            to='ann@example.com, "Bob, B." <bob@example.com>',
            cc="carl@example.com",
            bcc="dora@example.com,emil@example.com",
            subject="Größe €",
            message="Hi",
            html_message="<b>Hi</b>",
            status=3,
            priority=2,
            scheduled_time=tomorrow,
            expires_at=next_week,
            message_id="<1@example.com>",
            headers='{"Reply-To": "help@example.com", "X-Order": "17"}',
            backend_alias="default",
        )
        self.assertIn("1 message taken over", self.run_command())
        entry, message = self.entry(), self.sent()
        self.assertEqual(message.from_email, '"Shop, The" <shop@example.com>')
        self.assertEqual(message.to, ["ann@example.com", '"Bob, B." <bob@example.com>'])
        self.assertEqual(message.cc, ["carl@example.com"])
        self.assertEqual(message.bcc, ["dora@example.com", "emil@example.com"])
        self.assertEqual((message.subject, message.body), ("Größe €", "Hi"))
        self.assertEqual([tuple(one) for one in message.alternatives], [("<b>Hi</b>", "text/html")])
        self.assertEqual(
            message.extra_headers,
            {"Reply-To": "help@example.com", "X-Order": "17", "Message-ID": "<1@example.com>"},
        )
        self.assertEqual((entry.not_before, entry.expires_at), (tomorrow, next_week))
        self.assertEqual((entry.state, entry.priority), ("waiting", 50))
        self.assertEqual(entry.mailer, "default" if django.VERSION < (6, 1) else "ses")
        self.assertEqual(entry.idempotency_key, f"post_office:{row_id}")
        self.assertEqual(Recipient._default_manager.count(), 5)

    def test_html_alone_is_the_body(self) -> None:
        self.add(message="", html_message="<b>Hi</b>")
        self.run_command()
        message = self.sent()
        self.assertEqual((message.body, message.content_subtype), ("<b>Hi</b>", "html"))
        self.assertEqual(message.alternatives, [])

    def test_each_priority(self) -> None:
        ids = [self.add(priority=priority) for priority in (0, 1, 2, 3, None)]
        self.run_command()
        found = dict(Entry._default_manager.values_list("idempotency_key", "priority"))
        priorities = [found[f"post_office:{row_id}"] for row_id in ids]
        self.assertEqual(priorities, [-50, 0, 50, 100, 0])

    def test_they_keep_their_place_in_the_queue(self) -> None:
        later = self.add(created=LAST_WEEK + timedelta(hours=1))
        earlier = self.add(created=LAST_WEEK)
        self.run_command()
        self.assertEqual(self.keys(), [f"post_office:{earlier}", f"post_office:{later}"])

    @unittest.skipUnless(connection.vendor == "postgresql", "jsonb is PostgreSQL's")
    def test_headers_in_a_jsonb_column(self) -> None:
        for kind in ("jsonb", "json"):
            with connection.cursor() as cursor:
                cursor.execute(
                    f"ALTER TABLE post_office_email ALTER headers TYPE {kind} USING headers::{kind}"
                )
                cursor.execute(
                    """INSERT INTO post_office_email (from_email, "to", cc, bcc, subject, message,
                    html_message, status, created, headers, backend_alias) VALUES ('a@x.test',
                    'b@x.test', '', '', 'Hi', 'Hi', '', 2, now(), '{"X-Order": "17"}', '')"""
                )
            self.run_command()
            self.assertEqual(self.sent().extra_headers, {"X-Order": "17"})
            Entry._default_manager.all().delete()


@override_settings(STORAGES={"default": IN_MEMORY, "old": IN_MEMORY})
class AttachmentTests(PostOfficeTestCase):
    def attach(self, email_id: int, content: bytes | None, **values: Any) -> None:
        file = "post_office_attachments/a"
        if content is not None:
            file = storages["old"].save(file, ContentFile(content))
        row = OldAttachment._default_manager.create(file=file, **values)
        OldAttachmentLink._default_manager.create(email_id=email_id, attachment_id=row.pk)

    def setUp(self) -> None:
        super().setUp()
        enter_context(self, override_settings(POST_OFFICE={"FILE_STORAGE": "old"}))

    def test_the_attachments_of_a_message_and_no_others(self) -> None:
        other, email_id = self.add(), self.add()
        self.attach(other, b"other", name="other.txt")
        self.attach(email_id, b"\x89PNG", name="a.png", mimetype="image/png")
        self.attach(email_id, "Größe".encode(), name="b.txt")
        self.run_command()
        entry = Entry._default_manager.get(idempotency_key=f"post_office:{email_id}")
        self.assertEqual(
            [tuple(one) for one in self.sent(entry).attachments],
            [("a.png", b"\x89PNG", "image/png"), ("b.txt", "Größe", "text/plain")],
        )

    def test_an_inline_image(self) -> None:
        email_id = self.add(html_message='<img src="cid:logo">')
        headers = {"Content-ID": "<logo>", "Content-Disposition": "inline", "content-type": "a/b"}
        self.attach(
            email_id, b"\x89PNG", name="l.png", mimetype="image/png", headers=json.dumps(headers)
        )
        self.run_command()
        [part] = self.sent().attachments
        self.assertEqual(part.get_content_type(), "image/png")
        self.assertEqual(part["Content-ID"], "<logo>")
        self.assertEqual(part.get_content_disposition(), "inline")
        self.assertEqual(part.get_payload(decode=True), b"\x89PNG")

    def test_a_missing_file_is_a_reason(self) -> None:
        email_id = self.add()
        self.attach(email_id, None, name="a.txt")
        _, _, err = self.fail_command()
        self.assertEqual(
            err,
            f"{email_id}: Its attachment, 'post_office_attachments/a', is not in the storage "
            "STORAGES['old'].\n",
        )
        self.assertEqual(self.status(email_id), 2)


class TemplateTests(PostOfficeTestCase):
    def template(self, **values: Any) -> int:
        defaults = {"name": "welcome", "subject": "Hi {{ name }}", "content": "Dear {{ name }}"}
        return int(OldTemplate._default_manager.create(**{**defaults, **values}).pk)

    def add_rendered(self, template_id: int, context: str | None) -> int:
        texts = {"subject": "", "message": "", "html_message": ""}
        return self.add(template_id=template_id, context=context, **texts)

    def test_a_template_is_rendered_and_only_html_is_escaped(self) -> None:
        template_id = self.template(html_content="<b>{{ name|upper }}</b>")
        self.add_rendered(template_id, '{"name": "A&B"}')
        self.run_command()
        message = self.sent()
        self.assertEqual((message.subject, message.body), ("Hi A&B", "Dear A&B"))
        self.assertEqual(message.alternatives[0][0], "<b>A&amp;B</b>")

    def test_a_text_that_was_rendered_before_is_not_rendered_again(self) -> None:
        self.add(template_id=self.template(), subject="Hi {{ name }}", message="", context="{}")
        self.run_command()
        self.assertEqual((self.sent().subject, self.sent().body), ("Hi {{ name }}", ""))

    def test_what_cannot_be_rendered_is_a_reason(self) -> None:
        template_id = self.template()
        for row_id, reason in (
            (self.add_rendered(self.template(content="{% load x %}"), "{}"), "'welcome', cannot"),
            (self.add_rendered(template_id + 99, "{}"), f"{template_id + 99}, does not exist"),
            (self.add_rendered(template_id, "gASVBgAAAAAAAAB9lC4="), "context is not JSON."),
            (self.add_rendered(template_id, "[1]"), "context is not a JSON object."),
        ):
            with self.subTest(reason=reason):
                _, _, err = self.fail_command()
                [line] = [line for line in err.splitlines() if line.startswith(f"{row_id}: ")]
                self.assertIn(reason, line)
                self.assertEqual(self.status(row_id), 2)


class OnceTests(PostOfficeTestCase):
    def test_only_what_waits_is_taken(self) -> None:
        others = {self.add(status=status): status for status in (0, 1, None)}
        row_id = self.add()
        self.assertEqual(self.run_command(), "1 message taken over\n")
        self.assertEqual(self.keys(), [f"post_office:{row_id}"])
        self.assertIsNone(self.status(row_id))
        self.assertEqual({row_id: self.status(row_id) for row_id in others}, others)

    def test_the_second_time_there_is_nothing_to_take(self) -> None:
        self.add()
        self.run_command()
        self.assertEqual(self.run_command(), "0 messages taken over\n")
        self.assertEqual(Entry._default_manager.count(), 1)

    def test_what_cannot_be_taken_is_listed_and_the_others_go_on(self) -> None:
        first, bad, nobody, last = (
            self.add(),
            self.add(to="secret address"),
            self.add(to=""),
            self.add(),
        )
        error, out, err = self.fail_command()
        self.assertEqual(error.returncode, 1)
        self.assertIn("2 messages cannot be taken over", str(error))
        self.assertEqual(out, "2 messages taken over\n")
        self.assertEqual(self.keys(), [f"post_office:{first}", f"post_office:{last}"])
        self.assertRegex(err, rf"^{bad}: .*`to`.*\n{nobody}: It has no recipients\.\n$")
        self.assertNotIn("secret", err)
        self.assertEqual((self.status(bad), self.status(nobody)), (2, 2))

    def test_an_error_of_django_is_not_quoted(self) -> None:
        row_id = self.add(headers='{"X-Secret": "one\\ntwo"}')
        _, _, err = self.fail_command()
        self.assertRegex(err, rf"^{row_id}: It cannot be stored: \w+Error\.\n$")

    def test_a_dry_run_writes_nothing(self) -> None:
        row_id, bad = self.add(), self.add(to="")
        _, out, err = self.fail_command("--dry-run")
        self.assertEqual(out, "1 message can be taken over\n")
        self.assertEqual(err, f"{bad}: It has no recipients.\n")
        self.assertEqual((self.status(row_id), Entry._default_manager.count()), (2, 0))

    def test_an_interruption_loses_nothing_and_takes_nothing_twice(self) -> None:
        ids = [self.add() for _ in range(4)]
        with self.interrupted(at=3), self.assertRaises(KeyboardInterrupt):
            self.run_command()
        self.assertEqual([self.status(row_id) for row_id in ids], [None, None, 2, 2])
        self.assertEqual(Entry._default_manager.count(), 2)
        self.run_command()
        self.assertEqual(self.keys(), [f"post_office:{row_id}" for row_id in ids])

    def test_what_somebody_else_took_meanwhile_is_left_to_them(self) -> None:
        row_id = self.add()

        def take_first(queue: Any, row_id: int) -> bool:
            OldEmail._default_manager.filter(pk=row_id).update(status=0)
            return real_remove(queue, row_id)

        real_remove = PostOfficeQueue.remove
        with mock.patch.object(PostOfficeQueue, "remove", take_first):
            self.assertEqual(self.run_command(), "0 messages taken over\n")
        self.assertEqual((self.status(row_id), Entry._default_manager.count()), (0, 0))

    def test_another_message_with_the_same_id_is_a_reason(self) -> None:
        row_id = self.add()
        self.run_command()
        OldEmail._default_manager.filter(pk=row_id).update(status=2, subject="Another")
        _, _, err = self.fail_command()
        self.assertIn(f"{row_id}: The idempotency key 'post_office:{row_id}' was used", err)
        self.assertEqual((self.status(row_id), Entry._default_manager.count()), (2, 1))

    def test_a_person_sees_a_progress_bar(self) -> None:
        self.add()
        out = self.run_command(stdout=Terminal())
        self.assertRegex(out, r"\r\x1b\[Kmessages: \[#{30}\] 100% 1/1\n1 message taken over\n$")
        self.assertEqual(self.run_command(stdout=Terminal(), verbosity=0), "")


class SettingsTests(PostOfficeTestCase):
    def test_messages_for_other_backends_are_left_and_named(self) -> None:
        default, other = self.add(), self.add(backend_alias="ses")
        self.assertEqual(
            self.run_command(),
            "1 message taken over\n1 for the backend 'ses' are left: use --backend ses, with the "
            "--mailer that is to send them\n",
        )
        self.assertEqual((self.status(default), self.status(other)), (None, 2))
        self.run_command("--backend", "ses", "--mailer", self.entry().mailer)
        self.assertEqual(len(self.keys()), 2)

    @override_settings(POST_OFFICE={"OVERRIDE_RECIPIENTS": ["dev@example.com"]})
    def test_with_overridden_recipients_nothing_goes_to_the_real_ones(self) -> None:
        row_id = self.add()
        error, _, _ = self.fail_command()
        self.assertIn("OVERRIDE_RECIPIENTS", str(error))
        self.assertEqual((self.status(row_id), Entry._default_manager.count()), (2, 0))

    def test_a_mailer_that_cannot_send_is_an_error_of_the_settings(self) -> None:
        row_id = self.add()
        with override_settings(ANYMAIL={}, MAILERS={"default": {"BACKEND": "x.y"}}):
            error, _, _ = self.fail_command()
        self.assertEqual((error.returncode, self.status(row_id)), (2, 2))

    def test_without_the_table_or_the_database_it_says_so(self) -> None:
        introspection = type(connection.introspection)
        with mock.patch.object(introspection, "table_names", return_value=["auth_user"]):
            error, _, _ = self.fail_command()
        self.assertIn("no table of django-post-office: post_office_email", str(error))
        error, _, _ = self.fail_command("--from-database", "old")
        self.assertIn("no database 'old'", str(error))


class OtherDatabaseTests(PostOfficeTestCase):
    """The tables of django-post-office are not in the database of the outbox."""

    alias = "old"

    @classmethod
    def setUpClass(cls) -> None:
        add_database(cls, "old")
        cls.databases = {"default", "old"}  # not earlier: Django looks for all of them
        super().setUpClass()

    def test_a_crash_between_the_two_commits_takes_nothing_twice(self) -> None:
        ids = [self.add() for _ in range(3)]
        with self.interrupted(at=2), self.assertRaises(KeyboardInterrupt):
            self.run_command("--from-database", "old")
        self.assertEqual([self.status(row_id) for row_id in ids], [None, 2, 2])
        self.assertEqual(len(self.keys()), 2)
        self.run_command("--from-database", "old")
        self.assertEqual(self.keys(), [f"post_office:{row_id}" for row_id in ids])
        self.assertEqual([self.status(row_id) for row_id in ids], [None] * 3)
