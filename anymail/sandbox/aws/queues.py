"""moto's SQS, with an end to its room, which journals what consumers do with messages of SNS."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import unix_time_millis
from moto.sqs import urls
from moto.sqs.exceptions import QueueDoesNotExist
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends
from moto.sqs.responses import SQSResponse

from ..journal import Journal
from .api import ApiError
from .defaults import ACCOUNT, QUEUE

#: In all queues.
MAX_MESSAGES = 10_000
MAX_MESSAGE_BYTES = 64 * 2**20


class LocalQueue(Queue):
    """Counts messages with one look at the clock: moto counts them for each one that is sent."""

    @property
    def approximate_number_of_messages(self) -> int:
        now = unix_time_millis()
        return sum(one.visible_at < now >= one.delayed_until for one in list(self._messages))

    @property
    def approximate_number_of_messages_not_visible(self) -> int:
        now = unix_time_millis()
        return sum(one.visible_at >= now for one in list(self._messages))

    @property
    def approximate_number_of_messages_delayed(self) -> int:
        now = unix_time_millis()
        return sum(one.delayed_until > now for one in list(self._messages))


class LocalSqsBackend(SQSBackend):
    """The queues of one region."""

    def __init__(self, region: str, account_id: str, journal: Journal) -> None:
        super().__init__(region, account_id)
        self._journal = journal

    @property
    def url_paths(self) -> dict[str, Any]:
        return {path.format(""): answer for path, answer in urls.url_paths.items()}

    def create_queue(self, *args: Any, **kwargs: Any) -> Queue:
        """Create a queue, as moto does, of a kind that counts faster."""
        queue = super().create_queue(*args, **kwargs)
        queue.__class__ = LocalQueue  # type: ignore[type-abstract]
        return queue

    def receive_message(self, queue_name: str, *args: Any, **kwargs: Any) -> list[Message]:
        """Receive messages, as moto does."""
        found = super().receive_message(queue_name, *args, **kwargs)
        for message in found:
            self._journal.add_consumed(queue_name, _sns_id(message))
        return found

    def delete_message(self, queue_name: str, receipt_handle: str) -> None:
        """Delete a message, as moto does; it also does so for each message of a batch."""
        held = [
            message
            for message in list(self.get_queue(queue_name)._messages)
            if message.had_receipt_handle(receipt_handle)
        ]
        super().delete_message(queue_name, receipt_handle)
        for message in held:
            self._journal.add_consumed(queue_name, _sns_id(message), deleted=True)


def watch_queues(journal: Journal) -> None:
    """Let the queues of every region write into a journal. They are empty afterwards."""
    regions: Any = sqs_backends[ACCOUNT]
    # moto makes the backend of a region when it is first used.
    regions.backend = partial(LocalSqsBackend, journal=journal)
    regions.clear()
    SQSResponse.start_message_move_task = redrive  # type: ignore[attr-defined]


def redrive(response: SQSResponse) -> ActionResult:
    """StartMessageMoveTask, which moto lacks: dead letters go back to the queue they came from."""
    for queue in list(response.sqs_backend.queues.values()):
        if (dead := queue.dead_letter_queue) and dead.queue_arn == response._get_param("SourceArn"):
            for message in dead._messages[:]:
                dead._messages.remove(message)
                message.approximate_receive_count = 0
                queue.add_message(message)
            return ActionResult({"TaskHandle": queue.name})
    raise QueueDoesNotExist


def check_room_for_message() -> None:
    """Refuse one more message from SNS in a queue if all of them together have enough.

    First the queue that the sandbox made forgets the older half: perhaps nobody consumes it.
    """
    backends = list(sqs_backends[ACCOUNT].values())
    queues = [queue for backend in backends for queue in list(backend.queues.values())]
    for queue in queues if _are_full(queues) else []:
        if queue.name == QUEUE:
            del queue._messages[: (len(queue._messages) + 1) // 2]
    if _are_full(queues):
        text = "The sandbox's queues are full. Receive some messages, or purge a queue."
        raise ApiError("OverLimit", text, 403)


def _are_full(queues: list[Queue]) -> bool:
    sizes = [len(str(message.body)) for queue in queues for message in list(queue._messages)]
    return len(sizes) >= MAX_MESSAGES or sum(sizes) >= MAX_MESSAGE_BYTES


def _sns_id(message: Message) -> str:
    """The id of the message of SNS; empty if there is none, as with raw message delivery."""
    try:
        return str(json.loads(message.body)["MessageId"])
    except (KeyError, TypeError, ValueError):
        return ""
