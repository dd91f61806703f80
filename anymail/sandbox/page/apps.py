"""The Django app of the page, and the local AWS that it shows."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig

from ...signals import AnymailInboundEvent, AnymailTrackingEvent, inbound, tracking

if TYPE_CHECKING:
    from ..aws.local_aws import LocalAws


class SandboxPageConfig(AppConfig):
    """The Django app ``"anymail.sandbox.page"``."""

    name = "anymail.sandbox.page"
    label = "anymail_sandbox"
    verbose_name: str = "Sandbox"
    default = True

    def ready(self) -> None:
        tracking.connect(record_signal, dispatch_uid="anymail.sandbox.page")
        inbound.connect(record_signal, dispatch_uid="anymail.sandbox.page")


_aws: LocalAws | None = None
_run = ""


def connect(aws: LocalAws | None) -> None:
    """Show this one; None disconnects."""
    global _aws, _run
    _aws, _run = aws, uuid.uuid4().hex[:8]


def aws() -> LocalAws:
    if _aws is None:
        raise RuntimeError("The page is not connected to a local AWS.")
    return _aws


def version() -> str:
    """Changes whenever there is something new to show."""
    return f"{_run}.{aws().journal.version}"


def record_signal(event: AnymailTrackingEvent | AnymailInboundEvent, **kwargs: Any) -> None:
    """The receiver of this site's own signals."""
    if _aws is not None:
        _aws.journal.add_signal(event)
