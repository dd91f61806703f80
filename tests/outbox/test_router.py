"""The outbox in a database of its own, by the router of this package."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core import mail
from django.core.management import call_command
from django.db import router, transaction
from django.test import SimpleTestCase, override_settings

from anymail import outbox
from anymail.outbox.models import Entry, Pause, Recipient
from anymail.outbox.router import OutboxRouter

from ..second_database import add_database
from ..ses import simple_message
from . import OutboxTestCase, use_outbox

ROUTERS = {"DATABASE_ROUTERS": ["anymail.outbox.router.OutboxRouter"]}


class OtherDatabaseTests(OutboxTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        add_database(cls, "mails")
        for settings in (use_outbox(OUTBOX_DATABASE="mails"), override_settings(**ROUTERS)):
            settings.enable()
            cls.addClassCleanup(settings.disable)
        call_command("migrate", "anymail_outbox", database="mails", verbosity=0)
        cls.databases = {"default", "mails"}  # not earlier: Django looks for all of them
        super().setUpClass()

    def stored(self, model: Any = Entry) -> tuple[int, int]:
        """How many rows the two databases have."""
        rows = model._default_manager
        return rows.using("mails").count(), rows.using("default").count()

    def test_a_message_is_stored_there(self) -> None:
        simple_message(to=["ann@example.com", "bob@example.com"]).send()
        self.assertEqual(self.stored(), (1, 0))
        self.assertEqual(self.stored(Recipient), (2, 0))

    def test_it_stays_if_the_transaction_around_send_is_rolled_back(self) -> None:
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            User.objects.create(username="ann")
            simple_message().send()
            raise ZeroDivisionError
        self.assertFalse(User.objects.exists())
        self.assertEqual(self.stored(), (1, 0))

    def test_it_goes_if_a_transaction_there_is_rolled_back(self) -> None:
        with self.assertRaises(ZeroDivisionError), transaction.atomic(using="mails"):
            simple_message().send()
            raise ZeroDivisionError
        self.assertEqual(self.stored(), (0, 0))

    def test_it_is_delivered_from_there(self) -> None:
        message = simple_message(subject="From there")
        message.send()
        counts = outbox.deliver(until_empty=True)
        self.assertEqual((counts.claimed, counts.sent), (1, 1))
        self.assertEqual([one.subject for one in mail.outbox], ["From there"])
        row = Entry._default_manager.using("mails").get(pk=message.outbox_id)
        self.assertEqual((row.state, row.content), ("sent", None))

    def test_it_is_cancelled_there_and_sent_again(self) -> None:
        message = simple_message()
        message.send()
        self.assertTrue(outbox.cancel(message.outbox_id))
        self.assertTrue(outbox.send_again(message.outbox_id))
        self.assertEqual(outbox.deliver(until_empty=True).sent, 1)

    def test_a_pause_is_there(self) -> None:
        with self.assertLogs("anymail.outbox.pausing"):
            outbox.pause()
            self.assertEqual(self.stored(Pause), (1, 0))
            self.assertTrue(outbox.resume())


class RouterTests(SimpleTestCase):
    @override_settings(ANYMAIL={"OUTBOX_DATABASE": "mails"}, **ROUTERS)
    def test_the_tables_are_in_the_database_of_the_setting_and_nowhere_else(self) -> None:
        for model in (Entry, Recipient, Pause):
            self.assertEqual(router.db_for_read(model), "mails")
            self.assertEqual(router.db_for_write(model), "mails")
        self.assertTrue(router.allow_migrate("mails", "anymail_outbox"))
        self.assertFalse(router.allow_migrate("default", "anymail_outbox"))
        self.assertIs(OutboxRouter().allow_relation(Entry(), Recipient()), True)

    @override_settings(ANYMAIL={"OUTBOX_DATABASE": "mails"})
    def test_other_models_are_others_business(self) -> None:
        own = OutboxRouter()
        self.assertIsNone(own.db_for_read(User))
        self.assertIsNone(own.db_for_write(User))
        self.assertIsNone(own.allow_migrate("default", "auth"))
        self.assertIsNone(own.allow_migrate("mails", "auth"))
        self.assertIsNone(own.allow_relation(Entry(), User()))

    @override_settings(ANYMAIL={})
    def test_without_the_setting_it_has_no_opinion(self) -> None:
        own = OutboxRouter()
        self.assertIsNone(own.db_for_read(Entry))
        self.assertIsNone(own.db_for_write(Entry))
        self.assertIsNone(own.allow_migrate("default", "anymail_outbox"))
        self.assertIsNone(own.allow_relation(Entry(), Recipient()))
