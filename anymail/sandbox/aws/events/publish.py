"""Make the events of accepted messages happen, and publish them to SNS."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ... import SandboxError
from ...journal import Journal, SentMail, SesEvent, now
from .. import moto_state
from ..api import ApiError
from ..schedule import Schedule
from .documents import Event, describe, event_document, notification_document
from .simulator import ScheduledEvent, events_for
from .subscribers import IdentityTopics, Subscribers
from .tracked import why_untracked

if TYPE_CHECKING:
    from ..sns.local_sns import LocalSns

EVENT_SUBJECT = "Amazon SES Email Event Notification"

#: Takes mail that arrives: :func:`..receive.receive.receive`.
Receive = Callable[..., Any]


class Publisher:
    """Publishes the events of messages, in the background.

    :param receive: gets what is sent to domains of this account; None: nobody does.
    :param pace: how slow; 1 is about a second for all events of a message.
    """

    def __init__(
        self, journal: Journal, sns: LocalSns, receive: Receive | None, *, pace: float = 1.0
    ) -> None:
        self.subscribers: Subscribers = Subscribers()
        self._journal = journal
        self._sns = sns
        self._receive = receive
        self._pace = pace
        self._schedule = Schedule()

    def accept(self, mail: SentMail) -> None:
        """Schedule the events of a message that SES has accepted."""
        everything = events_for(mail.recipients, is_rendered=mail.failure is None)
        kinds = dict.fromkeys(scheduled.kind for scheduled in everything)
        untracked = {kind: reason for kind in kinds if (reason := why_untracked(kind, mail.raw))}
        mail.notes.extend([*self._notes(mail), *untracked.values()])
        self._journal.add_sent(mail)
        for scheduled in everything:
            if scheduled.kind not in untracked:
                run = partial(self._happen, mail, scheduled)
                self._schedule.add(scheduled.event.delay * self._pace, run)

    def close(self) -> None:
        """Let nothing more happen."""
        self._schedule.close()

    def _happen(self, mail: SentMail, scheduled: ScheduledEvent) -> None:
        event = describe(mail, scheduled, now())
        published = SesEvent(kind=event.kind, document=event_document(event))
        self._publish_to_destinations(event, published)
        self._notify_identity(event, published)
        if event.kind == "Delivery":
            self._deliver_here(mail, scheduled)
        # Last, so that whoever sees the event sees everything that it led to.
        self._journal.add_event(mail, published)

    def _publish_to_destinations(self, event: Event, published: SesEvent) -> None:
        mail = event.mail
        for found in self.subscribers.destinations(mail.region, mail.configuration_set or ""):
            if found.topic_arn is not None and found.accepts(event.kind):
                problem = self._publish(found.topic_arn, published, EVENT_SUBJECT)
                if problem is not None:
                    mail.notes.append(
                        f"Event destination {found.name} could not publish: {problem}"
                    )

    def _notify_identity(self, event: Event, published: SesEvent) -> None:
        mail = event.mail
        name, settings = self._identity_topics(mail)
        topic_arn = settings.topics.get(event.kind)
        if topic_arn is None:
            return
        with_headers = settings.with_headers.get(event.kind, False)
        published.document = notification_document(event, with_headers=with_headers)
        problem = self._publish(topic_arn, published, None)
        if problem is not None:
            # Amazon SES Developer Guide, "Configuring Amazon SNS notifications": SES removes a
            # topic that it cannot publish to.
            settings.topics[event.kind] = None
            mail.notes.append(f"Identity {name} no longer has a {event.kind} topic: {problem}")

    def _publish(self, topic_arn: str, event: SesEvent, subject: str | None) -> str | None:
        """Publish an event. Returns what went wrong."""
        event.topic_arns.append(topic_arn)
        try:
            self._sns.publish(topic_arn, json.dumps(event.document) + "\n", subject, event)
        except ApiError as err:
            event.topic_arns.remove(topic_arn)
            return str(err)
        return None

    def _deliver_here(self, mail: SentMail, scheduled: ScheduledEvent) -> None:
        """Receive what is for a domain of this account, if a receipt rule is for it."""
        rules = moto_state.receipt_rules(mail.region)
        recipients = [
            address
            for address in scheduled.recipients
            if moto_state.receives_for(mail.region, address)
            and any(rule.takes(address) for rule in rules)
        ]
        if self._receive is None or not recipients:
            return
        try:
            self._receive(
                mail.raw,
                sender=mail.source,
                recipients=recipients,
                region=mail.region,
                sns=self._sns,
                journal=self._journal,
            )
        except SandboxError as err:
            mail.notes.append(f"It was not received: {err}")

    def _identity_topics(self, mail: SentMail) -> tuple[str, IdentityTopics]:
        """The closest identity of the sender that has settings, or is verified."""
        verified = moto_state.verified_identity(mail.region, mail.source) or ""
        for name in moto_state.covering(mail.source):
            settings = self.subscribers.identity(mail.region, name)
            if settings is not None:
                return name, settings
            if name == verified.lower():
                break
        return mail.source, IdentityTopics()

    def _notes(self, mail: SentMail) -> list[str]:
        _, identity = self._identity_topics(mail)
        if any(identity.topics.values()):
            return []
        if mail.configuration_set is None:
            return [
                "The events of this message are published nowhere: it has no configuration set "
                "(the setting is AMAZON_SES_CONFIGURATION_SET_NAME), and its sender's identity has "
                "no notification topic."
            ]
        destinations = self.subscribers.destinations(mail.region, mail.configuration_set)
        if any(found.enabled and found.topic_arn for found in destinations):
            return []
        return [
            "The events of this message are published nowhere: its configuration set "
            f"{mail.configuration_set} has no enabled event destination with an SNS topic."
        ]
