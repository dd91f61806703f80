"""Lets happen what happens to accepted messages, and tells those who want to hear of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from ... import SandboxError
from ...journal import Journal, SentMail, SesEvent, now
from ..api import ApiError
from ..schedule import Schedule
from ..ses import state
from ..ses.accepted import Accepted
from .events import News, describe, event_document, notification_document
from .listeners import NOTIFICATION_TYPES, IdentityTopics, Listeners
from .simulator import Happening, happenings
from .tracked import why_untracked

EVENT_SUBJECT = "Amazon SES Email Event Notification"

#: What takes mail that arrives: :func:`.receiving.receive`.
Receive = Callable[..., Any]


class Topics(Protocol):
    """The part of SNS that is needed here."""

    def publish(
        self,
        topic_arn: str,
        message: str,
        subject: str | None = None,
        event: SesEvent | None = None,
    ) -> str:
        """Publish a message to everybody who is subscribed to a topic."""


class Publisher:
    """Plays what happens to messages, in the background.

    :param receive: takes what is sent to ourselves; None: nobody does.
    :param pace: how slow; 1 is about a second for everything that happens to a message.
    """

    def __init__(
        self, journal: Journal, sns: Topics, receive: Receive | None, *, pace: float = 1.0
    ) -> None:
        self.listeners: Listeners = Listeners()
        self._journal = journal
        self._sns = sns
        self._receive = receive
        self._pace = pace
        self._schedule = Schedule()

    def accept(self, accepted: Accepted) -> None:
        """SES accepted a message: everything that happens to it follows."""
        mail = accepted.mail
        everything = happenings(mail.recipients, rendered=accepted.failure is None)
        kinds = dict.fromkeys(happening.kind for happening in everything)
        untracked = {kind: reason for kind in kinds if (reason := why_untracked(kind, mail.raw))}
        mail.notes.extend([*self._notes(accepted), *untracked.values()])
        self._journal.add_sent(mail)
        for happening in everything:
            if happening.kind in untracked:
                continue
            delay = happening.fate.delay * self._pace
            self._schedule.add(delay, partial(self._happen, accepted, happening))

    def close(self) -> None:
        """Nothing happens any more."""
        self._schedule.close()

    def _happen(self, accepted: Accepted, happening: Happening) -> None:
        news = describe(accepted, happening, now())
        event = SesEvent(kind=news.kind, document=event_document(news))
        self._publish_event(news, event)
        self._notify_identity(news, event)
        if happening.kind == "Delivery":
            self._deliver(accepted.mail, happening)
        # At last, so that who sees the event sees all that it led to.
        self._journal.add_event(accepted.mail, event)

    def _publish_event(self, news: News, event: SesEvent) -> None:
        mail = news.accepted.mail
        if mail.configuration_set is None:
            return
        for destination in self.listeners.destinations(mail.region, mail.configuration_set):
            if destination.topic_arn is not None and destination.wants(news.kind):
                problem = self._publish(destination.topic_arn, event, EVENT_SUBJECT)
                if problem:
                    mail.notes.append(
                        f"Event destination {destination.name} could not publish: {problem}"
                    )

    def _notify_identity(self, news: News, event: SesEvent) -> None:
        mail = news.accepted.mail
        name, topics = self._identity_topics(mail)
        topic_arn = topics.topics.get(news.kind)
        if topic_arn is None:
            return
        with_headers = news.kind in topics.with_headers
        event.document = notification_document(news, with_headers=with_headers)
        problem = self._publish(topic_arn, event, None)
        if problem:
            # Amazon SES Developer Guide, "Configuring Amazon SNS notifications": SES removes a
            # topic that it cannot publish to.
            self.listeners.set_topic(mail.region, name, news.kind, None)
            mail.notes.append(f"Identity {name} no longer has a {news.kind} topic: {problem}")

    def _publish(self, topic_arn: str, event: SesEvent, subject: str | None) -> str:
        """Why it could not; empty if it could."""
        event.topic_arns.append(topic_arn)
        try:
            self._sns.publish(topic_arn, json.dumps(event.document) + "\n", subject, event)
        except ApiError as err:
            event.topic_arns.remove(topic_arn)
            return str(err)
        return ""

    def _deliver(self, mail: SentMail, happening: Happening) -> None:
        """What is for a domain of ours arrives, if a receipt rule wants it."""
        rules = state.receipt_rules(mail.region)
        recipients = [
            address
            for address in happening.recipients
            if state.receives_for(mail.region, address) and any(r.takes(address) for r in rules)
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
        verified = state.verified_identity(mail.region, mail.source) or ""
        for name in state.covering(mail.source):
            topics = self.listeners.identity(mail.region, name)
            if topics is not None:
                return name, topics
            if name == verified.lower():
                break
        return mail.source, IdentityTopics()

    def _notes(self, accepted: Accepted) -> list[str]:
        mail = accepted.mail
        _, topics = self._identity_topics(mail)
        if any(kind in topics.topics for kind in NOTIFICATION_TYPES):
            return []
        if mail.configuration_set is None:
            return [
                "Nobody hears what happens to this message: it has no configuration set (the "
                "setting is AMAZON_SES_CONFIGURATION_SET_NAME), and its sender's identity has no "
                "notification topic."
            ]
        destinations = self.listeners.destinations(mail.region, mail.configuration_set)
        if any(found.enabled and found.topic_arn for found in destinations):
            return []
        return [
            "Nobody hears what happens to this message: its configuration set "
            f"{mail.configuration_set} has no enabled event destination with an SNS topic."
        ]
