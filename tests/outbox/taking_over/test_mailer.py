from __future__ import annotations

import pickle
import sys
from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta
from email.mime.image import MIMEImage
from types import ModuleType
from typing import Any
from unittest import mock

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.db import models
from django.utils.safestring import mark_safe

from anymail.message import AnymailMessage
from anymail.outbox.models import Entry
from anymail.outbox.taking_over.mailer import OldMessage

from .. import use_outbox
from .cases import LAST_WEEK, TakingOverTestCase

PNG = b"\x89PNG\r\n\x1a\n"


class OwnMessage(EmailMessage):
    """A class of an application."""


def message(cls: type[EmailMessage] = EmailMessage, **values: Any) -> Any:
    defaults = {"from_email": "shop@example.com", "to": ["ann@example.com"], "subject": "Hello"}
    return cls(**{**defaults, **values})


def with_connection(sent: EmailMessage) -> bytes:
    """A message as the backend of django-mailer has it, pickled where that is installed."""
    modules = {name: ModuleType(name) for name in ("mailer", "mailer.backend")}
    backend = type("DbBackend", (BaseEmailBackend,), {"__module__": "mailer.backend"})
    modules["mailer.backend"].DbBackend = backend  # type: ignore[attr-defined]
    with mock.patch.dict(sys.modules, modules):
        vars(sent)["connection"] = backend()
        return pickle.dumps(sent)


class MailerTestCase(TakingOverTestCase):
    command = "anymail_import_mailer"
    tables: Sequence[type[models.Model]] = (OldMessage,)

    def add(self, sent: Any = None, **values: Any) -> int:
        """:param sent: the message, or its pickle."""
        sent = message() if sent is None else sent
        pickled = sent if isinstance(sent, bytes) else pickle.dumps(sent)
        data = b64encode(pickled).decode("ascii")
        defaults = {"message_data": data, "when_added": LAST_WEEK, "priority": 2}
        return int(OldMessage._default_manager.create(**{**defaults, **values}).pk)

    def rows(self) -> list[int]:
        return list(OldMessage._default_manager.order_by("pk").values_list("pk", flat=True))


class MessageTests(MailerTestCase):
    def test_everything_arrives(self) -> None:
        sent = message(
            EmailMultiAlternatives,
            body=mark_safe("Größe"),
            cc=["carl@example.com"],
            bcc=["dora@example.com"],
            reply_to=["help@example.com"],
            headers={"X-Order": "17"},
        )
        sent.attach_alternative(mark_safe("<b>Hi</b>"), "text/html")
        sent.attach("a.txt", "text", "text/plain")
        sent.attachments.append(MIMEImage(PNG, "png"))
        row_id = self.add(sent)
        self.assertEqual(self.run_command(), "1 message taken over\n")
        found = self.sent()
        for name in ("from_email", "to", "cc", "bcc", "reply_to", "extra_headers", "subject"):
            self.assertEqual(getattr(found, name), getattr(sent, name), name)
        self.assertEqual(found.body, "Größe")
        self.assertEqual([tuple(one) for one in found.alternatives], [("<b>Hi</b>", "text/html")])
        self.assertEqual(tuple(found.attachments[0]), ("a.txt", "text", "text/plain"))
        self.assertEqual(found.attachments[1].get_payload(decode=True), PNG)
        self.assertEqual(self.entry().idempotency_key, f"mailer:{row_id}")

    def test_the_connection_to_django_mailer_is_forgotten(self) -> None:
        self.add(with_connection(message()))
        self.assertEqual(self.run_command(), "1 message taken over\n")

    def test_the_attributes_of_anymail_arrive(self) -> None:
        sent = message(AnymailMessage, tags=["welcome"], metadata={"order": 17})
        self.add(sent)
        # django-anymail has its classes in other modules.
        older = pickle.dumps(sent, protocol=3)
        for new, old in (
            (b"anymail.message.message\n", b"anymail.message\n"),
            (b"anymail.message.status\n", b"anymail.message\n"),
            (b"anymail.conf.lookup\n", b"anymail.utils\n"),
        ):
            self.assertIn(new, older)
            older = older.replace(new, old)
        self.add(older)
        self.run_command()
        for entry in Entry._default_manager.all():
            found = self.sent(entry)
            self.assertEqual((found.tags, found.metadata), (["welcome"], {"order": 17}))

    def test_an_inline_image_of_this_version_of_django(self) -> None:
        sent = message(AnymailMessage)
        sent.attach_inline_image(PNG, "logo.png", "png")
        self.add(sent)
        self.assertEqual(self.run_command(), "1 message taken over\n")
        self.assertEqual(self.sent().attachments[0].get_payload(decode=True), PNG)

    def test_each_priority(self) -> None:
        ids = [self.add(priority=priority) for priority in (1, 2, 3, 4)]
        self.run_command("--deferred")
        found = dict(Entry._default_manager.values_list("idempotency_key", "priority"))
        self.assertEqual([found[f"mailer:{row_id}"] for row_id in ids], [50, 0, -50, 0])

    def test_they_keep_their_place_in_the_queue(self) -> None:
        later = self.add(when_added=LAST_WEEK + timedelta(hours=1))
        earlier = self.add(when_added=LAST_WEEK)
        self.run_command()
        self.assertEqual(self.keys(), [f"mailer:{earlier}", f"mailer:{later}"])

    def test_a_time_that_the_message_has_itself_stays(self) -> None:
        tomorrow = LAST_WEEK + timedelta(days=8)
        self.add(message(AnymailMessage, send_at=tomorrow))
        self.run_command()
        self.assertEqual(self.entry().not_before, tomorrow)


class OnceTests(MailerTestCase):
    def test_a_row_is_deleted_and_taken_once(self) -> None:
        self.add()
        self.run_command()
        self.assertEqual(self.rows(), [])
        self.assertEqual(self.run_command(), "0 messages taken over\n")
        self.assertEqual(Entry._default_manager.count(), 1)

    def test_deferred_messages_are_left_and_counted(self) -> None:
        deferred = self.add(priority=4)
        self.add()
        self.assertEqual(
            self.run_command(),
            "1 message taken over\n1 deferred are left: to take them over, use --deferred\n",
        )
        self.assertEqual(self.rows(), [deferred])
        self.assertEqual(self.run_command("--deferred"), "1 message taken over\n")

    def test_an_interruption_loses_nothing_and_takes_nothing_twice(self) -> None:
        ids = [self.add() for _ in range(4)]
        with self.interrupted(at=3), self.assertRaises(KeyboardInterrupt):
            self.run_command()
        self.assertEqual(self.rows(), ids[2:])
        self.run_command()
        self.assertEqual(self.keys(), [f"mailer:{row_id}" for row_id in ids])

    def test_a_dry_run_writes_nothing(self) -> None:
        row_id = self.add()
        self.assertEqual(self.run_command("--dry-run"), "1 message can be taken over\n")
        self.assertEqual((self.rows(), Entry._default_manager.count()), ([row_id], 0))

    def test_a_dry_run_knows_that_the_outbox_has_priorities_and_amazon_has_none(self) -> None:
        self.add(priority=1)
        with use_outbox("anymail.backends.amazon_sesv2.EmailBackend"):
            self.assertEqual(self.run_command("--dry-run"), "1 message can be taken over\n")

    def test_what_cannot_be_taken_is_listed_and_the_others_go_on(self) -> None:
        nobody, broken, _ = self.add(message(to=[])), self.add(message_data="€"), self.add()
        error, out, err = self.fail_command()
        self.assertEqual((error.returncode, out), (1, "1 message taken over\n"))
        self.assertEqual(
            err, f"{nobody}: It has no recipients.\n{broken}: Its data is not base64.\n"
        )
        self.assertEqual(self.rows(), [nobody, broken])


class PickleTests(MailerTestCase):
    def test_a_class_of_the_application_needs_trust(self) -> None:
        row_id = self.add(message(OwnMessage))
        _, _, err = self.fail_command()
        self.assertIn(f"{row_id}: Its pickle names {OwnMessage.__module__}.OwnMessage", err)
        self.assertIn("--trust-pickles", err)
        self.assertEqual(self.rows(), [row_id])
        self.assertEqual(self.run_command("--trust-pickles"), "1 message taken over\n")

    def test_a_message_with_wrong_attributes_is_a_reason(self) -> None:
        for attributes in ({"to": 7}, {"attachments": "x"}, {"extra_headers": 7}, {"encoding": 7}):
            sent = message()
            vars(sent).update(attributes)
            row_id = self.add(sent)
            with self.subTest(attributes=attributes):
                error, _, err = self.fail_command()
                self.assertEqual(error.returncode, 1)
                self.assertIn(f"{row_id}: ", err)
        self.assertEqual(Entry._default_manager.count(), 0)

    def test_a_message_that_contains_itself_is_a_reason(self) -> None:
        sent = message()
        sent.attachments.append(("x.eml", sent, "message/rfc822"))
        row_id = self.add(sent)
        _, _, err = self.fail_command()
        self.assertIn(f"{row_id}: ", err)
