"""A mail that arrives at SES: its envelope, the verdicts, the headers that SES puts on top.

Source: Amazon SES Developer Guide, "Contents of notifications for Amazon SES email receiving", and
mail that SES received.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, getaddresses

from ... import SandboxError
from ..ses.raw_mail import parse_headers

VERDICTS = ("spam", "virus", "spf", "dkim", "dmarc")
STATUSES = ("PASS", "FAIL", "GRAY", "PROCESSING_FAILED", "DISABLED")
#: What to do with mail that fails DMARC, in the words of the domain that it claims to be from.
DMARC_POLICIES = ("none", "quarantine", "reject")
#: The verdicts in the words of RFC 7208 and RFC 8601.
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


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """How a mail arrived.

    :param id: SES's ``messageId``.
    :param sender: MAIL FROM; empty for a bounce.
    :param recipients: RCPT TO.
    :param verdicts: for each of :data:`VERDICTS` one of :data:`STATUSES`.
    :param dmarc_policy: one of :data:`DMARC_POLICIES`.
    """

    id: str
    sender: str
    recipients: Sequence[str]
    region: str
    at: datetime
    verdicts: Mapping[str, str]
    dmarc_policy: str


def new_id() -> str:
    """An id as SES gives it to received mail."""
    return "".join(secrets.choice(ID_CHARACTERS) for _ in range(40))


def check_envelope(sender: str, recipients: Sequence[str]) -> None:
    """Refuse what no mail server would take.

    :raises SandboxError: something is no address, or there is no recipient.
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


def add_headers(raw: bytes, arrival: Arrival) -> bytes:
    """A mail with what SES writes on top of it; with the line ends of SMTP."""
    mail = re.sub(rb"(?<!\r)\n", b"\r\n", raw)
    top = "".join(f"{name}: {value}\r\n" for name, value in _new_headers(mail, arrival).items())
    return top.encode() + mail


def unfolded_headers(mail: bytes) -> list[tuple[str, str]]:
    """The headers of a mail, each on one line; what is not UTF-8 is replaced."""
    return [(name, re.sub(r"[\r\n]+", "", value).strip()) for name, value in parse_headers(mail)]


def parse_mailboxes(values: Sequence[str]) -> list[tuple[str, str]]:
    """Names and addresses in headers; none where Python cannot read them."""
    try:
        return getaddresses(list(values))
    except RecursionError:  # comments in comments
        return []


def _new_headers(mail: bytes, arrival: Arrival) -> dict[str, str]:
    results = {name: RESULTS[status] for name, status in arrival.verdicts.items()}
    envelope_domain = arrival.sender.rpartition("@")[2] or "localhost"
    from_domain = _from_domain(mail) or envelope_domain
    designates = "designates" if results["spf"] == "pass" else "does not designate"
    spf = (
        f"{results['spf']} (spfCheck: domain of {envelope_domain} {designates} 127.0.0.1 as "
        f"permitted sender) client-ip=127.0.0.1; envelope-from={arrival.sender}; helo=localhost;"
    )
    return {
        "Return-Path": f"<{arrival.sender}>",
        "Received": "from localhost (localhost [127.0.0.1])\r\n"
        f" by inbound-smtp.{arrival.region}.amazonaws.com with SMTP id {arrival.id}\r\n"
        f" for {arrival.recipients[0]};\r\n {format_datetime(arrival.at)} (UTC)",
        "X-SES-Spam-Verdict": arrival.verdicts["spam"],
        "X-SES-Virus-Verdict": arrival.verdicts["virus"],
        "Received-SPF": spf,
        "Authentication-Results": f"amazonses.com;\r\n spf={spf}\r\n"
        f" dkim={results['dkim']} header.i=@{from_domain};\r\n"
        f" dmarc={results['dmarc']} header.from={from_domain};",
        "X-SES-RECEIPT": base64.b64encode(secrets.token_bytes(48)).decode(),
    }


def _from_domain(mail: bytes) -> str | None:
    for name, value in unfolded_headers(mail):
        if name.lower() == "from":
            domain = next(iter(parse_mailboxes([value])), ("", ""))[1].rpartition("@")[2]
            return domain if _DOMAIN.fullmatch(domain) else None
    return None
