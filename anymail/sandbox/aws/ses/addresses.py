"""What SES takes for an e-mail address, and what it says about one before anything is sent there.

Sources: SES API references, "SendRawEmail" and "Destination": 7-bit ASCII, Punycode for domains;
"EmailAddressInsightsMailboxEvaluations", of which the verdicts are the sandbox's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..api import ApiRequest
from ..events.simulator import is_simulated
from ..headers import TOKEN, Header, mailboxes, split
from .context import Result, SesContext
from .errors import SesError, invalid

#: RFC 5322 section 3.2.3 and the dot.
LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+|\"(?:[^\"\\]|\\.)*\"")
DOMAIN = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Za-z.:]+\]")
CONTROL_OR_WHITESPACE = re.compile(r"[\x00-\x20\x7f]")

Verdicts = dict[str, str]
VALIDITY = ("HasValidSyntax", "HasValidDnsRecords", "MailboxExists")
GOOD: Verdicts = {
    **dict.fromkeys(VALIDITY, "HIGH"),
    **dict.fromkeys(("IsDisposable", "IsRandomInput", "IsRoleAddress"), "LOW"),
}
#: Of the mailbox simulator, by the local part; only the first two are Amazon's.
SIMULATED: dict[str, Verdicts] = {
    "bounce": {"MailboxExists": "LOW"},
    "suppressionlist": {"MailboxExists": "LOW"},
    "unsure": {"MailboxExists": "MEDIUM"},
    "disposable": {"IsDisposable": "HIGH"},
    "random": {"IsRandomInput": "HIGH"},
    "role": {"IsRoleAddress": "HIGH"},
}


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
    return list(map(parse_address, mailboxes(headers, *names)))


def check_address(address: str) -> None:
    """Refuse what is no bare address, in SES's words."""
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
        (domain != domain.strip(".") or len(address) > 320, "Illegal address"),
    ):
        if wrong:
            raise invalid(text)


def get_email_address_insights(_ses: SesContext, request: ApiRequest) -> Result:
    found = {**GOOD, **_faults(request.params["EmailAddress"])}
    overall = min((found[name] for name in VALIDITY), key=("LOW", "MEDIUM", "HIGH").index)
    evaluations = {name: {"ConfidenceVerdict": verdict} for name, verdict in found.items()}
    validation = {"IsValid": {"ConfidenceVerdict": overall}, "Evaluations": evaluations}
    return {"MailboxValidation": validation}


def _faults(address: str) -> Verdicts:
    """Where an address is not as good as it could be."""
    try:
        check_address(address)
    except SesError:
        return dict.fromkeys(VALIDITY, "LOW")
    if address.lower().endswith(".invalid"):  # RFC 6761
        return dict.fromkeys(VALIDITY[1:], "LOW")
    local = address.lower().rpartition("@")[0].partition("+")[0]
    return SIMULATED.get(local, {}) if is_simulated(address) else {}
