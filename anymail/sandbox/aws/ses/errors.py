"""SES's errors, which v1, v2 and the results of bulk calls spell differently.

Source: Amazon SES API references (v1 2010-12-01, v2 2019-09-27), "Errors" of the operations,
``BulkEmailDestinationStatus`` and ``BulkEmailEntryResult``.
"""

from __future__ import annotations

from enum import Enum

from ..api import ApiError


class ErrorCode(Enum):
    """Why SES refuses.

    :param v1: the code in v1, where the HTTP status is 400.
    :param v2: the code in v2.
    :param status: the HTTP status in v2.
    """

    INVALID = ("InvalidParameterValue", "BadRequestException")
    INVALID_TEMPLATE = ("InvalidTemplate", "BadRequestException")
    INVALID_DESTINATION = ("InvalidSNSDestination", "BadRequestException")
    REJECTED = ("MessageRejected", "MessageRejected")
    NO_CONFIGURATION_SET = ("ConfigurationSetDoesNotExist", "NotFoundException", 404)
    NO_TEMPLATE = ("TemplateDoesNotExist", "NotFoundException", 404)
    NO_DESTINATION = ("EventDestinationDoesNotExist", "NotFoundException", 404)
    EXISTS = ("AlreadyExists", "AlreadyExistsException")
    DESTINATION_EXISTS = ("EventDestinationAlreadyExists", "AlreadyExistsException")
    LIMIT = ("LimitExceeded", "LimitExceededException")
    THROTTLED = ("Throttling", "TooManyRequestsException", 429)

    def __init__(self, v1: str, v2: str, status: int = 400) -> None:
        self.v1 = v1
        self.v2 = v2
        self.status = status


#: The status of an entry of a bulk call, in v1 and v2. Other errors refuse the whole call.
BULK_STATUS = {
    ErrorCode.INVALID: ("InvalidParameterValue", "INVALID_PARAMETER"),
    ErrorCode.REJECTED: ("MessageRejected", "MESSAGE_REJECTED"),
    ErrorCode.THROTTLED: ("AccountThrottled", "ACCOUNT_THROTTLED"),
}


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
