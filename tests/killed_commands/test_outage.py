"""``anymail_backfill`` and ``anymail_replay`` are killed."""

from __future__ import annotations

from anymail.feedback.models import Bounce

from .processes import KilledTestCase

BACKFILL = ("anymail_backfill", "--since", "6h")
REPLAY = (
    "anymail_replay",
    *("--since", "6h", "--receiver", "tests.killed_commands.receiver.receive"),
)
ADDRESSES = [f"to{number:02}@example.net" for number in range(20)]
LAST = ADDRESSES[10]


class OutageTestCase(KilledTestCase):
    def setUp(self) -> None:
        super().setUp()
        for number, address in enumerate(ADDRESSES):
            self.put(address, MessageId=f"m-{number}", FeedbackId=f"f-{number}")

    def stored(self) -> list[str]:
        """Whose bounces are stored, as often as they are."""
        rows = Bounce._default_manager.using(self.using).order_by("address")
        return list(rows.values_list("address", flat=True))

    def kill_within_the_receiver(self, *command: str, **others: str) -> None:
        self.kill(lambda: LAST in self.notes("began"), *command, SITE_STAYS_WITH=LAST, **others)


class BackfillTests(OutageTestCase):
    def test_what_is_stored_is_not_given_again_even_to_who_did_not_end(
        self,
    ) -> None:
        self.kill_within_the_receiver(*BACKFILL)
        self.finish(*BACKFILL)
        self.assertEqual(self.stored(), ADDRESSES)
        self.assertEqual(self.notes("began"), ADDRESSES)
        self.assertEqual(self.notes("ended"), [one for one in ADDRESSES if one != LAST])

    def test_with_a_transaction_for_each_the_last_is_given_again_to_all(self) -> None:
        self.kill_within_the_receiver(*BACKFILL, SITE_ATOMIC="yes")
        self.assertNotIn(LAST, self.stored())
        self.finish(*BACKFILL, SITE_ATOMIC="yes")
        self.assertEqual(self.stored(), ADDRESSES)
        self.assertEqual(self.notes("ended"), ADDRESSES)
        self.assertEqual(self.notes("began"), sorted([*ADDRESSES, LAST]))


class ReplayTests(OutageTestCase):
    def test_the_same_command_gives_all_of_them_again(self) -> None:
        self.finish(*BACKFILL)
        (self.folder / "notes").unlink()
        self.kill_within_the_receiver(*REPLAY)
        done = self.notes("ended")
        self.finish(*REPLAY)
        self.assertEqual(done, ADDRESSES[:10])
        self.assertEqual(self.notes("ended"), [*done, *ADDRESSES])
        self.assertEqual(self.stored(), ADDRESSES)
