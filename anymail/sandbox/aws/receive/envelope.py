"""How a mail arrives at SES: its envelope, the verdicts, the headers that SES adds.

Source: Amazon SES Developer Guide, "Contents of notifications for Amazon SES email receiving", and
mail that SES received.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from email.utils import format_datetime

from ....addresses.parser import parse_mailboxes
from ... import SandboxError
from ...journal import ReceivedMail
from ..headers import first, parse_headers

VERDICTS = ("spam", "virus", "spf", "dkim", "dmarc")
STATUSES = ("PASS", "FAIL", "GRAY", "PROCESSING_FAILED", "DISABLED")
#: What the sender's domain asks for if DMARC fails.
DMARC_POLICIES = ("none", "quarantine", "reject")
#: The statuses in the words of RFC 7208 and RFC 8601.
RESULTS = {
    "PASS": "pass",
    "FAIL": "fail",
    "GRAY": "none",
    "PROCESSING_FAILED": "temperror",
    "DISABLED": "none",
}
ID_CHARACTERS = "0123456789abcdefghijklmnopqrstuv"

_ADDRESS = re.compile(
    r"[^\s<>@\x00-\x1f\x7f\ud800-\udfff]{1,256}@[^\s<>@\x00-\x1f\x7f\ud800-\udfff]+"
)
_DOMAIN = re.compile(r"[A-Za-z0-9.-]{1,253}")


def new_id() -> str:
    """An id such as SES gives to received mail."""
    return "".join(secrets.choice(ID_CHARACTERS) for _ in range(40))


def check_addresses(sender: str, recipients: Sequence[str]) -> None:
    """Refuse what no mail server would take.

    :raises SandboxError: an address is not valid, or there is no recipient.
    """
    if not recipients:
        raise SandboxError("A mail needs at least one recipient.")
    for address in (*recipients, *([sender] if sender else [])):
        if not _ADDRESS.fullmatch(address):
            raise SandboxError(f"{address!r} is not a mail address.")


def choose_verdicts(chosen: Mapping[str, str], *, scans: bool) -> dict[str, str]:
    """All verdicts: ``PASS`` where nothing is chosen.

    :param chosen: may have ``dmarc_policy``, too.
    :param scans: the receipt rule has mail scanned for spam and viruses.
    :raises SandboxError: there is no such verdict.
    """
    for name, status in chosen.items():
        if status not in (DMARC_POLICIES if name == "dmarc_policy" else STATUSES):
            raise SandboxError(f"{status!r} is not a verdict of SES.")
        if name not in (*VERDICTS, "dmarc_policy"):
            raise SandboxError(f"SES has no verdict {name!r}.")
    usual = dict.fromkeys(VERDICTS, "PASS")
    if not scans:
        usual |= {"spam": "DISABLED", "virus": "DISABLED"}
    return {name: chosen.get(name, status) for name, status in usual.items()}


def add_headers(mail: ReceivedMail, region: str) -> bytes:
    """The source of a mail with SES's headers on top; with the line ends of SMTP."""
    raw = re.sub(rb"(?<!\r)\n", b"\r\n", mail.raw)
    added = "".join(f"{name}: {value}\r\n" for name, value in _headers(mail, raw, region).items())
    return added.encode() + raw


def _headers(mail: ReceivedMail, raw: bytes, region: str) -> dict[str, str]:
    verdicts = mail.verdicts
    results = {name: RESULTS[status] for name, status in verdicts.items()}
    envelope_domain = mail.sender.rpartition("@")[2] or "localhost"
    from_domain = _from_domain(raw) or envelope_domain
    designates = "designates" if results["spf"] == "pass" else "does not designate"
    spf = (
        f"{results['spf']} (spfCheck: domain of {envelope_domain} {designates} 127.0.0.1 as "
        f"permitted sender) client-ip=127.0.0.1; envelope-from={mail.sender}; helo=localhost;"
    )
    return {
        "Return-Path": f"<{mail.sender}>",
        "Received": "from localhost (localhost [127.0.0.1])\r\n"
        f" by inbound-smtp.{region}.amazonaws.com with SMTP id {mail.id}\r\n"
        f" for {mail.recipients[0]};\r\n {format_datetime(mail.at)} (UTC)",
        "X-SES-Spam-Verdict": verdicts["spam"],
        "X-SES-Virus-Verdict": verdicts["virus"],
        "Received-SPF": spf,
        "Authentication-Results": f"amazonses.com;\r\n spf={spf}\r\n"
        f" dkim={results['dkim']} header.i=@{from_domain};\r\n"
        f" dmarc={results['dmarc']} header.from={from_domain};",
        "X-SES-RECEIPT": base64.b64encode(secrets.token_bytes(48)).decode(),
    }


def _from_domain(raw: bytes) -> str | None:
    mailboxes = parse_mailboxes(first(parse_headers(raw), "from") or "").mailboxes
    domain = mailboxes[0].addr_spec.rpartition("@")[2] if mailboxes else ""
    return domain if _DOMAIN.fullmatch(domain) else None
