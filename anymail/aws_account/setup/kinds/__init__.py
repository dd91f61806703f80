"""The kinds of resources: how each is looked up, made and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import lookups
from ..lookups import Found, Run
from ..resources import (
    ActiveRuleSet,
    Bucket,
    ConfigurationSet,
    EventDestination,
    Identity,
    Queue,
    ReceiptRule,
    ReceiptRuleSet,
    Spec,
    Subscription,
    Topic,
)
from ..steps import Call, Context, Outcome, Step, creation
from . import buckets, configuration_sets, identities, queues, receipt_rules, subscriptions, topics


def _nothing(*_args: Any) -> Iterable[Outcome]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What can be done with resources of a kind.

    :param find: what AWS has of one, or None.
    :param create: the call that makes one that is not there.
    :param compare: what to do about one that is there.
    :param new: what AWS has of one that was just made, if that is not all yet.
    """

    find: Callable[[Run, Any], Found]
    create: Callable[[Any, Context], Call]
    compare: Callable[[Any, Any, Context], Iterable[Outcome]] = _nothing
    new: Mapping[str, Any] | None = None


KINDS: Mapping[type, Kind] = {
    Identity: Kind(
        find=lookups.find_identity,
        create=identities.create_identity,
        compare=identities.compare_identity,
        new={},
    ),
    ConfigurationSet: Kind(
        find=lookups.find_configuration_set,
        create=configuration_sets.create_configuration_set,
        compare=configuration_sets.compare_configuration_set,
    ),
    EventDestination: Kind(
        find=lookups.find_event_destinations,
        create=configuration_sets.create_event_destination,
        compare=configuration_sets.compare_event_destination,
    ),
    Topic: Kind(find=lookups.find_topic, create=topics.create_topic, compare=topics.compare_topic),
    Queue: Kind(find=lookups.find_queue, create=queues.create_queue, compare=queues.compare_queue),
    Subscription: Kind(
        find=lookups.find_subscription,
        create=subscriptions.subscribe,
        compare=subscriptions.compare_subscription,
    ),
    Bucket: Kind(
        find=lookups.find_bucket,
        create=buckets.create_bucket,
        compare=buckets.compare_bucket,
        new={},
    ),
    ReceiptRuleSet: Kind(find=lookups.find_rule_set, create=receipt_rules.create_rule_set),
    ReceiptRule: Kind(
        find=lookups.find_rule_set,
        create=receipt_rules.create_rule,
        compare=receipt_rules.compare_rule,
    ),
    ActiveRuleSet: Kind(find=lookups.find_active_rule_set, create=receipt_rules.activate),
}


def creation_steps(spec: Spec, context: Context) -> list[Step]:
    """Every step that makes a resource in an account without it."""
    kind = KINDS[type(spec)]
    more = () if kind.new is None else kind.compare(spec, kind.new, context)
    first = creation(spec.title, kind.create(spec, context))
    return [first, *(one for one in more if isinstance(one, Step))]
