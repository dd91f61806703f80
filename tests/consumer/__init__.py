"""What tests of the consumer share."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.dispatch import Signal
from django.test import SimpleTestCase, override_settings

from anymail import testing
from anymail.conf import AmazonSESSettings
from anymail.consumer import Consumer
from anymail.processes.stopping import time_limit
from anymail.signals import tracking

from ..class_context import enter_class_context
from ..local_sqs import LocalSqs, local_sqs
from ..sns_samples import EVENTS_TOPIC

EVENTS = Path(__file__).parent.parent / "payloads" / "events"
#: Enough for a slow machine; a test that fails takes as long.
PATIENCE = 30.0
#: Longer than any receiver waits. At its end the consumer would end this process.
GRACE = 600.0


def event_body(kind: str = "delivery", **detail: Any) -> str:
    """An event as SNS puts it into a queue."""
    document = testing.ses_event(kind, **detail) if isinstance(kind, str) else kind
    return envelope(json.dumps(document))


def envelope(message: str) -> str:
    """A message of SNS."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": EVENTS_TOPIC,
            "Message": message,
            "Timestamp": "2026-09-30T12:00:00.000Z",
        }
    )


class ConsumerTestCase(SimpleTestCase):
    """With an SQS on loopback, and settings that lead to it."""

    sqs: LocalSqs

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.sqs = enter_class_context(cls, local_sqs())

    def setUp(self) -> None:
        self.sqs.fault = lambda operation, parameters: None
        self.sqs.calls.clear()
        settings = override_settings(ANYMAIL=self.sqs.settings())
        settings.enable()
        self.addCleanup(settings.disable)

    def consumer(self, *names: str, **options: Any) -> Consumer:
        """A consumer of queues, by their names."""
        anymail = options.pop("anymail", {})
        settings = AmazonSESSettings.load({**anymail})
        queues = [self.sqs.queue(name) for name in names]
        return Consumer(queues, settings, **{"grace": GRACE, **options})

    def consume(self, *names: str, count: int, **options: Any) -> Consumer:
        """Consume so many messages."""
        return self.run_to_end(self.consumer(*names, max_messages=count, **options))

    def run_to_end(self, consumer: Consumer) -> Consumer:
        """Run a consumer that ends by itself; stop it if it does not."""
        with time_limit(PATIENCE, consumer.stop):
            consumer.run()
        return consumer

    @contextmanager
    def consuming(self, *names: str, **options: Any) -> Iterator[Consumer]:
        """Consume in another thread, until the end of the block."""
        consumer = self.consumer(*names, **options)
        thread = threading.Thread(target=consumer.run, daemon=True)
        thread.start()
        try:
            yield consumer
        finally:
            consumer.stop()
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive())

    @contextmanager
    def receiving(
        self, receive: Callable[[Any], None] = lambda event: None, signal: Signal = tracking
    ) -> Iterator[list[Any]]:
        """Connect a receiver; gives what it has received, with its arguments."""
        received: list[Any] = []

        def receiver(sender: type, event: Any, esp_name: str, **_kwargs: Any) -> None:
            received.append((sender, event, esp_name))
            receive(event)

        signal.connect(receiver, weak=False)
        try:
            yield received
        finally:
            signal.disconnect(receiver)


def wait_until(condition: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Wait for something that happens in another thread or process."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("It did not happen in time.")
        time.sleep(0.01)
