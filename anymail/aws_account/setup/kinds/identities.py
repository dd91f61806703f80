"""Identities, as they should be. Pure.

Source: Amazon SES API v2 Reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..resources import Identity
from ..steps import Call, Context, Outcome, Remark, addition, call, tag_list

KEY_LENGTH = "RSA_2048_BIT"


def create_identity(spec: Identity, context: Context) -> Call:
    """SES publishes a verification mail, or tokens for DNS."""
    dkim = {"NextSigningKeyLength": KEY_LENGTH} if spec.is_domain else None
    return call(
        "sesv2",
        "create_email_identity",
        EmailIdentity=spec.name,
        DkimSigningAttributes=dkim,
        Tags=tag_list(context.tags),
    )


def compare_identity(
    spec: Identity, found: Mapping[str, Any], context: Context
) -> Iterator[Outcome]:
    """A custom MAIL FROM domain is added where there is none."""
    present = found.get("MailFromAttributes", {}).get("MailFromDomain")
    wanted = call(
        "sesv2",
        "put_email_identity_mail_from_attributes",
        EmailIdentity=spec.name,
        MailFromDomain=spec.mail_from,
        BehaviorOnMxFailure="USE_DEFAULT_VALUE",
    )
    if spec.mail_from and not present:
        yield addition(f"{spec.title}: MAIL FROM domain {spec.mail_from}", wanted)
    elif spec.mail_from and present != spec.mail_from:
        text = f"The {spec.title} has the MAIL FROM domain {present}, not {spec.mail_from}."
        yield Remark(text=text, fix=wanted)
    yield from _compare_dkim(spec, found.get("DkimAttributes", {}))


def _compare_dkim(spec: Identity, dkim: Mapping[str, Any]) -> Iterator[Outcome]:
    if dkim.get("SigningEnabled") is False and spec.is_domain:
        enable = call(
            "sesv2",
            "put_email_identity_dkim_attributes",
            EmailIdentity=spec.name,
            SigningEnabled=True,
        )
        yield Remark(text=f"The {spec.title} does not sign (DKIM).", fix=enable)
    if dkim.get("CurrentSigningKeyLength") == "RSA_1024_BIT":
        rotate = call(
            "sesv2",
            "put_email_identity_dkim_signing_attributes",
            EmailIdentity=spec.name,
            SigningAttributesOrigin="AWS_SES",
            SigningAttributes={"NextSigningKeyLength": KEY_LENGTH},
        )
        text = f"The DKIM key of the {spec.title} has 1024 bits; 2048 are advised."
        yield Remark(text=text, fix=rotate)
