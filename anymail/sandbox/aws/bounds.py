"""How much moto may keep of what grows by itself: messages nobody receives, and received mail."""

from __future__ import annotations

from typing import Any

from moto import backends

from .api import ApiError
from .defaults import ACCOUNT, QUEUE

#: In all queues.
MAX_MESSAGES = 10_000
MAX_MESSAGE_BYTES = 64 * 2**20
#: In a bucket that gets received mail.
MAX_OBJECTS = 10_000
MAX_OBJECT_BYTES = 2**30


def check_room_for_message() -> None:
    """Refuse one more message from SNS in a queue if all of them together have enough.

    First the queue that the sandbox made forgets the older half: perhaps nobody consumes it.
    """
    queues = [queue for backend in _backends("sqs") for queue in list(backend.queues.values())]
    for queue in queues if _are_full(queues) else []:
        if queue.name == QUEUE:
            del queue._messages[: (len(queue._messages) + 1) // 2]
    if _are_full(queues):
        text = "The sandbox's queues are full. Receive some messages, or purge a queue."
        raise ApiError("OverLimit", text, 403)


def _are_full(queues: list[Any]) -> bool:
    sizes = [len(str(message.body)) for queue in queues for message in list(queue._messages)]
    return len(sizes) >= MAX_MESSAGES or sum(sizes) >= MAX_MESSAGE_BYTES


def make_room(bucket: str, size: int) -> None:
    """Forget the oldest objects in a bucket until there is room for one more of ``size`` bytes."""
    for found in (backend.buckets.get(bucket) for backend in _backends("s3")):
        kept = sorted(found.keys.values(), key=lambda one: one.last_modified) if found else []
        while kept and (
            len(kept) >= MAX_OBJECTS or sum(one.size for one in kept) + size > MAX_OBJECT_BYTES
        ):
            found.keys.pop(kept.pop(0).name)


def _backends(service: str) -> list[Any]:
    """Of every region in which something was asked for."""
    find: Any = backends.get_backend
    return list(find(service)[ACCOUNT].values())
