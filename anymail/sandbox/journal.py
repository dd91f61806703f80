"""What happened in the sandbox, kept in memory: the AWS side writes it, the page reads it."""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from threading import Condition
from typing import Any, Literal, TypeVar

from ..signals import AnymailInboundEvent, AnymailTrackingEvent

#: How many mails of each kind are kept; the oldest go first.
KEEP = 500
#: How many bytes of their sources.
KEEP_BYTES = 256 * 2**20


def now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One request of SNS to a webhook, the 401 handshake included.

    :param status: the HTTP status; None if there was no answer.
    :param error: why there was none.
    :param challenged: the webhook asked for credentials first.
    """

    status: int | None
    error: str = ""
    challenged: bool = False
    at: datetime = field(default_factory=now)

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def answer(self) -> str:
        return "no answer" if self.status is None else str(self.status)


@dataclass(kw_only=True)
class Post:
    """A message on its way from SNS to one webhook.

    :param sns_id: the ``MessageId`` of the SNS envelope; the ``event_id`` of the signal.
    :param url: of the webhook, without user name and password.
    :param state: ``"retrying"`` also before the first attempt.
    """

    sns_id: str
    topic_arn: str
    url: str
    attempts: list[Attempt] = field(default_factory=list)
    state: Literal["retrying", "delivered", "failed"] = "retrying"


@dataclass(kw_only=True)
class Consumed:
    """What consumers of an SQS queue did with a message of SNS.

    :param queue: the queue's name.
    :param received: how often it was received.
    :param is_deleted: a consumer deleted it, which means that it was handled.
    """

    queue: str
    received: int = 0
    is_deleted: bool = False


@dataclass(kw_only=True)
class SesEvent:
    """An event of a mail, where SES published it, and what the webhooks made of it.

    :param kind: SES's word: ``"Bounce"``, ``"Rendering Failure"``, ``"Received"``.
    :param document: what SES published last; it differs a little from topic to topic.
    :param topic_arns: where it was published; empty if it was published nowhere.
    :param consumed: what consumers of queues did with it.
    :param signals: what the sandbox's own webhooks dispatched for it.
    :param sns_ids: of the messages of SNS about it.
    """

    kind: str
    document: Mapping[str, Any]
    topic_arns: list[str] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    consumed: list[Consumed] = field(default_factory=list)
    signals: list[AnymailTrackingEvent | AnymailInboundEvent] = field(default_factory=list)
    sns_ids: list[str] = field(default_factory=list)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    at: datetime = field(default_factory=now)


@dataclass(kw_only=True)
class SentMail:
    """A message that SES accepted.

    :param id: SES's ``MessageId``.
    :param operation: how it came, for example ``"SendRawEmail"`` or ``"v2 SendBulkEmail"``.
    :param source: the envelope sender.
    :param recipients: of the envelope: addresses without names.
    :param raw: the MIME source as SES delivers it (``Message-ID`` and ``Date`` are SES's); of a
        template that could not be rendered, empty.
    :param parameters: further ones of the call, by their names in v2: the tenant, ARNs, overrides.
    :param message_tags: SES message tags.
    :param headers: as the sender wrote them, before SES replaced some.
    :param source_ip: of the caller.
    :param identity: the one that covers the sender.
    :param failure: why its template could not be rendered.
    :param notes: what the developer should know, for example that the events are published nowhere.
    """

    id: str
    operation: str
    region: str
    source: str
    recipients: list[str]
    raw: bytes
    configuration_set: str | None = None
    template: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    message_tags: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Sequence[tuple[str, str]] = ()
    source_ip: str = "127.0.0.1"
    identity: str = ""
    failure: str | None = None
    notes: list[str] = field(default_factory=list)
    events: list[SesEvent] = field(default_factory=list)
    at: datetime = field(default_factory=now)


@dataclass(kw_only=True)
class ReceivedMail:
    """A message that SES received.

    :param id: SES's ``messageId`` of it.
    :param rule: the receipt rule that took it.
    :param action: what the rule does: ``"SNS"``, ``"S3"`` or ``"S3, encrypted"``.
    :param verdicts: ``spam``, ``virus``, ``spf``, ``dkim``, ``dmarc`` to ``PASS``, ``FAIL``, ….
    :param notes: what the developer should know, for example that an action is not run.
    """

    id: str
    sender: str
    recipients: list[str]
    raw: bytes
    rule: str
    action: str
    verdicts: Mapping[str, str]
    notes: list[str] = field(default_factory=list)
    events: list[SesEvent] = field(default_factory=list)
    at: datetime = field(default_factory=now)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What became of a message in the outbox.

    :param state: as in the table; ``"killed"`` if its worker was.
    """

    state: str
    text: str
    at: datetime = field(default_factory=now)

    @property
    def label(self) -> str:
        return self.state.capitalize().replace("_", " ")


Mail = TypeVar("Mail", SentMail, ReceivedMail)


class Journal:
    """Everything that happened. Safe to use from several threads; lists are only appended to."""

    def __init__(self, keep: int = KEEP, keep_bytes: int = KEEP_BYTES) -> None:
        self.version: int = 0
        self.dropped_sent: int = 0
        self.dropped_received: int = 0
        #: Of each message in the outbox, by its id.
        self.steps: dict[str, list[Step]] = {}
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._changed = Condition()
        self._sent: OrderedDict[str, SentMail] = OrderedDict()
        self._received: OrderedDict[str, ReceivedMail] = OrderedDict()
        self._events: OrderedDict[str, SesEvent] = OrderedDict()

    def sent(self) -> list[SentMail]:
        """The messages that SES accepted, the newest first."""
        with self._changed:
            return list(reversed(self._sent.values()))

    def received(self) -> list[ReceivedMail]:
        """The mails that SES received, the newest first."""
        with self._changed:
            return list(reversed(self._received.values()))

    def sent_mail(self, id: str) -> SentMail | None:
        return self._sent.get(id)

    def received_mail(self, id: str) -> ReceivedMail | None:
        return self._received.get(id)

    def add_sent(self, mail: SentMail) -> None:
        with self._change():
            self.dropped_sent += self._add(self._sent, mail)

    def add_received(self, mail: ReceivedMail) -> None:
        with self._change():
            self.dropped_received += self._add(self._received, mail)

    def add_event(self, mail: SentMail | ReceivedMail, event: SesEvent) -> None:
        with self._change():
            mail.events.append(event)

    def add_post(self, event: SesEvent | None, post: Post) -> None:
        """SNS begins to post something; ``event`` is None if it is not about a mail."""
        with self._change():
            if event is not None:
                event.posts.append(post)
                self._remember(post.sns_id, event)

    def add_published(self, event: SesEvent, sns_id: str) -> None:
        """SNS is about to deliver a message about an event.

        :param sns_id: the message's id.
        """
        with self._change():
            event.sns_ids.append(sns_id)
            self._remember(sns_id, event)

    def add_consumed(self, queue: str, sns_id: str, *, deleted: bool = False) -> None:
        """A consumer received a message of SNS, or deleted it; without effect unless it is about
        an event."""
        with self._change():
            if (event := self._events.get(sns_id)) is not None:
                consumed = next((one for one in event.consumed if one.queue == queue), None)
                if consumed is None:
                    consumed = Consumed(queue=queue)
                    event.consumed.append(consumed)
                consumed.received += not deleted
                consumed.is_deleted |= deleted

    def add_attempt(
        self, post: Post, attempt: Attempt, state: Literal["retrying", "delivered", "failed"]
    ) -> None:
        """A webhook answered, or did not."""
        with self._change():
            post.attempts.append(attempt)
            post.state = state

    def add_signal(self, event: AnymailTrackingEvent | AnymailInboundEvent) -> None:
        """A signal was dispatched; without effect unless SNS posted what it is about."""
        with self._change():
            published = self._events.get(event.event_id or "") or self._published_mail(event)
            if published is not None:
                published.signals.append(event)

    def add_step(self, id: str, step: Step) -> None:
        with self._change():
            self.steps.setdefault(id, []).append(step)
            while len(self.steps) > self._keep:
                del self.steps[next(iter(self.steps))]

    def clear(self) -> None:
        with self._change():
            for kept in (self._sent, self._received, self._events):
                kept.clear()
            self.dropped_sent = self.dropped_received = 0

    def forget_sent(self, mail: SentMail) -> None:
        with self._change():
            if self._sent.pop(mail.id, None):
                self._forget_events(mail)

    def wait_for_sent(self, wanted: Callable[[SentMail], bool], timeout: float) -> SentMail | None:
        """The newest message that is wanted, as soon as there is one.

        :param timeout: in seconds; after that, None.
        """
        end = time.monotonic() + timeout
        while True:
            version = self.version
            found = next(filter(wanted, self.sent()), None)
            left = end - time.monotonic()
            if found is not None or left <= 0:
                return found
            with self._changed:
                self._changed.wait_for(lambda: self.version != version, left)  # noqa: B023

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._changed:
            yield
            self.version += 1
            self._changed.notify_all()

    def _remember(self, sns_id: str, event: SesEvent) -> None:
        self._events[sns_id] = event
        while len(self._events) > 20 * self._keep:
            self._events.popitem(last=False)

    def _published_mail(self, event: AnymailTrackingEvent | AnymailInboundEvent) -> SesEvent | None:
        """The event of a received mail, whose signal has the mail's id and not that of SNS."""
        mail = self._received.get(event.event_id or "")
        published = mail.events if mail is not None else ()
        return next((found for found in published if found.document == event.esp_event), None)

    def _add(self, kept: OrderedDict[str, Mail], mail: Mail) -> int:
        """Keep a mail; returns how many others had to go for it."""
        kept[mail.id] = mail
        count = 0
        while self._is_full(kept):
            _, gone = kept.popitem(last=False)
            self._forget_events(gone)
            count += 1
        return count

    def _forget_events(self, mail: SentMail | ReceivedMail) -> None:
        for event in mail.events:
            for sns_id in (*event.sns_ids, *(post.sns_id for post in event.posts)):
                self._events.pop(sns_id, None)

    def _is_full(self, kept: Mapping[str, Mail]) -> bool:
        """Whether the oldest has to go; the newest stays, however large."""
        size = sum(len(mail.raw) for mail in kept.values())
        return len(kept) > self._keep or (len(kept) > 1 and size > self._keep_bytes)
