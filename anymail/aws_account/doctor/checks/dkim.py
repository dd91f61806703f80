"""DKIM: whether mail is signed for its From domain, and whether receivers find the keys.

Source: Amazon SES Developer Guide, "Authenticating Email with DKIM in Amazon SES".
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from ....processes.wording import counted
from ...dns.dkim import has_key, rsa_bits
from ...dns.mailbox_providers import MAILBOX_PROVIDERS
from ...dns.records import DnsRecord, dkim_records
from ..context import Context
from ..findings import (
    Finding,
    Fix,
    advice,
    command,
    dns_record,
    error,
    not_checked,
    not_used,
    ok,
    warning,
)
from ..identities import Identity, domain_identity, identities
from ..senders import from_senders
from .identities import create_identity, restart_dkim

#: Bits of a key that nobody doubts (RFC 8301, section 3.2).
GOOD_BITS = 2048


def signatures(context: Context) -> Iterator[Finding]:
    """D06: mail is signed for its domain, with a key of 2048 bits that is in the DNS."""
    signers: dict[str, Identity] = {}
    for sender in from_senders(context):
        if signer := domain_identity(sender.address, context):
            signers[signer.name] = signer
        elif sender.domain not in MAILBOX_PROVIDERS and identities(sender.address, context):
            text = f"mail from @{sender.domain} is not signed for it: only the address is verified"
            yield warning(text, create_identity(sender.domain))
    if not signers:
        yield not_used("SES knows no domain of the senders: see D05")
    states = {name: list(_state(signer)) for name, signer in signers.items()}
    for problems in states.values():
        yield from problems
    for name, signer in signers.items():  # last: the DNS may not answer
        problems = list(_published(signer, context))
        yield from problems or ([] if states[name] else [ok(_summary(signer))])


def _state(signer: Identity) -> Iterator[Finding]:
    """What SES says of a domain. D05 reports one that is not verified."""
    name, dkim = shlex.quote(signer.name), signer.dkim
    if not dkim.get("SigningEnabled"):
        turn_on = f"aws sesv2 put-email-identity-dkim-attributes --email-identity {name}"
        yield error(f"{signer.name}: signing is off", command(f"{turn_on} --signing-enabled"))
    if signer.is_verified and dkim.get("Status") != "SUCCESS":
        yield error(
            f"{signer.name}: the state of its DKIM is {dkim.get('Status')}", *_fixes(signer)
        )
    if dkim.get("CurrentSigningKeyLength") == "RSA_1024_BIT":
        yield warning(f"{signer.name}: the key has 1024 bits", *_longer_key(signer))


def _fixes(signer: Identity) -> Iterator[Fix]:
    yield from map(dns_record, map(str, dkim_records(signer.name, signer.dkim)))
    if signer.dkim.get("Status") in ("FAILED", "NOT_STARTED"):
        yield restart_dkim(signer.name)


def _longer_key(signer: Identity) -> Iterator[Fix]:
    if signer.dkim.get("NextSigningKeyLength") == "RSA_2048_BIT":
        yield advice("SES is changing it to 2048 bits.")
        return
    yield command(
        "aws sesv2 put-email-identity-dkim-signing-attributes "
        f"--email-identity {shlex.quote(signer.name)} --signing-attributes-origin AWS_SES "
        "--signing-attributes NextSigningKeyLength=RSA_2048_BIT"
    )


def _published(signer: Identity, context: Context) -> Iterator[Finding]:
    """What the DNS says of a domain's keys."""
    if signer.dkim.get("SigningAttributesOrigin") == "EXTERNAL":
        yield from _own_key(signer, context)
        return
    records = dkim_records(signer.name, signer.dkim)
    if not records and signer.dkim.get("Tokens"):
        upgrade = command("python -m pip install --upgrade boto3 botocore")
        yield not_checked(f"{signer.name}: botocore is too old to tell the records", upgrade)
    missing = [one for one in records if not _is_published(one, context)]
    if missing:
        fixes = map(dns_record, map(str, missing)) if signer.is_verified else ()
        yield error(_wrong(signer, missing, context), *fixes)


def _is_published(record: DnsRecord, context: Context) -> bool:
    """Whether an alias leads where it should, or a key is there all the same: providers follow
    aliases themselves ("flattening")."""
    return record.value in context.look_up(record.name, "CNAME") or has_key(
        context.look_up(record.name, "TXT")
    )


def _wrong(signer: Identity, missing: Sequence[DnsRecord], context: Context) -> str:
    text = f"{signer.name}: {counted(len(missing), 'DKIM record')} missing in the DNS"
    for record in missing:
        for target in context.look_up(record.name, "CNAME"):
            if target == f"{record.value}{signer.name}.":
                return f"{text}: the value needs a dot at its end"
            return f"{text}: {record.name} leads to {target}"
    return text if signer.is_verified else f"{text}: see D05"


def _own_key(signer: Identity, context: Context) -> Iterator[Finding]:
    for selector in signer.dkim.get("Tokens", ()):
        name = f"{selector}._domainkey.{signer.name}"
        texts = context.look_up(name, "TXT")
        bits = rsa_bits(texts)
        if not has_key(texts):
            publish = advice(f"Publish {name}. TXT with v=DKIM1; p= and your public key.")
            yield error(f"{signer.name}: the DNS has no key at {name}", publish)
        elif bits and bits < GOOD_BITS:
            renew = advice(
                f"Make a key of {GOOD_BITS} bits for another selector, and give it to SES."
            )
            yield warning(f"{signer.name}: the key at {name} has {bits} bits", renew)


def _summary(signer: Identity) -> str:
    if signer.dkim.get("SigningAttributesOrigin") == "EXTERNAL":
        return f"{signer.name}: signed with a key of your own, which the DNS has"
    count = counted(len(signer.dkim.get("Tokens", ())), "record")
    if not signer.is_verified:
        return f"{signer.name}: the DNS has its {count}; SES has not seen them yet"
    bits = signer.dkim.get("CurrentSigningKeyLength", "").removeprefix("RSA_").removesuffix("_BIT")
    return f"{signer.name}: Easy DKIM, {f'{bits} bits, ' if bits else ''}{count} in the DNS"
