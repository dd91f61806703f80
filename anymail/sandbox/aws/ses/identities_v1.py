"""Identities, as v1 has them.

Source: Amazon SES API reference (v1 2010-12-01).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from ..api import ApiRequest
from ..identities import Identity, is_verified
from .context import Result, SesContext
from .errors import invalid
from .identities import add_identity
from .pages import build_page


def verify_address(ses: SesContext, request: ApiRequest) -> Result:
    name = request.params["EmailAddress"]
    if "@" not in name:
        raise invalid("Missing final '@domain'")
    _add(ses, request.region, name)
    return {}


def verify_domain(ses: SesContext, request: ApiRequest) -> Result:
    """Its DKIM records verify it: for the token of v1 there is no record."""
    _add(ses, request.region, request.params["Domain"])
    return {"VerificationToken": secrets.token_urlsafe(32)}


def verify_dkim(ses: SesContext, request: ApiRequest) -> Result:
    identity = _add(ses, request.region, request.params["Domain"])
    return {"DkimTokens": identity["DkimAttributes"].get("Tokens", ())}


def list_identities(ses: SesContext, request: ApiRequest) -> Result:
    wanted = request.params.get("IdentityType")
    found = [
        identity["EmailIdentity"]
        for identity in ses.identities.all(request.region)
        if wanted in (None, _in_v1(identity["IdentityType"]))
    ]
    return build_page("Identities", found, request.params)


def list_addresses(ses: SesContext, request: ApiRequest) -> Result:
    everything = ses.identities.all(request.region)
    verified = [one["EmailIdentity"] for one in everything if is_verified(one)]
    return {"VerifiedEmailAddresses": [name for name in verified if "@" in name]}


def delete_identity(ses: SesContext, request: ApiRequest) -> Result:
    """There need not be one."""
    name = request.params.get("EmailAddress", request.params.get("Identity", ""))
    ses.identities.known.pop((request.region, name.lower()), None)
    return {}


def get_verification(ses: SesContext, request: ApiRequest) -> Result:
    described = {
        name: {"VerificationStatus": _in_v1(identity["VerificationStatus"])}
        for name, identity in _asked(ses, request)
    }
    return {"VerificationAttributes": described}


def get_dkim(ses: SesContext, request: ApiRequest) -> Result:
    described = {
        name: {
            "DkimEnabled": identity["DkimAttributes"]["SigningEnabled"],
            "DkimVerificationStatus": _in_v1(identity["DkimAttributes"]["Status"]),
            "DkimTokens": identity["DkimAttributes"].get("Tokens", ()),
        }
        for name, identity in _asked(ses, request)
    }
    return {"DkimAttributes": described}


def get_mail_from(ses: SesContext, request: ApiRequest) -> Result:
    described = {
        name: {
            "MailFromDomain": found.get("MailFromDomain", ""),
            "MailFromDomainStatus": _in_v1(found.get("MailFromDomainStatus", "")),
            "BehaviorOnMXFailure": _in_v1(found["BehaviorOnMxFailure"]),
        }
        for name, identity in _asked(ses, request)
        for found in [identity["MailFromAttributes"]]
    }
    return {"MailFromDomainAttributes": described}


def _add(ses: SesContext, region: str, name: str) -> Identity:
    """An identity, which may be there already."""
    return ses.identities.find(region, name) or add_identity(ses, region, name)


def _asked(ses: SesContext, request: ApiRequest) -> Iterator[tuple[str, Identity]]:
    """Those of the identities in a call that exist."""
    for name in request.params["Identities"]:
        if (identity := ses.identities.find(request.region, name)) is not None:
            yield name, identity


def _in_v1(word: str) -> str:
    """A word of v2, such as ``TEMPORARY_FAILURE``, in the spelling of v1."""
    return word.title().replace("_", "")
