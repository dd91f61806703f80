from __future__ import annotations

import threading
import time

from django.test import SimpleTestCase

from anymail.amazon_ses.sqs import Queue, SqsMessage
from anymail.consumer.hand import MAX_UNSETTLED, Hand, Held

QUEUE = Queue(url="http://x/1/events", arn="arn:aws:sqs:us-east-1:123456789012:events")
OTHER = Queue(url="http://x/1/other", arn="arn:aws:sqs:us-east-1:123456789012:other")


def held(number: int = 0, queue: Queue = QUEUE, hidden_for: float = 30) -> Held:
    message = SqsMessage(
        id=str(number), receipt=f"r{number}", body="", receive_count=1, sent_at=None
    )
    return Held(queue=queue, message=message, hidden_until=time.monotonic() + hidden_for)


class HandTests(SimpleTestCase):
    def setUp(self) -> None:
        self.hand = Hand(threads=2)

    def test_messages_come_out_in_the_order_in_which_they_came_in(self):
        self.hand.add([held(1), held(2)])
        self.assertEqual([self.hand.take().message.id for _ in range(2)], ["1", "2"])

    def test_they_stay_in_hand_until_they_are_released(self):
        message = held()
        self.hand.add([message])
        self.assertIs(self.hand.take(), message)
        self.assertEqual(len(self.hand), 1)
        self.hand.release([message])
        self.hand.release([message])
        self.assertEqual(len(self.hand), 0)

    def test_what_somebody_else_may_have_by_now_is_not_begun(self):
        self.hand.add([held(1, hidden_for=-0.01), held(2)])
        self.assertEqual(self.hand.take().message.id, "2")
        self.assertEqual(len(self.hand), 1)

    def test_there_is_room_while_fewer_wait_than_there_are_receivers(self):
        self.hand.add([held(1)])
        self.assertTrue(self.hand.wait_for_room(QUEUE, 0))
        self.hand.add([held(n) for n in range(10)])
        self.assertFalse(self.hand.wait_for_room(QUEUE, 0))

    def test_a_full_queue_leaves_room_for_another(self):
        self.hand.add([held(n) for n in range(10)])
        self.assertTrue(self.hand.wait_for_room(OTHER, 0))

    def test_who_waits_for_room_is_called(self):
        self.hand.add([held(n) for n in range(2)])
        found = []
        thread = threading.Thread(target=lambda: found.append(self.hand.wait_for_room(QUEUE, 30)))
        thread.start()
        self.hand.take()
        thread.join(10)
        self.assertEqual(found, [True])

    def test_what_is_handled_and_not_deleted_is_limited_as_well(self):
        for number in range(MAX_UNSETTLED + 4):
            self.hand.add([held(number)])
            self.hand.take()
        self.assertFalse(self.hand.wait_for_room(QUEUE, 0))

    def test_when_it_is_closed_nothing_is_begun_and_nothing_taken(self):
        self.hand.add([held(1), held(2)])
        self.hand.take()
        self.assertEqual([m.message.id for m in self.hand.close()], ["2"])
        self.assertIsNone(self.hand.take())
        self.assertFalse(self.hand.add([held(3)]))
        self.assertFalse(self.hand.wait_for_room(QUEUE, 0))

    def test_when_it_is_complete_the_rest_is_handled(self):
        self.hand.add([held(1)])
        self.hand.complete()
        self.assertEqual(self.hand.take().message.id, "1")
        self.assertIsNone(self.hand.take())

    def test_due_is_what_half_of_the_time_is_over_for(self):
        late, early, leaving = held(1, hidden_for=15), held(2, hidden_for=29), held(3, hidden_for=1)
        leaving.is_leaving = True
        self.hand.add([late, early, leaving, held(4, OTHER, hidden_for=1)])
        self.assertEqual(self.hand.due(QUEUE, time.monotonic()), [late])

    def test_what_cannot_be_extended_is_not_due(self):
        lost = held()
        lost.hidden_until = 0.0
        self.hand.add([lost])
        self.assertEqual(self.hand.due(QUEUE, time.monotonic()), [])

    def test_it_moves_while_nothing_waits_or_something_is_begun(self):
        self.assertTrue(self.hand.is_moving())
        self.assertTrue(self.hand.is_moving())
        self.hand.add([held(n) for n in range(5)])
        self.assertFalse(self.hand.is_moving())
        self.hand.take()
        self.assertTrue(self.hand.is_moving())
        self.assertFalse(self.hand.is_moving())
