"""Make the events of accepted messages happen, and publish them to SNS."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ... import SandboxError
from ...journal import Journal, SentMail, SesEvent, now
from ..api import ApiError
from ..schedule import Schedule
from .documents import describe, event_document, notification_document
from .simulator import SimulatedEvent, events_for
from .subscribers import NOTIFICATION_TYPES, EventDestination
from .tracked import why_untracked

if TYPE_CHECKING:
    from ..identities import Identities
    from ..sns.local_sns import LocalSns
    from ..suppression import SuppressionLists

EVENT_SUBJECT = "Amazon SES Email Event Notification"

#: By name, of each configuration set by region and name.
Destinations = defaultdict[tuple[str, str], dict[str, EventDestination]]
#: The attributes of identities by region and name in lower case, as
#: ``GetIdentityNotificationAttributes`` of v1 has them.
Notifications = defaultdict[tuple[str, str], dict[str, Any]]


class Publisher:
    """Publishes the events of messages, in the background.

    :param receive: gets what is sent to domains of this account, as
        :func:`..receive.receive.receive` does.
    :param pace: how slow; 1 is about a second for all events of a message.
    """

    def __init__(
        self,
        journal: Journal,
        sns: LocalSns,
        receive: Callable[..., Any],
        identities: Identities,
        suppression: SuppressionLists,
        *,
        pace: float = 1.0,
    ) -> None:
        self.destinations: Destinations = defaultdict(dict)
        self.notifications: Notifications = defaultdict(dict)
        self._journal = journal
        self._sns = sns
        self._receive = receive
        self._identities = identities
        self._suppression = suppression
        self._pace = pace
        self._schedule = Schedule()

    def sent_mail(self, message_id: str) -> SentMail | None:
        """A message that SES has accepted."""
        return self._journal.sent_mail(message_id)

    def sent_mails(self) -> list[SentMail]:
        """The messages that SES has accepted, the newest first."""
        return self._journal.sent()

    def accept(self, mail: SentMail, *, reasons: Collection[str] = (), late: float = 0.0) -> None:
        """Schedule the events of a message that SES has accepted.

        :param reasons: for which SES keeps a suppression list, for this message.
        :param late: seconds by which they come later than usual.
        """
        suppressed = self._suppression.suppressed(mail.region, mail.recipients, reasons)
        rendered = mail.failure is None
        events = events_for(mail.recipients, is_rendered=rendered, suppressed=suppressed)
        kinds = dict.fromkeys(event.kind for event in events)
        untracked = {kind: reason for kind in kinds if (reason := self._why_untracked(mail, kind))}
        mail.notes += filter(None, [self._why_unpublished(mail), *untracked.values()])
        self._journal.add_sent(mail)
        for event in events:
            if event.kind not in untracked:
                delay = (event.delay + late) * self._pace
                suppresses = event.suppresses and "BOUNCE" in reasons
                self._schedule.add(delay, partial(self._happen, mail, event, suppresses))

    def close(self) -> None:
        """Let nothing more happen."""
        self._schedule.close()

    def _happen(self, mail: SentMail, event: SimulatedEvent, suppresses: bool) -> None:
        detail, kind = describe(mail, event, now()), event.kind
        published = SesEvent(kind=kind, document=event_document(mail, kind, detail))
        topics = [found.topic_arn for found in self._destinations(mail) if found.accepts(kind)]
        for topic in filter(None, topics):
            self._publish(mail, published, topic, EVENT_SUBJECT)
        notified = self._attributes(mail)
        if topic_arn := notified.get(f"{kind}Topic"):
            wish = notified.get(f"HeadersIn{kind}NotificationsEnabled", False)
            published.document = notification_document(mail, kind, detail, with_headers=wish)
            self._publish(mail, published, topic_arn, None)
        if suppresses:
            self._suppress(mail, event, detail["feedbackId"])
        if kind == "Delivery":
            self._deliver_here(mail, event.recipients)
        # Last, so that whoever sees the event sees everything that it led to.
        self._journal.add_event(mail, published)

    def _destinations(self, mail: SentMail) -> list[EventDestination]:
        found = self.destinations.get((mail.region, mail.configuration_set or ""), {})
        return list(found.values())

    def _attributes(self, mail: SentMail) -> Mapping[str, Any]:
        return self.notifications.get((mail.region, mail.identity.lower()), {})

    def _publish(self, mail: SentMail, event: SesEvent, topic: str, subject: str | None) -> None:
        try:
            self._sns.publish(topic, json.dumps(event.document) + "\n", subject, event)
        except ApiError as err:
            mail.notes.append(f"Its {event.kind} event is not published to {topic}: {err}")
        else:
            event.topic_arns.append(topic)

    def _suppress(self, mail: SentMail, event: SimulatedEvent, feedback_id: str) -> None:
        ids = {"MessageId": mail.id, "FeedbackId": feedback_id}
        for address in event.recipients:
            self._suppression.add(mail.region, address, "BOUNCE", **ids)

    def _deliver_here(self, mail: SentMail, recipients: Sequence[str]) -> None:
        """Receive what is for a domain of this account."""
        ours = [one for one in recipients if self._identities.receives_for(mail.region, one)]
        if not ours:
            return
        try:
            self._receive(mail.raw, sender=mail.source, recipients=ours, region=mail.region)
        except SandboxError as err:
            mail.notes.append(f"It was not received: {err}")

    def _why_untracked(self, mail: SentMail, kind: str) -> str | None:
        is_published = any(found.accepts(kind) for found in self._destinations(mail))
        return why_untracked(kind, mail, is_published=is_published)

    def _why_unpublished(self, mail: SentMail) -> str | None:
        """Why nobody hears of the events of a message; None if somebody does."""
        notified, destinations = self._attributes(mail), self._destinations(mail)
        topics = [found.topic_arn for found in destinations if found.definition["Enabled"]]
        if any([*topics, *(notified.get(f"{kind}Topic") for kind in NOTIFICATION_TYPES)]):
            return None
        why = "it has no configuration set (the setting is AMAZON_SES_CONFIGURATION_SET_NAME)"
        if name := mail.configuration_set:
            why = f"its configuration set {name} has no enabled event destination with an SNS topic"
        return (
            f"The events of this message are published nowhere: {why}, and its sender's identity "
            "has no notification topic."
        )
