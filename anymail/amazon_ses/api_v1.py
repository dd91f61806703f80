"""SES API v1: message -> calls of SendRawEmail or SendBulkTemplatedEmail.

Source: Amazon Simple Email Service API Reference, "SendRawEmail", "SendBulkTemplatedEmail",
"BulkEmailDestinationStatus".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..addresses import EmailAddress, IdnaEncoder
from ..calls import ApiCall, Statuses
from ..conf import AmazonSESSettings, SendSettings
from ..outgoing import OutgoingMessage, unsupported
from . import ESP_NAME, raw_calls, template_calls
from .encoded_addresses import encode_address, encode_addresses
from .message_tags import MessageTags, covers_metadata
from .mime import check_headers

SERVICE = "ses"
#: Amazon SES service quotas, "Maximum message size"; in bytes, after encoding.
MAX_SIZE = 10 * 1024 * 1024
USE_V2 = (
    'The v2 API does: set ANYMAIL["AMAZON_SES_API_VERSION"] = 2, or use the backend '
    '"anymail.backends.amazon_sesv2.EmailBackend".'
)

#: Of the v2 API only, or of the outbox, with and without a template.
EVERYWHERE_WORDING = {
    **raw_calls.OUTBOX_WORDING,
    "merge_track_clicks": f"merge_track_clicks. {USE_V2}",
    "merge_track_opens": f"merge_track_opens. {USE_V2}",
    "tenant": f"tenant. {USE_V2}",
    "track_clicks": f"track_clicks. {USE_V2}",
    "track_opens": f"track_opens. {USE_V2}",
}

INLINE_ADVICE = (
    "With the v2 API the message itself can be a template: set "
    'ANYMAIL["AMAZON_SES_API_VERSION"] = 2 and ANYMAIL["AMAZON_SES_INLINE_TEMPLATES"] = True.'
)
RAW_WORDING = {
    **EVERYWHERE_WORDING,
    **{name: f"{text}. {INLINE_ADVICE}" for name, text in raw_calls.RAW_WORDING.items()},
}

TEMPLATE_SUPPORTS = frozenset(
    {"esp_extra", "envelope_sender", "template_id", "merge_data", "merge_global_data"}
)
#: What a template can only have as message tags.
AS_MESSAGE_TAGS = frozenset({"tags", "metadata", "merge_metadata"})
TEMPLATE_WORDING = {
    **EVERYWHERE_WORDING,
    "metadata": (
        "metadata with template (unless AMAZON_SES_METADATA_MESSAGE_TAGS has all of its keys). "
        + USE_V2
    ),
    "merge_metadata": (
        "merge_metadata with template (unless AMAZON_SES_METADATA_MESSAGE_TAGS has all of its "
        "keys). " + USE_V2
    ),
    "merge_headers": f"merge_headers with template. {USE_V2}",
    "tags": (
        "tags with template (unless using the AMAZON_SES_MESSAGE_TAG_NAME setting). " + USE_V2
    ),
}
#: Where ``esp_extra`` has message tags. One ``esp_extra`` serves messages with and without a
#: template, and django-anymail documents "Tags" for both.
RAW_TAGS, TEMPLATE_TAGS = ("DefaultTags", "Tags"), ("Tags", "DefaultTags")
#: Parameters of SendEmail and SendBulkEmail that only the v2 API has.
V2_PARAMS = frozenset(
    {
        "BulkEmailEntries",
        "ConfigurationOverrides",
        "Content",
        "DefaultContent",
        "DefaultEmailTags",
        "Destination",
        "EmailTags",
        "EndpointId",
        "FeedbackForwardingEmailAddress",
        "FeedbackForwardingEmailAddressIdentityArn",
        "FromEmailAddress",
        "FromEmailAddressIdentityArn",
        "InlineTemplate",
        "ListManagementOptions",
        "TenantName",
    }
)


def sends_apart(message: OutgoingMessage, settings: AmazonSESSettings) -> bool:
    """Whether it is a template; see :meth:`.calls.SendApi.sends_apart`."""
    return bool(message.template_id)


def build_calls(
    message: OutgoingMessage,
    settings: AmazonSESSettings,
    send_settings: SendSettings,
    make_data: raw_calls.MakeData = raw_calls.build_data,
) -> Sequence[ApiCall]:
    """The calls for a message; see :meth:`.calls.SendApi.build_calls`."""
    if settings.endpoint_id and not send_settings.ignore_unsupported_features:
        raise unsupported(f"AMAZON_SES_ENDPOINT_ID with the v1 API. {USE_V2}", ESP_NAME)
    if message.template_id:
        return _template_calls(message, settings, send_settings)
    return _raw_calls(message, settings, send_settings, make_data)


def _raw_calls(
    message: OutgoingMessage,
    settings: AmazonSESSettings,
    send_settings: SendSettings,
    make_data: raw_calls.MakeData,
) -> list[ApiCall]:
    message = raw_calls.checked(message, send_settings, raw_calls.RAW_SUPPORTS, RAW_WORDING)
    idna_encode = raw_calls.encoder(settings, send_settings)
    addresses = encode_addresses(message, idna_encode)
    raw_calls.check_recipient_count(message, settings)
    params = _common_params(settings, SourceArn=settings.source_arn, FromArn=settings.from_arn)
    if tags := MessageTags(message, settings, send_settings, RAW_TAGS).common():
        params["Tags"] = tags
    if source := _source(message, settings, idna_encode):
        params["Source"] = source
    params = raw_calls.merged_params(params, _extra_params(message, send_settings))
    senders = raw_calls.senders(message, params)
    params["RawMessage"] = {"Data": make_data(message, addresses, MAX_SIZE, USE_V2)}
    return [
        ApiCall(
            operation="send_raw_email",
            params={**params, "Destinations": list(destinations)},
            recipients=group,
            parse=raw_calls.parse_message_id,
            senders=senders,
        )
        for group, destinations in zip(
            raw_calls.in_groups(message.recipients),
            raw_calls.in_groups(addresses.recipients),
            strict=True,
        )
    ]


def _common_params(settings: AmazonSESSettings, **arns: str | None) -> dict[str, Any]:
    params = {
        "ConfigurationSetName": settings.configuration_set_name,
        "ReturnPathArn": settings.return_path_arn,
        **arns,
    }
    return {name: value for name, value in params.items() if value is not None}


def _source(
    message: OutgoingMessage, settings: AmazonSESSettings, idna_encode: IdnaEncoder
) -> str | None:
    """SES reads the From header itself, unless bounces go elsewhere or there are several."""
    if source := raw_calls.return_path(message, settings, idna_encode):
        return source
    if len(message.from_emails) > 1:
        first = EmailAddress("", message.from_emails[0].addr_spec)
        return encode_address(first, idna_encode, "from_email")
    return None


def _extra_params(message: OutgoingMessage, send_settings: SendSettings) -> dict[str, Any]:
    extra = dict(message.esp_extra or {})
    foreign = sorted(V2_PARAMS & extra.keys())
    if foreign and not send_settings.ignore_unsupported_features:
        names = ", ".join(foreign)
        raise unsupported(f"esp_extra {names} with the v1 API. {USE_V2}", ESP_NAME)
    raw_calls.check_identity_arns(extra, ("FromArn", "SourceArn", "ReturnPathArn"))
    dropped = {*foreign, *RAW_TAGS}
    return {name: value for name, value in extra.items() if name not in dropped}


def _template_calls(
    message: OutgoingMessage, settings: AmazonSESSettings, send_settings: SendSettings
) -> list[ApiCall]:
    check_headers(message)
    if send_settings.ignore_unsupported_features:
        message = message.reduced_to(TEMPLATE_SUPPORTS | AS_MESSAGE_TAGS)
    else:
        _check_template(message, settings)
    idna_encode = raw_calls.encoder(settings, send_settings)
    default = template_calls.default_data(message)
    params: dict[str, Any] = {
        "Source": template_calls.single_from(message, idna_encode),
        "Template": message.template_id,
        "DefaultTemplateData": default,
        # SendBulkTemplatedEmail has no FromArn: its Source is the From address.
        **_common_params(settings, SourceArn=settings.source_arn or settings.from_arn),
    }
    if message.reply_to:
        params["ReplyToAddresses"] = [
            encode_address(address, idna_encode, "reply_to") for address in message.reply_to
        ]
    if return_path := raw_calls.return_path(message, settings, idna_encode):
        params["ReturnPath"] = return_path
    tags = MessageTags(message, settings, send_settings, TEMPLATE_TAGS)
    if not tags.are_personal and (common := tags.common()):
        params["DefaultTags"] = common
    params = raw_calls.merged_params(params, _extra_params(message, send_settings))
    senders = raw_calls.senders(message, params)
    return [
        ApiCall(
            operation="send_bulk_templated_email",
            params={**params, "Destinations": [_destination(entry, tags) for entry in entries]},
            recipients=tuple(entry.recipient for entry in entries),
            parse=_parse_bulk_response,
            senders=senders,
            copies=len(message.cc) + len(message.bcc),
        )
        for entries in template_calls.in_calls(
            message, template_calls.entries(message, idna_encode, default)
        )
    ]


def _parse_bulk_response(call: ApiCall, response: Mapping[str, Any]) -> Statuses:
    return template_calls.parse_entries(call, response, "Status")


def _check_template(message: OutgoingMessage, settings: AmazonSESSettings) -> None:
    supports = set(TEMPLATE_SUPPORTS)
    if settings.message_tag_name:
        supports.add("tags")
    if covers_metadata(message, settings):
        supports |= {"metadata", "merge_metadata"}
    message.check_supported(supports, TEMPLATE_WORDING, ESP_NAME)
    template_calls.check_no_content(message)
    if message.attachments:
        raise unsupported(f"attachments with template. {USE_V2}", ESP_NAME)
    if message.headers:
        raise unsupported(f"extra_headers with template. {USE_V2}", ESP_NAME)


def _destination(entry: template_calls.BulkEntry, tags: MessageTags) -> dict[str, Any]:
    result: dict[str, Any] = {
        "Destination": entry.destination,
        "ReplacementTemplateData": entry.data,
    }
    if tags.are_personal:
        result["ReplacementTags"] = tags.of(entry.recipient)
    return result
