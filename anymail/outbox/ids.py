"""Identifiers of entries, and the SES message tag that carries them."""

from __future__ import annotations

import json
import secrets
import time
from hashlib import sha256
from uuid import UUID

#: The name of the SES message tag of each call.
TAG = "anymail-outbox"


def new_id() -> UUID:
    """A new id: in the order of time, and with 74 random bits that nobody can guess.

    So an event that has the id in its message tag comes from SES, which is the only one that was
    told. Source: RFC 9562 section 5.7, UUID version 7.
    """
    milliseconds = time.time_ns() // 1_000_000 & (1 << 48) - 1
    random = secrets.randbits(74)
    high, low = random >> 62, random & (1 << 62) - 1
    return UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low)


def tag_value(entry_id: UUID, attempt: int) -> str:
    """The value of the message tag.

    :param attempt: the entry's number of claims.
    """
    return f"{entry_id.hex}-{attempt}"


def parse_tag(value: str) -> tuple[UUID, int] | None:
    """The id and the attempt in a message tag; None if it is none of ours."""
    hexadecimal, _, attempt = value.partition("-")
    try:
        return UUID(hex=hexadecimal), int(attempt)
    except ValueError:
        return None


def key_digest(mailer: str, key: str) -> str:
    """What is unique instead of an idempotency key: MySQL and MariaDB take keys for equal that
    differ in case, in accents, or in spaces at the end.

    :param mailer: keys of different mailers are different.
    """
    return sha256(json.dumps([mailer, key]).encode()).hexdigest()


def name_digest(name: str) -> str:
    """What is unique instead of the name of a batch, for the same reason."""
    return key_digest("", name)


def chunk_digest(name: str, number: int) -> str:
    """The same for the key of an entry in a batch, which no caller's key is taken for.

    :param name: of the batch.
    :param number: of the entry in it.
    """
    return sha256(json.dumps(["", name, number]).encode()).hexdigest()
