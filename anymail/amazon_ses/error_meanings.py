"""The meaning of AWS's errors: may the call be repeated, was anything sent, what else will fail?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.utils import getaddresses
from typing import Any, Literal

from ..addresses.keys import comparison_form
from ..exceptions import ErrorScope
from .error_codes import (
    NEVER_CONNECTED,
    NO_ANSWER,
    NO_CREDENTIALS_NOW,
    THROTTLING_CODES,
    TRANSIENT_CODES,
    plain_code,
    scope_of,
)

#: Characters in which identities are looked for: SES names up to 50 recipients.
MAX_TEXT = 20_000
#: Where the texts about unverified identities and missing permissions name identities.
_UNVERIFIED = re.compile(r"failed the check in region [\w-]+: (.*)", re.DOTALL)
_IDENTITY = re.compile(r":identity/([^\s'`\]]+)")


def describe_response(code: str, text: str, http_status: int) -> dict[str, Any]:
    """The meaning of an error response, as keyword arguments of ``AnymailAPIError``.

    :param code: AWS's error code.
    :param text: AWS's text about it: the code for a rate and for a daily quota is the same.
    :param http_status: of the response; 0 where there was none.
    """
    limit = _exceeded_limit(code, text)
    is_fault = http_status >= 500 or code in TRANSIENT_CODES
    # A 503 is SES's word for "not now": it did not take the call. After a 500, 502 or 504
    # the message may have been accepted all the same.
    is_refused = 400 <= http_status < 500 or http_status == 503
    return {
        "error_code": code,
        "is_throttled": limit is not None,
        "is_transient": limit == "rate" or (limit is None and is_fault),
        "is_unsent": limit is not None or is_refused or not is_fault,
        "scope": scope_of(code, text) or _usual_scope(limit, is_fault),
    }


def _exceeded_limit(code: str, text: str) -> Literal["rate", "quota"] | None:
    lowered = text.lower()
    if "quota exceeded" in lowered or code == "AccountDailyQuotaExceeded":
        return "quota"
    is_rate = "sending rate exceeded" in lowered or code in THROTTLING_CODES
    return "rate" if is_rate else None


def _usual_scope(limit: str | None, is_fault: bool) -> ErrorScope | None:
    """The scope of an answer that is not known."""
    if limit is not None:
        return "account"
    return "service" if is_fault else None


def describe_client_error(response: Any) -> dict[str, Any]:
    """The meaning of a botocore ``ClientError``, as keyword arguments of ``AnymailAPIError``.

    :param response: the error's ``response``, which a proxy may have garbled.
    """
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return describe_response(*code_and_text(response), status if isinstance(status, int) else 0)


def code_and_text(response: Any) -> tuple[str, str]:
    """AWS's error code and text; empty where there is none.

    :param response: of a botocore ``ClientError``, or what a proxy made of it.
    """
    error = response.get("Error")
    error = error if isinstance(error, dict) else {}
    return str(error.get("Code") or ""), str(error.get("Message") or "")


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
        "scope": "service" if unknown else scope_of(kind, ""),
    }


def describe_status(code: str | None, text: str | None = None) -> dict[str, Any]:
    """The meaning of an entry's status in a bulk send, as arguments of ``AnymailAPIError``.

    :param code: as in v1 (``"AccountThrottled"``) or v2 (``"ACCOUNT_THROTTLED"``).
    :param text: the entry's error, which tells statuses of the same code apart.
    """
    bare = plain_code(code or "")
    throttled = bare in ("accountthrottled", "accountdailyquotaexceeded")
    return {
        "error_code": code,
        "is_throttled": throttled,
        "is_transient": bare in ("accountthrottled", "transientfailure"),
        "is_unsent": True,
        "scope": scope_of(code or "", text or ""),
    }


def narrow_scope(
    scope: ErrorScope | None, text: str, recipients: Iterable[str], senders: Iterable[str]
) -> ErrorScope | None:
    """``"recipient"`` instead of ``"sender"``, where SES blames recipients and nobody else.

    In the SES sandbox recipients have to be verified, too, and the texts are the same.

    :param scope: of the answer.
    :param text: SES's, with its addresses.
    :param recipients: addr-specs.
    :param senders: those of the same message; who sends to oneself is blamed as the sender.
    """
    if scope != "sender":
        return scope
    listed = _UNVERIFIED.search(text[:MAX_TEXT])
    named = [listed[1]] if listed else _IDENTITY.findall(text[:MAX_TEXT])
    blamed = {comparison_form(address) for _, address in getaddresses(named)}
    others = set(map(comparison_form, recipients)) - set(map(comparison_form, senders))
    return "recipient" if blamed and blamed <= others else scope
