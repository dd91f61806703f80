"""``manage.py anymail_deliver``, in the process of the test."""

from __future__ import annotations

from io import StringIO

from django.core.management import CommandError, call_command
from django.db import connection

from anymail import outbox
from anymail.outbox.models import Entry, Recipient

from ..ses import simple_message
from . import OutboxTransactionTestCase, use_outbox


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class CommandTests(OutboxTransactionTestCase):
    def test_once_sends_what_is_due_and_says_so_as_json(self) -> None:
        output = StringIO()
        with use_outbox():
            simple_message().send()
            call_command("anymail_deliver", "--once", "--json", stdout=output)
        self.assertIn('"sent": 1', output.getvalue())

    def test_a_terminal_shows_what_is_paused(self) -> None:
        output = Terminal()
        with use_outbox():
            simple_message().send()
            with self.assertLogs("anymail.outbox", "WARNING"):
                outbox.pause(reason="Wrong price")
            call_command("anymail_deliver", "--once", stdout=output)
        self.assertRegex(output.getvalue(), r"Sent 0 messages in [\d.]+ s · paused: \w+\.")

    def test_without_tables_it_says_what_to_type(self) -> None:
        with connection.schema_editor() as editor:
            editor.delete_model(Recipient)
            editor.delete_model(Entry)
        try:
            with (
                self.assertLogs("anymail.outbox", "WARNING"),
                self.assertRaisesMessage(CommandError, "manage.py migrate") as raised,
            ):
                call_command("anymail_deliver", "--once")
            self.assertEqual(raised.exception.returncode, 2)
        finally:
            with connection.schema_editor() as editor:
                editor.create_model(Entry)
                editor.create_model(Recipient)
