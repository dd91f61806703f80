"""SES's errors, which v1, v2 and the results of bulk calls spell differently.

Source: Amazon SES API references (v1 2010-12-01, v2 2019-09-27), "Errors" of the send operations,
``BulkEmailDestinationStatus`` and ``BulkEmailEntryResult``.
"""

from __future__ import annotations

from enum import Enum

from ..api import ApiError


class ErrorCode(Enum):
    """Why SES refuses.

    :param v1: the code in v1, where the HTTP status is 400.
    :param v2: the code in v2.
    :param bulk_v1: the status of an entry of a bulk call in v1.
    :param bulk_v2: that in v2.
    :param status: the HTTP status in v2.
    """

    INVALID = (
        "InvalidParameterValue",
        "BadRequestException",
        "InvalidParameterValue",
        "INVALID_PARAMETER",
    )
    REJECTED = ("MessageRejected", "MessageRejected", "MessageRejected", "MESSAGE_REJECTED")
    NO_CONFIGURATION_SET = (
        "ConfigurationSetDoesNotExist",
        "NotFoundException",
        "ConfigurationSetDoesNotExist",
        "CONFIGURATION_SET_NOT_FOUND",
        404,
    )
    NO_TEMPLATE = (
        "TemplateDoesNotExist",
        "NotFoundException",
        "TemplateDoesNotExist",
        "TEMPLATE_NOT_FOUND",
        404,
    )
    INVALID_TEMPLATE = (
        "InvalidTemplate",
        "BadRequestException",
        "InvalidParameterValue",
        "INVALID_PARAMETER",
    )
    NO_DESTINATION = ("EventDestinationDoesNotExist", "NotFoundException", "", "", 404)
    DESTINATION_EXISTS = ("EventDestinationAlreadyExists", "AlreadyExistsException", "", "")
    INVALID_DESTINATION = ("InvalidSNSDestination", "BadRequestException", "", "")
    EXISTS = ("AlreadyExists", "AlreadyExistsException", "", "")
    LIMIT = ("LimitExceeded", "LimitExceededException", "", "")
    THROTTLED = (
        "Throttling",
        "TooManyRequestsException",
        "AccountThrottled",
        "ACCOUNT_THROTTLED",
        429,
    )

    def __init__(self, v1: str, v2: str, bulk_v1: str, bulk_v2: str, status: int = 400) -> None:
        self.v1 = v1
        self.v2 = v2
        self.bulk_v1 = bulk_v1
        self.bulk_v2 = bulk_v2
        self.status = status


class SesError(Exception):
    """SES refuses. ``str()`` is its message."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code

    def as_api_error(self, service: str) -> ApiError:
        """The error that callers of ``"ses"`` or ``"sesv2"`` get."""
        if service == "sesv2":
            return ApiError(self.code.v2, str(self), self.code.status)
        return ApiError(self.code.v1, str(self))


def invalid(message: str) -> SesError:
    """The error for something that the caller has to change."""
    return SesError(ErrorCode.INVALID, message)
