"""What resources are called: as in the settings, or as ``--name`` says. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...amazon_ses.sns import TOPIC_ARN
from ...amazon_ses.sqs import check_name as check_queue_name
from ...conf import AmazonSESSettings
from ...exceptions import AnymailConfigurationError
from .resources import Place

#: Amazon SES API v2 Reference, "CreateConfigurationSet".
CONFIGURATION_SET = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Amazon S3 User Guide, "General purpose bucket naming rules".
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_QUEUE_ARN = re.compile(r"arn:[a-z-]+:sqs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<name>.+)")
_QUEUE_URL = re.compile(
    r"https?://(?:sqs\.(?P<region>[a-z0-9-]+)\.)?[^/]+/(?P<account>\d{12})/(?P<name>[^/]+)/?"
)


@dataclass(frozen=True, kw_only=True)
class Names:
    """What resources are called.

    :param from_settings: which of the others the settings name, by the name here.
    """

    configuration_set: str
    events_topic_arn: str
    queue_arn: str
    inbound_topic_arn: str
    bucket: str
    from_settings: frozenset[str]


def read_names(settings: AmazonSESSettings, name: str, place: Place) -> Names:
    """The first name in a setting counts.

    The topic of received mail is the one that the set-up would make; without it, the second.

    :param name: for what the settings do not name.
    :raises AnymailConfigurationError: a setting names something of another account or region, or
        something that cannot exist.
    """
    inbound = place.arn("sns", f"{name}-inbound")
    topics = [_checked_topic(arn, place) for arn in settings.sns_topic_arns]
    others = [arn for arn in topics if arn != inbound]
    given = {
        "configuration_set": _checked_set(settings.configuration_set_name),
        "events_topic_arn": others[0] if others else None,
        "queue_arn": _queue_arn(settings.queues[0], place) if settings.queues else None,
        "inbound_topic_arn": inbound if inbound in topics else next(iter(others[1:]), None),
        "bucket": _checked_bucket(next(iter(settings.inbound_buckets), None)),
    }
    defaults = {
        "configuration_set": name,
        "events_topic_arn": place.arn("sns", name),
        "queue_arn": place.arn("sqs", name),
        "inbound_topic_arn": inbound,
        "bucket": f"{name}-inbound-{place.account}-{place.region}",
    }
    named = {key: value for key, value in given.items() if value}
    return Names(**{**defaults, **named}, from_settings=frozenset(named))


def _checked_topic(arn: str, place: Place) -> str:
    where = 'ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"]'
    if not TOPIC_ARN.fullmatch(arn):  # a FIFO topic has a dot in its name
        raise AnymailConfigurationError(
            f"{where} has {arn[:120]!r}, which is not the ARN of a standard topic. It looks like "
            f"{place.arn('sns', 'ses-events')}."
        )
    region, account = arn.split(":")[3:5]
    _check_place(f"{where}: the topic {arn}", region, account, place)
    return arn


def _queue_arn(name: str, place: Place) -> str:
    check_queue_name(name)
    match = _QUEUE_ARN.fullmatch(name) or _QUEUE_URL.fullmatch(name)
    if match is None and "/" in name:
        raise AnymailConfigurationError(
            f'ANYMAIL["AMAZON_SES_QUEUES"]: the account of {name[:120]!r} cannot be told. Name the '
            "queue by its ARN or its name."
        )
    if match is None:
        return place.arn("sqs", name)
    region = match["region"] or place.region
    _check_place(f'ANYMAIL["AMAZON_SES_QUEUES"]: the queue {name}', region, match["account"], place)
    return place.arn("sqs", match["name"])


def _check_place(what: str, region: str, account: str, place: Place) -> None:
    if (region, account) != (place.region, place.account):
        raise AnymailConfigurationError(
            f"{what} is in account {account}, region {region}; these credentials are for account "
            f"{place.account}, and SES for region {place.region}. Use the credentials and the "
            "region of that account, or take it out of the setting."
        )


def _checked_set(name: str | None) -> str | None:
    if name and not CONFIGURATION_SET.fullmatch(name):
        raise AnymailConfigurationError(
            f'ANYMAIL["AMAZON_SES_CONFIGURATION_SET_NAME"] is {name[:80]!r}. A configuration set '
            "has a name of 1 to 64 ASCII letters, digits, '_' and '-'."
        )
    return name


def _checked_bucket(name: str | None) -> str | None:
    if name and not BUCKET.fullmatch(name):
        raise AnymailConfigurationError(
            f'ANYMAIL["AMAZON_SES_INBOUND_BUCKETS"] has {name[:80]!r}. A bucket has a name of 3 to '
            "63 lower-case letters, digits, '.' and '-'."
        )
    return name
