"""What the application itself needs: to send, to receive events and mail, to consume queues."""

from __future__ import annotations

from .row import Holder, Permission, permission
from .usage import Resource, Usage


def _asks_for_the_rate(usage: Usage) -> bool:
    return usage.has_outbox or usage.settings.max_send_rate == "account"


def _confirms(usage: Usage) -> bool | None:
    return usage.settings.auto_confirm_sns_subscriptions and usage.has_webhook


def _decrypts(usage: Usage) -> bool | None:
    if usage.settings.inbound_kms_key_id:
        return True
    return False if usage.has_inbound is False else None


def _templates_with(usage: Usage, version: int) -> bool | None:
    return version in usage.api_versions and usage.has_templates


def _may_change_suppressions(usage: Usage) -> bool | None:
    return None if usage.has_feedback else False


def _may_ask_for_insights(usage: Usage) -> bool | None:
    return None if usage.has_outbox or usage.has_feedback else False


def _may_look_into_queues(usage: Usage) -> bool | None:
    return None if usage.settings.queues else False


SENDING = (Resource.IDENTITY, Resource.CONFIGURATION_SET)

ROWS: tuple[Permission, ...] = (
    permission(
        "Send",
        "ses:SendRawEmail",
        *SENDING,
        why="sending with the API v1",
        is_needed=lambda usage: 1 in usage.api_versions,
    ),
    permission(
        "Send",
        "sesv2:SendEmail",
        *SENDING,
        why="sending with the API v2",
        is_needed=lambda usage: 2 in usage.api_versions,
    ),
    permission(
        "Send",
        "ses:SendBulkTemplatedEmail",
        *SENDING,
        Resource.TEMPLATE,
        why="templates, with the API v1",
        is_needed=lambda usage: _templates_with(usage, 1),
    ),
    permission(
        "Send",
        "sesv2:SendBulkEmail",
        *SENDING,
        Resource.TEMPLATE,
        why="templates, with the API v2",
        is_needed=lambda usage: _templates_with(usage, 2),
    ),
    permission(
        "AskForTheSendRate",
        "ses:GetSendQuota",
        Resource.ANY,
        why="the send rate of the account, with the API v1",
        is_vital=False,
        is_needed=lambda usage: 1 in usage.api_versions and _asks_for_the_rate(usage),
    ),
    permission(
        "AskForTheSendRate",
        "sesv2:GetAccount",
        Resource.ANY,
        why="the send rate of the account, with the API v2",
        is_vital=False,
        is_needed=lambda usage: 2 in usage.api_versions and _asks_for_the_rate(usage),
    ),
    permission(
        "ShowTheAccount",
        "sesv2:GetAccount sesv2:ListRecommendations",
        Resource.ANY,
        why="the page of the account in Django's admin",
        is_vital=False,
        is_needed=lambda usage: None if usage.has_outbox else False,
    ),
    permission(
        "ValidateAddresses",
        "sesv2:GetEmailAddressInsights",
        Resource.ANY,
        why="asking whether addresses are deliverable",
        is_needed=lambda usage: usage.has_validators,
    ),
    permission(
        "SuppressionList",
        "sesv2:GetSuppressedDestination sesv2:PutSuppressedDestination "
        "sesv2:DeleteSuppressedDestination sesv2:ListSuppressedDestinations",
        Resource.ANY,
        why="looking at Amazon's suppression list, and changing it",
        is_vital=False,
        is_needed=_may_change_suppressions,
    ),
    permission(
        "AskForInsights",
        "sesv2:GetMessageInsights sesv2:CreateExportJob",
        Resource.ANY,
        why="anymail_backfill --ask-insights and --export",
        is_vital=False,
        is_needed=_may_ask_for_insights,
    ),
    permission(
        "ReadExports",
        "sesv2:GetExportJob",
        Resource.EXPORT_JOB,
        why="anymail_backfill --export",
        is_vital=False,
        is_needed=_may_ask_for_insights,
    ),
    permission(
        "ConfirmWebhookSubscriptions",
        "sns:ConfirmSubscription",
        Resource.TOPIC,
        why="confirming the subscription of a webhook",
        is_needed=_confirms,
    ),
    permission(
        "FetchInboundMail",
        "s3:GetObject",
        Resource.OBJECT,
        why="fetching received mail",
        is_needed=lambda usage: usage.has_inbound,
    ),
    permission(
        "FetchInboundMail",
        "s3:DeleteObject",
        Resource.OBJECT,
        why="deleting received mail that was processed",
        is_needed=lambda usage: usage.settings.inbound_delete_s3_object and usage.has_inbound,
    ),
    permission(
        "MissingObjectsAre404",
        "s3:GetObject",
        Resource.BUCKET,
        actions="s3:ListBucket",
        why="telling received mail that is gone from mail that may not be read",
        is_needed=lambda usage: False if usage.has_inbound is False else None,
    ),
    permission(
        "DecryptInboundMail",
        "kms:Decrypt",
        Resource.KEY,
        why="decrypting received mail",
        is_needed=_decrypts,
    ),
    permission(
        "ConsumeQueues",
        "sqs:GetQueueUrl sqs:GetQueueAttributes sqs:ReceiveMessage sqs:DeleteMessageBatch "
        "sqs:ChangeMessageVisibilityBatch",
        Resource.QUEUE,
        why="anymail_consume",
        is_needed=lambda usage: bool(usage.settings.queues),
    ),
    permission(
        "LookIntoAndRedriveDeadLetters",
        "sqs:GetQueueUrl sqs:GetQueueAttributes sqs:StartMessageMoveTask",
        Resource.DEAD_LETTER_QUEUE,
        # "StartMessageMoveTask" in the Amazon SQS API Reference: SQS moves with our permissions.
        actions="sqs:GetQueueUrl sqs:GetQueueAttributes sqs:StartMessageMoveTask "
        "sqs:ReceiveMessage sqs:DeleteMessage",
        why="anymail_consume --status and --redrive",
        is_needed=_may_look_into_queues,
    ),
    permission(
        "RedriveInto",
        "sqs:StartMessageMoveTask",
        Resource.QUEUE,
        actions="sqs:SendMessage",
        why="anymail_consume --redrive",
        is_needed=_may_look_into_queues,
    ),
    permission(
        "AgeOfTheOldestMessage",
        "cloudwatch:GetMetricStatistics",
        Resource.ANY,
        why="anymail_consume --status, and the page of the account in Django's admin",
        is_needed=_may_look_into_queues,
    ),
    permission(
        "AssumeTheRole",
        "sts:AssumeRole",
        Resource.ROLE,
        holder=Holder.CALLER,
        why="using the role in AMAZON_SES_ROLE_ARN",
        is_needed=lambda usage: usage.settings.role_arn is not None,
    ),
)
