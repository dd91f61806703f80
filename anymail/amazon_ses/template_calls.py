"""Calls that send an SES template, in both APIs: one entry for each recipient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ..addresses import EmailAddress, IdnaEncoder
from ..calls import ApiCall
from ..exceptions import AnymailAPIError
from ..message import AnymailRecipientStatus
from ..outgoing import OutgoingMessage, unsupported
from . import ESP_NAME
from .encoded_addresses import encode_address
from .error_meanings import describe_status, narrow_scope
from .masking import mask_addresses
from .raw_calls import MAX_RECIPIENTS
from .tags_and_metadata import dump_json

#: SES API reference, "BulkEmailDestination" and "BulkEmailEntry"; in characters.
MAX_TEMPLATE_DATA = 262_144

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class BulkEntry:
    """One recipient of a template.

    :param recipient: one of the message's ``to``.
    :param destination: SES's ``Destination``: addresses under ``ToAddresses`` and so on.
    :param data: its template data, as JSON.
    """

    recipient: EmailAddress
    destination: dict[str, list[str]] = field(repr=False)
    data: str = field(repr=False)


class ByRecipient(Generic[T]):
    """A merge attribute, looked up by the exact address, or else ignoring case.

    :param by_address: addr-spec to value, or None.
    :param default: the value of other recipients.
    """

    def __init__(self, by_address: Mapping[str, T] | None, default: T) -> None:
        self._exact = by_address or {}
        self._default = default
        self._lowered: dict[str, T] = {}
        for address, value in self._exact.items():
            self._lowered.setdefault(address.lower(), value)

    def get(self, recipient: EmailAddress) -> T:
        """The value for one recipient."""
        if recipient.addr_spec in self._exact:
            return self._exact[recipient.addr_spec]
        return self._lowered.get(recipient.addr_spec.lower(), self._default)


def entries(
    message: OutgoingMessage, idna_encode: IdnaEncoder, default: str
) -> tuple[BulkEntry, ...]:
    """Make an entry for each ``to``, with cc and bcc in every one.

    :param idna_encode: encodes domains.
    :param default: the data for recipients without any, from :func:`default_data`.
    :raises AnymailInvalidAddress: SES cannot deliver to one of them.
    :raises AnymailUnsupportedFeature: cc and bcc are too many, or the data of one entry too long.
    :raises AnymailSerializationError: JSON cannot hold the data.
    """
    copies = {
        "CcAddresses": [encode_address(address, idna_encode, "cc") for address in message.cc],
        "BccAddresses": [encode_address(address, idna_encode, "bcc") for address in message.bcc],
    }
    addresses = 1 + len(message.cc) + len(message.bcc)
    if addresses > MAX_RECIPIENTS:
        raise unsupported(
            f"more than {MAX_RECIPIENTS} recipients in one message; with cc and bcc, each copy of "
            f"this one has {addresses}",
            ESP_NAME,
        )
    copies = {name: found for name, found in copies.items() if found}
    data: ByRecipient[Mapping[str, Any]] = ByRecipient(message.merge_data, {})
    return tuple(
        BulkEntry(
            recipient=recipient,
            destination={"ToAddresses": [encode_address(recipient, idna_encode, "to")], **copies},
            data=_merged_data(message, data.get(recipient)) or default,
        )
        for recipient in message.to
    )


def in_calls(message: OutgoingMessage, entries: tuple[T, ...]) -> list[tuple[T, ...]]:
    """Entries, in any form, in the groups that one call each can take.

    AWS documents the limit of 50 for destinations in one place and for addresses in another: both
    are kept (Amazon SES service quotas; API reference, "SendBulkTemplatedEmail").
    """
    size = MAX_RECIPIENTS // (1 + len(message.cc) + len(message.bcc))
    return [entries[start : start + size] for start in range(0, len(entries), size)]


def default_data(message: OutgoingMessage) -> str:
    """``merge_global_data`` as JSON, which SES uses for a recipient without data.

    :raises AnymailSerializationError: JSON cannot hold it.
    :raises AnymailUnsupportedFeature: it is too long.
    """
    return _template_data(message.merge_global_data or {}, "merge_global_data")


def single_from(message: OutgoingMessage, idna_encode: IdnaEncoder) -> str:
    """The one From address of a template.

    :param idna_encode: encodes its domain.
    :raises AnymailInvalidAddress: SES cannot send from it.
    :raises AnymailUnsupportedFeature: there are several.
    """
    if len(message.from_emails) > 1:
        raise unsupported("multiple from emails with template", ESP_NAME)
    return encode_address(message.from_emails[0], idna_encode, "from_email")


def check_no_content(message: OutgoingMessage) -> None:
    """Refuse content, which comes from the template.

    :raises AnymailUnsupportedFeature: a subject, a body, or a To header of its own.
    """
    if message.subject:
        raise unsupported("overriding template subject", ESP_NAME)
    if message.body or any(kind in ("text/plain", "text/html") for _, kind in message.alternatives):
        raise unsupported("overriding template body content", ESP_NAME)
    if message.alternatives:
        raise unsupported("alternatives with template", ESP_NAME)
    if message.header_to is not None:
        raise unsupported("spoofing `To` header with template", ESP_NAME)


def parse_entries(
    call: ApiCall, response: Mapping[str, Any], key: str
) -> dict[str, AnymailRecipientStatus]:
    """The status of each recipient of a bulk call, by addr-spec.

    A recipient listed twice keeps the first status that is not a failure.

    :param response: its list has one entry per recipient, in the same order.
    :param key: where the response has its list.
    :raises AnymailAPIError: the list is missing, or has another length than the call.
    """
    results = response.get(key)
    if not isinstance(results, list):
        raise AnymailAPIError(
            f"Amazon SES answered {call.operation} without {key}.",
            response=dict(response),
            is_transient=True,
            scope="service",
        )
    if len(results) != len(call.recipients):
        raise AnymailAPIError(
            f"Amazon SES answered {call.operation} with {len(results)} results "
            f"for {len(call.recipients)} recipients.",
            response=dict(response),
            is_transient=True,
            scope="service",
        )
    statuses: dict[str, AnymailRecipientStatus] = {}
    for recipient, result in zip(call.recipients, results, strict=True):
        known = statuses.get(recipient.addr_spec)
        if known is None or known.status == "failed":  # twice in ``to``: what was accepted counts
            statuses[recipient.addr_spec] = _status(result, recipient, call.senders)
    return statuses


def _status(
    result: Any, recipient: EmailAddress, senders: tuple[str, ...]
) -> AnymailRecipientStatus:
    # A proxy may answer instead of SES: anything but text is treated as absent.
    code, message_id, text = (_text(result, name) for name in ("Status", "MessageId", "Error"))
    if code is None:
        return AnymailRecipientStatus(message_id, "unknown")
    if code.upper() == "SUCCESS":
        return AnymailRecipientStatus(message_id, "queued")
    scope = describe_status(code, text)["scope"]
    scope = narrow_scope(scope, text or "", [recipient.addr_spec], senders)
    return AnymailRecipientStatus(message_id, "failed", code, text and mask_addresses(text), scope)


def _text(result: Any, name: str) -> str | None:
    value = result.get(name) if isinstance(result, Mapping) else None
    return value if isinstance(value, str) else None


def _merged_data(message: OutgoingMessage, own: Mapping[str, Any]) -> str | None:
    """The common data, overridden by a recipient's own; None without own data."""
    if not own:
        return None
    return _template_data({**(message.merge_global_data or {}), **own}, "merge_data")


def _template_data(data: Mapping[str, Any], name: str) -> str:
    text = dump_json(dict(data), name)
    if len(text) > MAX_TEMPLATE_DATA:
        raise unsupported(
            f"more than {MAX_TEMPLATE_DATA:,} characters of {name}; "
            f"this message has {len(text):,} for one recipient",
            ESP_NAME,
        )
    return text
