"""Addresses in the reports of SES, and a form for comparing them."""

from __future__ import annotations

import unicodedata
from hashlib import sha256

from .idna_encoders import IdnaEncoder, idna_encoder
from .parser import parse_mailboxes

#: RFC 5321 allows 64 + 1 + 255 characters.
MAX_LENGTH = 320
#: The same with a display name before it. Values that are longer, or have more separators, are not
#: parsed: one notification may hold thousands.
MAX_MAILBOX_LENGTH = 2 * MAX_LENGTH
MAX_SEPARATORS = 16


def bare_address(value: str) -> str:
    """``user@domain`` from ``Name <user@domain>``, as SES spells it.

    :param value: anything; it is returned unchanged if it is not a mailbox.
    """
    if "<" not in value or len(value) > MAX_MAILBOX_LENGTH:
        return value
    if sum(map(value.count, "@,:;<(")) > MAX_SEPARATORS:
        return value
    mailboxes = parse_mailboxes(value).mailboxes
    return mailboxes[0].addr_spec if len(mailboxes) == 1 else value


def comparison_form(address: str, idna_encode: IdnaEncoder | None = None) -> str:
    """A text that is the same for every spelling of an address.

    Upper and lower case are the same, before the ``@`` too; the domain is in its ASCII form. A
    subaddress stays (``ann+news@`` is not ``ann@``, RFC 5233): only the server knows which
    separator it uses, and whether both reach the same person.

    :param address: with or without a display name; anything else is compared as it is. One that is
        longer than an address can be is compared by its beginning and its hash: normalising it
        would take time that grows with the square of its length.
    :param idna_encode: encodes a domain that is not ASCII; None for IDNA 2008.
    """
    address = bare_address(address).strip()
    if len(address) > MAX_LENGTH:
        digest = sha256(address.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{address[: MAX_LENGTH - len(digest) - 1]}~{digest}".casefold()
    local, at, domain = address.rpartition("@")
    if not domain.isascii():
        domain = _ascii_domain(domain, idna_encode or idna_encoder("idna2008"))
    return unicodedata.normalize("NFC", f"{local}{at}{domain.rstrip('.')}").casefold()


def _ascii_domain(domain: str, idna_encode: IdnaEncoder) -> str:
    try:
        return idna_encode(domain)
    except UnicodeError:
        return domain
