"""To whom a batch goes: whatever ``send_many()`` is given -> addresses, one by one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise

from ...addresses import parse_single_address
from ...database.columns import address_key
from ...exceptions import AnymailInvalidAddress


@dataclass(frozen=True, repr=False)
class BatchRecipient:
    """A recipient of a batch.

    :param address: as in ``to``, with or without a display name.
    :param merge_data: what the template says about it.
    :param merge_metadata: metadata of its own.
    :param merge_headers: header fields of its own.
    """

    address: str
    merge_data: Mapping[str, Any] = field(default_factory=dict)
    merge_metadata: Mapping[str, Any] = field(default_factory=dict)
    merge_headers: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:  # error reports show it
        return "<BatchRecipient>"


#: What ``send_many()`` takes for a recipient.
AnyRecipient = str | tuple[str, Mapping[str, Any]] | BatchRecipient


@dataclass(frozen=True, kw_only=True, repr=False)
class Addressee:
    """A recipient, with its address as databases compare it.

    :param position: where it was, from 1.
    :param recipient: as it was given.
    :param addr_spec: the address without a display name; None if it is no address.
    :param key: see :func:`.database.columns.address_key`.
    """

    position: int
    recipient: BatchRecipient
    addr_spec: str | None
    key: str

    @property
    def shown(self) -> str:
        """The address for people, even if it is none."""
        return self.recipient.address if self.addr_spec is None else self.addr_spec


def addressees(recipients: Iterable[AnyRecipient]) -> Iterator[Addressee]:
    """Read recipients, as they come.

    :raises TypeError: one is something else. The text says where it was.
    """
    if isinstance(recipients, (str, bytes, Mapping)):
        raise TypeError(
            "The recipients must be an iterable of addresses, pairs of an address and its "
            f"merge_data, or BatchRecipients, not {type(recipients).__name__}: take [address], or "
            "dict.items()."
        )
    for position, item in enumerate(recipients, start=1):
        recipient = _recipient(item, position)
        addr_spec = _addr_spec(recipient.address)
        yield Addressee(
            position=position,
            recipient=recipient,
            addr_spec=addr_spec,
            key=address_key(recipient.address if addr_spec is None else addr_spec),
        )


def _recipient(item: Any, position: int) -> BatchRecipient:
    if isinstance(item, (tuple, list)) and len(item) == 2 and isinstance(item[1], Mapping):
        item = BatchRecipient(item[0], merge_data=item[1])
    address = item.address if isinstance(item, BatchRecipient) else item
    if address is None:  # a column that may be empty
        address = ""
    if not isinstance(address, (str, Promise)):
        raise TypeError(
            f"Recipient {position} must be an address, a pair of an address and its merge_data, "
            f"or a BatchRecipient, not {type(address).__name__}."
        )
    if not isinstance(item, BatchRecipient):
        return BatchRecipient(str(address))
    return BatchRecipient(str(address), item.merge_data, item.merge_metadata, item.merge_headers)


def _addr_spec(address: str) -> str | None:
    try:
        return parse_single_address(address).addr_spec
    except AnymailInvalidAddress:
        return None
