"""The DNS records that Amazon SES asks for, and the one that DMARC needs.

Sources: Amazon SES Developer Guide, "Creating and verifying identities", "Using a custom MAIL FROM
domain", "Publishing an MX record for Amazon SES email receiving"; RFC 7489, section 6.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: Types of records that are looked up.
RecordType = Literal["CNAME", "MX", "TXT"]
SPF = "v=spf1 include:amazonses.com ~all"
#: The most octets of one string of a TXT record (RFC 1035, section 3.3.14).
MAX_STRING = 255
PRINTABLE = frozenset(map(chr, range(0x20, 0x7F)))


@dataclass(frozen=True, kw_only=True)
class DnsRecord:
    """A record to publish.

    :param name: absolute, without the dot at its end.
    :param value: as in a zone file; the text of a ``TXT`` without quotation marks.
    """

    name: str
    type: RecordType
    value: str

    def __str__(self) -> str:
        """The line of a zone file (RFC 1035, section 5): ``name. TYPE value``."""
        value = _quoted(self.value) if self.type == "TXT" else self.value
        return f"{self.name}. {self.type} {value}"


def identity_records(
    domain: str, identity: Mapping[str, Any], *, region: str
) -> Iterator[DnsRecord]:
    """What a domain needs to be verified, to be signed, and for its MAIL FROM domain.

    :param domain: in its ASCII form.
    :param identity: the answer of ``GetEmailIdentity`` or ``CreateEmailIdentity``.
    :param region: of SES.
    """
    yield from dkim_records(domain, identity.get("DkimAttributes", {}))
    if mail_from := identity.get("MailFromAttributes", {}).get("MailFromDomain"):
        yield from mail_from_records(mail_from, region=region)


def dkim_records(domain: str, dkim: Mapping[str, Any]) -> list[DnsRecord]:
    """The aliases of Easy DKIM, which verify a domain, too.

    :param dkim: ``DkimAttributes``.
    :return: nothing for a key of one's own, whose record SES does not know, nor if botocore is
        too old to know ``SigningHostedZone``.
    """
    zone = dkim.get("SigningHostedZone")
    if not zone or dkim.get("SigningAttributesOrigin") == "EXTERNAL":
        return []
    return [
        DnsRecord(
            name=f"{token}._domainkey.{domain}", type="CNAME", value=f"{token}.{zone.rstrip('.')}."
        )
        for token in dkim.get("Tokens", ())
    ]


def mail_from_records(mail_from_domain: str, *, region: str) -> list[DnsRecord]:
    """Where bounces go to, and that SES may send for this domain."""
    exchanger = f"feedback-smtp.{region}.amazonses.com."
    return [
        DnsRecord(name=mail_from_domain, type="MX", value=f"10 {exchanger}"),
        DnsRecord(name=mail_from_domain, type="TXT", value=SPF),
    ]


def dmarc_record(domain: str) -> DnsRecord:
    """A policy that changes nothing yet, with reports to an address that every domain has
    (RFC 5321, section 4.5.1).

    :param domain: the organizational domain.
    """
    value = f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}"
    return DnsRecord(name=f"_dmarc.{domain}", type="TXT", value=value)


def receiving_record(domain: str, *, region: str) -> DnsRecord:
    """That SES receives the mail of a domain."""
    return DnsRecord(name=domain, type="MX", value=f"10 inbound-smtp.{region}.amazonaws.com.")


def _quoted(text: str) -> str:
    """The strings of a TXT record, none of which is too long."""
    octets = text.encode()
    strings = [octets[start : start + MAX_STRING] for start in range(0, len(octets), MAX_STRING)]
    return " ".join(f'"{"".join(map(_escaped, one))}"' for one in strings or [b""])


def _escaped(octet: int) -> str:
    """An octet of a string in a zone file (RFC 1035, section 5.1)."""
    if chr(octet) in '"\\':
        return f"\\{chr(octet)}"
    return chr(octet) if chr(octet) in PRINTABLE else f"\\{octet:03}"
