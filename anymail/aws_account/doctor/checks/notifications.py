"""The older way of events: an identity of SES notifies topics itself.

Source: Amazon SES API Reference, "GetIdentityNotificationAttributes".
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from ..context import Context
from ..event_paths import configuration_set, default_set, notified, set_topics
from ..findings import Finding, command, error, not_used, ok, warning
from ..identities import sending_identities
from .topics import topic_name


def systems(context: Context) -> Iterator[Finding]:
    """D12: events come one way only: from a configuration set, or from the identity."""
    identities = sending_identities(context)
    if not identities:
        yield not_used("no identity of the From address")
    for name in identities:
        yield from _identity(context, name)


def _identity(context: Context, name: str) -> Iterator[Finding]:
    found = notified(context, name)
    if found and set_topics(context):
        fixes = [command(_turn_off(name, kind)) for kind in found]
        topics = ", ".join(sorted(set(map(topic_name, found.values()))))
        text = f"{name} notifies {topics}, too: {', '.join(found)} comes twice"
        yield warning(text, *fixes)
    else:
        yield _one_way(context, name, found)


def _one_way(context: Context, name: str, found: Mapping[str, str]) -> Finding:
    ours, default = configuration_set(context), default_set(context, name)
    if ours and default not in (None, ours):
        return ok(f"{name} has the default set {default}; {ours} of the settings wins")
    if ours or not found:
        return ok(f"{name} notifies no topic itself")
    missing = [kind for kind in ("Bounce", "Complaint") if kind not in found]
    if not missing:
        return ok(f"{name} notifies {', '.join(sorted(set(map(topic_name, found.values()))))}")
    topic = next(iter(found.values()))
    fixes = [command(f"{_turn_off(name, kind)} --sns-topic {topic}") for kind in missing]
    return error(f"{name} does not notify of: {', '.join(missing)}", *fixes)


def _turn_off(name: str, kind: str) -> str:
    """Without a topic, the call takes it away."""
    return (
        f"aws ses set-identity-notification-topic --identity {shlex.quote(name)} "
        f"--notification-type {kind}"
    )
