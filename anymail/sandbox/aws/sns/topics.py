"""SNS topics and the subscriptions that are not HTTP: moto's, read and served in its process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ....amazon_ses.sns import TOPIC_ARN
from ..api import ApiError
from ..bounds import check_room_for_message
from .publications import Publication

logger: logging.Logger = logging.getLogger(__name__)

DEFAULT_SIGNATURE_VERSION = "1"
DEFAULT_MAX_SIZE = 262_144


@dataclass(frozen=True, kw_only=True)
class Topic:
    """What we need of a topic's attributes.

    :param signature_version: ``"1"`` or ``"2"``.
    :param max_size: how many bytes a message may have.
    """

    arn: str
    signature_version: str
    max_size: int


def is_topic(arn: Any) -> bool:
    """Whether something is the ARN of a standard topic. SES cannot use others."""
    return isinstance(arn, str) and TOPIC_ARN.fullmatch(arn) is not None


def find_topic(arn: str) -> Topic:
    """The topic with an ARN.

    :raises ApiError: there is none.
    """
    found = _moto_topic(arn)
    version = getattr(found, "signature_version", None)
    max_size = str(getattr(found, "maximum_message_size", ""))
    return Topic(
        arn=arn,
        signature_version=version if version in ("1", "2") else DEFAULT_SIGNATURE_VERSION,
        max_size=int(max_size) if max_size.isdecimal() else DEFAULT_MAX_SIZE,
    )


def other_subscriptions(account: str, region: str, topic: str | None = None) -> list[Any]:
    """moto's subscriptions, as the API lists them.

    :param topic: only those to this one.
    """
    return [
        {
            "SubscriptionArn": found.arn,
            "Owner": found.owner,
            "Protocol": found.protocol,
            "Endpoint": found.endpoint,
            "TopicArn": found.topic.arn,
        }
        for found in list(_backend(account, region).subscriptions.values())
        if topic in (None, found.topic.arn)
    ]


def hand_over(
    publication: Publication, id: str, envelope: Callable[[str, str], dict[str, Any]]
) -> None:
    """Let moto deliver a publication to SQS.

    :param id: the ``MessageId``.
    :param envelope: the signed envelope for a protocol and the ARN of a subscription.
    """
    topic = _moto_topic(publication.topic_arn)
    attributes = dict(publication.attributes)
    for found in list(topic.sns_backend.subscriptions.values()):
        if found.topic is not topic or found.protocol != "sqs":
            continue
        # moto's own lacks the subject in what it signs, by a key that nobody has.
        found.get_post_data = _signed(envelope, found)
        try:
            check_room_for_message()
            text = publication.text_for(found.protocol)
            found.publish(text, id, subject=publication.subject, message_attributes=attributes)
        except Exception as err:  # of any of moto's services; the other subscribers do not care
            logger.warning(
                "SNS cannot deliver to %s: %s",
                found.endpoint,
                err,
                extra={"anymail_topic": topic.arn, "anymail_error_code": type(err).__name__},
            )


def _signed(
    envelope: Callable[[str, str], dict[str, Any]], subscription: Any
) -> Callable[..., dict[str, Any]]:
    return lambda *_args, **_kwargs: envelope(subscription.protocol, subscription.arn)


def _moto_topic(arn: str) -> Any:
    if is_topic(arn):
        _, _, _, region, account, _ = arn.split(":")
        found = _backend(account, region).topics.get(arn)
        if found is not None:
            return found
    raise ApiError("NotFound", "Topic does not exist", 404)


def _backend(account: str, region: str) -> Any:
    from moto.sns.models import sns_backends

    try:
        return sns_backends[account][region]
    except KeyError:
        raise ApiError("NotFound", f"The sandbox has no region {region}", 404) from None
