"""What SES holds for an e-mail address, and the words with which it refuses others.

Source of the rules: SES API reference, "SendRawEmail" and "Destination": 7-bit ASCII, Punycode for
domains. The words are those that SES answers with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .refusals import invalid

#: RFC 5322 section 3.2.3 and the dot.
LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+|\"(?:[^\"\\]|\\.)*\"")
DOMAIN = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Za-z.:]+\]")
#: Quoted text, a comment, what is in brackets, what separates, everything else. What is not closed
#: reaches to the end.
TOKEN = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"?|\((?:[^()\\]|\\.)*\)?|<[^>]*>?|\[[^\]]*\]?|[,;:]|[^\",;:(<\[]+",
    re.DOTALL,
)
CONTROL_OR_WHITESPACE = re.compile(r"[\x00-\x20\x7f]")


def parse_addresses(items: Iterable[str]) -> list[str]:
    """The bare addresses in a list of ``name <address>``. Each item may hold several.

    :raises Refused: one of them is none.
    """
    return [parse_address(part) for item in items for part in split(item) or [item]]


def parse_address(text: str) -> str:
    """The bare address in ``name <address>``.

    :raises Refused: it is none, or has a name that is not ASCII.
    """
    tokens = [token for token in TOKEN.findall(text) if not token.startswith("(")]
    angles = [token for token in tokens if token.startswith("<")]
    address = angles[-1].strip("<>") if angles else "".join(tokens)
    address = address.strip()
    check_address(address)
    if not text.isascii():
        raise invalid("Illegal address")  # a name has to be an encoded-word
    return address


def check_address(address: str) -> None:
    """Refuse what is no bare address.

    :raises Refused: it is none.
    """
    local, at, domain = address.rpartition("@")
    unquoted, contains = not local.startswith('"'), "Local address contains"
    for wrong, text in (
        (not at, "Missing final '@domain'"),
        (not domain, "Missing domain"),
        (not local, "Missing local part"),
        (unquoted and CONTROL_OR_WHITESPACE.search(local), f"{contains} control or whitespace"),
        (not LOCAL.fullmatch(local), f"{contains} illegal character"),
        (CONTROL_OR_WHITESPACE.search(domain), "Domain contains control or whitespace"),
        (not DOMAIN.fullmatch(domain), "Domain contains illegal character"),
        (".." in domain, "Domain contains dot-dot"),
        (domain[0:1] == "." or domain[-1:] == ".", "Illegal address"),
        (len(address) > 320, "Illegal address"),
    ):
        if wrong:
            raise invalid(text)


def split(text: str) -> list[str]:
    """The mailboxes in an address header; those of groups too, without the group's name."""
    return [part for tokens in _mailboxes(text) if (part := "".join(tokens).strip())]


def _mailboxes(text: str) -> Iterator[list[str]]:
    """The tokens of each mailbox, without comments."""
    tokens: list[str] = []
    for part in TOKEN.findall(text):
        if part in (",", ";"):
            yield tokens
            tokens = []
        elif part == ":":
            tokens = []  # it was the name of a group
        elif not part.startswith("("):
            tokens.append(part)
    yield tokens
