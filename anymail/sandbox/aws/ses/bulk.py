"""Many messages from one template, in one call: each has an outcome of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..api import ApiRequest
from .addresses import parse_address
from .parameters import DESTINATION_KEYS, envelope_of, recipients_of, tags_of
from .refusals import Reason, Refused, invalid
from .submission import MAX_RECIPIENTS, check_sender, chosen_set, submit
from .templated import TemplatedMessage, templated_submission
from .templates import Template

if TYPE_CHECKING:
    from .desk import Desk

Tags = Sequence[Mapping[str, str]]
Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One message of a bulk call.

    :param data: JSON text.
    :param headers: each takes the place of those of all messages with its name.
    """

    destination: Mapping[str, Sequence[str]]
    data: str | None = None
    tags: Tags = ()
    headers: Headers = ()


@dataclass(frozen=True, kw_only=True)
class Bulk:
    """The parameters of a bulk call, from either API."""

    sender: str
    template: Template
    entries: Sequence[Entry]
    reply_to: Sequence[str] = ()
    default_data: str | None = None
    default_tags: Tags = ()
    headers: Headers = ()
    attachments: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    configuration_set: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an entry: it has an id, or was refused."""

    message_id: str | None = None
    refused: Refused | None = None

    def as_v1(self) -> dict[str, Any]:
        """As SendBulkTemplatedEmail answers."""
        if self.refused is None:
            return {"Status": "Success", "MessageId": self.message_id}
        return {"Status": self.refused.reason.value.entry, "Error": str(self.refused)}

    def as_v2(self) -> dict[str, Any]:
        """As SendBulkEmail answers."""
        if self.refused is None:
            return {"Status": "SUCCESS", "MessageId": self.message_id}
        return {"Status": self.refused.reason.value.entry_v2, "Error": str(self.refused)}


def send_bulk(desk: Desk, request: ApiRequest, bulk: Bulk) -> list[Outcome]:
    """Send every entry that SES takes.

    :return: one for each entry, in their order.
    :raises Refused: SES takes none, because of what they have in common.
    """
    addresses = sum(
        len(entry.destination.get(key, ())) for entry in bulk.entries for key in DESTINATION_KEYS
    )
    if max(len(bulk.entries), addresses) > MAX_RECIPIENTS:
        raise invalid(f"Recipient count exceeds {MAX_RECIPIENTS}.")
    source = parse_address(bulk.sender)
    check_sender(desk, request, source)
    chosen_set(request.region, source, bulk.configuration_set)
    outcomes: list[Outcome] = []
    for entry in bulk.entries:
        try:
            message = _message(bulk, entry, source)
            message_id = submit(desk, request, templated_submission(message))
            outcomes.append(Outcome(message_id=message_id))
        except Refused as err:
            if err.reason is Reason.THROTTLED and not outcomes:
                raise
            outcomes.append(Outcome(refused=err))
    return outcomes


def _message(bulk: Bulk, entry: Entry, source: str) -> TemplatedMessage:
    replaced = {name.lower() for name, _ in entry.headers}
    headers = [(n, value) for n, value in bulk.headers if n.lower() not in replaced]
    return TemplatedMessage(
        envelope=envelope_of(
            bulk.sender, entry.destination, bulk.reply_to, headers=[*headers, *entry.headers]
        ),
        source=source,
        recipients=recipients_of(entry.destination),
        template=bulk.template,
        data=(bulk.default_data, entry.data),
        tags={**tags_of(bulk.default_tags), **tags_of(entry.tags)},
        configuration_set=bulk.configuration_set,
        attachments=bulk.attachments,
    )
