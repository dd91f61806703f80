"""The services and operations that the sandbox has: those that an application or a test needs.

moto has many more, some of which run containers, call other hosts or write files.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl

from .api import ApiError
from .ses.operations import OPERATIONS as SES_OPERATIONS

#: What moto answers, by signing name; ``sesv2`` is v2 of SES. S3's requests have no such names.
MOTO: Mapping[str, frozenset[str]] = {
    service: frozenset(names.split())
    for service, names in {
        "kms": """
        CancelKeyDeletion CreateAlias CreateKey Decrypt DeleteAlias DescribeKey DisableKey EnableKey
        Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GetKeyPolicy ListAliases ListKeys
        PutKeyPolicy ReEncrypt ScheduleKeyDeletion
        """,
        "ses": """
        CloneReceiptRuleSet CreateConfigurationSet CreateReceiptRule CreateReceiptRuleSet
        DeleteIdentity DeleteReceiptRule DeleteReceiptRuleSet DeleteVerifiedEmailAddress
        DescribeActiveReceiptRuleSet DescribeReceiptRule DescribeReceiptRuleSet
        GetIdentityDkimAttributes GetIdentityMailFromDomainAttributes
        GetIdentityVerificationAttributes ListConfigurationSets ListIdentities ListReceiptRuleSets
        ListVerifiedEmailAddresses SetActiveReceiptRuleSet SetIdentityMailFromDomain
        UpdateReceiptRule VerifyDomainDkim VerifyDomainIdentity VerifyEmailAddress
        VerifyEmailIdentity
        """,
        "sesv2": """
        CreateConfigurationSet CreateEmailIdentity DeleteEmailIdentity GetEmailIdentity
        ListConfigurationSets ListEmailIdentities ListTagsForResource TagResource UntagResource
        """,
        "sns": """
        ConfirmSubscription CreateTopic DeleteTopic GetSubscriptionAttributes GetTopicAttributes
        ListSubscriptions ListSubscriptionsByTopic ListTagsForResource ListTopics Publish
        PublishBatch SetSubscriptionAttributes SetTopicAttributes Subscribe TagResource Unsubscribe
        UntagResource
        """,
        "sqs": """
        ChangeMessageVisibility ChangeMessageVisibilityBatch CreateQueue DeleteMessage
        DeleteMessageBatch DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags ListQueues
        PurgeQueue ReceiveMessage SendMessage SendMessageBatch SetQueueAttributes TagQueue
        UntagQueue
        """,
        "sts": "GetCallerIdentity",
    }.items()
}
#: The parameters of S3 that read and write objects and buckets. Others make a bucket notify,
#: replicate, or run queries.
S3_PARAMETERS = """
    awsaccesskeyid continuation-token delete delimiter encoding-type expires fetch-owner key-marker
    list-type location marker max-keys max-parts max-uploads part-number-marker partnumber prefix
    signature start-after tagging upload-id-marker uploadid uploads version-id-marker versionid
    versioning versions
    """
S3_PREFIXES = ("response-", "x-amz-", "x-id")
S3_POSTS = frozenset({"delete", "uploadid", "uploads"})


def check_operations(service: str, operations: Collection[str]) -> None:
    """Refuse services and operations that the sandbox does not have.

    :param service: a signing name, or ``"sesv2"``.
    :param operations: every name of an operation that a request has; none is refused, too.
    :raises ApiError: it is refused.
    """
    if service not in MOTO:
        raise ApiError("NotImplemented", f"The sandbox does not have the service {service[:60]!r}.")
    for operation in operations or [""]:
        if operation not in MOTO[service] and (service, operation) not in SES_OPERATIONS:
            text = f"The sandbox does not have the operation {operation[:60]!r} of {service}."
            raise ApiError("NotImplemented", text)


def check_s3(method: str, query: str) -> None:
    """Refuse requests that are not about objects or whole buckets."""
    names = {name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)}
    unknown = sorted(
        name for name in names - set(S3_PARAMETERS.split()) if not name.startswith(S3_PREFIXES)
    )
    if unknown or (method == "POST" and not names & S3_POSTS):
        what = f"{method} with {unknown[0][:60]!r}" if unknown else method
        raise ApiError("NotImplemented", f"The sandbox's S3 does not have {what}.")
