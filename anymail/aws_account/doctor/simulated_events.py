"""``anymail_doctor --simulate``: an event as SNS would post it, in this process.

The request passes the project's middleware, the webhook and every receiver, with the signature that
:mod:`anymail.testing` makes; nothing is sent to AWS.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.test import Client, override_settings
from django.urls import NoReverseMatch, reverse

from ...conf import django_setting
from ...exceptions import AnymailConfigurationError
from ...signals import arrived
from ...testing import ses_received, sns_notification, trusted_sns
from ...testing.ses import KINDS

#: The kind for a received mail, beside those of events.
RECEIVED = "received"
ALL_KINDS: tuple[str, ...] = (*KINDS, RECEIVED)
#: The names of the webhooks' URLs.
TRACKING = "anymail:amazon_ses_tracking_webhook"
INBOUND = "anymail:amazon_ses_inbound_webhook"


QUESTION = (
    "Call the receivers of this project, with its database, as if SES had reported this: {kind}? "
    "[y/N] "
)


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What a webhook did with an event.

    :param path: of the webhook.
    :param status: of its answer.
    :param events: the types of the events that receivers got.
    :param error: the name of the exception that a receiver, or the webhook, raised; empty for none.
    """

    path: str
    status: int
    events: tuple[str, ...] = ()
    error: str = ""

    @property
    def is_accepted(self) -> bool:
        """Whether SNS would not try again."""
        return 200 <= self.status < 300

    def __str__(self) -> str:
        events = ", ".join(self.events) or "no event"
        raised = f"; {self.error} was raised, see the log" if self.error else ""
        return f"{self.path} answered {self.status}; events: {events}{raised}"


def add_arguments(parser: ArgumentParser) -> None:
    """Add ``--simulate`` and what goes with it."""
    parser.add_argument(
        "--simulate",
        nargs=2,
        metavar=("KIND", "ADDRESS"),
        help="instead of checks: post an event about an address to the webhook, in this process; "
        f"kinds: {', '.join(ALL_KINDS)}",
    )
    parser.add_argument(
        "--noinput",
        "--no-input",
        action="store_false",
        dest="interactive",
        help="with --simulate: do not ask, also where DEBUG is off",
    )


def check_kind(kind: str) -> None:
    """Check that events of a kind can be simulated.

    :raises AnymailConfigurationError: they cannot.
    """
    if kind not in ALL_KINDS:
        raise AnymailConfigurationError(
            f"There is no kind {kind!r} of event to simulate. There are: {', '.join(ALL_KINDS)}."
        )


def simulate(kind: str, address: str, url: str | None = None) -> Simulated:
    """Post an event to a webhook of the project.

    :param kind: one of :data:`ALL_KINDS`.
    :param address: whom it is about.
    :param url: of the webhook; None for that of ``anymail.urls``.
    :raises AnymailConfigurationError: there is no such webhook.
    """
    path = _path(kind) if url is None else urlsplit(url).path or "/"
    client = Client(raise_request_exception=False)
    with trusted_sns(), _reachable(), _heard() as events:
        response = client.post(path, secure=True, **_request(kind, address))
    if response.status_code == 404:
        raise AnymailConfigurationError(
            f"The URLconf has no webhook at {path}. Name it with --url."
        )
    raised = getattr(response, "exc_info", None)
    return Simulated(
        path=path,
        status=response.status_code,
        events=tuple(events),
        error=raised[0].__name__ if raised else "",
    )


def _path(kind: str) -> str:
    name = INBOUND if kind == RECEIVED else TRACKING
    try:
        return reverse(name)
    except NoReverseMatch as err:
        raise AnymailConfigurationError(
            'The URLconf has no webhooks under the name "anymail". Add path("anymail/", '
            'include("anymail.urls")) to it, or name one with --url.'
        ) from err


def _request(kind: str, address: str) -> dict[str, Any]:
    if kind == RECEIVED:
        return sns_notification(ses_received(recipient=address))
    return sns_notification(kind, recipient=address)


@contextmanager
def _reachable() -> Iterator[None]:
    """Let Django's test client in, as a request over HTTPS."""
    hosts = [*django_setting("ALLOWED_HOSTS"), "testserver"]
    with override_settings(ALLOWED_HOSTS=hosts, SECURE_PROXY_SSL_HEADER=None):
        yield


@contextmanager
def _heard() -> Iterator[list[str]]:
    events: list[str] = []

    def hear(event: Any, **kwargs: Any) -> None:
        events.append(str(getattr(event, "event_type", "")))

    arrived.connect(hear)
    try:
        yield events
    finally:
        arrived.disconnect(hear)
