"""Reads attributes of a message, checked, and merged with their defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any

from django.core.mail import EmailMessage
from django.utils.functional import Promise

from ..addresses import EmailAddress, parse_address_list
from ..conf import UNSET
from ..exceptions import AnymailSerializationError
from .merging import (
    combine,
    combine_deeply,
    force_non_lazy,
    force_non_lazy_dict,
    force_non_lazy_list,
    last,
)

#: Attributes whose defaults are merged two levels deep: address, then key.
MERGED_BY_ADDRESS = ("merge_data", "merge_metadata", "merge_headers")
#: Attributes that are dicts of address to bool.
BOOL_BY_ADDRESS = ("merge_track_clicks", "merge_track_opens")
#: Attributes whose keys are names of headers, or of parameters.
KEYED_BY_NAME = ("extra_headers", "esp_extra")


class AttributeReader:
    """Reads attributes of a message, each merged with its default.

    :param message: with or without the attributes of Anymail.
    :param defaults: ``SEND_DEFAULTS``: attribute name to value.
    """

    def __init__(self, message: EmailMessage, defaults: Mapping[str, Any]) -> None:
        self.message = message
        self.defaults = defaults
        self._items: dict[str, list[Any] | None] = {}  # an iterator can be read only once

    def _both(self, name: str) -> tuple[Any, Any]:
        return self.defaults.get(name, UNSET), getattr(self.message, name, UNSET)

    def single(self, name: str) -> Any:
        """The message's own value, or the default; None if there is none."""
        return _absent_to_none(force_non_lazy(last(*self._both(name))))

    def boolean(self, name: str) -> bool | None:
        """Like :meth:`single`, but a bool; 0 and 1 are accepted.

        :raises AnymailSerializationError: it is something else.
        """
        value = self.single(name)
        if value is None:
            return None
        if not _is_boolean(value):
            raise AnymailSerializationError(f"`{name}` must be True or False, not {shown(value)}")
        return bool(value)

    def string(self, name: str) -> str | None:
        """Like :meth:`single`, but a string.

        :raises AnymailSerializationError: it is something else.
        """
        value = self.single(name)
        if not isinstance(value, (str, NoneType)):
            raise AnymailSerializationError(
                f"`{name}` must be a string, not {type(value).__name__}"
            )
        return value

    def items(self, name: str) -> list[Any] | None:
        """The default's items, and then the message's; None if there are none.

        :raises AnymailSerializationError: it is a string, or nothing that can be iterated.
        """
        if name not in self._items:
            both = self._both(name)
            for value in both:
                if value is not UNSET and value is not None:
                    _check_list(name, value)
            merged = _absent_to_none(combine(*both))
            self._items[name] = None if merged is None else list(merged)
        return self._items[name]

    def strings(self, name: str) -> tuple[str, ...] | None:
        """Like :meth:`items`, but all must be strings.

        :raises AnymailSerializationError: one is not.
        """
        found = force_non_lazy_list(self.items(name))
        for value in found or ():
            if not isinstance(value, str):
                raise AnymailSerializationError(
                    f"`{name}` must hold strings, not {type(value).__name__}"
                )
        return None if found is None else tuple(found)

    def addresses(self, name: str) -> tuple[EmailAddress, ...]:
        """Like :meth:`items`, but parsed as addresses.

        :raises AnymailInvalidAddress: one cannot be parsed.
        """
        return tuple(parse_address_list(self.items(name), name))

    def dictionary(self, name: str) -> dict[str, Any] | None:
        """The default's keys with the message's over them; None if there are none.

        :raises AnymailSerializationError: it is not a dict, or not a dict of dicts or of bools
            where that is wanted; it is nested too deeply, or contains itself.
        """
        both = self._both(name)
        for value in both:
            if value is UNSET or value is None:
                continue
            if not isinstance(value, Mapping):
                raise AnymailSerializationError(
                    f"`{name}` must be a dict, not {type(value).__name__}"
                )
            if name in MERGED_BY_ADDRESS:
                _check_by_address(name, value)
            if name in BOOL_BY_ADDRESS:
                _check_bool_by_address(name, value)
            if name in KEYED_BY_NAME:
                _check_names(name, value)
        try:
            return force_non_lazy_dict(_absent_to_none(_merged(name, both)))
        except RecursionError as err:
            raise AnymailSerializationError(
                f"The {name} of the message is nested too deeply, or contains itself."
            ) from err


def has_recipients(message: EmailMessage) -> bool:
    """Whether Django counts any recipients of a message.

    :raises AnymailSerializationError: they are not in lists.
    """
    try:
        return bool(message.recipients())
    except TypeError:
        for name in ("to", "cc", "bcc"):
            value = getattr(message, name)
            if not isinstance(value, list):
                raise AnymailSerializationError(
                    f"`{name}` must be a list, not {type(value).__name__}"
                ) from None
        raise


def _merged(name: str, both: tuple[Any, Any]) -> Any:
    if name == "esp_extra":
        return combine_deeply(*both)
    return combine_deeply(*both, levels=2) if name in MERGED_BY_ADDRESS else combine(*both)


def _absent_to_none(value: Any) -> Any:
    return None if value is UNSET else value


def _check_list(name: str, value: Any) -> None:
    if isinstance(value, (str, bytes, Mapping, Promise)) or not isinstance(value, Iterable):
        raise AnymailSerializationError(
            f"`{name}` must be a list or other iterable, not {type(value).__name__}"
        )


def _check_by_address(name: str, value: Mapping[Any, Any]) -> None:
    for address, data in value.items():
        if not isinstance(address, (str, Promise)) or not isinstance(data, Mapping):
            kinds = f"{type(address).__name__} to {type(data).__name__}"
            raise AnymailSerializationError(
                f"`{name}` must be a dict of address to dict, not of {kinds}"
            )


def _check_bool_by_address(name: str, value: Mapping[Any, Any]) -> None:
    for address, flag in value.items():
        if not isinstance(address, (str, Promise)) or not _is_boolean(flag):
            kinds = f"{type(address).__name__} to {shown(flag)}"
            raise AnymailSerializationError(
                f"`{name}` must be a dict of address to True or False, not of {kinds}"
            )
        # It would not be found by the address, and SES would track without consent.
        if "@" not in str(address) or str(address).endswith(">"):
            raise AnymailSerializationError(
                f"`{name}` must have addresses without display names for keys"
            )


def _is_boolean(value: Any) -> bool:
    return isinstance(value, int) and value in (0, 1)


def shown(value: Any) -> str:
    """The type of a value, for errors; a number itself."""
    return repr(value) if isinstance(value, (int, float)) else type(value).__name__


def _check_names(name: str, value: Mapping[Any, Any]) -> None:
    for key in value:
        if not isinstance(key, str):
            raise AnymailSerializationError(
                f"`{name}` must have strings for keys, not {type(key).__name__}"
            )
