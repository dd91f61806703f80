"""What SES takes for an e-mail address. Others raise SesError with SES's words.

Source: SES API reference, "SendRawEmail" and "Destination": 7-bit ASCII, Punycode for domains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..headers import TOKEN, Header, split, values
from .errors import invalid

#: RFC 5322 section 3.2.3 and the dot.
LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+|\"(?:[^\"\\]|\\.)*\"")
DOMAIN = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Za-z.:]+\]")
CONTROL_OR_WHITESPACE = re.compile(r"[\x00-\x20\x7f]")


def parse_addresses(items: Iterable[str]) -> list[str]:
    """The bare addresses in a list of ``name <address>``. Each item may hold several."""
    return [parse_address(part) for item in items for part in split(item) or [item]]


def parse_address(text: str) -> str:
    """The bare address in ``name <address>``."""
    tokens = [token for token in TOKEN.findall(text) if not token.startswith("(")]
    angles = [token for token in tokens if token.startswith("<")]
    address = (angles[-1].strip("<>") if angles else "".join(tokens)).strip()
    check_address(address)
    if not text.isascii():
        raise invalid("Illegal address")  # a name has to be an encoded-word
    return address


def addresses_in(headers: Iterable[Header], *names: str) -> list[str]:
    """The bare addresses in the headers with one of these names (in lower case)."""
    return [parse_address(part) for value in values(headers, *names) for part in split(value)]


def check_address(address: str) -> None:
    """Refuse what is no bare address."""
    local, at, domain = address.rpartition("@")
    odd_local = CONTROL_OR_WHITESPACE.search(local) and not local.startswith('"')
    for wrong, text in (
        (not at, "Missing final '@domain'"),
        (not domain, "Missing domain"),
        (not local, "Missing local part"),
        (odd_local, "Local address contains control or whitespace"),
        (not LOCAL.fullmatch(local), "Local address contains illegal character"),
        (CONTROL_OR_WHITESPACE.search(domain), "Domain contains control or whitespace"),
        (not DOMAIN.fullmatch(domain), "Domain contains illegal character"),
        (".." in domain, "Domain contains dot-dot"),
        (domain[:1] == "." or domain[-1:] == "." or len(address) > 320, "Illegal address"),
    ):
        if wrong:
            raise invalid(text)
