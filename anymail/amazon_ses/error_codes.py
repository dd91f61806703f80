"""The meaning of AWS's errors: may the call be repeated, was anything sent, what else will fail?"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from email.utils import getaddresses
from typing import Any

from ..exceptions import ErrorScope

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


@dataclass(frozen=True)
class Answer:
    """What AWS may answer to a call that sends, or botocore may raise about it.

    :param scope: what else will fail; None if the answer does not say.
    :param codes: error codes and statuses of bulk entries, with spaces between them; in one of
        their spellings, see :func:`_plain`. Empty for any code.
    :param text: a pattern for AWS's text, which tells answers with the same code apart.
    :param hint: what to do, where AWS or botocore does not say.
    """

    scope: ErrorScope | None
    codes: str
    text: str = ""
    hint: str | None = None

    def is_given_by(self, code: str, text: str) -> bool:
        """Whether it is this one.

        :param code: as AWS spells it in any place.
        :param text: AWS's.
        """
        codes = [_plain(known) for known in self.codes.split()]
        return (not codes or _plain(code) in codes) and bool(re.search(self.text, text, re.I))


#: Up to the kind of the resource, in the texts about missing permissions.
_SES_ARN = r":ses:[\w-]*:\d*:"
#: The first that fits counts. docs/troubleshooting explains each.
#: Sources: the API references of both APIs, "SendRawEmail", "SendBulkTemplatedEmail", "SendEmail",
#: "SendBulkEmail", "BulkEmailDestinationStatus", "BulkEmailEntryResult", "Common Errors"; Developer
#: Guide, "Amazon SES API errors". Texts as SES sends them.
ANSWERS = (
    # Rates and quotas.
    Answer("account", "", "sending rate exceeded|quota exceeded"),
    Answer(
        "account",
        "Throttling ThrottlingException TooManyRequestsException AccountThrottled "
        "AccountDailyQuotaExceeded",
    ),
    Answer("account", "LimitExceededException"),
    # Paused or suspended.
    Answer("sender", "SendingPausedException MessageRejected", "configuration set|tenant"),
    Answer("sender", "ConfigurationSetSendingPausedException"),
    Answer("account", "SendingPausedException AccountSendingPausedException"),
    Answer("account", "AccountSuspendedException"),
    Answer("account", "MessageRejected Failed", "(paused|suspended) for this account"),
    # Identities, configuration sets, tenants.
    Answer("sender", "MessageRejected Failed", "not verified"),
    Answer("sender", "MailFromDomainNotVerifiedException"),
    Answer("sender", "ConfigurationSetDoesNotExist ConfigurationSetNotFound"),
    Answer("sender", "InvalidSendingPoolName"),
    Answer(
        "sender",
        "AccessDeniedException",
        "tenant not associated with",
        "Associate what the text names with the tenant: aws sesv2 "
        "create-tenant-resource-association --tenant-name … --resource-arn ….",
    ),
    Answer(
        "sender",
        "AccessDenied AccessDeniedException",
        rf"{_SES_ARN}(identity|configuration-set|tenant)/",
    ),
    Answer(
        "sender",
        "NotFoundException",
        r"tenant \S+ for awsaccountid",
        "Create the tenant: aws sesv2 create-tenant --tenant-name …. Each region has its own; "
        "aws sesv2 list-tenants lists them.",
    ),
    Answer("message", "NotFoundException", "template|list|topic"),
    Answer("sender", "NotFoundException"),
    # Content and recipients.
    Answer("message", "TemplateDoesNotExist TemplateNotFound InvalidTemplate"),
    Answer("message", "AccessDenied AccessDeniedException", rf"{_SES_ARN}template/"),
    Answer("recipient", "MessageRejected", "blacklisted|suppression list"),
    Answer("message", "MessageRejected"),
    Answer("message", "InvalidParameterValue BadRequestException InvalidParameter", "invalid tag"),
    Answer(
        "recipient",
        "InvalidParameterValue BadRequestException InvalidParameter",
        "missing (final '@)?domain|illegal address|local address|domain (contains|starts|ends)",
    ),
    Answer(
        "sender",
        "InvalidParameterValue BadRequestException InvalidParameter",
        "configuration set|tenant|endpoint|identity arn",
    ),
    Answer(
        "message",
        "InvalidParameterValue BadRequestException InvalidParameter ValidationError "
        "MissingParameter ParamValidationError",
    ),
    # Credentials and settings.
    Answer(
        "account",
        "AccessDenied AccessDeniedException",
        "sts:AssumeRole",
        'Allow "sts:AssumeRole" on this role in the policy of these credentials, and name them as '
        "a principal in the trust policy of the role. If the trust policy asks for an external id, "
        'set ANYMAIL["AMAZON_SES_ROLE_PARAMS"] = {"ExternalId": "…"}.',
    ),
    Answer("account", "AccessDenied AccessDeniedException"),
    Answer("account", "InvalidClientTokenId UnrecognizedClientException InvalidAccessKeyId"),
    Answer("account", "SignatureDoesNotMatch InvalidSignatureException IncompleteSignature"),
    Answer("account", "ExpiredToken ExpiredTokenException RequestExpired RequestTimeTooSkewed"),
    Answer("account", "MissingAuthenticationToken OptInRequired"),
    Answer(
        "account",
        "NoRegionError",
        hint='Set ANYMAIL["AMAZON_SES_CLIENT_PARAMS"] = {"region_name": "us-east-1"} (your '
        "region), or the environment variable AWS_DEFAULT_REGION.",
    ),
    Answer(
        "account",
        "NoCredentialsError",
        hint="Set the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, give the "
        "machine an IAM role, or see boto3's guide to credentials for its other sources; "
        'ANYMAIL["AMAZON_SES_SESSION_PARAMS"] is passed to boto3.session.Session.',
    ),
    Answer(
        "account",
        "PartialCredentialsError",
        hint="Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither.",
    ),
    Answer(
        "account",
        "ProfileNotFound",
        hint='Check "profile_name" in ANYMAIL["AMAZON_SES_SESSION_PARAMS"], and AWS_PROFILE.',
    ),
    Answer("account", "UnknownRegion"),
    Answer(
        "account",
        "MissingDependencyException",
        hint="AMAZON_SES_ENDPOINT_ID (EndpointId) needs the package awscrt: "
        'python -m pip install "botocore[crt]".',
    ),
    Answer("account", " ".join(sorted(NO_CREDENTIALS_NOW))),
    # SES itself, and the way to it.
    Answer("service", "SSLError " + " ".join(sorted(NEVER_CONNECTED | NO_ANSWER))),
    Answer("service", "InternalFailure InternalServiceErrorException ServiceUnavailable"),
    Answer("service", "TransientFailure RequestTimeout"),
    # A status that says nothing: the text of the entry may.
    Answer(None, "Failed"),
)
#: Characters in which identities are looked for: SES names up to 50 recipients.
MAX_TEXT = 20_000
#: Where the texts about unverified identities and missing permissions name identities.
_UNVERIFIED = re.compile(r"failed the check in region [\w-]+: (.*)", re.DOTALL)
_IDENTITY = re.compile(r":identity/([^\s'`\]]+)")
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
        "scope": _scope(code, text) or ("account" if throttled else "service" if fault else None),
    }


def find_answer(code: str, text: str = "") -> Answer | None:
    """The entry of :data:`ANSWERS`, or None for an answer that is not known.

    :param code: AWS's error code, the status of a bulk entry, or the name of an exception.
    :param text: AWS's text about it.
    """
    return next((answer for answer in ANSWERS if answer.is_given_by(code, text)), None)


def narrow_scope(
    scope: ErrorScope | None, text: str, recipients: Collection[str]
) -> ErrorScope | None:
    """``"recipient"`` instead of ``"sender"``, where SES blames recipients and nobody else.

    In the SES sandbox recipients have to be verified, too, and the texts are the same.

    :param scope: of the answer.
    :param text: SES's, with its addresses.
    :param recipients: addr-specs.
    """
    listed = _UNVERIFIED.search(text[:MAX_TEXT])
    named = [listed[1]] if listed else _IDENTITY.findall(text[:MAX_TEXT])
    blamed = {address.lower() for _, address in getaddresses(named)}
    only_recipients = blamed and blamed <= {recipient.lower() for recipient in recipients}
    return "recipient" if scope == "sender" and only_recipients else scope


def _scope(code: str, text: str) -> ErrorScope | None:
    answer = find_answer(code, text)
    return answer.scope if answer else None


def _plain(code: str) -> str:
    """A code as it is comparable: ``AccountSendingPausedException`` of the v1 API is
    ``AccountSendingPaused`` as the status of an entry, and ``ACCOUNT_SENDING_PAUSED`` in v2."""
    return code.replace("_", "").lower().removesuffix("exception")


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
        "scope": "service" if unknown else _scope(kind, ""),
    }


def describe_status(code: str | None, text: str | None = None) -> dict[str, Any]:
    """The meaning of an entry's status in a bulk send, as arguments of ``AnymailAPIError``.

    :param code: as in v1 (``"AccountThrottled"``) or v2 (``"ACCOUNT_THROTTLED"``).
    :param text: the entry's error, which tells statuses of the same code apart.
    """
    bare = _plain(code or "")
    throttled = bare in ("accountthrottled", "accountdailyquotaexceeded")
    return {
        "error_code": code,
        "is_throttled": throttled,
        "is_transient": bare in ("accountthrottled", "transientfailure"),
        "is_unsent": True,
        "scope": _scope(code or "", text or ""),
    }


def mask_addresses(text: str) -> str:
    """The same text with the local part of every e-mail address hidden.

    The domain stays: it shows which identity SES asks for.

    :param text: for example an error of AWS.
    """
    return _LOCAL_PART.sub("***@", text)
