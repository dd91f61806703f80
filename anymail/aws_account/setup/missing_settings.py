"""The settings that a project has to add for what was set up. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ...conf import AmazonSESSettings
from .names import Names
from .request import SetupRequest


def missing_settings(
    request: SetupRequest, names: Names, settings: AmazonSESSettings
) -> Iterator[str]:
    """Lines of ``ANYMAIL``, for what is used and not named there.

    :param settings: as they are.
    """
    parts = set(request.parts)
    if not settings.configuration_set_name and parts & {"sending", "tracking", "queue"}:
        yield f'"AMAZON_SES_CONFIGURATION_SET_NAME": {json.dumps(names.configuration_set)},'
    topics = [names.events_topic_arn] if parts & {"tracking", "queue"} else []
    topics += [names.inbound_topic_arn] if "inbound" in parts else []
    if set(topics) - set(settings.sns_topic_arns):
        every = list(dict.fromkeys([*settings.sns_topic_arns, *topics]))
        yield f'"AMAZON_SES_SNS_TOPIC_ARNS": {json.dumps(every)},'
    if "queue" in parts and not settings.queues:
        yield f'"AMAZON_SES_QUEUES": {json.dumps([names.queue_arn])},'
    if "inbound" in parts and not settings.inbound_buckets:
        yield f'"AMAZON_SES_INBOUND_BUCKETS": {json.dumps([names.bucket])},'
    if not request.secret and "queue" not in parts:
        yield '"WEBHOOK_SECRET": "sns:…",  # user:password, the password long and random'
