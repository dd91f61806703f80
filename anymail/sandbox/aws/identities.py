"""The identities of SES, and whether they are verified."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..journal import now
from .dns.records import dkim_keys, dkim_records, dmarc_record, mail_from_records
from .dns.zone import Dns, Record
from .faults import Faults

#: As ``GetEmailIdentity`` of v2 has it. Whatever of it is ``PENDING`` is checked with each look.
Identity = dict[str, Any]
#: Where SES keeps the keys of Easy DKIM.
KEYS = "dkim.amazonses.com"
#: ``DkimAttributes`` of an address.
NO_DKIM: dict[str, Any] = {
    "SigningEnabled": False,
    "Status": "NOT_STARTED",
    "SigningAttributesOrigin": "AWS_SES",
}


@dataclass(kw_only=True)
class Identities:
    """The identities of the account in all regions.

    :param faults: their ``asks_in_vain`` says whether what SES asks for is done.
    :param known: by region and name in lower case.
    """

    dns: Dns
    faults: Faults
    known: dict[tuple[str, str], Identity] = field(default_factory=dict)

    def find(self, region: str, name: str) -> Identity | None:
        """The identity with a name, after a look at what is pending."""
        found = self.known.get((region, name.lower()))
        if found is not None:
            self._check(region, found)
        return found

    def all(self, region: str) -> list[Identity]:
        """Those of a region, the oldest first."""
        found = [identity for (where, _), identity in self.known.copy().items() if where == region]
        for identity in found:
            self._check(region, identity)
        return found

    def covering(self, region: str, address: str) -> list[Identity]:
        """Those that stand for an address: itself, its domain, parents of that. Closest first."""
        found = (self.find(region, name) for name in _names(address))
        return [identity for identity in found if identity is not None]

    def verified(self, region: str, address: str) -> Identity | None:
        """The closest identity that covers an address and is verified."""
        return next(filter(is_verified, self.covering(region, address)), None)

    def receives_for(self, region: str, address: str) -> bool:
        """Whether the domain of an address is verified: only then SES takes mail for it."""
        return self.verified(region, address.rpartition("@")[2]) is not None

    def publish(self, region: str, identity: Identity) -> None:
        """SES publishes its keys; a domain's owner what SES asks for, unless it asks in vain."""
        for name, kind, value in dkim_keys(identity):
            self.dns.replace(name, kind, value)
        if not self.faults.asks_in_vain:
            self.dns.publish(*dkim_records(identity), *mail_from_records(identity, region))
            if identity["IdentityType"] == "DOMAIN":
                self.dns.publish(dmarc_record(identity["EmailIdentity"]))

    def _check(self, region: str, identity: Identity) -> None:
        """What is pending succeeds as soon as its records are seen, or its link was followed."""
        dkim, mail_from = identity["DkimAttributes"], identity["MailFromAttributes"]
        if identity["VerificationStatus"] == "PENDING":
            problem = self._problem(dkim_records(identity))
            identity["VerificationInfo"] = _verification_info(problem)
            waits = self.faults.asks_in_vain if "@" in identity["EmailIdentity"] else problem
            identity["VerificationStatus"] = "PENDING" if waits else "SUCCESS"
        if dkim["Status"] == "PENDING" and not self._problem(dkim_records(identity)):
            dkim["Status"] = "SUCCESS"
        if mail_from.get("MailFromDomainStatus") == "PENDING":
            asked = mail_from_records(identity, region)
            mail_from["MailFromDomainStatus"] = "PENDING" if self._problem(asked) else "SUCCESS"

    def _problem(self, records: Iterable[Record]) -> str | None:
        """Why SES does not see some of the records."""
        return next(filter(None, map(self.dns.problem, records)), None)


def new_identity(name: str) -> Identity:
    """An identity for whose records SES has not asked yet."""
    is_domain = "@" not in name
    return {
        "EmailIdentity": name.lower() if is_domain else name,
        "IdentityType": "DOMAIN" if is_domain else "EMAIL_ADDRESS",
        "FeedbackForwardingStatus": True,
        "VerificationStatus": "PENDING",
        "VerificationInfo": {},
        "DkimAttributes": easy_dkim() if is_domain else dict(NO_DKIM),
        "MailFromAttributes": {"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"},
        "Policies": {},
        "Tags": [],
    }


def easy_dkim(key_length: str = "RSA_2048_BIT") -> dict[str, Any]:
    """``DkimAttributes`` with new tokens.

    :param key_length: ``"RSA_1024_BIT"`` or ``"RSA_2048_BIT"``.
    """
    return {
        "SigningEnabled": True,
        "Status": "PENDING",
        "Tokens": [f"{secrets.randbits(160):032x}"[:32] for _ in range(3)],
        "SigningHostedZone": KEYS,
        "SigningAttributesOrigin": "AWS_SES",
        "NextSigningKeyLength": key_length,
        "CurrentSigningKeyLength": key_length,
        "LastKeyGenerationTimestamp": now(),
    }


def is_verified(identity: Identity) -> bool:
    return bool(identity["VerificationStatus"] == "SUCCESS")


def _verification_info(problem: str | None) -> dict[str, Any]:
    at = now()
    found = {"ErrorType": problem} if problem else {"LastSuccessTimestamp": at}
    return {"LastCheckedTimestamp": at, **found}


def _names(address: str) -> Iterator[str]:
    """Every identity that may stand for an address, the closest first; in lower case."""
    name = address.lower()
    while name:
        yield name
        name = name.partition("@" if "@" in name else ".")[2]
