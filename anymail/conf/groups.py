"""Every setting, with its type and its default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ..exceptions import AnymailConfigurationError
from . import aws_values, values
from .base import Settings, Sources, setting, specs
from .reserve import Reserve, reserve


@dataclass(frozen=True, kw_only=True)
class SendSettings(Settings):
    """Settings of sending, for any service."""

    ignore_unsupported_features: bool = setting(values.boolean, False)
    ignore_recipient_status: bool = setting(values.boolean, False)
    debug_api_requests: bool = setting(values.boolean, False)
    idna_encoder: str | Callable[[str], str] = setting(values.idna_encoder, "idna2008")


@dataclass(frozen=True, kw_only=True)
class SendDefaults(Settings):
    """``SEND_DEFAULTS``: default message attributes, for any service."""

    send_defaults: dict[str, Any] = setting(values.dictionary, None)


@dataclass(frozen=True, kw_only=True)
class WebhookSettings(Settings):
    """Settings of webhooks, for any service."""

    webhook_secret: tuple[str, ...] = setting(values.strings, None, is_secret=True)


@dataclass(frozen=True, kw_only=True)
class FeedbackSettings(Settings):
    """Settings of the app ``anymail.feedback``."""

    feedback_suppress: tuple[str, ...] = setting(values.suppress_reasons, None)
    feedback_suppress_sync: str | None = setting(values.suppress_sync, None)


@dataclass(frozen=True, kw_only=True)
class OutboxSettings(Settings):
    """Settings of the app ``anymail.outbox``."""

    outbox_backend: str | None = setting(values.optional_string, None)
    outbox_bell: str | Callable[..., Any] | None = setting(values.outbox_bell, None)
    outbox_database: str | None = setting(values.optional_string, None)
    outbox_events: tuple[str, ...] = setting(values.outbox_events, None)
    outbox_keep: int = setting(values.positive_int, 90)
    outbox_keep_content: float = setting(values.seconds, 0)
    outbox_max_attempts: int = setting(values.positive_int, 10)
    outbox_log: bool = setting(values.boolean, True)
    outbox_lease: float = setting(values.positive_seconds, 60)
    outbox_max_bounce_rate: float | None = setting(values.optional_share, 0.05)
    outbox_max_complaint_rate: float | None = setting(values.optional_share, 0.001)
    outbox_reserve: Reserve = setting(reserve, Reserve(min_priority=0, rate=0.2, daily=0.1))


@dataclass(frozen=True, kw_only=True)
class AmazonSESSettings(Settings):
    """Settings of Amazon SES: sending first, then the webhooks, then queues and Lambda."""

    PREFIX: ClassVar[str] = "AMAZON_SES_"

    api_version: int = setting(aws_values.api_version, 1)
    session_params: dict[str, Any] = setting(values.dictionary, None)
    client_params: dict[str, Any] = setting(values.dictionary, None)
    client_factory: str | Callable[..., Any] | None = setting(values.callable_or_path, None)
    role_arn: str | None = setting(aws_values.role_arn, None)
    role_params: dict[str, Any] = setting(aws_values.role_params, None, is_secret=True)
    configuration_set_name: str | None = setting(values.optional_string, None)
    tenant: str | Callable[..., Any] | None = setting(aws_values.tenant, None)
    endpoint_id: str | None = setting(aws_values.endpoint_id, None)
    inline_templates: bool = setting(values.boolean, False)
    from_arn: str | None = setting(aws_values.optional_identity_arn, None)
    source_arn: str | None = setting(aws_values.optional_identity_arn, None)
    return_path: str | None = setting(values.optional_address, None)
    return_path_arn: str | None = setting(aws_values.optional_identity_arn, None)
    message_tag_name: str | None = setting(aws_values.optional_tag_name, None)
    metadata_message_tags: tuple[str, ...] = setting(aws_values.tag_names, None)
    sanitize_message_tags: bool = setting(values.boolean, False)
    send_defaults: dict[str, Any] = setting(values.dictionary, None)
    split_recipients: bool = setting(values.boolean, False)
    max_concurrency: int = setting(values.positive_int, 10)
    max_send_rate: float | str | None = setting(aws_values.send_rate, None)
    rate_limit_cache: str | None = setting(values.optional_string, None)
    throttle_timeout: float = setting(values.seconds, 10)
    retry_timeouts: bool = setting(values.boolean, False)
    idna_encoder: str | Callable[[str], str] | None = setting(values.optional_idna_encoder, None)

    sns_client_params: dict[str, Any] | None = setting(values.optional_dictionary, None)
    s3_client_params: dict[str, Any] | None = setting(values.optional_dictionary, None)
    kms_client_params: dict[str, Any] | None = setting(values.optional_dictionary, None)
    sqs_client_params: dict[str, Any] | None = setting(values.optional_dictionary, None)
    auto_confirm_sns_subscriptions: bool = setting(
        values.boolean, True, fallback="BOUNCY_AUTO_SUBSCRIBE"
    )
    verify_sns_signatures: bool = setting(
        values.boolean, True, fallback="BOUNCY_VERIFY_CERTIFICATE"
    )
    sns_topic_arns: tuple[str, ...] = setting(values.strings, None, fallback="BOUNCY_TOPIC_ARN")
    allow_raw_message_delivery: bool = setting(values.boolean, False)
    sns_max_age: float | None = setting(values.optional_seconds, 7200)
    sns_cert_cache: str = setting(values.string, "default", fallback="BOUNCY_KEY_CACHE")
    sns_certificates: dict[str, str] = setting(values.dictionary, None)
    sns_cert_host_regex: str | None = setting(
        values.optional_string, None, fallback="BOUNCY_CERT_DOMAIN_REGEX"
    )
    inbound_kms_key_id: str | None = setting(values.optional_string, None)
    inbound_max_size: int = setting(values.byte_count, 40 * 1024 * 1024)
    inbound_buckets: tuple[str, ...] = setting(values.strings, None)
    inbound_delete_s3_object: bool = setting(values.boolean, False)

    queues: tuple[str, ...] = setting(values.strings, None)
    queue_trust: str = setting(values.queue_trust, "queue")
    queue_poison: str = setting(values.queue_poison, "keep")


GROUPS: tuple[type[Settings], ...] = (
    SendSettings,
    SendDefaults,
    WebhookSettings,
    FeedbackSettings,
    OutboxSettings,
    AmazonSESSettings,
)

#: Every Django setting other than ``ANYMAIL`` that is read.
FLAT_NAMES: frozenset[str] = frozenset(
    name for group in GROUPS for spec in specs(group) for name in spec.flat_names
)


def known_names() -> list[str]:
    """The name of every setting, as it is written inside ``ANYMAIL``."""
    return [name for group in GROUPS for name in group.names()]


def fallbacks_in_use() -> dict[str, str]:
    """The settings of other packages that are read, each with the name of ours that replaces it.

    :raises AnymailConfigurationError: ``ANYMAIL`` is not a dict.
    """
    sources = Sources.now({})
    return {
        fallback: spec.full_name
        for group in GROUPS
        for spec in specs(group)
        for ours, *fallbacks in [spec.flat_names]
        for fallback in fallbacks
        if spec.full_name not in sources.inside
        and not hasattr(sources.outside, ours)
        and hasattr(sources.outside, fallback)
    }


def type_problems() -> dict[str, Callable[[Any, str], Any] | None]:
    """The settings that have the wrong type.

    :return: a text for each, with the function that refused the value (None: ``ANYMAIL`` itself
        is not a dict).
    """
    try:
        sources = Sources.now({})
    except AnymailConfigurationError as err:
        return {str(err): None}
    problems: dict[str, Callable[[Any, str], Any] | None] = {}
    for group in GROUPS:
        for spec in specs(group):
            try:
                spec.read(sources)
            except AnymailConfigurationError as err:
                problems[str(err)] = spec.clean
    return problems
