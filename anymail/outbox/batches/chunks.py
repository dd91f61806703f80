"""Recipients of a batch -> entries, each for a call. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from ...database.columns import ADDRESS_LENGTH, truncate
from ...exceptions import AnymailError, AnymailInvalidAddress
from ..freezing import freeze_personal
from ..ids import chunk_digest
from ..models import INVALID_ADDRESS, Batch, Entry, Recipient, State
from ..storing import Prepared, tag_rows
from .addressees import Addressee
from .drafts import Draft


@dataclass(frozen=True, kw_only=True, repr=False)
class Chunk:
    """The recipients of an entry.

    :param message: to those that can get it; None if nobody can.
    :param valid: who they are.
    :param invalid: those whose address is none. They are kept for people to see.
    """

    message: Any
    valid: Sequence[Addressee]
    invalid: Sequence[Addressee]


def chunked(
    made: Draft, new: Sequence[Addressee], *, is_last: bool
) -> tuple[list[Chunk], list[Addressee]]:
    """Recipients in calls, and those that do not fill one.

    :param is_last: they get one, too.
    :raises AnymailError: what one of them is to get cannot be sent. The text says which one.
    """
    valid = [one for one in new if one.addr_spec is not None]
    invalid = [one for one in new if one.addr_spec is None]
    full = len(valid) if is_last else len(valid) // made.size * made.size
    found: list[Chunk] = []
    for start in range(0, full, made.size):
        some, refused = _accepted(made, valid[start : min(start + made.size, full)])
        invalid += refused
        if some:
            found.append(Chunk(message=_message(made, some), valid=some, invalid=()))
    if invalid:
        last = found.pop() if found else Chunk(message=None, valid=(), invalid=())
        found.append(Chunk(message=last.message, valid=last.valid, invalid=invalid))
    return found, valid[full:]


def prepared(made: Draft, batch: Batch, chunk: Chunk, number: int) -> Prepared:
    """The rows for some recipients.

    :param number: of the chunk in the batch, from 1.
    """
    entry = Entry(
        batch=batch,
        key_digest=chunk_digest(made.name, number),
        recipients_count=len(chunk.valid),
        content=json.dumps(freeze_personal(chunk.message)) if chunk.valid else None,
        **made.common,
        **{
            **made.scheduling,
            "idempotency_key": f"{made.name}/{number}",
            "created_at": timezone.now(),
        },
    )
    if not chunk.valid:
        entry.state, entry.done_at, entry.error_code = State.FAILED, timezone.now(), INVALID_ADDRESS
        entry.error = "None of its recipients has a valid address."
    rows = [_row(entry, one) for one in chunk.valid]
    for one in chunk.invalid:
        row = _row(entry, one)
        row.status, row.error_code = "invalid", INVALID_ADDRESS
        rows.append(row)
    tags = tag_rows(entry, made.tags)
    return Prepared(message=chunk.message, entry=entry, recipients=rows, tags=tags)


def _row(entry: Entry, one: Addressee) -> Recipient:
    address = truncate(one.shown, ADDRESS_LENGTH)
    return Recipient(entry=entry, kind="to", address=address, address_key=one.key)


def _accepted(
    made: Draft, some: Sequence[Addressee]
) -> tuple[Sequence[Addressee], list[Addressee]]:
    """Those whom SES can deliver to, and the others."""
    try:
        made.backend.check(_message(made, some))
    except AnymailError:
        return _accepted_singly(made, some)
    return some, []


def _accepted_singly(
    made: Draft, some: Iterable[Addressee]
) -> tuple[list[Addressee], list[Addressee]]:
    valid, invalid = [], []
    for one in some:
        try:
            made.backend.check(_message(made, [one]))
        except AnymailInvalidAddress:
            invalid.append(one)
        except AnymailError as err:
            err.args = (*err.args, f"It is recipient {one.position} of the batch.")
            raise
        else:
            valid.append(one)
    return valid, invalid


def _message(made: Draft, some: Sequence[Addressee]) -> Any:
    """The message as it is for some recipients."""
    message = copy(made.plain)
    message.to = [one.recipient.address for one in some]
    for name in ("merge_data", "merge_metadata", "merge_headers"):
        values = {one.addr_spec: getattr(one.recipient, name) for one in some}
        if own := {address: value for address, value in values.items() if value}:
            setattr(message, name, own)
    return message
