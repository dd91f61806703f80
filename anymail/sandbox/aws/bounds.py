"""How much moto may keep: whoever reaches the sandbox's port must not fill the machine.

Reads moto's own objects. Where a later moto keeps them elsewhere, there is no bound: better than a
sandbox that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from .api import ApiError
from .defaults import ACCOUNT

#: Of one kind: queues, topics, keys, buckets, identities, ….
MAX_THINGS = 1_000
MAX_MESSAGES = 10_000
MAX_MESSAGE_BYTES = 64 * 2**20
MAX_OBJECTS = 10_000
#: Of all objects; larger ones are files in the folder for temporary ones.
MAX_OBJECT_BYTES = 2**30
#: How the names of operations that make something begin; a changed rule may be a large one.
MAKES = ("Clone", "Create", "Subscribe", "UpdateReceiptRule", "Verify")
#: How many of each kind moto keeps in a region.
KEPT: Mapping[str, Callable[[Any], tuple[int, ...]]] = {
    "kms": lambda kms: (len(kms.keys), sum(len(key.aliases) for key in [*kms.keys.values()])),
    "ses": lambda ses: (
        len(ses.email_identities),
        len(ses.config_sets),
        len(ses.receipt_rule_set),
        sum(len(found.rules) for found in [*ses.receipt_rule_set.values()]),
    ),
    "sns": lambda sns: (len(sns.topics), len(sns.subscriptions)),
    "sqs": lambda sqs: (len(sqs.queues),),
}


def check_room(service: str, operation: str) -> None:
    """Refuse to make more of anything than the sandbox has room for.

    :param service: as in :mod:`~.allowed`; S3 has :func:`check_room_for_object`.
    :raises ApiError: AWS's error for what is full.
    """
    if service == "sqs" and operation.startswith("SendMessage"):
        check_room_for_message()
    if operation.startswith(MAKES) and _most("ses" if service == "sesv2" else service) >= (
        MAX_THINGS
    ):
        raise ApiError("LimitExceeded", f"The sandbox has room for {MAX_THINGS} of them.")


def _most(service: str) -> int:
    """How many there are of the kind of which moto keeps most."""
    with suppress(AttributeError, KeyError):
        counts = zip(*map(KEPT[service], _backends(service)), strict=True)
        return max(map(sum, counts), default=0)
    return 0


def check_room_for_message() -> None:
    """Refuse one more message in a queue.

    :raises ApiError: all queues together have enough.
    """
    count = size = 0
    for backend in _backends("sqs"):
        for queue in list(backend.queues.values()):
            waiting = list(queue._messages)
            count += len(waiting)
            size += sum(len(str(message.body)) for message in waiting)
            if len(queue.deleted_messages) > MAX_MESSAGES:
                queue.deleted_messages.clear()
    if count >= MAX_MESSAGES or size >= MAX_MESSAGE_BYTES:
        text = f"The sandbox's queues are full ({count} messages). Receive some, or purge a queue."
        raise ApiError("OverLimit", text, 403)


def check_room_for_object(size: int) -> None:
    """Refuse an object, or a part of one.

    :param size: in bytes.
    :raises ApiError: S3 has enough of them.
    """
    if not _has_room(size):
        text = (
            f"The sandbox's S3 is full (at most {MAX_OBJECTS} objects, {MAX_OBJECT_BYTES} bytes)."
        )
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
    """Of every version of every object, of every part that waits for others, and of buckets."""
    for backend in _backends("s3"):
        for bucket in list(backend.buckets.values()):
            yield 0
            for name in list(bucket.keys):
                yield from (getattr(stored, "size", 0) for stored in bucket.keys.getlist(name))
            for upload in list(bucket.multiparts.values()):
                yield 0
                yield from (part.size for part in list(upload.parts.values()))


def _backends(service: str) -> list[Any]:
    """Of every region in which something was asked for."""
    from moto.backends import get_backend

    find: Any = get_backend
    return list(find(service)[ACCOUNT].values())
