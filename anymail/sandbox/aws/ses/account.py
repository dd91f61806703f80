"""The account: what it may send, what it sent, and what Amazon thinks of it."""

from __future__ import annotations

import secrets

from ..api import ApiRequest
from ..defaults import ACCOUNT
from .context import Result, SesContext
from .errors import ErrorCode, SesError
from .pages import build_page


def get_send_quota(ses: SesContext, request: ApiRequest) -> Result:
    """A rate that is enforced is the account's."""
    quota = dict(ses.accounts[request.region]["SendQuota"])
    if ses.faults.rate:
        quota["MaxSendRate"] = float(ses.faults.rate)
    return {**quota, "SentLast24Hours": float(ses.sent[request.region])}


def get_account(ses: SesContext, request: ApiRequest) -> Result:
    return {
        **ses.accounts[request.region],
        "SendQuota": get_send_quota(ses, request),
        "SendingEnabled": may_send(ses, request.region),
    }


def may_send(ses: SesContext, region: str) -> bool:
    """Whether sending is neither paused by the account, nor by Amazon."""
    is_shut_down = ses.accounts[region]["EnforcementStatus"] == "SHUTDOWN"
    return not (ses.faults.is_paused or is_shut_down)


def set_sending_enabled(ses: SesContext, request: ApiRequest) -> Result:
    """v1 has ``Enabled``, v2 ``SendingEnabled``; without it, sending is paused."""
    ses.faults.is_paused = True not in request.params.values()
    return {}


def put_details(ses: SesContext, request: ApiRequest) -> Result:
    """Ask Amazon for production access, which a person has to grant."""
    account = ses.accounts[request.region]
    if account["Details"].get("ReviewDetails", {}).get("Status") == "PENDING":
        raise SesError(ErrorCode.CONFLICT, "A review of the account is pending already.")
    given = dict(request.params)
    asks = given.pop("ProductionAccessEnabled", False) and not account["ProductionAccessEnabled"]
    review = {"Status": "PENDING", "CaseId": f"{secrets.randbelow(10**10):010}"}
    account["Details"] = {
        **account["Details"],
        **given,
        **({"ReviewDetails": review} if asks else {}),
    }
    return {}


def put_suppression(ses: SesContext, request: ApiRequest) -> Result:
    """Without reasons, nobody is suppressed."""
    reasons = list(request.params.get("SuppressedReasons", ()))
    attributes = ses.accounts[request.region]["SuppressionAttributes"]
    attributes.update(request.params, SuppressedReasons=reasons)
    return {}


def list_recommendations(ses: SesContext, request: ApiRequest) -> Result:
    """Amazon has nothing to recommend, unless it is put there."""
    names = {"TYPE": "Type", "IMPACT": "Impact", "STATUS": "Status", "RESOURCE_ARN": "ResourceArn"}
    wanted = request.params.get("Filter", {}).items()
    found = [
        one
        for one in ses.recommendations
        if all(one.get(names[key]) == value for key, value in wanted)
    ]
    return build_page("Recommendations", found, request.params)


def get_caller_identity(_ses: SesContext, _request: ApiRequest) -> Result:
    """Everybody is the same: signatures are not checked."""
    arn = f"arn:aws:iam::{ACCOUNT}:user/sandbox"
    return {"Account": ACCOUNT, "Arn": arn, "UserId": "AIDASANDBOX"}


def simulate_principal_policy(_ses: SesContext, request: ApiRequest) -> Result:
    """Everything is allowed, to everybody."""
    arns = request.params.get("ResourceArns", ["*"])
    allowed = [{"EvalResourceName": arn, "EvalResourceDecision": "allowed"} for arn in arns]
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": "*",
            "EvalDecision": "allowed",
            "ResourceSpecificResults": allowed,
        }
        for action in request.params["ActionNames"]
    ]
    return {"EvaluationResults": results, "IsTruncated": False}
