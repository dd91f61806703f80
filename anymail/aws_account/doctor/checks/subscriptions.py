"""Subscriptions to the topics of events: ours, and others that look like ours.

Sources: Amazon SNS API Reference, "GetSubscriptionAttributes"; Amazon SNS Developer Guide, "Fanout
to HTTP/S endpoints".
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from ....checks.sending import is_on_this_machine
from ...subscriptions import Subscription
from ..context import Context
from ..event_paths import (
    NO_TOPIC,
    configuration_set,
    destinations,
    event_topics,
    is_bus,
    subscriptions,
)
from ..filter_policies import dropped_types
from ..findings import Finding, Fix, advice, command, error, not_used, ok, setting, warning
from ..queues import queue_arns
from ..receivers import Receivers, find_receivers
from ..webhooks import Webhook, webhook_at
from .configuration_sets import NEEDED_TYPES
from .topics import topic_name

INCLUDE = setting('urlpatterns += [path("anymail/", include("anymail.urls"))]')
NO_COLON = 'ANYMAIL["WEBHOOK_SECRET"] = "sns:a-long-random-password"'


def own(context: Context) -> Iterator[Finding]:
    """D15: what is published comes to a webhook or a queue of ours, all of it."""
    topics, receivers = event_topics(context), find_receivers(context, queue_arns(context))
    if not topics:
        yield _no_topic(context)
        return
    if not receivers.webhooks and not receivers.queues:
        text = "there is neither a webhook in the URLconf nor a queue in AMAZON_SES_QUEUES"
        yield error(f"{text}: events are received nowhere", INCLUDE)
        return
    for topic in topics:
        yield from _of_topic(context, topic, receivers)


def _no_topic(context: Context) -> Finding:
    name = configuration_set(context)
    buses = [one for one in destinations(context, name) if is_bus(one)] if name else ()
    if buses:
        return not_used("EventBridge has the events: whether its rules pass them on, --probe tells")
    return not_used("SES publishes to no topic: see D11")


def others(context: Context) -> Iterator[Finding]:
    """D16: no subscription is in the way: of old hosts, without the last slash, twice."""
    topics, receivers = event_topics(context), find_receivers(context, queue_arns(context))
    problems = [
        finding
        for topic in topics
        for finding in _in_the_way(list(subscriptions(context, topic)), receivers)
    ]
    yield from problems
    if not problems:
        yield ok("none is in the way") if topics else not_used("no topic: see D11")


def _of_topic(context: Context, topic: str, receivers: Receivers) -> Iterator[Finding]:
    found = [one for one in subscriptions(context, topic) if receivers.has(one)]
    if not found:
        text = f"nothing of ours is subscribed to {topic_name(topic)}: its events are lost"
        yield error(text, *subscribe(topic, receivers))
    for one in found:
        problems = list(_problems(context, one, receivers))
        yield from problems or [ok(f"{one.endpoint} gets what {topic_name(topic)} publishes")]


def _problems(context: Context, one: Subscription, receivers: Receivers) -> Iterator[Finding]:
    webhook = receivers.webhook_of(one)
    if webhook is not None:
        yield from _secret(one, webhook, receivers)
    if one.arn is None:
        fixes = _why_unconfirmed(one, webhook, receivers)
        yield error(f"{one.endpoint} has not confirmed its subscription", *fixes)
        return
    answer = context.find(
        "sns",
        "GetSubscriptionAttributes",
        missing=NO_TOPIC,
        region=one.topic.split(":")[3],
        SubscriptionArn=one.arn,
    )
    attributes = answer["Attributes"] if answer else {}
    yield from _raw_delivery(context, one, webhook, attributes)
    yield from _filter(context, one, attributes)


def _secret(one: Subscription, webhook: Webhook, receivers: Receivers) -> Iterator[Finding]:
    """SNS shows no password, so that often only the user name can be compared."""
    secrets = [secret.partition(":") for secret in webhook.secrets]
    if not secrets:
        return
    fixes = [*subscribe(one.topic, receivers, one), *_unsubscribe(one)]
    if not all(colon for _, colon, _ in secrets):
        yield error("WEBHOOK_SECRET has no colon: webhooks refuse everything", setting(NO_COLON))
    elif one.user is None:
        yield error(f"{one.endpoint} is subscribed without the WEBHOOK_SECRET", *fixes)
    elif not any(one.user == user and one.password in (None, pw) for user, _, pw in secrets):
        yield error(f"{one.endpoint} is subscribed with another WEBHOOK_SECRET", *fixes)


def _why_unconfirmed(
    one: Subscription, webhook: Webhook | None, receivers: Receivers
) -> Iterator[Fix]:
    if webhook and not webhook.settings.auto_confirm_sns_subscriptions:
        yield setting('ANYMAIL["AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS"] = True')
    elif webhook and not webhook.secrets and not webhook.settings.sns_topic_arns:
        yield setting(f'ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"] = ["{one.topic}"]')
    yield advice("When the site is deployed, and answers from outside (D17), have SNS ask again:")
    yield from subscribe(one.topic, receivers, one)


def _raw_delivery(
    context: Context, one: Subscription, webhook: Webhook | None, attributes: Mapping[str, str]
) -> Iterator[Finding]:
    if attributes.get("RawMessageDelivery", "").lower() != "true":
        return
    is_allowed = (
        webhook.settings.allow_raw_message_delivery
        if webhook
        else context.settings.queue_trust != "signature"
    )
    if not is_allowed:
        text = f"{one.endpoint} has raw message delivery on: nothing is signed, and all is refused"
        yield error(text, _set(one, "RawMessageDelivery", "false"))


def _filter(
    context: Context, one: Subscription, attributes: Mapping[str, str]
) -> Iterator[Finding]:
    policy, scope = attributes.get("FilterPolicy") or "", attributes.get("FilterPolicyScope", "")
    dropped = dropped_types(policy, scope, sorted(event_topics(context)[one.topic]))
    fix = _set(one, "FilterPolicy", "{}")
    if dropped is None:
        yield warning(f"the filter policy of {one.endpoint} drops events by more than type", fix)
    elif dropped:
        text = f"the filter policy of {one.endpoint} drops {', '.join(dropped)}"
        yield error(text, fix) if set(dropped) & set(NEEDED_TYPES) else warning(text, fix)


def _in_the_way(found: Sequence[Subscription], receivers: Receivers) -> Iterator[Finding]:
    ours = [one for one in found if receivers.has(one)]
    for one in found:
        if one.is_webhook:
            yield from _of_webhook(one, receivers)
    yield from _twice(ours)


def _of_webhook(one: Subscription, receivers: Receivers) -> Iterator[Finding]:
    webhook, fixes = receivers.webhook_of(one), list(_unsubscribe(one))
    is_here = receivers.host in (None, one.host)
    again = [*subscribe(one.topic, receivers, one), *fixes]
    if webhook is None and is_here and webhook_at(f"{one.path}/"):
        text = f"{one.endpoint} has no slash at its end: Django redirects, SNS does not follow"
        yield error(text, *again)
    elif webhook is None:
        return
    elif not is_here:
        yield warning(f"another host gets the events, too: {one.endpoint}", *fixes)
    elif not webhook.tracks:
        text = f"{one.endpoint} is for received mail, and {topic_name(one.topic)} has events"
        yield error(text, *again)
    elif one.protocol == "http" and not is_on_this_machine(one.endpoint):
        text = f"{one.endpoint} is not HTTPS: anybody on the way reads events and the secret"
        yield warning(text, *again)


def _twice(ours: Sequence[Subscription]) -> Iterator[Finding]:
    """Each event comes to a webhook and to a queue, or twice to one of them."""
    webhooks = [one for one in ours if one.is_webhook]
    if webhooks and len(webhooks) < len(ours):
        fixes = [fix for one in webhooks for fix in _unsubscribe(one)]
        yield warning("each event comes to a webhook and to a queue", *fixes)
    for url, same in groupby(sorted(webhooks, key=_place), key=_place):
        if more := list(same)[1:]:
            fixes = [fix for one in more for fix in _unsubscribe(one)]
            yield warning(f"{url} is subscribed {len(more) + 1} times", *fixes)
    hosts = sorted({one.host for one in webhooks})
    if len(hosts) > 1:
        choose = advice("With --url, it is printed how to end the others.")
        yield warning(f"several hosts get each event: {', '.join(hosts)}", choose)


def _place(one: Subscription) -> str:
    return one.host + one.path


def subscribe(
    topic: str, receivers: Receivers, instead_of: Subscription | None = None
) -> Iterator[Fix]:
    """What subscribes a queue, or else a webhook, whose password is not printed.

    :param instead_of: a subscription whose host counts, unless ``--url`` names another.
    """
    if receivers.queues and (instead_of is None or not instead_of.is_webhook):
        for arn in receivers.queues:
            yield _subscribe(topic, "sqs", arn)
        return
    webhook = receivers.webhooks[0]
    site = receivers.site
    if receivers.host is None and instead_of is not None:
        local = is_on_this_machine(instead_of.endpoint)
        site = f"{instead_of.protocol if local else 'https'}://{instead_of.host}"
    scheme, _, host = site.partition("://")
    yield advice(f"Type python manage.py anymail_setup --apply --url {site} or, by hand:")
    if webhook.secrets:
        yield advice("Type the secret, percent-encoded as in a URL: read -rs WEBHOOK_SECRET")
        host = f"$WEBHOOK_SECRET@{host}"
    yield _subscribe(topic, scheme, f'"{scheme}://{host}{webhook.path}"')


def _subscribe(topic: str, protocol: str, endpoint: str) -> Fix:
    return command(
        f"aws sns subscribe --topic-arn {topic} --protocol {protocol} "
        f"--notification-endpoint {endpoint}"
    )


def _unsubscribe(one: Subscription) -> Iterator[Fix]:
    """Nothing for one that is not confirmed: SNS forgets it within three days."""
    if one.arn is not None:
        yield command(f"aws sns unsubscribe --subscription-arn {one.arn}")


def _set(one: Subscription, name: str, value: str) -> Fix:
    return command(
        f"aws sns set-subscription-attributes --subscription-arn {one.arn} "
        f"--attribute-name {name} --attribute-value {shlex.quote(value)}"
    )
