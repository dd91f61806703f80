"""Why SES refuses, in its three spellings: v1 errors, v2 errors, statuses of bulk entries.

Source: Amazon SES API references (v1 2010-12-01, v2 2019-09-27), "Errors" of the send operations,
``BulkEmailDestinationStatus`` and ``BulkEmailEntryResult``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..api import ApiError


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """How a reason is spelt.

    :param v1: the code of an error; its HTTP status is 400.
    :param v2: likewise.
    :param status: the HTTP status in v2.
    :param entry: the status of an entry of a bulk call in v1.
    :param entry_v2: that in v2.
    """

    v1: str
    v2: str
    entry: str
    entry_v2: str
    status: int = 400


class Reason(Enum):
    """Why SES refuses a message."""

    INVALID = Spelling(
        v1="InvalidParameterValue",
        v2="BadRequestException",
        entry="InvalidParameterValue",
        entry_v2="INVALID_PARAMETER",
    )
    REJECTED = Spelling(
        v1="MessageRejected",
        v2="MessageRejected",
        entry="MessageRejected",
        entry_v2="MESSAGE_REJECTED",
    )
    NO_CONFIGURATION_SET = Spelling(
        v1="ConfigurationSetDoesNotExist",
        v2="NotFoundException",
        entry="ConfigurationSetDoesNotExist",
        entry_v2="CONFIGURATION_SET_NOT_FOUND",
        status=404,
    )
    NO_TEMPLATE = Spelling(
        v1="TemplateDoesNotExist",
        v2="NotFoundException",
        entry="TemplateDoesNotExist",
        entry_v2="TEMPLATE_NOT_FOUND",
        status=404,
    )
    THROTTLED = Spelling(
        v1="Throttling",
        v2="TooManyRequestsException",
        entry="AccountThrottled",
        entry_v2="ACCOUNT_THROTTLED",
        status=429,
    )
    ACCOUNT_PAUSED = Spelling(
        v1="AccountSendingPausedException",
        v2="SendingPausedException",
        entry="AccountSendingPaused",
        entry_v2="ACCOUNT_SENDING_PAUSED",
    )
    CONFIGURATION_SET_PAUSED = Spelling(
        v1="ConfigurationSetSendingPausedException",
        v2="SendingPausedException",
        entry="ConfigurationSetSendingPaused",
        entry_v2="CONFIGURATION_SET_SENDING_PAUSED",
    )


class Refused(Exception):
    """SES refuses. ``str()`` is its message."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def invalid(message: str) -> Refused:
    """The refusal of something that the caller has to change."""
    return Refused(Reason.INVALID, message)


def api_error(refused: Refused, service: str) -> ApiError:
    """The error that the caller of one of the two APIs gets."""
    spelling = refused.reason.value
    if service == "sesv2":
        return ApiError(spelling.v2, str(refused), spelling.status)
    return ApiError(spelling.v1, str(refused))
