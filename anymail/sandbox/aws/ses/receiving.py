"""The MX records of domains that receive mail through SES. moto keeps the receipt rules."""

from __future__ import annotations

from ..api import ApiRequest
from ..dns.records import receiving_record
from ..moto_state import receipt_rules
from .context import SesContext


def create_receipt_rule(ses: SesContext, request: ApiRequest) -> None:
    """The owners of the domains that a rule is for publish their MX."""
    recipients = request.params["Rule"].get("Recipients") or [
        identity["EmailIdentity"]
        for identity in ses.identities.all(request.region)
        if identity["IdentityType"] == "DOMAIN"
    ]
    for recipient in recipients:
        publish_exchanger(ses, request.region, recipient.rpartition("@")[2].lstrip("."))


def publish_new(ses: SesContext, region: str, domain: str) -> None:
    """So does the owner of a new domain if a rule takes mail for every one."""
    if any(not rule.recipients for rule in receipt_rules(region)):
        publish_exchanger(ses, region, domain)


def publish_exchanger(ses: SesContext, region: str, domain: str) -> None:
    """Publish an MX record, unless SES asks in vain."""
    if not ses.faults.asks_in_vain:
        ses.identities.dns.publish(receiving_record(domain, region))
