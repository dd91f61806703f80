"""What moto remembers of SES: identities, configuration sets, receipt rules.

Its objects are not documented, but have kept their shape since moto 5.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.ses.models import ses_backends

from .defaults import ACCOUNT


@dataclass(frozen=True, kw_only=True)
class ReceiptRule:
    """A rule of the active receipt rule set.

    :param recipients: addresses, domains, and ``.domain`` for every subdomain; empty: everybody.
    :param actions: as boto3 takes them: ``{"S3Action": {"BucketName": …}}``.
    """

    name: str
    recipients: tuple[str, ...] = ()
    actions: tuple[Mapping[str, Any], ...] = ()
    scans: bool = False

    def takes(self, address: str) -> bool:
        """Whether the rule is for mail to an address. Labels (``user+label@``) do not count."""
        local, _, domain = address.lower().rpartition("@")
        bare = f"{local.partition('+')[0]}@{domain}"
        return not self.recipients or any(
            wanted in (f"{local}@{domain}", bare, domain)
            or (wanted.startswith(".") and domain.endswith(wanted))
            for wanted in map(str.lower, self.recipients)
        )


def verified_identity(region: str, address: str) -> str | None:
    """The verified identity that covers an address: itself, its domain, or a parent of that."""
    names = list(ses_backends[ACCOUNT][region].email_identities)  # at once: other threads add
    verified = {name.lower(): name for name in names}
    return next((verified[name] for name in _covering(address) if name in verified), None)


def receives_for(region: str, address: str) -> bool:
    """Whether the domain of an address is verified: only then SES takes mail for it."""
    return verified_identity(region, address.rpartition("@")[2]) is not None


def _covering(address: str) -> Iterator[str]:
    """Every identity that may stand for an address, the closest first; in lower case."""
    name = address.lower()
    while name:
        yield name
        name = name.partition("@" if "@" in name else ".")[2]


def configuration_sets(region: str) -> dict[str, Any]:
    """moto's configuration sets, by name."""
    return ses_backends[ACCOUNT][region].config_sets


def receipt_rules(region: str) -> list[ReceiptRule]:
    """The enabled rules of the active receipt rule set, in their order; empty without one."""
    sets = list(ses_backends[ACCOUNT][region].receipt_rule_set.values())
    return [
        ReceiptRule(
            name=rule["Name"],
            recipients=tuple(rule.get("Recipients") or ()),
            actions=tuple(rule.get("Actions") or ()),
            scans=bool(rule.get("ScanEnabled")),
        )
        for found in sets
        for rule in found.rules
        if found.is_active and rule.get("Enabled")
    ]
