"""Identities: what v2 has of them, and what v1 calls otherwise.

Source: Amazon SES API references (v1 2010-12-01, v2 2019-09-27).
"""

from __future__ import annotations

from typing import Any

from ..api import ApiRequest
from ..identities import Identity, easy_dkim, is_verified, new_identity
from .addresses import check_address
from .configuration_sets import check_configuration_set
from .context import Result, SesContext
from .errors import ErrorCode, SesError, invalid
from .pages import build_page
from .receiving import publish_new
from .v1 import Params


def create_identity(ses: SesContext, request: ApiRequest) -> Result:
    given, name = request.params, request.params["EmailIdentity"]
    if ses.identities.find(request.region, name) is not None:
        raise SesError(ErrorCode.EXISTS, f"Email identity {name} already exist.")
    _check_configuration_set(ses, request)
    identity = add_identity(ses, request.region, name)
    identity["Tags"] = list(given.get("Tags", ()))
    identity["ConfigurationSetName"] = given.get("ConfigurationSetName")
    if "DkimSigningAttributes" in given:
        _sign(ses, request.region, identity, given["DkimSigningAttributes"])
    return describe(identity)


def add_identity(ses: SesContext, region: str, name: str) -> Identity:
    """A new identity, which is pending; SesError for what is neither an address nor a domain."""
    check_address(name if "@" in name else f"postmaster@{name}")
    identity = new_identity(name)
    ses.identities.known[region, name.lower()] = identity
    ses.identities.publish(region, identity)
    if "@" not in name:
        publish_new(ses, region, identity["EmailIdentity"])
    return identity


def get_identity(ses: SesContext, request: ApiRequest) -> Result:
    return describe(find_identity(ses, request))


def find_identity(ses: SesContext, request: ApiRequest) -> Identity:
    """The identity that a call of either API is about; SesError if there is none."""
    name = request.params.get("EmailIdentity", request.params.get("Identity", ""))
    if (found := ses.identities.find(request.region, name)) is None:
        raise SesError(ErrorCode.NOT_FOUND, f"Email identity {name} does not exist.")
    return found


def list_identities(ses: SesContext, request: ApiRequest) -> Result:
    found = [
        {
            "IdentityType": identity["IdentityType"],
            "IdentityName": identity["EmailIdentity"],
            "SendingEnabled": is_verified(identity),
            "VerificationStatus": identity["VerificationStatus"],
        }
        for identity in ses.identities.all(request.region)
    ]
    return build_page("EmailIdentities", found, request.params)


def delete_identity(ses: SesContext, request: ApiRequest) -> Result:
    """Its records stay in the DNS: they are its owner's."""
    name = find_identity(ses, request)["EmailIdentity"]
    ses.identities.known.pop((request.region, name.lower()), None)
    return {}


def put_mail_from(ses: SesContext, request: ApiRequest) -> Result:
    """Without a domain, there is none."""
    identity, domain = find_identity(ses, request), request.params.get("MailFromDomain", "")
    parent = identity["EmailIdentity"].rpartition("@")[2]
    if domain and not domain.lower().endswith(f".{parent.lower()}"):
        raise invalid(f"Provided MAIL-FROM domain <{domain}> is not subdomain of <{parent}>.")
    rejects = {"REJECT_MESSAGE", "RejectMessage"} & set(request.params.values())
    status = {"MailFromDomain": domain, "MailFromDomainStatus": "PENDING"} if domain else {}
    behavior = "REJECT_MESSAGE" if rejects else "USE_DEFAULT_VALUE"
    identity["MailFromAttributes"] = {**status, "BehaviorOnMxFailure": behavior}
    ses.identities.publish(request.region, identity)
    return {}


def put_configuration_set(ses: SesContext, request: ApiRequest) -> Result:
    """Without a name, there is none."""
    _check_configuration_set(ses, request)
    name = request.params.get("ConfigurationSetName")
    find_identity(ses, request)["ConfigurationSetName"] = name
    return {}


def put_feedback(ses: SesContext, request: ApiRequest) -> Result:
    """v1 has ``ForwardingEnabled``, v2 ``EmailForwardingEnabled``, which is false by default."""
    forwards = True in request.params.values()
    find_identity(ses, request)["FeedbackForwardingStatus"] = forwards
    return {}


def put_dkim(ses: SesContext, request: ApiRequest) -> Result:
    """v1 has ``DkimEnabled``, v2 ``SigningEnabled``, which is false by default."""
    enabled = True in request.params.values()
    find_identity(ses, request)["DkimAttributes"]["SigningEnabled"] = enabled
    return {}


def put_dkim_signing(ses: SesContext, request: ApiRequest) -> Result:
    identity, given = find_identity(ses, request), request.params.get("SigningAttributes", {})
    _sign(ses, request.region, identity, given)
    dkim = identity["DkimAttributes"]
    found = {"DkimStatus": dkim["Status"], "DkimTokens": dkim["Tokens"]}
    return {**found, "SigningHostedZone": dkim.get("SigningHostedZone")}


def get_policies(ses: SesContext, request: ApiRequest) -> Result:
    return {"Policies": find_identity(ses, request)["Policies"]}


def put_policy(ses: SesContext, request: ApiRequest) -> Result:
    """Create or update a policy."""
    policies, name = find_identity(ses, request)["Policies"], request.params["PolicyName"]
    is_new = request.operation.startswith("Create")
    if is_new and name in policies:
        raise SesError(ErrorCode.EXISTS, f"Policy {name} already exists.")
    if not is_new and name not in policies:
        raise SesError(ErrorCode.NOT_FOUND, f"Policy {name} does not exist.")
    policies[name] = request.params["Policy"]
    return {}


def delete_policy(ses: SesContext, request: ApiRequest) -> Result:
    find_identity(ses, request)["Policies"].pop(request.params["PolicyName"], None)
    return {}


def describe(identity: Identity) -> dict[str, Any]:
    """As ``GetEmailIdentity`` has it."""
    return {**identity, "VerifiedForSendingStatus": is_verified(identity)}


def _check_configuration_set(ses: SesContext, request: ApiRequest) -> None:
    if name := request.params.get("ConfigurationSetName"):
        check_configuration_set(ses, request.region, name)


def _sign(ses: SesContext, region: str, identity: Identity, given: Params) -> None:
    """Sign with a key of the caller's, whose record is not checked, or with a new one of SES's.

    :param given: ``DkimSigningAttributes``.
    """
    if selector := given.get("DomainSigningSelector"):
        external = {"SigningAttributesOrigin": "EXTERNAL", "Tokens": [selector]}
        identity["DkimAttributes"] = {"SigningEnabled": True, "Status": "PENDING", **external}
        return
    old = identity["DkimAttributes"]
    identity["DkimAttributes"] = easy_dkim(given.get("NextSigningKeyLength", "RSA_2048_BIT"))
    if "SigningHostedZone" in old:  # only the keys behind the aliases change
        identity["DkimAttributes"]["Tokens"] = old["Tokens"]
    ses.identities.publish(region, identity)
