"""How much moto may keep: whoever reaches the sandbox's port must not fill the machine.

Reads moto's own objects. Where a later moto keeps them elsewhere, there is no bound: better than a
sandbox that fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .defaults import ACCOUNT
from .protocols.wire import ApiError

#: Of one kind: queues, topics, keys, buckets, identities, ….
MAX_THINGS = 1_000
MAX_MESSAGES = 10_000
MAX_MESSAGE_BYTES = 64 * 2**20
MAX_OBJECTS = 10_000
#: Of all objects; larger ones are files in the folder for temporary ones.
MAX_OBJECT_BYTES = 2**30
#: What an operation that makes something begins with.
MAKES = ("Clone", "Create", "Subscribe", "Verify")
#: Where moto keeps what can be made.
KEPT: Mapping[str, tuple[str, ...]] = {
    "kms": ("keys",),
    "ses": ("email_identities", "config_sets", "receipt_rule_set"),
    "sns": ("topics", "subscriptions"),
    "sqs": ("queues",),
}


def check_room(service: str, operation: str) -> None:
    """Refuse what would make too much of anything.

    :param service: as in :mod:`~.allowed`; of S3 :func:`check_room_for_object` knows.
    :raises ApiError: AWS's error for what is full.
    """
    kept = "ses" if service == "sesv2" else service
    if operation.startswith(MAKES) and any(
        count >= MAX_THINGS for count in _counts(kept, KEPT.get(kept, ()))
    ):
        raise ApiError("LimitExceeded", f"The sandbox has room for {MAX_THINGS} of them.")
    if kept == "ses" and operation.endswith("ReceiptRule") and _rules() >= MAX_THINGS:
        raise ApiError("LimitExceeded", f"The sandbox has room for {MAX_THINGS} receipt rules.")
    if operation == "CreateAlias" and _aliases() >= MAX_THINGS:
        raise ApiError("LimitExceeded", f"The sandbox has room for {MAX_THINGS} aliases of keys.")
    if service == "sqs" and operation.startswith("SendMessage"):
        check_room_for_message()


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


def _counts(service: str, kept: tuple[str, ...]) -> Iterator[int]:
    backends = _backends(service)
    for name in kept:
        yield sum(len(getattr(backend, name, ())) for backend in backends)


def _rules() -> int:
    return sum(
        len(rule_set.rules)
        for backend in _backends("ses")
        for rule_set in list(backend.receipt_rule_set.values())
    )


def _aliases() -> int:
    return sum(
        len(getattr(key, "aliases", ()))
        for backend in _backends("kms")
        for key in list(backend.keys.values())
    )


def _backends(service: str) -> list[Any]:
    """Of every region in which something was asked for."""
    from moto.backends import get_backend

    find: Any = get_backend
    return list(find(service)[ACCOUNT].values())
