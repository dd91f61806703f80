"""EmailAddress, and the addresses in strings that an application passes (RFC 5322)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.functional import Promise

from ..exceptions import AnymailInvalidAddress
from ..mime.encoded_words import encode_words
from .idna_encoders import IdnaEncoder
from .parser import CONTROL_CHARACTER, NO_ADDRESS, has_control_character, parse_mailboxes


class EmailAddress:
    """One address (RFC 5322): a display name, which may be empty, and an addr-spec, user@domain.

    Treat it as immutable: it is hashable, and equal to others with the same parts.

    :param display_name: without quotes or encoding. A ``(display_name, addr_spec)`` pair is
        accepted as the only argument.
    :param addr_spec: as a person would write it: Unicode, not Punycode.
    :raises ValueError: a line break in either.
    """

    __slots__ = ("addr_spec", "display_name")

    def __init__(
        self, display_name: str | tuple[str, str] | None = "", addr_spec: str | None = None
    ) -> None:
        if isinstance(display_name, tuple):
            display_name, addr_spec = display_name
        self.display_name: str = display_name or ""
        self.addr_spec: str = addr_spec or ""
        if any(character in self.display_name + self.addr_spec for character in "\r\n"):
            raise ValueError("An email address can't contain newlines.")

    @property
    def username(self) -> str:
        """The part before the last ``@``; everything if there is none."""
        return self.addr_spec.rpartition("@")[0] if "@" in self.addr_spec else self.addr_spec

    @property
    def domain(self) -> str:
        """The part after the last ``@``; empty if there is none."""
        return self.addr_spec.rpartition("@")[2] if "@" in self.addr_spec else ""

    @property
    def address(self) -> str:
        """The whole address, readable: ``Name <user@domain>``."""
        return str(self)

    def __str__(self) -> str:
        return self.format(use_rfc2047=False)

    def __repr__(self) -> str:
        # It appears in error reports, so it must not identify a person.
        return f"<EmailAddress: ***@{self.domain}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EmailAddress):
            return NotImplemented
        return (self.display_name, self.addr_spec) == (other.display_name, other.addr_spec)

    def __hash__(self) -> int:
        return hash((self.display_name, self.addr_spec))

    def formataddr(self, encoding: str | None = None) -> str:
        """The address for a header: a display name that is not ASCII becomes encoded-words.

        :param encoding: their charset; UTF-8 unless given.
        """
        return self.format(charset=encoding or "utf-8")

    def format(
        self,
        use_rfc2047: bool = True,
        idna_encode: IdnaEncoder | None = None,
        charset: str = "utf-8",
    ) -> str:
        """The whole address.

        :param use_rfc2047: encode a display name that is not ASCII (RFC 2047).
        :param idna_encode: encodes a domain that is not ASCII; None to leave it as it is.
        :param charset: for the encoded-words.
        :raises AnymailInvalidAddress: the domain cannot be encoded.
        """
        addr_spec = self.format_addr_spec(idna_encode)
        if not self.display_name:
            return addr_spec
        if not use_rfc2047 or _is_plain_ascii(self.display_name):
            return _quoted_name(self.display_name, addr_spec)
        return f"{encode_words(self.display_name, charset)} <{addr_spec}>"

    @property
    def uses_eai(self) -> bool:
        """Whether only a server with SMTPUTF8 can deliver to it (RFC 6531).

        That is so for a local part that is not ASCII: a domain can be encoded.
        """
        return not self.username.isascii()

    def as_dict(self, idna_encode: IdnaEncoder | None = None) -> dict[str, str]:
        """``{"email": …}``, with ``"name"`` if there is a display name.

        :param idna_encode: encodes a domain that is not ASCII; None to leave it as it is.
        :raises AnymailInvalidAddress: the domain cannot be encoded.
        """
        name = {"name": self.display_name} if self.display_name else {}
        return {"email": self.format_addr_spec(idna_encode), **name}

    def format_addr_spec(self, idna_encode: IdnaEncoder | None = None) -> str:
        """The addr-spec.

        :param idna_encode: encodes a domain that is not ASCII; None to leave it as it is.
        :raises AnymailInvalidAddress: the domain cannot be encoded.
        """
        if idna_encode is None or self.domain.isascii():
            return self.addr_spec
        try:
            return f"{self.username}@{idna_encode(self.domain)}"
        except UnicodeError as err:
            raise AnymailInvalidAddress(
                "The domain of an email address is not a valid internationalized domain name. "
                'ANYMAIL["IDNA_ENCODER"] chooses the rules: "idna2008", "idna2003" or "uts46".'
            ) from err


def parse_address_list(
    address_list: str | Iterable[Any] | None, field: str | None = None
) -> list[EmailAddress]:
    """Addresses from strings, each of which may hold several (``"a@x, b@x"``).

    Encoded-words (RFC 2047) in display names are decoded.

    :param address_list: strings, or one string. None is the same as an empty list, and is passed
        over in a list.
    :param field: where they come from, for the error.
    :raises AnymailInvalidAddress: one of them is not an address list by RFC 5322 (section 3.4 and
        the obsolete forms of section 4.4), or holds a control character.
    """
    if address_list is None:
        return []
    if isinstance(address_list, (str, bytes, Promise)) or not isinstance(address_list, Iterable):
        address_list = [address_list]
    strings = [_force_str(address) for address in address_list if address is not None]
    parsed = []
    for position, string in enumerate(strings, start=1):
        parsed += _parse_one_string(string, f"item {position} of {len(strings)}", field)
    return parsed


def parse_single_address(address: Any, field: str | None = None) -> EmailAddress:
    """The one address in a string.

    :param address: a string, possibly a lazy one.
    :param field: where it comes from, for the error.
    :raises AnymailInvalidAddress: there is none, or more than one.
    """
    parsed = parse_address_list([address], field=field)
    if len(parsed) != 1:
        raise AnymailInvalidAddress(
            f"Only one email address is allowed{_in_field(field)}, and there are {len(parsed)}."
        )
    return parsed[0]


def _force_str(address: Any) -> str:
    return str(address) if isinstance(address, Promise) else address


def _parse_one_string(string: str, position: str, field: str | None) -> list[EmailAddress]:
    where = f"{_in_field(field)} ({position})"
    if not isinstance(string, str):
        raise AnymailInvalidAddress(
            f"Invalid email address{where}: a string is needed, not {type(string).__name__}."
        )
    if has_control_character(string):
        raise AnymailInvalidAddress(f"Invalid email address{where}: {CONTROL_CHARACTER}.")
    mailboxes, problems = parse_mailboxes(string)
    if not mailboxes and not problems:
        problems = [NO_ADDRESS if string.strip() else "it is empty"]
    if problems:
        hint = " Maybe quotes are missing around a display name?" if "," in string else ""
        raise AnymailInvalidAddress(f"Invalid email address{where}: {problems[0]}.{hint}")
    return [EmailAddress(*mailbox) for mailbox in mailboxes]


def _in_field(field: str | None) -> str:
    return f" in `{field}`" if field else ""


def _is_plain_ascii(text: str) -> bool:
    """Whether it can be written without encoding: no "=?" that a reader would decode."""
    return text.isascii() and text.isprintable() and "=?" not in text


def _quoted_name(name: str, addr_spec: str) -> str:
    # email.utils.formataddr refuses an addr-spec that is not ASCII.
    escaped = name.replace("\\", r"\\").replace('"', r"\"")
    special = any(character in '()<>@,:;".[]\\' for character in name)
    special = special or "  " in name or name != name.strip()
    return f'"{escaped}" <{addr_spec}>' if special else f"{name} <{addr_spec}>"
