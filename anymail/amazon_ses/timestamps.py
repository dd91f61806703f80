"""Times as SES, SNS and SQS write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from django.utils.dateparse import parse_datetime

#: The longest that AWS writes has 29 characters.
MAX_LENGTH = 64
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: Until the year 2286.
MILLISECONDS = re.compile(r"[0-9]{1,13}")


def utc_now() -> datetime:
    """The present time, aware even where ``USE_TZ`` is False."""
    return datetime.now(timezone.utc)


def parse_timestamp(value: object) -> datetime | None:
    """A time as AWS writes it, in UTC; None if it is not one.

    Besides ``2017-08-05T00:41:02.669Z``, AWS's own examples have ``2018-10-08T14:05:45 +0000``
    and ``2009-12-03T04:24:21.000-05:00``. A time without a zone is taken for UTC.

    :param value: anything.
    """
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        return None
    try:
        found = parse_datetime(value)
        if found is None:
            return None
        if found.tzinfo is None:
            return found.replace(tzinfo=timezone.utc)
        return found.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def iso_time(moment: datetime) -> str:
    """A time as SNS and SES write it, with milliseconds: ``2017-08-05T00:41:02.669Z``.

    :param moment: a naive one is taken for UTC.
    """
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + "Z"


def parse_milliseconds(value: object) -> datetime | None:
    """A time as SQS writes it, in milliseconds since 1970; None if it is not one.

    :param value: anything; SQS writes a string of digits.
    """
    if not isinstance(value, str) or not MILLISECONDS.fullmatch(value):
        return None
    return EPOCH + timedelta(milliseconds=int(value))
