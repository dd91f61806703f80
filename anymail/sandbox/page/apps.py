"""The Django app of the page, and which Amazon it is about."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from django.apps import AppConfig

from ...signals import inbound, tracking
from .. import SandboxError
from ..journal import Attempt, Journal, ReceivedMail


class AdjustableSwitches(Protocol):
    """What the settings page changes."""

    latency: float
    rate: float | None


class Subscription(Protocol):
    """A webhook that is subscribed to a topic."""

    @property
    def topic_arn(self) -> str:
        """The topic's ARN."""

    @property
    def endpoint(self) -> str:
        """Its URL, possibly with user name and password."""

    @property
    def is_confirmed(self) -> bool:
        """Whether it confirmed that it wants what the topic sends."""

    @property
    def last_attempt(self) -> Attempt | None:
        """How it answered when it was last asked to confirm."""


class Subscriptions(Protocol):
    """What SNS knows of the webhooks."""

    def webhooks(self) -> Sequence[Subscription]:
        """All of them, the oldest first."""


class Amazon(Protocol):
    """What the page needs of the Amazon side."""

    @property
    def url(self) -> str:
        """The endpoint of all services."""

    @property
    def journal(self) -> Journal:
        """What happened."""

    @property
    def switches(self) -> AdjustableSwitches:
        """How slow it is."""

    @property
    def sns(self) -> Subscriptions:
        """Who is told."""

    @property
    def settings_text(self) -> str:
        """What a project has in its settings to use it; empty if none can."""

    @property
    def sites(self) -> Sequence[str] | None:
        """Of the project beside which it runs; None if it runs by itself."""

    def client(self, service: str) -> Any:
        """A boto3 client of it."""

    def receive(
        self,
        raw: bytes,
        *,
        sender: str,
        recipients: Sequence[str],
        rule: str | None = None,
        verdicts: Mapping[str, str] | None = None,
    ) -> ReceivedMail:
        """A mail arrives.

        :raises SandboxError: no receipt rule takes it.
        """


class SandboxPageConfig(AppConfig):
    """The Django app ``"anymail.sandbox.page"``."""

    name = "anymail.sandbox.page"
    label = "anymail_sandbox"
    verbose_name: str = "Sandbox"
    default = True

    def ready(self) -> None:
        from . import hearing

        tracking.connect(hearing.receive_event, dispatch_uid="anymail.sandbox.page")
        inbound.connect(hearing.receive_event, dispatch_uid="anymail.sandbox.page")


_amazon: Amazon | None = None
_run = ""


def connect(amazon: Amazon | None) -> None:
    """Say which Amazon the page is about; None disconnects."""
    global _amazon, _run
    _amazon, _run = amazon, uuid.uuid4().hex[:8]


def connected() -> Amazon | None:
    """The Amazon that the page is about, if there is one already."""
    return _amazon


def amazon() -> Amazon:
    """The Amazon that the page is about.

    :raises SandboxError: :func:`connect` was not called.
    """
    if _amazon is None:
        raise SandboxError("The page is not connected to a local Amazon.")
    return _amazon


def version() -> str:
    """A word that changes whenever there is something new to show."""
    return f"{_run}.{amazon().journal.version}"
