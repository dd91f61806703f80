"""SES API v2: message -> calls of SendEmail or SendBulkEmail.

Source: Amazon SES API v2 Reference, "SendEmail", "SendBulkEmail", "BulkEmailEntryResult".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..addresses import EmailAddress, IdnaEncoder
from ..calls import ApiCall, Statuses
from ..conf import AmazonSESSettings, SendSettings
from ..mime.policy import text_errors
from ..outgoing import OutgoingMessage, unsupported
from . import ESP_NAME, raw_calls, template_calls
from .mime import check_headers, encode_address, encode_addresses
from .template_content import (
    ReplacementHeaders,
    default_content,
    header_source,
    is_inline_template,
)

SERVICE = "sesv2"
#: Amazon SES service quotas, "Maximum message size"; in bytes, after encoding.
MAX_SIZE = 40 * 1024 * 1024
TOO_LARGE = "Amazon SES takes no larger ones: put the content on a web server, and link to it."
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
    }
)
INLINE_ADVICE = (
    'esp_extra={"InlineTemplate": True} makes the subject and body of the message itself a template'
)
RAW_WORDING = {
    **raw_calls.RAW_WORDING,
    "merge_data": f"{raw_calls.RAW_WORDING['merge_data']}. {INLINE_ADVICE}",
    "merge_global_data": f"{raw_calls.RAW_WORDING['merge_global_data']}. {INLINE_ADVICE}",
}
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


def build_calls(
    message: OutgoingMessage, settings: AmazonSESSettings, send_settings: SendSettings
) -> Sequence[ApiCall]:
    """The calls for a message; see :meth:`.calls.SendApi.build_calls`."""
    if message.template_id or is_inline_template(message):
        with text_errors():
            return _template_calls(message, settings, send_settings)
    return _raw_calls(message, settings, send_settings)


def _raw_calls(
    message: OutgoingMessage, settings: AmazonSESSettings, send_settings: SendSettings
) -> list[ApiCall]:
    message = raw_calls.checked(message, send_settings, RAW_WORDING)
    if len(message.from_emails) > 1:
        raise unsupported("multiple from emails", ESP_NAME)
    idna_encode = raw_calls.encoder(settings, send_settings)
    addresses = encode_addresses(message, idna_encode)
    raw_calls.check_recipient_count(message, settings)
    params = _common_params(message, settings, idna_encode)
    if tags := list(raw_calls.message_tags(message, settings, send_settings)):
        params["EmailTags"] = tags
    params |= _extra_params(message, send_settings)
    data = raw_calls.build_data(message, addresses, MAX_SIZE, TOO_LARGE)
    params["Content"] = {"Raw": {"Data": data}}
    groups = raw_calls.in_groups(message.recipients)
    return [
        ApiCall(
            operation="send_email",
            params={**params, "Destination": destination},
            recipients=group,
            parse=raw_calls.parse_message_id,
        )
        for group, destination in zip(
            groups, _raw_destinations(message, groups, idna_encode), strict=True
        )
    ]


def _raw_destinations(
    message: OutgoingMessage, groups: Sequence[Sequence[EmailAddress]], idna_encode: IdnaEncoder
) -> Iterator[dict[str, list[str]]]:
    kinds = iter(
        ["ToAddresses"] * len(message.to)
        + ["CcAddresses"] * len(message.cc)
        + ["BccAddresses"] * len(message.bcc)
    )
    for group in groups:
        destination: dict[str, list[str]] = {}
        for address in group:
            addr_spec = address.format_addr_spec(idna_encode)
            destination.setdefault(next(kinds), []).append(addr_spec)
        yield destination


def _common_params(
    message: OutgoingMessage, settings: AmazonSESSettings, idna_encode: IdnaEncoder
) -> dict[str, Any]:
    params: dict[str, Any] = {}
    if settings.configuration_set_name is not None:
        params["ConfigurationSetName"] = settings.configuration_set_name
    if message.envelope_sender:
        sender = EmailAddress("", message.envelope_sender.addr_spec)
        params["FeedbackForwardingEmailAddress"] = encode_address(
            sender, idna_encode, "envelope_sender"
        )
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
    return extra


def _template_calls(
    message: OutgoingMessage, settings: AmazonSESSettings, send_settings: SendSettings
) -> list[ApiCall]:
    check_headers(message)
    if send_settings.ignore_unsupported_features:
        message = message.reduced_to(TEMPLATE_SUPPORTS)
    else:
        _check_template(message)
    idna_encode = raw_calls.encoder(settings, send_settings)
    params = _common_params(message, settings, idna_encode)
    params["FromEmailAddress"] = template_calls.single_from(message, idna_encode)
    if message.reply_to:
        params["ReplyToAddresses"] = [
            encode_address(address, idna_encode, "reply_to") for address in message.reply_to
        ]
    if tags := list(raw_calls.message_tags(message, settings, send_settings)):
        params["DefaultEmailTags"] = tags
    params |= _template_extra(message, send_settings)
    data = template_calls.default_data(message)
    params["DefaultContent"] = default_content(message, data)
    headers = ReplacementHeaders(message)
    return [
        ApiCall(
            operation="send_bulk_email",
            params={**params, "BulkEmailEntries": [_entry(entry, headers) for entry in entries]},
            recipients=tuple(entry.recipient for entry in entries),
            parse=_parse_bulk_response,
            copies=len(message.cc) + len(message.bcc),
        )
        for entries in template_calls.entries(message, idna_encode, data)
    ]


def _parse_bulk_response(call: ApiCall, response: Mapping[str, Any]) -> Statuses:
    return template_calls.parse_entries(call, response, "BulkEmailEntryResults")


def _check_template(message: OutgoingMessage) -> None:
    message.check_supported(TEMPLATE_SUPPORTS, {}, ESP_NAME)
    if message.header_to is not None:
        raise unsupported("spoofing `To` header with template", ESP_NAME)
    if "ListManagementOptions" in (message.esp_extra or {}):
        raise unsupported(
            "ListManagementOptions with a template: SendBulkEmail has no such parameter. "
            "Send one message per recipient without template_id",
            ESP_NAME,
        )
    if not is_inline_template(message):
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
    return template_calls.with_default_tags(extra, "EmailTags", "DefaultEmailTags")


def _entry(entry: template_calls.BulkEntry, headers: ReplacementHeaders) -> dict[str, Any]:
    result: dict[str, Any] = {
        "Destination": entry.destination,
        "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": entry.data}},
    }
    if found := headers.of(entry.recipient):
        result["ReplacementHeaders"] = found
    return result
