"""What anymail_prune deletes of the outbox."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from unittest import mock

from django.core.files.storage import storages
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from anymail.outbox import ids
from anymail.outbox.attachments import save_parts
from anymail.outbox.freezing import StoredPart
from anymail.outbox.models import Entry, Event, Recipient, State, Step

from . import OutboxTestCase

MEMORY = {"default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}


def stored(state: str, days: int) -> Entry:
    """A message that came to its end some days ago."""
    then = timezone.now() - timedelta(days=days)
    entry: Entry = Entry._default_manager.create(
        state=state, done_at=then, mailer="ses", recipients_count=1
    )
    Recipient._default_manager.create(
        entry=entry, kind="to", address="a@example.com", address_key="a@example.com"
    )
    return entry


def prune(*options: str) -> str:
    """Run the command; gives what it prints about the outbox."""
    output = StringIO()
    call_command("anymail_prune", *options, stdout=output)
    return output.getvalue()


@override_settings(STORAGES=MEMORY, ANYMAIL={"OUTBOX_KEEP": 30})
class PruningTests(OutboxTestCase):
    def left(self) -> set[object]:
        return set(Entry._default_manager.values_list("pk", flat=True))

    def test_what_ended_before_outbox_keep_goes_with_its_recipients(self) -> None:
        for state in (State.SENT, State.FAILED, State.EXPIRED, State.CANCELLED):
            stored(state, days=31)
        kept = {stored(State.SENT, days=29).pk}
        self.assertIn("messages in the outbox: 4 deleted", prune())
        self.assertEqual(self.left(), kept)
        self.assertEqual(Recipient._default_manager.count(), 1)

    def test_what_waits_or_is_in_doubt_stays(self) -> None:
        states = (State.WAITING, State.CLAIMED, State.POSTING, State.IN_DOUBT)
        kept = {stored(state, days=400).pk for state in states}
        prune("--older-than", "1d")
        self.assertEqual(self.left(), kept)

    def test_steps_go_with_their_message(self) -> None:
        old, kept = stored(State.SENT, days=31), stored(State.SENT, days=29)
        for entry in (old, kept):
            Step._default_manager.create(entry=entry, kind="put_off")
        prune()
        self.assertEqual(Step._default_manager.get().entry_id, kept.pk)

    def test_events_go_by_the_day_on_which_they_came(self) -> None:
        for days in (31, 29, 31):
            then = timezone.now() - timedelta(days=days)
            Event._default_manager.create(key=str(Event._default_manager.count()), created_at=then)
        self.assertIn("events in the outbox: 2 deleted", prune("--batch-size", "1"))
        self.assertEqual(Event._default_manager.get().key, "1")
        self.assertIn("events in the outbox: 1 deleted", prune("--older-than", "1d"))

    def test_a_dry_run_deletes_nothing(self) -> None:
        kept = {stored(State.SENT, days=31).pk}
        self.assertIn("messages in the outbox: 1 would be deleted", prune("--dry-run"))
        self.assertEqual(self.left(), kept)

    def test_files_of_a_transaction_that_was_rolled_back_go_after_a_day(self) -> None:
        part = StoredPart(index=0, content=b"x" * 40_000, size=40_000)
        with mock.patch.object(ids.time, "time_ns", return_value=1_700_000_000 * 10**9):
            old, kept = ids.new_id(), ids.new_id()
        young = ids.new_id()
        names = [save_parts(one, [part])[0] for one in (old, kept, young)]
        Entry._default_manager.create(pk=kept, mailer="ses", recipients_count=1)
        self.assertIn("stored attachments without a message: 1 deleted", prune())
        found = [storages["default"].exists(name) for name in names]
        self.assertEqual(found, [False, True, True])
