"""Who wants to hear what happens to mail: configuration sets' destinations, identities' topics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

#: Every kind of event as v2 of the API spells it (API reference, "EventType").
EVENT_TYPES = (
    "SEND",
    "REJECT",
    "BOUNCE",
    "COMPLAINT",
    "DELIVERY",
    "OPEN",
    "CLICK",
    "RENDERING_FAILURE",
    "DELIVERY_DELAY",
    "SUBSCRIPTION",
)
#: v1 knows nothing of these.
NOT_IN_V1 = frozenset({"DELIVERY_DELAY", "SUBSCRIPTION"})
#: What identities can be notified of (SES API reference, "SetIdentityNotificationTopic").
NOTIFICATION_TYPES = ("Bounce", "Complaint", "Delivery")


@dataclass(frozen=True, kw_only=True)
class EventDestination:
    """Where a configuration set publishes events.

    :param types: of :data:`EVENT_TYPES`.
    :param topic_arn: of SNS; None for other destinations, which the sandbox only remembers.
    :param definition: everything about it, as the caller wrote it.
    """

    name: str
    enabled: bool
    types: tuple[str, ...]
    topic_arn: str | None
    definition: Mapping[str, Any]

    def wants(self, kind: str) -> bool:
        """Whether it publishes events of a kind; ``"Rendering Failure"`` or any other spelling."""
        return self.enabled and event_type(kind) in self.types


@dataclass(frozen=True, kw_only=True)
class IdentityTopics:
    """What an identity is notified of.

    :param topics: by ``"Bounce"``, ``"Complaint"``, ``"Delivery"``: the ARN of a topic.
    :param with_headers: the kinds whose notifications have the mail's headers.
    """

    topics: Mapping[str, str] = field(default_factory=dict)
    with_headers: frozenset[str] = frozenset()
    forwarding: bool = True


class Listeners:
    """Keeps them for each region. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._destinations: dict[tuple[str, str], dict[str, EventDestination]] = {}
        self._identities: dict[tuple[str, str], IdentityTopics] = {}

    def destinations(self, region: str, configuration_set: str) -> list[EventDestination]:
        """Those of a configuration set."""
        with self._lock:
            return list(self._destinations.get((region, configuration_set), {}).values())

    def put(self, region: str, configuration_set: str, destination: EventDestination) -> None:
        """Keep a destination, in place of another one with its name."""
        with self._lock:
            known = self._destinations.setdefault((region, configuration_set), {})
            known[destination.name] = destination

    def remove(self, region: str, configuration_set: str, name: str) -> bool:
        """Forget a destination. False: there was none with this name."""
        with self._lock:
            known = self._destinations.get((region, configuration_set), {})
            return known.pop(name, None) is not None

    def forget(self, region: str, configuration_set: str) -> None:
        """Forget all destinations of a configuration set."""
        with self._lock:
            self._destinations.pop((region, configuration_set), None)

    def identity(self, region: str, name: str) -> IdentityTopics | None:
        """What an identity is notified of; None if nobody ever said."""
        with self._lock:
            return self._identities.get((region, name.lower()))

    def set_topic(self, region: str, name: str, kind: str, topic_arn: str | None) -> None:
        """Notify an identity of something, or no longer."""
        with self._lock:
            known = self._known(region, name)
            topics = {key: arn for key, arn in known.topics.items() if key != kind}
            if topic_arn:
                topics[kind] = topic_arn
            self._identities[region, name.lower()] = replace(known, topics=topics)

    def set_headers(self, region: str, name: str, kind: str, enabled: bool) -> None:
        """Put the mail's headers into notifications of a kind, or no longer."""
        with self._lock:
            known = self._known(region, name)
            kinds = known.with_headers | {kind} if enabled else known.with_headers - {kind}
            self._identities[region, name.lower()] = replace(known, with_headers=kinds)

    def set_forwarding(self, region: str, name: str, enabled: bool) -> None:
        """Whether bounces and complaints are mailed; only remembered."""
        with self._lock:
            known = self._known(region, name)
            self._identities[region, name.lower()] = replace(known, forwarding=enabled)

    def _known(self, region: str, name: str) -> IdentityTopics:
        return self._identities.get((region, name.lower()), IdentityTopics())


def event_type(kind: str) -> str | None:
    """A kind of event as v2 spells it; None if there is no such kind.

    :param kind: in any spelling: ``renderingFailure``, ``Rendering Failure``.
    """
    return _BY_KEY.get(_key(kind))


def event_type_v1(kind: str) -> str:
    """A kind of event as v1 spells it: ``renderingFailure``."""
    first, *rest = kind.lower().split("_")
    return first + "".join(map(str.capitalize, rest))


def _key(kind: str) -> str:
    return kind.replace("_", "").replace(" ", "").lower()


_BY_KEY = {_key(kind): kind for kind in EVENT_TYPES}
