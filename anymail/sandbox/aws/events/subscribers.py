"""Where SES publishes events: configuration sets' destinations, and identities' topics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: As v2 of the API spells them (API reference, "EventType").
EVENT_TYPES = (
    *("SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "OPEN", "CLICK"),
    *("RENDERING_FAILURE", "DELIVERY_DELAY", "SUBSCRIPTION"),
)
#: SES API reference, "SetIdentityNotificationTopic".
NOTIFICATION_TYPES = ("Bounce", "Complaint", "Delivery")


@dataclass(frozen=True)
class EventDestination:
    """Where a configuration set publishes events.

    :param definition: as v2 has it.
    """

    definition: Mapping[str, Any]

    @property
    def topic_arn(self) -> str | None:
        """None for destinations other than SNS, to which nothing is published."""
        return (self.definition["SnsDestination"] or {}).get("TopicArn")

    def accepts(self, kind: str) -> bool:
        """Whether events of a kind, in any spelling, happen because of it."""
        definition = self.definition
        return definition["Enabled"] and event_type(kind) in definition["MatchingEventTypes"]


def event_type(kind: str) -> str | None:
    """A kind of event as v2 spells it; None if there is no such kind.

    :param kind: in any spelling: ``renderingFailure``, ``Rendering Failure``.
    """
    letters = re.sub("[ _]", "", kind).upper()
    return next((found for found in EVENT_TYPES if found.replace("_", "") == letters), None)
