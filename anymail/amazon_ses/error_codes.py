"""The answers of AWS that are known, and the error codes that have the same meaning."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
        their spellings, see :func:`plain_code`. Empty for any code.
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
        codes = [plain_code(known) for known in self.codes.split()]
        return (not codes or plain_code(code) in codes) and bool(re.search(self.text, text, re.I))


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


def find_answer(code: str, text: str = "") -> Answer | None:
    """The entry of :data:`ANSWERS`, or None for an answer that is not known.

    :param code: AWS's error code, the status of a bulk entry, or the name of an exception.
    :param text: AWS's text about it.
    """
    return next((answer for answer in ANSWERS if answer.is_given_by(code, text)), None)


def scope_of(code: str, text: str) -> ErrorScope | None:
    """What else will fail; None if that is not known.

    :param code: as for :func:`find_answer`.
    :param text: AWS's text about it.
    """
    answer = find_answer(code, text)
    return answer.scope if answer else None


def plain_code(code: str) -> str:
    """A code as it is comparable: ``AccountSendingPausedException`` of the v1 API is
    ``AccountSendingPaused`` as the status of an entry, and ``ACCOUNT_SENDING_PAUSED`` in v2.

    :param code: in any spelling.
    """
    return code.replace("_", "").lower().removesuffix("exception")
