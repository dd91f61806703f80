"""What ``anymail_doctor`` needs, which only reads."""

from __future__ import annotations

from functools import partial

from .row import Holder, Permission, permission
from .usage import Resource

_look = partial(permission, holder=Holder.DOCTOR)

ROWS: tuple[Permission, ...] = (
    _look(
        "LookAtTheAccount",
        "sesv2:GetAccount sesv2:ListSuppressedDestinations sesv2:ListRecommendations",
        Resource.ANY,
        why="limits, suppression list and advice of the account",
    ),
    _look(
        "LookAtIdentities",
        "sesv2:GetEmailIdentity",
        Resource.IDENTITY,
        why="verification, DKIM and MAIL FROM of identities",
    ),
    _look(
        "LookAtTheAccount",
        "sesv2:ListEmailIdentities ses:GetIdentityNotificationAttributes",
        Resource.ANY,
        why="which identities there are, and their notifications",
    ),
    _look(
        "LookAtConfigurationSets",
        "sesv2:GetConfigurationSet sesv2:GetConfigurationSetEventDestinations",
        Resource.CONFIGURATION_SET,
        why="configuration sets, and where their events go",
    ),
    _look(
        "LookAtTenants",
        "sesv2:ListTenantResources",
        Resource.TENANT,
        why="what a tenant may use",
    ),
    _look(
        "LookAtTopics",
        "sns:GetTopicAttributes sns:ListSubscriptionsByTopic",
        Resource.TOPIC,
        why="topics, and who is subscribed",
    ),
    _look(
        "LookAtTheAccount",
        "sns:GetSubscriptionAttributes",
        Resource.ANY,
        why="how a webhook or queue is subscribed",
    ),
    _look(
        "LookAtQueues",
        "sqs:GetQueueUrl sqs:GetQueueAttributes",
        Resource.QUEUE,
        why="queues, and those of dead letters",
    ),
    _look(
        "LookAtTheAccount",
        "cloudwatch:GetMetricStatistics",
        Resource.ANY,
        why="how long messages have waited in queues",
    ),
    _look(
        "LookAtTheAccount",
        "ses:DescribeActiveReceiptRuleSet ses:ListReceiptRuleSets",
        Resource.ANY,
        why="what is done with received mail",
    ),
    _look(
        "LookAtBuckets",
        "s3:GetBucketPolicy s3:ListObjectsV2 s3:GetBucketLifecycleConfiguration "
        "s3:GetPublicAccessBlock",
        Resource.BUCKET,
        why="where received mail is stored",
    ),
    _look(
        "LookAtKeys",
        "kms:DescribeKey kms:GetKeyPolicy",
        Resource.KEY,
        why="the keys that topics, queues and received mail are encrypted with",
    ),
    _look(
        "LookAtPermissions",
        "iam:SimulatePrincipalPolicy",
        Resource.PRINCIPAL,
        why="the permissions of the application",
    ),
    _look(
        "LookAtRoles",
        "iam:GetRole",
        Resource.ROLE,
        why="the path of the role that the application has",
    ),
)
