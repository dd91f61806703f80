from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TransactionTestCase, override_settings
from django.utils import timezone as django_timezone

from anymail import testing
from anymail.feedback import bouncy, django_ses
from anymail.feedback.models import Bounce, Complaint, Delivery, Lift, MailEvent, Suppression
from anymail.feedback.recording import record
from anymail.feedback.signals import feedback

from . import FeedbackTestCase


def run(command: str, *args: str, **options: Any) -> str:
    out = options.setdefault("stdout", io.StringIO())
    call_command(command, *args, **options)
    text: str = out.getvalue()
    return text


class PruneTests(FeedbackTestCase):
    def setUp(self) -> None:
        super().setUp()
        now = django_timezone.now()
        for model, kind in (
            (Bounce, "bounced"),
            (Complaint, "complained"),
            (Delivery, "delivered"),
            (MailEvent, "rejected"),
        ):
            for age in (1, 89, 91, 400, 500):
                [row] = record(testing.tracking_event(kind))
                model._default_manager.filter(pk=row.pk).update(
                    created_at=now - timedelta(days=age)
                )
        for age in (-1, 89, 91):
            expires_at = now - timedelta(days=age)
            Suppression.objects.suppress([f"{age}@x.test"], expires_at=expires_at)
        Suppression.objects.suppress(["never@x.test"])
        Suppression.objects.update(created_at=now - timedelta(days=999))

    def counts(self) -> list[int]:
        models = (Bounce, Complaint, Delivery, MailEvent, Suppression)
        return [model._default_manager.count() for model in models]

    def test_what_is_older_is_deleted(self) -> None:
        out = run("anymail_prune", "--older-than", "90d")
        self.assertEqual(self.counts(), [2, 2, 2, 2, 3])
        self.assertIn("bounces: 3 deleted", out)
        self.assertIn("other events: 3 deleted", out)

    def test_a_dry_run_deletes_nothing(self) -> None:
        out = run("anymail_prune", "--older-than", "90d", "--dry-run")
        self.assertEqual(self.counts(), [5, 5, 5, 5, 4])
        self.assertIn("deliveries: 3 would be deleted", out)
        self.assertIn("suppressed addresses: 1 would be deleted", out)

    def test_suppressions_that_have_not_expired_stay(self) -> None:
        run("anymail_prune", "--older-than", "1h")
        left = set(Suppression.objects.values_list("address", flat=True))
        self.assertEqual(left, {"-1@x.test", "never@x.test"})

    def test_what_is_still_to_be_taken_off_amazons_list_stays(self) -> None:
        long_ago = django_timezone.now() - timedelta(days=91)
        for name, is_pending in (("done@x.test", False), ("pending@x.test", True)):
            Lift._default_manager.create(address=name, lifted_at=long_ago, is_pending=is_pending)
        run("anymail_prune", "--older-than", "90d")
        self.assertEqual(Lift._default_manager.get().address, "pending@x.test")

    def test_batches(self) -> None:
        run("anymail_prune", "--older-than", "1h", "--batch-size", "2")
        self.assertEqual(self.counts()[:4], [0, 0, 0, 0])

    def test_nothing_is_deleted_without_a_duration(self) -> None:
        run("anymail_prune")
        self.assertEqual(self.counts(), [5, 5, 5, 5, 4])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ImportTests(TransactionTestCase):
    """The tables of django-bouncy are copied."""

    def setUp(self) -> None:
        with connection.schema_editor() as editor:
            for model in bouncy.MODELS:
                editor.create_model(model)
        self.addCleanup(self.drop)
        self.time = datetime(2016, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
        common = {
            "created_at": self.time,
            "sns_topic": testing.DEFAULT_TOPIC,
            "mail_timestamp": self.time,
            "mail_from": "shop@example.org",
            "feedback_timestamp": self.time,
        }
        for number in range(5):
            self.add(
                bouncy.OldBounce,
                common,
                number,
                hard=True,
                bounce_type="Permanent",
                bounce_subtype="General",
                status="5.1.1",
            )
            self.add(
                bouncy.OldComplaint, common, number, feedback_type="abuse", arrival_date=self.time
            )
            self.add(bouncy.OldDelivery, common, number, processing_time=5, smtp_response="250 ok")

    def add(self, model: Any, common: dict[str, Any], number: int, **fields: Any) -> None:
        model.objects.create(
            **common,
            sns_messageid=f"sns-{number}",
            mail_id=f"mail-{number}",
            address=f"Ann{number}@example.com",
            **fields,
        )

    def drop(self) -> None:
        with connection.schema_editor() as editor:
            for model in bouncy.MODELS:
                editor.delete_model(model)

    def test_every_column(self) -> None:
        signals: list[Any] = []
        feedback.connect(signals.append)
        self.addCleanup(feedback.disconnect, signals.append)
        out = run("anymail_import_bouncy")
        self.assertEqual(
            out.splitlines(),
            [
                "bounces: 5 copied, 0 were here already",
                "complaints: 5 copied, 0 were here already",
                "deliveries: 5 copied, 0 were here already",
            ],
        )
        for old, new in bouncy.MODELS.items():
            for theirs, ours in zip(
                old._default_manager.order_by("id").values(),
                new._default_manager.order_by("sns_messageid").values(),
                strict=True,
            ):
                del theirs["id"]
                self.assertEqual({name: ours[name] for name in theirs}, theirs)
        self.assertEqual(Bounce.objects.get(sns_messageid="sns-3").address_key, "ann3@example.com")
        self.assertEqual(signals, [])
        self.assertFalse(Suppression.objects.exists())

    def test_it_can_be_repeated(self) -> None:
        run("anymail_import_bouncy", "--batch-size", "2")
        out = run("anymail_import_bouncy", "--batch-size", "3")
        self.assertIn("bounces: 0 copied, 5 were here already", out)
        self.assertEqual(Bounce.objects.count(), 5)

    def test_what_django_bouncy_stored_twice_is_copied_once(self) -> None:
        old = bouncy.OldBounce.objects.get(sns_messageid="sns-0")
        old.pk = None
        old.save(force_insert=True)
        run("anymail_import_bouncy")
        self.assertEqual(Bounce.objects.count(), 5)

    def test_a_notification_that_is_here_already_stays_as_it_is(self) -> None:
        event = testing.tracking_event("bounced", recipient="ann1@example.com", event_id="sns-1")
        [row] = record(event)
        self.assertIn("bounces: 4 copied, 1 were here already", run("anymail_import_bouncy"))
        self.assertEqual(Bounce.objects.get(sns_messageid="sns-1").event, row.event)

    def test_a_person_sees_a_progress_bar(self) -> None:
        out = run("anymail_import_bouncy", stdout=Terminal())
        self.assertRegex(out, r"\r\x1b\[Kbounces: \[#{30}\] 100% 5/5\n")
        self.assertEqual(run("anymail_import_bouncy", stdout=Terminal(), verbosity=0), "")

    def test_a_table_may_be_missing(self) -> None:
        """django-bouncy had no deliveries at first."""
        with connection.schema_editor() as editor:
            editor.delete_model(bouncy.OldDelivery)
        try:
            self.assertNotIn("deliveries", run("anymail_import_bouncy"))
        finally:
            with connection.schema_editor() as editor:
                editor.create_model(bouncy.OldDelivery)

    def test_without_any_of_them_it_says_so(self) -> None:
        introspection = type(connection.introspection)
        with (
            mock.patch.object(introspection, "table_names", return_value=["auth_user"]),
            self.assertRaisesMessage(CommandError, "no table of django-bouncy"),
        ):
            run("anymail_import_bouncy")

    def test_an_unknown_database_is_an_error(self) -> None:
        with self.assertRaisesMessage(CommandError, "no database 'old'"):
            run("anymail_import_bouncy", "--from-database", "old")


class ImportDjangoSesTests(TransactionTestCase):
    """The blacklist of django-ses is copied; its app is not installed here."""

    def setUp(self) -> None:
        with connection.schema_editor() as editor:
            editor.create_model(django_ses.BlacklistedEmail)
        self.addCleanup(self.drop)
        for address in ("Gone@Example.com", "angry@example.com", "bob@example.com"):
            django_ses.BlacklistedEmail.objects.create(email=address)

    def drop(self) -> None:
        with connection.schema_editor() as editor:
            editor.delete_model(django_ses.BlacklistedEmail)

    def entries(self) -> list[tuple[str, str, str]]:
        rows = Suppression.objects.order_by("address")
        return list(rows.values_list("address", "reason", "note"))

    @override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": ["complaint"]})
    def test_every_address_is_suppressed_whatever_reasons_count(self) -> None:
        """django-ses does not keep why an address is on its list."""
        out = run("anymail_import_django_ses", "--batch-size", "2")
        self.assertEqual(out, "suppressed addresses: 3 copied, 0 were here already\n")
        note = "From the blacklist of django-ses."
        self.assertEqual(
            self.entries(),
            [(f"{name}@example.com", "manual", note) for name in ("angry", "bob", "gone")],
        )
        self.assertEqual(len(Suppression.objects.blocked(["GONE@example.com"], ["manual"])), 1)

    @override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": ["complaint"]})
    def test_it_can_be_repeated_and_changes_nothing_that_is_there(self) -> None:
        past = django_timezone.now() - timedelta(days=1)
        Suppression.objects.suppress(["bob@example.com"], note="mine", expires_at=past)
        run("anymail_import_django_ses")
        out = run("anymail_import_django_ses")
        self.assertEqual(out, "suppressed addresses: 0 copied, 3 were here already\n")
        bob = Suppression.objects.get(address="bob@example.com")
        self.assertEqual((bob.note, bob.expires_at is not None), ("mine", True))
        self.assertEqual(Suppression.objects.count(), 3)

    @override_settings(ANYMAIL={"FEEDBACK_SUPPRESS": ["complaint"]})
    def test_a_dry_run_copies_nothing(self) -> None:
        out = run("anymail_import_django_ses", "--dry-run")
        self.assertEqual(out, "suppressed addresses: 3 would be copied, 0 were here already\n")
        self.assertEqual(self.entries(), [])

    def test_it_says_that_the_list_is_off(self) -> None:
        err = io.StringIO()
        run("anymail_import_django_ses", stderr=err)
        self.assertIn('set ANYMAIL["FEEDBACK_SUPPRESS"]', err.getvalue())
        self.assertEqual(Suppression.objects.count(), 3)

    def test_without_its_table_or_the_database_it_says_so(self) -> None:
        introspection = type(connection.introspection)
        with (
            mock.patch.object(introspection, "table_names", return_value=["auth_user"]),
            self.assertRaisesMessage(CommandError, "no table of django-ses: django_ses_blacklist"),
        ):
            run("anymail_import_django_ses")
        with self.assertRaisesMessage(CommandError, "no database 'old'"):
            run("anymail_import_django_ses", "--from-database", "old")
