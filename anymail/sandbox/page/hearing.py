"""The receivers of this site's own signals: the journal hears what the webhooks dispatch."""

from __future__ import annotations

from typing import Any

from ...signals import AnymailInboundEvent, AnymailTrackingEvent
from .apps import connected


def receive_event(event: AnymailTrackingEvent | AnymailInboundEvent, **kwargs: Any) -> None:
    """The receiver of the ``tracking`` and ``inbound`` signals."""
    if (amazon := connected()) is not None:
        amazon.journal.add_signal(event)
