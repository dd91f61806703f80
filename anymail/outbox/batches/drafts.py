"""The message of a batch, read and checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from django.core.mail import EmailMessage

from ...amazon_ses.raw_calls import MAX_RECIPIENTS
from ...attributes import AttributeReader
from ...attributes.outbox import outbox_values
from ...backends.base import AnymailBaseBackend
from ...conf import UNSET
from ...outgoing import PERSONAL, OutgoingMessage
from ..attachments import save_parts
from ..fingerprint import fingerprint
from ..freezing import freeze
from ..ids import new_id
from ..mailers import deliverer
from ..pacing import lowest_rate
from ..storing import check, common_columns, scheduling_columns

#: Of a batch whose message has none: everything else goes first.
PRIORITY = -50
#: In characters.
MAX_NAME = 200
#: Stands for the recipients while the message is checked. SES's own; nothing is sent to it.
ANYBODY = "success@simulator.amazonses.com"


@dataclass(frozen=True, kw_only=True, repr=False)
class Draft:
    """What a batch is made of.

    :param name: of the batch.
    :param plain: the message without recipients, as a worker will get it.
    :param backend: what will send it.
    :param size: recipients of a call.
    :param common: columns that its entries and the batch have in common.
    :param scheduling: other columns of its entries.
    :param tags: of the message.
    :param fingerprint: of the message.
    """

    name: str
    plain: Any
    backend: AnymailBaseBackend
    size: int
    common: Mapping[str, Any]
    scheduling: Mapping[str, Any]
    tags: Sequence[str]
    fingerprint: str

    def content(self) -> tuple[str, Sequence[str]]:
        """The text to store, and the names of the files that were stored for it.

        :raises Exception: whatever the storage of attachments raises.
        """
        frozen = freeze(self.plain)
        files = save_parts(new_id(), frozen.parts) if frozen.parts else []
        return frozen.as_json(files), files


def draft(message: Any, name: str, mailer: str) -> Draft:
    """Read the message of a batch.

    :param message: any Django message; it is not changed.
    :raises AnymailError: it cannot be sent.
    :raises AnymailConfigurationError: the mailer cannot be used.
    :raises ValueError: it has recipients, or something else that is not for a batch.
    """
    _check_name(name)
    _check_message(message)
    backend, rate = deliverer(mailer)
    plain = copy(message)
    plain.merge_data = {}
    is_apart = backend.sends_apart(OutgoingMessage.from_django(plain, backend.defaults_for(plain)))
    plain.to = [ANYBODY]
    plain.merge_data = {} if is_apart else None
    plain, outgoing = check(plain, backend)
    _check_copies(outgoing)
    plain.to = []
    scheduling = outbox_values(AttributeReader(message, backend.defaults_for(plain)))
    return Draft(
        name=name,
        plain=plain,
        backend=backend,
        size=_call_size(rate) if is_apart else 1,
        common=common_columns(outgoing, mailer, backend),
        scheduling=scheduling_columns(scheduling, default_priority=PRIORITY),
        tags=outgoing.tags or (),
        fingerprint=fingerprint(plain),
    )


def _call_size(rate: float | str | None) -> int:
    """How many recipients a call to several may have: SES refuses the part of it for which the rate
    has no room, and that part has to be sent again.

    :param rate: as :func:`.mailers.deliverer` says.
    """
    granted = lowest_rate() if isinstance(rate, str) else rate
    return MAX_RECIPIENTS if granted is None else max(1, min(MAX_RECIPIENTS, int(granted)))


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise ValueError(
            f"The name of a batch must be a string of 1 to {MAX_NAME} printable characters, such "
            'as "newsletter/2026-11".'
        )


def _check_message(message: EmailMessage) -> None:
    for field in ("to", "cc", "bcc"):
        if getattr(message, field):
            raise ValueError(
                f"`{field}` of the message must be empty: send_many() sends it to the recipients "
                "that it is given, each of whom sees only the own address."
            )
    if _has(message, "idempotency_key"):
        raise ValueError(
            "`idempotency_key` of the message must be empty: the name of the batch does its job."
        )
    for field in PERSONAL:
        if _has(message, field):
            raise ValueError(
                f"`{field}` of the message must be empty: give each recipient its own, as "
                "BatchRecipient(address, merge_data={…})."
            )


def _has(message: EmailMessage, name: str) -> bool:
    value = getattr(message, name, UNSET)
    return value is not UNSET and bool(value)


def _check_copies(outgoing: OutgoingMessage) -> None:
    if outgoing.cc or outgoing.bcc:
        raise ValueError(
            "SEND_DEFAULTS has `cc` or `bcc`, which would get a copy for each recipient of the "
            "batch: name a mailer whose send_defaults have none."
        )
