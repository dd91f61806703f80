"""``manage.py anymail_batches``, in the process of the test."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any
from unittest import mock

from django.core.management import CommandError, call_command
from django.test import SimpleTestCase
from django.utils import timezone

from anymail.outbox.batches.figures import figures
from anymail.outbox.batches.speeds import speeds
from anymail.outbox.batches.table import table
from anymail.outbox.management.commands import anymail_batches
from anymail.outbox.models import Batch, BatchState, State

from .. import OutboxTestCase
from ..test_command import Terminal
from .rows import add_entry, make_batch


def run(*words: str, output: StringIO | None = None) -> str:
    output = output or StringIO()
    call_command("anymail_batches", *words, stdout=output)
    return output.getvalue()


class ListTests(OutboxTestCase):
    def test_it_lists_what_is_not_over_and_the_newest_of_the_others(self) -> None:
        long_ago = timezone.now() - timedelta(days=9)
        make_batch("old and paused", state=BatchState.PAUSED, created_at=long_ago)
        make_batch("old and done", state=BatchState.DONE, created_at=long_ago)
        make_batch("new and done", state=BatchState.DONE)
        with mock.patch.object(anymail_batches, "MAX_ENDED", 1):
            self.assertEqual(self.names(), ["old and paused", "new and done"])
            self.assertIn("old and done", self.names("--all"))

    def names(self, *words: str) -> list[str]:
        return [json.loads(line)["name"] for line in run("--json", *words).splitlines()]

    def test_json_has_the_numbers(self) -> None:
        now = timezone.now()
        batch = make_batch("June", created_at=now - timedelta(hours=1), sent=60, bounced=2)
        for seconds in (30, 5):
            add_entry(batch, State.SENT, ("sent",) * 30, done_at=now - timedelta(seconds=seconds))
        Batch._default_manager.update(recipients_count=300)
        [found] = [json.loads(line) for line in run("--json").splitlines()]
        self.assertAlmostEqual(found.pop("seconds_left"), 120, delta=5)
        expected = {
            "name": "June",
            "state": "running",
            "recipients": 300,
            "waiting": 240,
            "sent": 60,
            "bounced": 2,
            "is_stored": True,
        }
        self.assertEqual({name: found[name] for name in expected}, expected)
        self.assertAlmostEqual(found["per_second"], 2.0, delta=0.1)

    def test_the_speed_is_that_of_the_last_minute_from_when_something_was_sent(self) -> None:
        now = timezone.now()
        batch = make_batch(created_at=now - timedelta(hours=1))
        for seconds in (3600, 20, 1):
            add_entry(batch, State.SENT, ("sent",) * 50, done_at=now - timedelta(seconds=seconds))
        self.assertAlmostEqual(speeds([batch])[batch.pk], 5.0, delta=0.5)

    def test_what_was_sent_just_now_does_not_make_it_fast(self) -> None:
        batch = make_batch()
        add_entry(batch, State.SENT, ("sent",) * 50, done_at=timezone.now())
        self.assertLessEqual(speeds([batch])[batch.pk], 10.0)

    def test_a_table_for_people(self) -> None:
        make_batch("June", recipients_count=2_000, sent=500, failed=2, expired=1)
        make_batch("July", state=BatchState.PAUSED, by="Zoe", reason="Wrong price")
        output = run()
        self.assertRegex(output, r"June +running +2,000 +25 % +500 +1,497 +3 +-")
        self.assertIn("    paused by Zoe: Wrong price", output)

    def test_without_batches_it_says_so(self) -> None:
        self.assertEqual(run(), "There are no batches.\n")
        self.assertEqual(run("--json"), "")

    def test_one_query_for_the_batches_and_one_for_their_speed(self) -> None:
        for number in range(5):
            make_batch(str(number))
        with self.assertNumQueries(3):
            run()


class ActionTests(OutboxTestCase):
    def state_of(self, batch: Batch) -> str:
        batch.refresh_from_db()
        return batch.state

    def test_pause_resume_cancel(self) -> None:
        batch = make_batch("June")
        add_entry(batch, statuses=("",) * 3)
        self.assertEqual(run("pause", "June", "--reason", "Wrong price"), "Paused.\n")
        self.assertEqual(self.state_of(batch), BatchState.PAUSED)
        self.assertEqual((batch.by, batch.reason), (anymail_batches.BY, "Wrong price"))
        self.assertEqual(run("pause", "June"), "The batch was paused before.\n")
        self.assertEqual(run("resume", "June"), "Resumed.\n")
        self.assertEqual(run("resume", "June"), "The batch was running before.\n")
        self.assertEqual(run("cancel", "June"), "Cancelled: 3 recipients do not get it.\n")
        self.assertEqual(self.state_of(batch), BatchState.CANCELLED)

    def test_what_is_over_cannot_be_changed(self) -> None:
        make_batch("June", state=BatchState.DONE)
        for verb, done in (("pause", "paused"), ("resume", "resumed"), ("cancel", "cancelled")):
            text = f"The batch 'June' is done: it cannot be {done}."
            with self.assertRaisesMessage(CommandError, text):
                run(verb, "June")

    def test_a_name_that_does_not_exist(self) -> None:
        for verb in ("pause", "resume", "cancel", "watch"):
            with self.assertRaisesMessage(CommandError, "manage.py anymail_batches --all lists"):
                run(verb, "no-such")


class WatchTests(OutboxTestCase):
    def watch(self, batch: Batch, *words: str, output: StringIO | None = None) -> str:
        """The batch is done when it is looked at for the second time."""

        def its_speed(_: Any) -> dict[int, float]:
            Batch._default_manager.update(state=BatchState.DONE, sent=batch.recipients_count)
            return {batch.pk: 5.0}

        with (
            mock.patch.object(anymail_batches, "INTERVAL", 0.01),
            mock.patch.object(anymail_batches, "speeds", its_speed),
        ):
            return run("watch", batch.name, *words, output=output)

    def test_a_terminal_shows_a_bar_until_the_batch_is_done(self) -> None:
        batch = make_batch("June", recipients_count=300, sent=100)
        first, second = self.watch(batch, output=Terminal()).split("\r\x1b[K")[1:]
        self.assertEqual(first, f"June: [{'#' * 10:<30}]  33% 100/300, 5.0/s, 40 s left")
        self.assertEqual(second, f"June: [{'#' * 30}] 100% 300/300, done\n")

    def test_a_terminal_says_why_it_does_not_get_on(self) -> None:
        columns = {"state": BatchState.STOPPED, "reason": "Too many bounces"}
        output = self.watch(make_batch("June", recipients_count=3, **columns), output=Terminal())
        self.assertIn("0/3, stopped by itself: Too many bounces", output)

    def test_elsewhere_it_prints_lines(self) -> None:
        output = self.watch(make_batch("June", recipients_count=300, sent=100))
        expected = ["June: 33 %, 100 of 300, 5.0/s, 40 s left", "June: 100 %, 300 of 300, done"]
        self.assertEqual(output.splitlines(), expected)

    def test_json_goes_before_or_behind_the_verb(self) -> None:
        for words in (("watch", "June", "--json"), ("--json", "watch", "June")):
            make_batch("June", state=BatchState.DONE)
            self.assertEqual(json.loads(run(*words))["state"], "done")
            Batch._default_manager.all().delete()


class TableTests(SimpleTestCase):
    """:mod:`anymail.outbox.batches.table`, :mod:`anymail.outbox.batches.figures`."""

    def cells(self, batch: Batch, speed: float | None = None) -> list[str]:
        row = list(table([(batch, figures(batch, speed))]))[1]
        return [cell for cell in row.split("  ") if cell]

    def test_percentages_are_rounded_down(self) -> None:
        for sent, expected in ((0, "0 %"), (999_999, "99 %"), (1_000_000, "100 %")):
            self.assertEqual(
                figures(Batch(recipients_count=1_000_000, sent=sent)).percent, expected
            )
        self.assertEqual(figures(Batch()).percent, "0 %")

    def test_what_does_not_run_has_no_speed(self) -> None:
        batch = Batch(name="x", state=BatchState.PAUSED, recipients_count=9)
        self.assertEqual(self.cells(batch, 5.0)[-1].strip(), "-")
        batch.state = BatchState.RUNNING
        self.assertEqual(self.cells(batch, 12.0)[-1].strip(), "12/s, 0.8 s left")
        self.assertEqual(figures(batch, 0.0).seconds_left, None)

    def test_while_it_is_stored_there_may_be_more(self) -> None:
        self.assertIn("9+", " ".join(self.cells(Batch(name="x", recipients_count=9))))

    def test_names_cannot_write_on_the_terminal_as_they_like(self) -> None:
        [cell, *_] = self.cells(Batch(name="\x1b[2Jx\n"))
        self.assertEqual(cell, "�[2Jx�")

    def test_long_names_are_cut(self) -> None:
        [cell, *_] = self.cells(Batch(name="x" * 200))
        self.assertEqual(cell, "x" * 39 + "…")
