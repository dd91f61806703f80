"""SES's errors, which v1, v2 and the results of bulk calls spell differently.

Source: Amazon SES API references (v1 2010-12-01, v2 2019-09-27), "Errors" of the operations,
``BulkEmailDestinationStatus`` and ``BulkEmailEntryResult``.
"""

from __future__ import annotations

from enum import Enum

from ..api import ApiError


class ErrorCode(Enum):
    """Why SES refuses: the code in v1, the one in v2, the HTTP status in v2 (in v1 it is 400)."""

    INVALID = ("InvalidParameterValue", "BadRequestException", 400)
    INVALID_TEMPLATE = ("InvalidTemplate", "BadRequestException", 400)
    REJECTED = ("MessageRejected", "MessageRejected", 400)
    NO_CONFIGURATION_SET = ("ConfigurationSetDoesNotExist", "NotFoundException", 404)
    NO_TEMPLATE = ("TemplateDoesNotExist", "NotFoundException", 404)
    NOT_FOUND = ("InvalidParameterValue", "NotFoundException", 404)
    NO_DESTINATION = ("EventDestinationDoesNotExist", "NotFoundException", 404)
    INVALID_DESTINATION = ("InvalidSNSDestination", "BadRequestException", 400)
    DESTINATION_EXISTS = ("EventDestinationAlreadyExists", "AlreadyExistsException", 400)
    SET_EXISTS = ("ConfigurationSetAlreadyExists", "AlreadyExistsException", 400)
    EXISTS = ("AlreadyExists", "AlreadyExistsException", 400)
    INVALID_TOKEN = ("InvalidParameterValue", "InvalidNextTokenException", 400)
    DENIED = ("AccessDenied", "AccessDeniedException", 403)
    PAUSED = ("AccountSendingPausedException", "SendingPausedException", 400)
    CONFLICT = ("InvalidParameterValue", "ConflictException", 409)
    SET_PAUSED = ("ConfigurationSetSendingPausedException", "SendingPausedException", 400)
    THROTTLED = ("Throttling", "TooManyRequestsException", 429)


#: The status of an entry of a bulk call, in v1 and v2. Other errors refuse the whole call.
BULK_STATUS = {
    ErrorCode.INVALID: ("InvalidParameterValue", "INVALID_PARAMETER"),
    ErrorCode.THROTTLED: ("AccountThrottled", "ACCOUNT_THROTTLED"),
}


class SesError(Exception):
    """SES refuses. ``str()`` is its message."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code

    def as_api_error(self, service: str) -> ApiError:
        """The error that callers of ``"ses"`` or ``"sesv2"`` get."""
        v1, v2, status = self.code.value
        return ApiError(v2, str(self), status) if service == "sesv2" else ApiError(v1, str(self))


def invalid(message: str) -> SesError:
    """The error for something that the caller has to change."""
    return SesError(ErrorCode.INVALID, message)
