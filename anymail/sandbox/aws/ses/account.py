"""The account: what it may send, what it sent, whether sending is paused."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from ...journal import now
from ..switches import DEFAULT_RATE

if TYPE_CHECKING:
    from ..api import ApiRequest
    from .desk import Desk, Operation

Result = Mapping[str, Any]
DAY = 24 * 60 * 60
MAX_24_HOUR_SEND = 50_000.0


class Account:
    """What each region of the account remembers. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._sent: dict[str, deque[tuple[float, int]]] = {}
        self._paused: set[str] = set()

    def count(self, region: str, recipients: int) -> None:
        """Mail was accepted for so many recipients."""
        with self._lock:
            self._last_24_hours(region).append((self._clock(), recipients))

    def sent_last_24_hours(self, region: str) -> float:
        """To how many recipients mail was accepted."""
        with self._lock:
            return float(sum(recipients for _, recipients in self._last_24_hours(region)))

    def is_paused(self, region: str) -> bool:
        """Whether somebody paused sending."""
        with self._lock:
            return region in self._paused

    def pause(self, region: str, paused: bool) -> None:
        """Pause sending, or go on."""
        with self._lock:
            (self._paused.add if paused else self._paused.discard)(region)

    def _last_24_hours(self, region: str) -> deque[tuple[float, int]]:
        sent = self._sent.setdefault(region, deque())
        while sent and sent[0][0] <= self._clock() - DAY:
            sent.popleft()
        return sent


def send_quota(desk: Desk, request: ApiRequest) -> Result:
    """GetSendQuota, and a part of GetAccount."""
    return {
        "Max24HourSend": MAX_24_HOUR_SEND,
        "MaxSendRate": float(desk.switches.rate or DEFAULT_RATE),
        "SentLast24Hours": desk.account.sent_last_24_hours(request.region),
    }


def send_statistics(desk: Desk, request: ApiRequest) -> Result:
    """GetSendStatistics: one data point for all of today."""
    sent = desk.account.sent_last_24_hours(request.region)
    point: dict[str, datetime | int] = {
        "Timestamp": now(),
        "DeliveryAttempts": int(sent),
        "Bounces": 0,
        "Complaints": 0,
        "Rejects": 0,
    }
    return {"SendDataPoints": [point] if sent else []}


def get_account(desk: Desk, request: ApiRequest) -> Result:
    """GetAccount: one outside of SES's own sandbox, in good standing."""
    return {
        "DedicatedIpAutoWarmupEnabled": False,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": True,
        "SendQuota": send_quota(desk, request),
        "SendingEnabled": not desk.account.is_paused(request.region),
        "SuppressionAttributes": {"SuppressedReasons": []},
    }


def sending_enabled(desk: Desk, request: ApiRequest) -> Result:
    """GetAccountSendingEnabled."""
    return {"Enabled": not desk.account.is_paused(request.region)}


def enable_sending_v1(desk: Desk, request: ApiRequest) -> Result:
    """UpdateAccountSendingEnabled."""
    desk.account.pause(request.region, not request.params.get("Enabled", False))
    return {}


def enable_sending_v2(desk: Desk, request: ApiRequest) -> Result:
    """PutAccountSendingAttributes."""
    desk.account.pause(request.region, not request.params.get("SendingEnabled", False))
    return {}


OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("ses", "GetAccountSendingEnabled"): sending_enabled,
    ("ses", "GetSendQuota"): send_quota,
    ("ses", "GetSendStatistics"): send_statistics,
    ("ses", "UpdateAccountSendingEnabled"): enable_sending_v1,
    ("sesv2", "GetAccount"): get_account,
    ("sesv2", "PutAccountSendingAttributes"): enable_sending_v2,
}
