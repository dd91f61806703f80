"""SES API v2: message -> calls of SendEmail or SendBulkEmail.

Source: Amazon SES API v2 Reference, "SendEmail", "SendBulkEmail", "BulkEmailEntryResult".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..addresses import EmailAddress, IdnaEncoder
from ..calls import ApiCall, Statuses
from ..conf import AmazonSESSettings, SendSettings
from ..mime.policy import text_errors
from ..outgoing import OutgoingMessage, unsupported
from . import ESP_NAME, raw_calls, template_calls
from .configuration_overrides import split_by_overrides
from .encoded_addresses import encode_address, encode_addresses
from .message_tags import MessageTags
from .mime import check_headers
from .template_content import (
    ReplacementHeaders,
    default_content,
    header_source,
    is_inline_template,
)
from .tenants import tenant_params

SERVICE = "sesv2"
#: Amazon SES service quotas, "Maximum message size"; in bytes, after encoding.
MAX_SIZE = 40 * 1024 * 1024
TOO_LARGE = "Amazon SES takes no larger ones: put the content on a web server, and link to it."
#: Features of this API with and without a template.
EVERYWHERE = frozenset(
    {"merge_track_clicks", "merge_track_opens", "tenant", "track_clicks", "track_opens"}
)
RAW_SUPPORTS = raw_calls.RAW_SUPPORTS | EVERYWHERE
TEMPLATE_SUPPORTS = frozenset(
    {
        "esp_extra",
        "envelope_sender",
        "template_id",
        "merge_data",
        "merge_global_data",
        "merge_headers",
        "merge_metadata",
        "metadata",
        "tags",
        *EVERYWHERE,
    }
)
INLINE_ADVICE = (
    'ANYMAIL["AMAZON_SES_INLINE_TEMPLATES"] = True, or esp_extra={"InlineTemplate": True}, makes '
    "the subject and body of the message itself a template"
)
RAW_WORDING = {
    **raw_calls.OUTBOX_WORDING,
    **{name: f"{text}. {INLINE_ADVICE}" for name, text in raw_calls.RAW_WORDING.items()},
}
#: Where ``esp_extra`` has message tags: one serves messages with and without a template.
RAW_TAGS = ("DefaultEmailTags", "EmailTags")
TEMPLATE_TAGS = ("EmailTags", "DefaultEmailTags")
IDENTITY_ARNS = ("FromEmailAddressIdentityArn", "FeedbackForwardingEmailAddressIdentityArn")
#: Parameters of the v1 calls -> their names here.
V1_PARAMS = {
    "DefaultTags": "EmailTags",
    "FromArn": "FromEmailAddressIdentityArn",
    "ReturnPath": "FeedbackForwardingEmailAddress",
    "ReturnPathArn": "FeedbackForwardingEmailAddressIdentityArn",
    "Source": "FromEmailAddress",
    "SourceArn": "FromEmailAddressIdentityArn",
    "Tags": "EmailTags",
}


def sends_apart(message: OutgoingMessage, settings: AmazonSESSettings) -> bool:
    """Whether it has or is a template; see :meth:`.calls.SendApi.sends_apart`."""
    return bool(message.template_id) or is_inline_template(message, settings)


def build_calls(
    message: OutgoingMessage,
    settings: AmazonSESSettings,
    send_settings: SendSettings,
    make_data: raw_calls.MakeData = raw_calls.build_data,
) -> Sequence[ApiCall]:
    """The calls for a message; see :meth:`.calls.SendApi.build_calls`."""
    is_inline = is_inline_template(message, settings)
    if message.template_id or is_inline:
        with text_errors():
            return _template_calls(message, is_inline, settings, send_settings)
    return _raw_calls(message, settings, send_settings, make_data)


def _raw_calls(
    message: OutgoingMessage,
    settings: AmazonSESSettings,
    send_settings: SendSettings,
    make_data: raw_calls.MakeData,
) -> list[ApiCall]:
    message = raw_calls.checked(message, send_settings, RAW_SUPPORTS, RAW_WORDING)
    if len(message.from_emails) > 1:
        raise unsupported("multiple from emails", ESP_NAME)
    idna_encode = raw_calls.encoder(settings, send_settings)
    addresses = encode_addresses(message, idna_encode)
    raw_calls.check_recipient_count(message, settings)
    params = _common_params(message, settings, idna_encode)
    if tags := MessageTags(message, settings, send_settings, RAW_TAGS).common():
        params["EmailTags"] = tags
    params = raw_calls.merged_params(params, _extra_params(message, send_settings))
    senders = raw_calls.senders(message, params)
    data = make_data(message, addresses, MAX_SIZE, TOO_LARGE)
    params["Content"] = {"Raw": {"Data": data}}
    recipients = _recipients_with_kind(message)
    return [
        ApiCall(
            operation="send_email",
            params={
                **params,
                **overrides,
                "Destination": _destination([recipients[p] for p in group], idna_encode),
            },
            recipients=tuple(recipients[p][0] for p in group),
            parse=raw_calls.parse_message_id,
            positions=group,
            senders=senders,
        )
        for overrides, positions in split_by_overrides(message, message.recipients)
        for group in raw_calls.in_groups(positions)
    ]


def _recipients_with_kind(message: OutgoingMessage) -> list[tuple[EmailAddress, str]]:
    return [
        *((address, "ToAddresses") for address in message.to),
        *((address, "CcAddresses") for address in message.cc),
        *((address, "BccAddresses") for address in message.bcc),
    ]


def _destination(
    recipients: Iterable[tuple[EmailAddress, str]], idna_encode: IdnaEncoder
) -> dict[str, list[str]]:
    destination: dict[str, list[str]] = {}
    for address, kind in recipients:
        destination.setdefault(kind, []).append(address.format_addr_spec(idna_encode))
    return destination


def _common_params(
    message: OutgoingMessage, settings: AmazonSESSettings, idna_encode: IdnaEncoder
) -> dict[str, Any]:
    params: dict[str, Any] = {**tenant_params(message)}
    arns = {
        "FromEmailAddressIdentityArn": settings.from_arn or settings.source_arn,
        "FeedbackForwardingEmailAddressIdentityArn": settings.return_path_arn,
    }
    params.update({name: arn for name, arn in arns.items() if arn})
    if settings.configuration_set_name is not None:
        params["ConfigurationSetName"] = settings.configuration_set_name
    if settings.endpoint_id is not None:
        params["EndpointId"] = settings.endpoint_id
    if return_path := raw_calls.return_path(message, settings, idna_encode):
        params["FeedbackForwardingEmailAddress"] = return_path
    return params


def _extra_params(message: OutgoingMessage, send_settings: SendSettings) -> dict[str, Any]:
    extra = dict(message.esp_extra or {})
    extra.pop("InlineTemplate", None)
    for name in sorted(V1_PARAMS.keys() & extra.keys()):
        if not send_settings.ignore_unsupported_features:
            raise unsupported(
                f"esp_extra {name} with the v2 API; it is called {V1_PARAMS[name]} there", ESP_NAME
            )
        del extra[name]
    raw_calls.check_identity_arns(extra, IDENTITY_ARNS)
    return {name: value for name, value in extra.items() if name not in RAW_TAGS}


def _template_calls(
    message: OutgoingMessage,
    is_inline: bool,
    settings: AmazonSESSettings,
    send_settings: SendSettings,
) -> list[ApiCall]:
    check_headers(message)
    if send_settings.ignore_unsupported_features:
        message = message.reduced_to(TEMPLATE_SUPPORTS)
    else:
        _check_template(message, is_inline)
    idna_encode = raw_calls.encoder(settings, send_settings)
    params = _common_params(message, settings, idna_encode)
    params["FromEmailAddress"] = template_calls.single_from(message, idna_encode)
    if message.reply_to:
        params["ReplyToAddresses"] = [
            encode_address(address, idna_encode, "reply_to") for address in message.reply_to
        ]
    tags = MessageTags(message, settings, send_settings, TEMPLATE_TAGS)
    if not tags.are_personal and (common := tags.common()):
        params["DefaultEmailTags"] = common
    params = raw_calls.merged_params(params, _template_extra(message, send_settings))
    senders = raw_calls.senders(message, params)
    data = template_calls.default_data(message)
    params["DefaultContent"] = default_content(message, data, is_inline)
    headers = ReplacementHeaders(message)
    entries = template_calls.entries(message, idna_encode, data)
    return [
        ApiCall(
            operation="send_bulk_email",
            params={
                **params,
                **overrides,
                "BulkEmailEntries": [_entry(entries[p], headers, tags) for p in group],
            },
            recipients=tuple(entries[p].recipient for p in group),
            parse=_parse_bulk_response,
            positions=group,
            senders=senders,
            copies=len(message.cc) + len(message.bcc),
        )
        for overrides, positions in split_by_overrides(message, message.to)
        for group in template_calls.in_calls(message, positions)
    ]


def _parse_bulk_response(call: ApiCall, response: Mapping[str, Any]) -> Statuses:
    return template_calls.parse_entries(call, response, "BulkEmailEntryResults")


def _check_template(message: OutgoingMessage, is_inline: bool) -> None:
    message.check_supported(TEMPLATE_SUPPORTS, raw_calls.OUTBOX_WORDING, ESP_NAME)
    if message.header_to is not None:
        raise unsupported("spoofing `To` header with template", ESP_NAME)
    if "ListManagementOptions" in (message.esp_extra or {}):
        raise unsupported(
            "ListManagementOptions with a template: SendBulkEmail has no such parameter. "
            "Send one message per recipient without template_id",
            ESP_NAME,
        )
    if not is_inline:
        template_calls.check_no_content(message)
    elif message.template_id:
        raise unsupported("template_id together with an inline template", ESP_NAME)
    for fields in (message.headers, *(message.merge_headers or {}).values()):
        for name in fields:
            if source := header_source(name, message):
                raise unsupported(
                    f"the {name} header with template: it comes from {source}", ESP_NAME
                )


def _template_extra(message: OutgoingMessage, send_settings: SendSettings) -> dict[str, Any]:
    extra = _extra_params(message, send_settings)
    extra.pop("ListManagementOptions", None)  # refused above, unless that is ignored
    return extra


def _entry(
    entry: template_calls.BulkEntry, headers: ReplacementHeaders, tags: MessageTags
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "Destination": entry.destination,
        "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": entry.data}},
    }
    if found := headers.of(entry.recipient):
        result["ReplacementHeaders"] = found
    if tags.are_personal:
        result["ReplacementTags"] = tags.of(entry.recipient)
    return result
