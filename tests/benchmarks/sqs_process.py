"""An SQS (moto's) in a process of its own, so that its work is not taken for the consumer's."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

#: The name of its queue.
EVENTS = "events"


@dataclass(frozen=True)
class SqsProcess:
    """A running SQS with an empty queue."""

    url: str
    _pipe: Connection = field(repr=False)

    def fill(self, count: int) -> None:
        """Put so many events into the queue; returns when they are there."""
        self._pipe.send(count)
        self._pipe.recv()


@contextmanager
def sqs_process() -> Iterator[SqsProcess]:
    """Run it."""
    pipe, its_pipe = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(its_pipe,), daemon=True
    )
    process.start()
    try:
        yield SqsProcess(pipe.recv(), pipe)
    finally:
        process.kill()
        process.join()


def _serve(pipe: Connection) -> None:
    import django

    django.setup()

    from moto.sqs.models import sqs_backends

    from anymail.sandbox.aws.defaults import ACCOUNT, REGION

    from ..consumer import event_body
    from ..local_sqs import local_sqs

    with local_sqs() as sqs:
        sqs.keeps_calls = False
        sqs.create_queue(EVENTS, visibility=60)
        backend = sqs_backends[ACCOUNT][REGION]
        # moto looks through the whole queue for each message that it delivers.
        backend.is_message_valid_based_on_retention_period = lambda queue, message: True
        pipe.send(sqs.url)
        while True:
            count = pipe.recv()
            with sqs.lock:
                # moto remembers what was deleted for ever.
                backend.queues[EVENTS].deleted_messages.clear()
                for _ in range(count):
                    backend.send_message(EVENTS, event_body())
            pipe.send(count)
