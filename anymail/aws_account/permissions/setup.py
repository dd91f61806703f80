"""What ``anymail_setup`` needs, to see what there is and to add what is missing."""

from __future__ import annotations

from functools import partial

from .row import Holder, Permission, permission
from .usage import Resource, Usage

_add = partial(permission, holder=Holder.SETUP)


def _receives(usage: Usage) -> bool:
    return usage.has_inbound is not False


ROWS: tuple[Permission, ...] = (
    _add(
        "SetUpIdentities",
        "sesv2:GetEmailIdentity sesv2:CreateEmailIdentity sesv2:PutEmailIdentityMailFromAttributes "
        "sesv2:PutEmailIdentityDkimAttributes sesv2:PutEmailIdentityDkimSigningAttributes",
        Resource.IDENTITY,
        also="ses:TagResource",
        why="identities: verification, DKIM and MAIL FROM",
    ),
    _add(
        "SetUpConfigurationSets",
        "sesv2:GetConfigurationSet sesv2:GetConfigurationSetEventDestinations "
        "sesv2:CreateConfigurationSet sesv2:PutConfigurationSetSendingOptions "
        "sesv2:CreateConfigurationSetEventDestination "
        "sesv2:UpdateConfigurationSetEventDestination",
        Resource.CONFIGURATION_SET,
        also="ses:TagResource",
        why="configuration sets, and where their events go",
    ),
    _add(
        "SetUpTopics",
        "sns:GetTopicAttributes sns:ListTagsForResource sns:ListSubscriptionsByTopic "
        "sns:CreateTopic sns:SetTopicAttributes sns:Subscribe",
        Resource.TOPIC,
        also="sns:TagResource",
        why="topics, and who is subscribed",
    ),
    _add(
        "SetUpSubscriptions",
        "sns:GetSubscriptionAttributes sns:SetSubscriptionAttributes",
        Resource.ANY,
        why="how a webhook or queue is subscribed",
    ),
    _add(
        "SetUpQueues",
        "sqs:GetQueueUrl sqs:GetQueueAttributes sqs:ListQueueTags sqs:CreateQueue "
        "sqs:SetQueueAttributes",
        Resource.QUEUE,
        also="sqs:TagQueue",
        why="queues, and those of dead letters",
    ),
    _add(
        "SetUpReceiptRules",
        "ses:DescribeActiveReceiptRuleSet ses:DescribeReceiptRuleSet ses:CreateReceiptRuleSet "
        "ses:CreateReceiptRule ses:UpdateReceiptRule ses:SetActiveReceiptRuleSet",
        Resource.ANY,
        why="what is done with received mail",
        is_needed=_receives,
    ),
    _add(
        "SetUpBuckets",
        "s3:GetBucketLocation s3:GetBucketPolicy s3:GetBucketTagging s3:GetPublicAccessBlock "
        "s3:GetBucketLifecycleConfiguration s3:CreateBucket s3:PutBucketPolicy s3:PutBucketTagging "
        "s3:PutPublicAccessBlock s3:PutBucketLifecycleConfiguration",
        Resource.BUCKET,
        why="where received mail is stored",
        is_needed=_receives,
    ),
    _add(
        "SetUpKeys",
        "kms:DescribeKey kms:GetKeyPolicy kms:PutKeyPolicy",
        Resource.KEY,
        why="keys that topics, queues and received mail are encrypted with",
    ),
)
