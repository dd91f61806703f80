"""The meaning of AWS's errors: may the call be repeated, was anything sent?"""

from __future__ import annotations

import re
from typing import Any

#: Error codes of SES (both APIs), SNS, S3 and KMS for "too fast" and "too much".
#: Sources: the API references of the four services, "Common errors"; botocore's retry rules.
THROTTLING_CODES = frozenset(
    {
        "AccountDailyQuotaExceeded",
        "AccountThrottled",
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
#: Errors with another HTTP status than 5xx that pass by themselves.
TRANSIENT_CODES = frozenset(
    {
        "DependencyTimeoutException",
        "InternalError",
        "InternalFailure",
        "InternalServiceErrorException",
        "KMSInternalException",
        "KeyUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "TransientFailure",
    }
)
#: botocore exceptions that mean that nothing has reached the service.
NEVER_CONNECTED = frozenset(
    {"ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError"}
)
#: botocore exceptions that leave open whether anything has.
NO_ANSWER = frozenset(
    {
        "ConnectionClosedError",
        "ConnectionError",
        "HTTPClientError",
        "IncompleteReadError",
        "ReadTimeoutError",
        "ResponseParserError",
        "ResponseStreamingError",
    }
)
#: botocore exceptions for credentials that are unavailable at the moment: their service (instance
#: metadata, STS) is down or behind. "Credentials were refreshed, but the refreshed credentials are
#: still expired" is a RuntimeError.
NO_CREDENTIALS_NOW = frozenset(
    {"CredentialRetrievalError", "MetadataRetrievalError", "RuntimeError"}
)
#: Before the @ of an address: a quoted string, or a word. An apostrophe can be a part of it, or
#: the quotation mark before it. Bounded, so that long texts take no time (RFC 5321: 64).
_LOCAL_PART = re.compile(
    r"""(?:"(?:[^"\\\n]|\\.){0,255}"|[^\s@<>()\[\]:;,"'/][^\s@<>()\[\]:;,"/]{0,255})"""
    r"@(?=[\w.\[-])"
)


def describe_response(code: str, text: str, http_status: int) -> dict[str, Any]:
    """The meaning of an error response, as keyword arguments of ``AnymailAPIError``.

    :param code: AWS's error code.
    :param text: AWS's text about it: the code for a rate and for a daily quota is the same.
    :param http_status: of the response; 0 where there was none.
    """
    lowered = text.lower()
    rate = "sending rate exceeded" in lowered
    quota = "quota exceeded" in lowered or code == "AccountDailyQuotaExceeded"
    throttled = rate or quota or code in THROTTLING_CODES
    fault = http_status >= 500 or code in TRANSIENT_CODES
    return {
        "error_code": code,
        "is_throttled": throttled,
        "is_transient": (throttled and not quota) or (fault and not throttled),
        # A 503 is SES's word for "not now": it did not take the call. After a 500, 502 or 504
        # the message may have been accepted all the same.
        "is_unsent": throttled or not fault or 400 <= http_status < 500 or http_status == 503,
    }


def describe_client_error(response: Any) -> dict[str, Any]:
    """The meaning of a botocore ``ClientError``, as keyword arguments of ``AnymailAPIError``.

    :param response: the error's ``response``, which a proxy may have garbled.
    """
    error = response.get("Error")
    error = error if isinstance(error, dict) else {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return describe_response(
        str(error.get("Code") or ""),
        str(error.get("Message") or ""),
        status if isinstance(status, int) else 0,
    )


def describe_exception(kind: str, is_posted: bool = False) -> dict[str, Any]:
    """The meaning of an exception without a response, as arguments of ``AnymailAPIError``.

    :param kind: the name of its class: botocore's, or any.
    :param is_posted: the request was handed to the network: then the call may have been accepted,
        unless no connection was made.
    """
    unsent = kind in NEVER_CONNECTED
    unknown = kind in NO_ANSWER or (is_posted and not unsent)
    return {
        "error_code": kind,
        "is_transient": kind != "SSLError" and (unsent or unknown or kind in NO_CREDENTIALS_NOW),
        "is_unsent": not unknown and kind != "SSLError",
    }


def describe_status(code: str | None) -> dict[str, Any]:
    """The meaning of an entry's status in a bulk send, as arguments of ``AnymailAPIError``.

    :param code: as in v1 (``"AccountThrottled"``) or v2 (``"ACCOUNT_THROTTLED"``).
    """
    bare = (code or "").replace("_", "").lower()
    throttled = bare in ("accountthrottled", "accountdailyquotaexceeded")
    return {
        "error_code": code,
        "is_throttled": throttled,
        "is_transient": bare in ("accountthrottled", "transientfailure"),
        "is_unsent": True,
    }


def mask_addresses(text: str) -> str:
    """The same text with the local part of every e-mail address hidden.

    The domain stays: it shows which identity SES asks for.

    :param text: for example an error of AWS.
    """
    return _LOCAL_PART.sub("***@", text)
