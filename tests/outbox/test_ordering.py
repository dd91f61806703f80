"""Which call is begun next."""

from __future__ import annotations

from collections import deque
from typing import Any

from django.test import SimpleTestCase

from anymail.calls import ApiCall
from anymail.outbox.models import Entry
from anymail.outbox.ordering import in_order
from anymail.outbox.outcomes import Before
from anymail.outbox.posting import Sending


def sending(name: str, priority: int, calls: int = 1, begun: int = 0) -> Sending:
    made = [
        ApiCall(operation=f"{name}{number}", params={}, recipients=()) for number in range(calls)
    ]
    answers: Any = [None] * begun
    return Sending(
        entry=Entry(subject=name, priority=priority),
        message=None,
        calls=made,
        before=Before(),
        answers=answers,
    )


class OrderTests(SimpleTestCase):
    def order(self, sendings: list[Sending], claimed: list[Sending]) -> list[str]:
        self.prepared: list[str] = []
        by_entry = {id(one.entry): one for one in claimed}

        def prepare(entry: Entry) -> Sending | None:
            self.prepared.append(entry.subject)
            found = by_entry[id(entry)]
            return found if found.calls else None

        entries = deque(one.entry for one in claimed)
        return [call.operation for _, call in in_order(sendings, entries, prepare)]

    def test_the_most_urgent_goes_first_whether_it_is_prepared_or_not(self) -> None:
        order = self.order([sending("bulk", -50, 2)], [sending("urgent", 50), sending("late", -60)])
        self.assertEqual(order, ["urgent0", "bulk0", "bulk1", "late0"])

    def test_equally_urgent_ones_take_turns(self) -> None:
        order = self.order([sending("a", 0, 3, begun=1), sending("b", 0, 2)], [sending("c", 0)])
        self.assertEqual(order, ["a1", "b0", "c0", "a2", "b1"])

    def test_a_message_is_prepared_when_it_is_its_turn(self) -> None:
        order = in_order(
            [sending("urgent", 50)],
            deque([sending("bulk", -50).entry]),
            lambda entry: self.fail("Too early."),
        )
        self.assertEqual(next(order)[1].operation, "urgent0")

    def test_a_message_without_calls_is_left_out(self) -> None:
        order = self.order([], [sending("nobody", 0, calls=0), sending("next", 0)])
        self.assertEqual((order, self.prepared), (["next0"], ["nobody", "next"]))
