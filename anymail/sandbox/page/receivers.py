"""The receiver of this site's own signals."""

from __future__ import annotations

from typing import Any

from ...signals import AnymailInboundEvent, AnymailTrackingEvent
from .apps import connected


def record_signal(event: AnymailTrackingEvent | AnymailInboundEvent, **kwargs: Any) -> None:
    if (aws := connected()) is not None:
        aws.journal.add_signal(event)
