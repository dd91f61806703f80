from __future__ import annotations

import threading
import time
from typing import Any

from anymail.amazon_ses.sqs import receive
from anymail.conf import AmazonSESSettings
from anymail.consumer.hand import Hand, Held
from anymail.consumer.settling import Heartbeat, Settler

from ..local_sqs import stored_messages
from . import ConsumerTestCase, event_body, wait_until


class GiveBackTests(ConsumerTestCase):
    """What is given back is not extended after it, and so stays visible."""

    def setUp(self) -> None:
        super().setUp()
        self.settings = AmazonSESSettings.load()
        self.name = self.sqs.create_queue(visibility=2)
        self.queue = self.sqs.queue(self.name)
        self.sqs.send(self.name, event_body())
        [message] = receive(self.queue, self.settings, wait=0)
        # Already due.
        self.held = Held(queue=self.queue, message=message, hidden_until=time.monotonic() + 0.5)
        parts: dict[str, Any] = {
            "queue": self.queue,
            "hand": Hand(threads=1),
            "settings": self.settings,
            "on_fatal": self.fail,
        }
        parts["hand"].add([self.held])
        self.settler = Settler(**parts)
        self.heartbeat = Heartbeat(**parts, visibility=self.settler.visibility)

    def start(self, part: Settler | Heartbeat) -> None:
        thread = threading.Thread(target=part.run, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(part.close)

    def extensions(self) -> list[Any]:
        return [
            call
            for call in self.sqs.calls
            if call.operation == "ChangeMessageVisibilityBatch"
            and call.parameters["Entries"][0]["VisibilityTimeout"]
        ]

    def test_by_a_heartbeat_that_was_about_to_extend_it(self):
        with self.settler.visibility:
            self.start(self.heartbeat)
            time.sleep(0.6)  # it has seen what is due, and waits for the lock
            self.settler.give_back(self.held)
        self.start(self.settler)
        wait_until(lambda: stored_messages(self.name)[0].visible)
        time.sleep(0.5)
        self.assertEqual(self.extensions(), [])
        self.assertTrue(stored_messages(self.name)[0].visible)

    def test_while_it_is_being_given_back(self):
        release = threading.Event()

        def fault(operation: str, parameters: dict[str, Any]) -> None:
            if operation == "ChangeMessageVisibilityBatch":
                release.wait(10)

        self.sqs.fault = fault
        self.start(self.settler)
        self.settler.give_back(self.held)
        wait_until(lambda: "ChangeMessageVisibilityBatch" in self.sqs.operations())
        self.start(self.heartbeat)
        time.sleep(0.6)
        release.set()
        wait_until(lambda: stored_messages(self.name)[0].visible)
        time.sleep(0.5)
        self.assertEqual(self.extensions(), [])

    def test_what_is_not_given_back_is_extended(self):
        self.start(self.heartbeat)
        wait_until(self.extensions)
        self.assertFalse(stored_messages(self.name)[0].visible)
