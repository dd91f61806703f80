"""DMARC: what receivers do with mail that neither DKIM nor SPF proves (RFC 7489)."""

from __future__ import annotations

from collections.abc import Iterator

from ...dns.dmarc import Dmarc, dmarc_texts, parse_dmarc
from ...dns.mailbox_providers import MAILBOX_PROVIDERS
from ...dns.records import DnsRecord, dmarc_record
from ..context import Context
from ..findings import Finding, Fix, advice, dns_record, error, not_used, ok, warning
from ..identities import domain_identity, identities, mail_from_identity
from ..senders import Sender, from_senders
from .identities import create_identity


def policies(context: Context) -> Iterator[Finding]:
    """D08: every From domain has a policy, and our mail passes."""
    found = {
        one.domain: one for one in from_senders(context) if one.domain not in MAILBOX_PROVIDERS
    }
    if not found:
        yield not_used("no From domain: see D05")
    for sender in found.values():
        yield from _of_sender(sender, context)


def _of_sender(sender: Sender, context: Context) -> Iterator[Finding]:
    owner, texts = dmarc_texts(sender.domain, lambda name: context.look_up(name, "TXT"))
    if not texts:
        text = f"{sender.domain} has no policy: Gmail and Yahoo refuse bulk mail"
        yield warning(text, dns_record(str(dmarc_record(owner))))
        return
    if len(texts) > 1:
        keep = advice(f"Keep one TXT record of _dmarc.{owner}, and delete the others.")
        yield warning(f"_dmarc.{owner} has {len(texts)} policies, so none counts", keep)
        return
    yield _of_policy(parse_dmarc(texts[0], owner, sender.domain), sender, context)


def _of_policy(dmarc: Dmarc, sender: Sender, context: Context) -> Finding:
    """What to say of a policy: the worst thing."""
    if dmarc.policy is None:
        text = f"_dmarc.{dmarc.domain} says nothing valid for p, so it may not count"
        return warning(f"{text}: replace it", _changed(dmarc, p="none"))
    proofs = list(_proofs(dmarc, sender, context))
    is_verified = any(one.is_verified for one in identities(sender.address, context))
    if is_verified and not proofs:
        return _not_aligned(dmarc, sender, context)
    if dmarc.policy == "none" and not dmarc.has_reports:
        text = f"{sender.domain}: p=none, and nobody gets reports"
        rua = f"mailto:postmaster@{dmarc.domain}"
        return warning(f"{text}: replace the record", _changed(dmarc, rua=rua))
    return ok(f"{sender.domain}: {_summary(dmarc)}, {_passes(proofs)}")


def _proofs(dmarc: Dmarc, sender: Sender, context: Context) -> Iterator[str]:
    """What proves that mail is from a domain."""
    signer = domain_identity(sender.address, context)
    if signer and signer.is_signing and dmarc.aligns(signer.name, sender.domain, "adkim"):
        yield "DKIM"
    found = mail_from_identity(sender.address, context)
    mail_from = found.mail_from if found else {}
    if mail_from.get("MailFromDomainStatus") == "SUCCESS" and dmarc.aligns(
        mail_from["MailFromDomain"], sender.domain, "aspf"
    ):
        yield "SPF"


def _not_aligned(dmarc: Dmarc, sender: Sender, context: Context) -> Finding:
    """Mail that nothing proves to be from its From domain."""
    signer = domain_identity(sender.address, context)
    fixes = []
    if signer and signer.is_signing:
        text = f"mail from @{sender.domain} is signed for {signer.name}, and adkim=s wants it exact"
        fixes = [create_identity(sender.domain)]
    else:
        text = f"neither DKIM nor SPF proves mail from @{sender.domain} (D06)"
    if dmarc.policy == "none":
        return warning(text, *fixes)
    return error(f"{text}: p={dmarc.policy}", *fixes)


def _changed(dmarc: Dmarc, **tags: str) -> Fix:
    """The record with other tags; ``v`` and ``p`` have to be the first (section 6.4)."""
    first = {"v": "DMARC1", "p": dmarc.tags.get("p", "none")}
    changed = {**first, **dmarc.tags, **tags}
    text = "; ".join(f"{tag}={value}" for tag, value in changed.items())
    return dns_record(str(DnsRecord(name=f"_dmarc.{dmarc.domain}", type="TXT", value=text)))


def _summary(dmarc: Dmarc) -> str:
    partly = " for some of the mail" if dmarc.is_partial else ""
    inherited = f" of {dmarc.domain}" if dmarc.is_inherited else ""
    return f"p={dmarc.policy}{inherited}{partly}"


def _passes(proofs: list[str]) -> str:
    return (
        f"mail passes by {' and '.join(proofs)}" if proofs else "and mail cannot pass yet: see D05"
    )
