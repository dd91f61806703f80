"""How much moto may keep of what grows by itself: messages nobody receives, and objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto import backends

from .api import ApiError
from .defaults import ACCOUNT

MAX_MESSAGES = 10_000
MAX_MESSAGE_BYTES = 64 * 2**20
MAX_OBJECTS = 10_000
#: Of all objects; larger ones are files in the folder for temporary ones.
MAX_OBJECT_BYTES = 2**30


def check_room_for_message() -> None:
    """Refuse one more message in a queue.

    :raises ApiError: all queues together have enough.
    """
    queues = [queue for backend in _backends("sqs") for queue in list(backend.queues.values())]
    sizes = [len(str(message.body)) for queue in queues for message in list(queue._messages)]
    if len(sizes) >= MAX_MESSAGES or sum(sizes) >= MAX_MESSAGE_BYTES:
        text = f"The sandbox's queues are full ({len(sizes)} messages). Receive some, or purge one."
        raise ApiError("OverLimit", text, 403)


def check_room_for_object(size: int) -> None:
    """Refuse an object, or a part of one.

    :param size: in bytes.
    :raises ApiError: S3 has enough of them.
    """
    if not _has_room(size):
        text = f"The sandbox's S3 is full ({MAX_OBJECTS} objects, or {MAX_OBJECT_BYTES} bytes)."
        raise ApiError("ServiceQuotaExceeded", text)


def make_room(bucket: str, size: int) -> None:
    """Forget the oldest objects in a bucket until there is room for one more.

    :param size: in bytes.
    :raises ApiError: there is none, even then.
    """
    found = next((b.buckets[bucket] for b in _backends("s3") if bucket in b.buckets), None)
    while found is not None and found.keys and not _has_room(size):
        oldest = min(found.keys.values(), key=lambda stored: stored.last_modified)
        found.keys.pop(oldest.name)
    check_room_for_object(size)


def _has_room(size: int) -> bool:
    sizes = list(_object_sizes())
    return len(sizes) < MAX_OBJECTS and sum(sizes) + size <= MAX_OBJECT_BYTES


def _object_sizes() -> Iterator[int]:
    """Of every version of every object, and of every part that waits for others."""
    buckets = [bucket for backend in _backends("s3") for bucket in list(backend.buckets.values())]
    for bucket in buckets:
        for name in list(bucket.keys):
            yield from (getattr(stored, "size", 0) for stored in bucket.keys.getlist(name))
        for upload in list(bucket.multiparts.values()):
            yield from (part.size for part in list(upload.parts.values()))


def _backends(service: str) -> list[Any]:
    """Of every region in which something was asked for."""
    find: Any = backends.get_backend
    return list(find(service)[ACCOUNT].values())
