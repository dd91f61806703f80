"""``anymail_suppression`` is killed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from io import StringIO
from unittest import mock

from django.core.management import call_command

from anymail.feedback.models import Lift, Pull, Suppression

from .processes import KilledTestCase


class SuppressionTestCase(KilledTestCase):
    def end(self, action: str) -> str:
        """Come to the end of an action; gives what it printed."""
        out = StringIO()
        call_command("anymail_suppression", action, database=self.using, stdout=out)
        return out.getvalue()


class PullTests(SuppressionTestCase):
    def began_at(self) -> datetime:
        """When the last pull began that came to its end."""
        return Pull._default_manager.using(self.using).get().began_at

    def test_the_next_one_takes_over_all_that_is_missing_and_nothing_twice(self) -> None:
        self.put("first@example.net")
        self.end("pull")
        before = self.began_at()
        for number in range(4_000):
            self.put(f"to{number}@example.net")
        here = Suppression.objects.using(self.using).order_by("address")
        self.kill(lambda: here.count() > 1, "anymail_suppression", "pull")
        self.assertEqual(self.began_at(), before)
        self.assertLess(here.count(), 4_001)
        self.put("late@example.net")
        self.assertIn("on\n4,002 addresses: ", self.end("pull"))
        self.assertEqual(list(here.values_list("address", flat=True)), self.at_amazon())
        self.assertGreater(self.began_at(), before)


class PushTests(SuppressionTestCase):
    def test_the_next_one_does_what_is_left(self) -> None:
        addresses = [f"to{number}@example.net" for number in range(150)]
        lifted = [f"lifted{number}@example.net" for number in range(150)]
        Suppression.objects.using(self.using).suppress(addresses, "hard_bounce")
        lifts = Lift._default_manager.using(self.using)
        lifts.bulk_create([Lift(address=one, is_pending=True) for one in lifted])
        for one in lifted:
            self.put(one)
        lists, puts = self.amazon.state.suppression, Counter[str]()
        add = lists.add

        def count(region: str, address: str, reason: str) -> None:
            puts[address] += 1
            add(region, address, reason)

        with mock.patch.object(lists, "add", count):
            self.kill(
                lambda: lifts.filter(is_pending=False).count() > 50, "anymail_suppression", "push"
            )
            self.assertTrue(lifts.filter(is_pending=True).exists())
            self.kill(lambda: len(puts) > 50, "anymail_suppression", "push")
            self.assertLess(len(puts), len(addresses))
            self.end("push")
        self.assertEqual(self.at_amazon(), sorted(addresses))
        self.assertFalse(lifts.filter(is_pending=True).exists())
        self.assertEqual(puts, Counter(addresses))
