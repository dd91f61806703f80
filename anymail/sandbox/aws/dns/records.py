"""The DNS records that SES asks for, and those that every domain should have.

Source: Amazon SES Developer Guide, "Creating and verifying identities", "Using a custom MAIL FROM
domain", "Publishing an MX record for Amazon SES email receiving".
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .zone import Record

#: As ``GetEmailIdentity`` of SES has it.
Identity = Mapping[str, Any]


def dkim_records(identity: Identity) -> Iterator[Record]:
    """The aliases of Easy DKIM, each of which leads to a key that SES keeps."""
    dkim = identity["DkimAttributes"]
    for token in dkim.get("Tokens", ()) if "SigningHostedZone" in dkim else ():
        name = f"{token}._domainkey.{identity['EmailIdentity']}"
        yield Record(name, "CNAME", f"{token}.{dkim['SigningHostedZone']}.")


def dkim_keys(identity: Identity) -> Iterator[Record]:
    """The keys where the aliases lead. They are all the same, as nothing is signed."""
    dkim = identity["DkimAttributes"]
    for record in dkim_records(identity):
        bits = 1024 if dkim["CurrentSigningKeyLength"] == "RSA_1024_BIT" else 2048
        yield Record(record.value.rstrip("."), "TXT", f"p={_public_key(bits)}")


def mail_from_records(identity: Identity, region: str) -> list[Record]:
    """Those of a custom MAIL FROM domain, if there is one."""
    domain = identity["MailFromAttributes"].get("MailFromDomain")
    if not domain:
        return []
    return [
        Record(domain, "MX", f"10 feedback-smtp.{region}.amazonses.com."),
        Record(domain, "TXT", "v=spf1 include:amazonses.com ~all"),
    ]


def dmarc_record(domain: str) -> Record:
    """A policy that has recipients report (RFC 7489)."""
    policy = f"v=DMARC1; p=quarantine; rua=mailto:dmarc@{domain}"
    return Record(f"_dmarc.{domain}", "TXT", policy)


def receiving_record(domain: str, region: str) -> Record:
    """The MX of a domain that receives mail through SES."""
    return Record(domain, "MX", f"10 inbound-smtp.{region}.amazonaws.com.")


@cache
def _public_key(bits: int) -> str:
    key = rsa.generate_private_key(65537, bits).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()
