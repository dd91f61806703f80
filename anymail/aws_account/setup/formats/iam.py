"""The IAM policies that it takes to use what is set up, to check it, and to set it up. Pure."""

from __future__ import annotations

import json
from dataclasses import replace

from ....conf import AmazonSESSettings
from ...permissions import minimal_policy
from ...permissions.row import Holder
from ...permissions.usage import Usage
from ..names import Names
from ..request import SetupRequest
from ..resources import Place


def policy(
    request: SetupRequest,
    names: Names,
    place: Place,
    settings: AmazonSESSettings,
    holder: Holder,
    *,
    api_version: int,
    has_outbox: bool,
    has_feedback: bool,
) -> str:
    """The policy, as JSON.

    :param settings: as they are; what is set up is used as well.
    :param holder: who is going to have it.
    :param api_version: of SES, that the backend uses.
    :param has_outbox: whether ``anymail.outbox`` is installed.
    :param has_feedback: whether ``anymail.feedback`` is.
    """
    parts = set(request.parts)
    has_inbound = "inbound" in parts or bool(settings.inbound_buckets)
    topics = [names.events_topic_arn, *([names.inbound_topic_arn] if has_inbound else [])]
    used = replace(
        settings,
        configuration_set_name=names.configuration_set,
        sns_topic_arns=tuple(dict.fromkeys([*settings.sns_topic_arns, *topics])),
        queues=settings.queues or ((names.queue_arn,) if "queue" in parts else ()),
        inbound_buckets=settings.inbound_buckets or ((names.bucket,) if has_inbound else ()),
    )
    usage = Usage(
        settings=used,
        account=place.account,
        region=place.region,
        partition=place.partition,
        api_versions=frozenset({api_version}),
        identities=tuple(request.identities),
        has_outbox=has_outbox,
        has_feedback=has_feedback,
        has_webhook=bool(request.tracking_url) or "queue" not in parts,
        has_inbound=has_inbound,
    )
    return json.dumps(minimal_policy(usage, holder), indent=2)
