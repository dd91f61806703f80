"""Identities: whether SES sends from the addresses that the project uses.

Source: Amazon SES API v2 Reference, "GetEmailIdentity", "VerificationInfo".
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from itertools import groupby

from ....exceptions import AnymailAPIError, AnymailInvalidAddress
from ...dns.mailbox_providers import MAILBOX_PROVIDERS
from ...dns.records import dkim_records
from ..context import Context, Unanswered
from ..findings import Finding, Fix, advice, command, dns_record, error, not_checked, ok, setting
from ..identities import Identity, identities
from ..senders import Sender, other_account, parse, senders, sources

#: What ``VerificationInfo.ErrorType`` says.
REASONS = {
    "DNS_SERVER_ERROR": "its name servers fail",
    "HOST_NOT_FOUND": "SES does not find its records",
    "INVALID_VALUE": "its records have other values",
    "SERVICE_ERROR": "SES has a problem and will try again",
    "TYPE_NOT_FOUND": "the names of its records exist, with another type",
    "REPLICATION_ACCESS_DENIED": "SES may not copy the DKIM keys of the other region",
    "REPLICATION_PRIMARY_BYO_DKIM_NOT_SUPPORTED": "the other region has a DKIM key of your own",
    "REPLICATION_PRIMARY_INVALID_REGION": "the region to copy DKIM keys from is none",
    "REPLICATION_PRIMARY_NOT_FOUND": "the region to copy DKIM keys from has no such identity",
    "REPLICATION_REPLICA_AS_PRIMARY_NOT_SUPPORTED": "the other region has copied its keys, too",
}


def verified(context: Context) -> Iterator[Finding]:
    """D05: SES sends from every address that the settings name."""
    for source in sources(context):
        try:
            parse(source, context)
        except AnymailInvalidAddress:
            yield error(
                f"{source.where} is no e-mail address", *_other_address(source.assigned, context)
            )
    found = sorted(senders(context), key=lambda one: one.address)
    for _, group in groupby(found, key=lambda one: one.address):
        yield _verified(list(group), context)


def providers(context: Context) -> Iterator[Finding]:
    """D09: mail is from a domain of one's own."""
    found = [one for one in senders(context) if one.source.is_from]
    problems = [one for one in found if one.domain in MAILBOX_PROVIDERS]
    for sender in problems:
        text = f"{sender.source.where}: receivers refuse mail from {sender.domain} that SES sends"
        yield error(text, *_other_address(sender.source.assigned, context))
    if not problems:
        yield ok("no address of a mailbox provider")


def create_identity(domain: str) -> Fix:
    """The command that makes a domain known to SES, and prints the DNS records that it needs."""
    return command(f"python manage.py anymail_setup --apply --domain {shlex.quote(domain)}")


def restart_dkim(domain: str) -> Fix:
    """The command after which SES looks for the records again. It keeps the tokens."""
    return command(f"aws ses verify-domain-dkim --domain {shlex.quote(domain)}")


def _verified(group: Sequence[Sender], context: Context) -> Finding:
    """What SES knows of an address.

    :param group: the senders that use it.
    """
    sender, where = group[0], ", ".join(one.source.where for one in group)
    if sender.is_local:
        fixes = [fix for one in group for fix in _other_address(one.source.assigned, context)]
        return error(f"{where} is an address on this machine, @{sender.domain}", *fixes)
    if account := other_account(sender, context):
        return not_checked(
            f"{where}: @{sender.domain} is sent from an identity of account {account}"
        )
    found = identities(sender.address, context)
    if identity := next((one for one in found if one.is_verified), None):
        name = identity.name if identity.is_domain else f"one address @{sender.domain}"
        return ok(f"{where}: {name} is verified")
    return _unverified(where, sender, found, context)


def _unverified(where: str, sender: Sender, found: Sequence[Identity], context: Context) -> Finding:
    if sender.domain in MAILBOX_PROVIDERS:
        return error(f"{where}: {sender.domain} is not yours to verify: see D09")
    if identity := next((one for one in found if one.is_domain), None):
        status = identity.found.get("VerificationStatus", "not verified")
        reason = REASONS.get(identity.found.get("VerificationInfo", {}).get("ErrorType", ""))
        text = f"{where}: {identity.name} is not verified ({status})"
        return error(f"{text}: {reason}" if reason else text, *_verify(identity))
    if found:
        text = f"{where}: nobody has followed the link that Amazon mailed to this address"
        return error(f"{text} @{sender.domain}", create_identity(sender.domain))
    text = f"{where}: SES has no identity for @{sender.domain} in {context.region}"
    return error(text, create_identity(sender.domain))


def _verify(identity: Identity) -> Iterator[Fix]:
    """What to do for a domain that is not verified."""
    records = dkim_records(identity.name, identity.dkim)
    yield from (dns_record(str(record)) for record in records)
    if not records:
        yield advice(
            "Publish the public key of your DKIM selector, or upgrade boto3 and botocore if SES "
            "made the key: this version does not tell the records."
        )
    if identity.found.get("VerificationStatus") == "FAILED":
        yield restart_dkim(identity.name)


def _other_address(assigned: str | None, context: Context) -> Iterator[Fix]:
    """A setting with an address from which SES sends."""
    if assigned:
        yield setting(f'{assigned} = "webmaster@{_own_domain(context)}"')


def _own_domain(context: Context) -> str:
    """A verified domain of the account, or an example."""
    try:
        found = context.ask("sesv2", "ListEmailIdentities", PageSize=100)
    except (Unanswered, AnymailAPIError):
        found = {}
    domains = (
        one["IdentityName"]
        for one in found.get("EmailIdentities", ())
        if one.get("IdentityType") == "DOMAIN" and one.get("SendingEnabled")
    )
    return next(domains, "example.com")
