"""The operations of the SNS API that concern webhooks. The others are moto's.

Source: Amazon SNS API Reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..api import ApiAnswer, ApiError, ApiRequest
from ..defaults import ACCOUNT
from .publications import invalid_parameter, parse_publication
from .subscriptions import Subscription, invalid_endpoint, parse_attributes
from .topics import find_topic, is_topic, other_subscriptions

if TYPE_CHECKING:
    from .local_sns import LocalSns

PAGE_SIZE = 100
MAX_BATCH = 10
Answer = ApiAnswer | None


def answer(sns: LocalSns, request: ApiRequest) -> Answer:
    """Answer a call; None if that is moto's business.

    :raises ApiError: SNS refuses.
    """
    operation = OPERATIONS.get(request.operation)
    return None if operation is None else operation(sns, request)


def subscribe(sns: LocalSns, request: ApiRequest) -> Answer:
    """``Subscribe``."""
    params = request.params
    protocol = params.get("Protocol")
    if protocol == "sqs":
        return None
    if protocol not in ("http", "https"):
        raise invalid_parameter("Protocol Reason: the sandbox has http, https and sqs")
    topic = _topic(request.params, request.region)
    url, attributes = _text(params, "Endpoint"), parse_attributes(params.get("Attributes") or {})
    if url.partition(":")[0] != protocol:
        raise invalid_endpoint("Endpoint must match the specified protocol")
    found = sns.subscribe(topic, url, attributes)
    is_told = found.is_confirmed or params.get("ReturnSubscriptionArn") in (True, "true")
    return ApiAnswer(result={"SubscriptionArn": found.arn if is_told else "pending confirmation"})


def confirm_subscription(sns: LocalSns, request: ApiRequest) -> ApiAnswer:
    """``ConfirmSubscription``. Its flag is a string, unlike others."""
    topic, token = _topic(request.params, request.region), _text(request.params, "Token")
    flag = request.params.get("AuthenticateOnUnsubscribe", "false")
    if flag not in ("true", "false"):
        raise invalid_parameter("AuthenticateOnUnsubscribe")
    for found in sns.subscriptions.of_topic(topic):
        if found.token == token:
            found.is_authenticated = found.is_authenticated or flag == "true"
            found.is_confirmed = True
            return ApiAnswer(result={"SubscriptionArn": found.arn})
    raise invalid_parameter("Token")


def unsubscribe(sns: LocalSns, request: ApiRequest) -> Answer:
    """``Unsubscribe``."""
    arn = _text(request.params, "SubscriptionArn")
    if arn.count(":") < 6:  # what pending ones are listed as
        raise invalid_parameter("SubscriptionArn")
    found = sns.subscriptions.get(arn)
    if found is None:
        return None
    sns.unsubscribe(found)
    return ApiAnswer()


def get_subscription_attributes(sns: LocalSns, request: ApiRequest) -> Answer:
    """``GetSubscriptionAttributes``."""
    found = sns.subscriptions.get(request.params.get("SubscriptionArn"))
    return None if found is None else ApiAnswer(result={"Attributes": found.described()})


def set_subscription_attributes(sns: LocalSns, request: ApiRequest) -> Answer:
    """``SetSubscriptionAttributes``."""
    found = sns.subscriptions.get(request.params.get("SubscriptionArn"))
    if found is None:
        return None
    name = _text(request.params, "AttributeName")
    changed = parse_attributes({name: request.params.get("AttributeValue", "")})
    found.attributes = {**found.attributes, **changed}
    return ApiAnswer()


def list_subscriptions(sns: LocalSns, request: ApiRequest) -> ApiAnswer:
    """``ListSubscriptions``."""
    own = [found for found in sns.subscriptions.all() if _region(found.topic_arn) == request.region]
    return _page(own, other_subscriptions(ACCOUNT, request.region), request)


def list_subscriptions_by_topic(sns: LocalSns, request: ApiRequest) -> Answer:
    """``ListSubscriptionsByTopic``."""
    if not is_topic(request.params.get("TopicArn")):
        return None
    topic = _topic(request.params, request.region)
    account = topic.split(":")[4]
    others = other_subscriptions(account, request.region, topic)
    return _page(sns.subscriptions.of_topic(topic), others, request)


def delete_topic(sns: LocalSns, request: ApiRequest) -> None:
    """``DeleteTopic``: the subscriptions go, too. The topic is moto's."""
    topic = request.params.get("TopicArn")
    if isinstance(topic, str):
        sns.subscriptions.remove(*sns.subscriptions.of_topic(topic))


def publish(sns: LocalSns, request: ApiRequest) -> Answer:
    """``Publish``, to a topic: the sandbox has no phones and devices."""
    params = request.params
    if params.get("PhoneNumber") is not None:
        raise invalid_parameter("PhoneNumber Reason: the sandbox publishes to topics only")
    topic = _topic(
        {**params, "TopicArn": params.get("TopicArn") or params.get("TargetArn")}, request.region
    )
    return ApiAnswer(result={"MessageId": sns.publish(parse_publication(topic, params))})


def publish_batch(sns: LocalSns, request: ApiRequest) -> Answer:
    """``PublishBatch``: each entry succeeds or fails by itself."""
    topic = _topic(request.params, request.region)
    entries = request.params.get("PublishBatchRequestEntries")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise invalid_parameter("PublishBatchRequestEntries")
    ids = [_text(entry, "Id") for entry in entries]
    _check_batch(ids)
    successful, failed = [], []
    for id, entry in zip(ids, entries, strict=True):
        try:
            message_id = sns.publish(parse_publication(topic, entry))
            successful.append({"Id": id, "MessageId": message_id})
        except ApiError as err:
            failed.append({"Id": id, "Code": err.code, "Message": str(err), "SenderFault": True})
    return ApiAnswer(result={"Successful": successful, "Failed": failed})


OPERATIONS: Mapping[str, Callable[[LocalSns, ApiRequest], Answer]] = {
    "ConfirmSubscription": confirm_subscription,
    "DeleteTopic": delete_topic,
    "GetSubscriptionAttributes": get_subscription_attributes,
    "ListSubscriptions": list_subscriptions,
    "ListSubscriptionsByTopic": list_subscriptions_by_topic,
    "Publish": publish,
    "PublishBatch": publish_batch,
    "SetSubscriptionAttributes": set_subscription_attributes,
    "Subscribe": subscribe,
    "Unsubscribe": unsubscribe,
}


def _check_batch(ids: list[str]) -> None:
    prefix = "AWS.SimpleQueueService."  # that is what SNS says
    if not ids:
        raise ApiError(f"{prefix}EmptyBatchRequest", "The batch request has no entries.")
    if len(ids) > MAX_BATCH:
        raise ApiError(f"{prefix}TooManyEntriesInBatchRequest", "The batch has too many entries.")
    if len(set(ids)) != len(ids):
        raise ApiError(f"{prefix}BatchEntryIdsNotDistinct", "Two entries have the same Id.")


def _page(own: list[Subscription], others: list[Any], request: ApiRequest) -> ApiAnswer:
    found = [*(subscription.listed() for subscription in own), *others]
    token = request.params.get("NextToken") or "0"
    if not (isinstance(token, str) and token.isascii() and token.isdecimal() and len(token) < 9):
        raise invalid_parameter("NextToken")
    end = int(token) + PAGE_SIZE
    more = {"NextToken": str(end)} if end < len(found) else {}
    return ApiAnswer(result={"Subscriptions": found[int(token) : end], **more})


def _topic(params: Mapping[str, Any], region: str) -> str:
    """The ARN of a topic that exists, in the region of a request."""
    arn = _text(params, "TopicArn")
    if not is_topic(arn) or _region(arn) != region:
        raise invalid_parameter("TopicArn")
    return find_topic(arn).arn


def _region(arn: str) -> str:
    return arn.split(":")[3]


def _text(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise invalid_parameter(name)
    return value
