"""The account: what it may send, and what it sent."""

from __future__ import annotations

from ..api import ApiRequest
from ..defaults import ACCOUNT
from ..faults import DEFAULT_RATE
from .context import Result, SesContext


def get_send_quota(ses: SesContext, request: ApiRequest) -> Result:
    return {
        "Max24HourSend": 50_000.0,
        "MaxSendRate": float(ses.faults.rate or DEFAULT_RATE),
        "SentLast24Hours": float(ses.sent[request.region]),
    }


def get_account(ses: SesContext, request: ApiRequest) -> Result:
    """An account outside of SES's own sandbox, in good standing."""
    return {
        "DedicatedIpAutoWarmupEnabled": False,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": True,
        "SendQuota": get_send_quota(ses, request),
        "SendingEnabled": not ses.faults.is_paused,
        "SuppressionAttributes": {"SuppressedReasons": []},
    }


def set_sending_enabled(ses: SesContext, request: ApiRequest) -> Result:
    """v1 has ``Enabled``, v2 ``SendingEnabled``; without it, sending is paused."""
    ses.faults.is_paused = True not in request.params.values()
    return {}


def get_caller_identity(_ses: SesContext, _request: ApiRequest) -> Result:
    """Everybody is the same: signatures are not checked."""
    arn = f"arn:aws:iam::{ACCOUNT}:user/sandbox"
    return {"Account": ACCOUNT, "Arn": arn, "UserId": "AIDASANDBOX"}
