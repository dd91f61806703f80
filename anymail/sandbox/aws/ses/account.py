"""The account: what it may send, and what it sent."""

from __future__ import annotations

from ...journal import now
from ..api import ApiRequest
from ..faults import DEFAULT_RATE
from .context import Operations, Result, SesContext

MAX_24_HOUR_SEND = 50_000.0


def get_send_quota(ses: SesContext, request: ApiRequest) -> Result:
    return {
        "Max24HourSend": MAX_24_HOUR_SEND,
        "MaxSendRate": float(ses.faults.rate or DEFAULT_RATE),
        "SentLast24Hours": ses.sent.last_24_hours(request.region),
    }


def get_send_statistics(ses: SesContext, request: ApiRequest) -> Result:
    """One data point for all of today."""
    sent = int(ses.sent.last_24_hours(request.region))
    point = {"Timestamp": now(), "DeliveryAttempts": sent}
    nothing = {"Bounces": 0, "Complaints": 0, "Rejects": 0}
    return {"SendDataPoints": [{**point, **nothing}] if sent else []}


def get_account(ses: SesContext, request: ApiRequest) -> Result:
    """An account outside of SES's own sandbox, in good standing."""
    return {
        "DedicatedIpAutoWarmupEnabled": False,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": True,
        "SendQuota": get_send_quota(ses, request),
        "SendingEnabled": True,
        "SuppressionAttributes": {"SuppressedReasons": []},
    }


OPERATIONS: Operations = {
    ("ses", "GetSendQuota"): get_send_quota,
    ("ses", "GetSendStatistics"): get_send_statistics,
    ("sesv2", "GetAccount"): get_account,
}
