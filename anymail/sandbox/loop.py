"""The full loop, step by step: send, look at what SES received, hear what became of it, receive."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email import policy
from typing import Any

import django
from django.core.wsgi import get_wsgi_application
from django.dispatch import Signal

from .. import signals
from ..message import AnymailMessage
from ..testing import trusted_sns
from . import amazon, events, letters, site
from .sns import LocalSns, topic_arn

EVENTS_TOPIC = topic_arn("ses-events")
INBOUND_TOPIC = topic_arn("ses-inbound")
BUCKET = "sandbox-inbox"
OBJECT_KEY = "o3vrnil0e2ic28trm7dfhrc2v0cnbeccl4nbp0g1"


@dataclass(frozen=True, kw_only=True)
class Doing:
    """Something begins that may take a moment."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A message was sent."""

    message: AnymailMessage


@dataclass(frozen=True, kw_only=True)
class Received:
    """SES received a message."""

    mail: amazon.ReceivedMail


@dataclass(frozen=True, kw_only=True)
class Subscribed:
    """A webhook confirmed that it wants what a topic sends.

    :param challenged: it asked for credentials first.
    """

    topic: str
    path: str
    challenged: bool


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """A receiver of the ``tracking`` signal was called."""

    event: signals.AnymailTrackingEvent


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A receiver of the ``inbound`` signal was called."""

    event: signals.AnymailInboundEvent


Step = Doing | Sent | Received | Subscribed | Tracked | Arrived


def play() -> Generator[Step, None, None]:
    """Start everything, play the loop, and stop everything. This works once in a process.

    :raises SandboxError: something does not work.
    """
    with ExitStack() as stack:
        yield Doing(text="Starting Amazon SES and S3 (moto's) on this machine")
        amazon.forget_environment()
        endpoint = stack.enter_context(amazon.local_amazon())
        yield Doing(text=f"Starting a site with Django {django.__version__} and the webhooks")
        sns = LocalSns()
        sns_endpoint = stack.enter_context(site.serve(sns))
        secret = f"sns:{secrets.token_hex(8)}"
        site.configure(anymail_setting(endpoint, sns_endpoint, secret))
        stack.enter_context(trusted_sns())
        home = stack.enter_context(site.serve(get_wsgi_application()))
        webhooks = home.replace("//", f"//{secret}@")
        mail = yield from _send()
        yield from _track(sns, webhooks, mail)
        yield from _receive(sns, webhooks)
        yield Doing(text="Stopping everything")


def anymail_setting(endpoint: str, sns_endpoint: str, secret: str) -> dict[str, Any]:
    """The ``ANYMAIL`` setting of the site: signatures are checked, topics and buckets are known.

    :param endpoint: the URL of SES and S3.
    :param sns_endpoint: that of SNS.
    :param secret: what SNS shows to the webhooks.
    """
    return {
        "AMAZON_SES_SESSION_PARAMS": amazon.CREDENTIALS,
        "AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": endpoint},
        "AMAZON_SES_SNS_CLIENT_PARAMS": {"endpoint_url": sns_endpoint},
        "AMAZON_SES_SNS_TOPIC_ARNS": [EVENTS_TOPIC, INBOUND_TOPIC],
        "AMAZON_SES_INBOUND_BUCKETS": [BUCKET],
        "WEBHOOK_SECRET": secret,
    }


def _send() -> Generator[Step, None, amazon.ReceivedMail]:
    """Send the message; returns what SES received."""
    yield Doing(text="Sending a message with anymail.backends.amazon_ses.EmailBackend")
    amazon.verify_sender(letters.SENDER)
    message = letters.order_confirmation()
    message.send()
    yield Sent(message=message)
    mail = amazon.received_mail(str(message.anymail_status.message_id))
    yield Received(mail=mail)
    return mail


def _track(sns: LocalSns, webhooks: str, mail: amazon.ReceivedMail) -> Iterator[Step]:
    yield Doing(text="Subscribing the tracking webhook to an SNS topic")
    answer = sns.subscribe(EVENTS_TOPIC, webhooks + site.TRACKING_PATH)
    yield Subscribed(topic=EVENTS_TOPIC, path=site.TRACKING_PATH, challenged=answer.was_challenged)
    with heard(signals.tracking) as tracked:
        for document in events.published_events(mail):
            sns.publish(EVENTS_TOPIC, document)
            yield from (Tracked(event=event) for event in tracked)
            tracked.clear()


def _receive(sns: LocalSns, webhooks: str) -> Iterator[Step]:
    yield Doing(text="A mail arrives: SES puts it into S3 and tells the inbound webhook")
    answer = sns.subscribe(INBOUND_TOPIC, webhooks + site.INBOUND_PATH)
    yield Subscribed(topic=INBOUND_TOPIC, path=site.INBOUND_PATH, challenged=answer.was_challenged)
    raw = letters.question().as_bytes(policy=policy.SMTP)
    amazon.store_object(BUCKET, OBJECT_KEY, raw)
    with heard(signals.inbound) as arrived:
        sns.publish(INBOUND_TOPIC, events.received_event(raw, BUCKET, OBJECT_KEY))
    yield from (Arrived(event=event) for event in arrived)


@contextmanager
def heard(signal: Signal) -> Iterator[list[Any]]:
    """The events that a signal brings during a ``with`` block."""
    found: list[Any] = []

    def receiver(event: Any, **_kwargs: Any) -> None:
        found.append(event)

    signal.connect(receiver, weak=False)
    try:
        yield found
    finally:
        signal.disconnect(receiver)
