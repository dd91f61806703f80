"""What moto remembers of SES: receipt rules.

Its objects are not documented, but have kept their shape since moto 5.2.
"""

from __future__ import annotations

from collections.abc import Mapping
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
