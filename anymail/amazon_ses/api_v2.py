"""SES API v2: message -> SendEmail or SendBulkEmail; response -> statuses.

Source: Amazon SES API v2 Reference, "SendEmail", "SendBulkEmail", "BulkEmailEntryResult".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..addresses import EmailAddress, IdnaEncoder
from ..attachments import Attachment
from ..calls import ApiCall
from ..conf import AmazonSESSettings, SendSettings
from ..exceptions import AnymailSerializationError
from ..message import AnymailRecipientStatus
from ..mime.headers import CaseInsensitiveCasePreservingDict, check_no_line_break
from ..mime.policy import encode_header, text_errors
from ..outgoing import OutgoingMessage, unsupported
from . import ESP_NAME, raw_calls, template_calls
from .mime import check_headers, format_for_wire, metadata_value, tag_value

SERVICE = "sesv2"
#: Amazon SES service quotas, "Maximum message size"; in bytes, after encoding.
MAX_SIZE = 40 * 1024 * 1024
TOO_LARGE = "Amazon SES takes no larger ones: put the content on a web server, and link to it."
#: SES API v2 reference, "MessageHeader".
MAX_HEADERS = 15
MAX_HEADER_VALUE = 995

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
#: Headers that SES and this package write themselves, with a template -> where they come from.
HEADER_SOURCES = {
    "cc": "cc",
    "content-transfer-encoding": "SES",
    "content-type": "SES",
    "from": "from_email",
    "mime-version": "SES",
    "reply-to": "reply_to",
    "subject": "the template",
    "to": "to",
    "x-metadata": "metadata and merge_metadata",
    "x-tag": "tags",
}
#: Parameters of the v1 calls, and what they are called here.
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
    message: OutgoingMessage, settings: AmazonSESSettings, sending: SendSettings
) -> Sequence[ApiCall]:
    """The calls for a message; see :meth:`.calls.SendApi.build_calls`."""
    if message.template_id or _is_inline_template(message):
        with text_errors():
            return _template_calls(message, settings, sending)
    return _raw_calls(message, settings, sending)


def parse_response(call: ApiCall, response: Mapping[str, Any]) -> dict[str, AnymailRecipientStatus]:
    """The status of each recipient; see :meth:`.calls.SendApi.parse_response`."""
    if call.operation == "send_email":
        return raw_calls.parse_message_id(call, response)
    return template_calls.parse_entries(call, response, "BulkEmailEntryResults")


def _is_inline_template(message: OutgoingMessage) -> bool:
    return bool((message.esp_extra or {}).get("InlineTemplate"))


def _raw_calls(
    message: OutgoingMessage, settings: AmazonSESSettings, sending: SendSettings
) -> list[ApiCall]:
    message = raw_calls.checked(message, sending, RAW_WORDING)
    if len(message.from_emails) > 1:
        raise unsupported("multiple from emails", ESP_NAME)
    idna_encode = raw_calls.encoder(settings, sending)
    groups = raw_calls.recipient_groups(message, settings)
    params = _common_params(message, settings, idna_encode)
    if tags := list(raw_calls.message_tags(message, settings, sending)):
        params["EmailTags"] = tags
    params |= _extra_params(message, sending)
    data = raw_calls.build_data(message, idna_encode, MAX_SIZE, TOO_LARGE)
    params["Content"] = {"Raw": {"Data": data}}
    return [
        ApiCall(
            operation="send_email",
            params={**params, "Destination": destination},
            recipients=group,
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
        params["FeedbackForwardingEmailAddress"] = format_for_wire(
            sender, idna_encode, "envelope_sender"
        )
    return params


def _extra_params(message: OutgoingMessage, sending: SendSettings) -> dict[str, Any]:
    extra = dict(message.esp_extra or {})
    extra.pop("InlineTemplate", None)
    for name in sorted(V1_PARAMS.keys() & extra.keys()):
        if not sending.ignore_unsupported_features:
            raise unsupported(
                f"esp_extra {name} with the v2 API; it is called {V1_PARAMS[name]} there", ESP_NAME
            )
        del extra[name]
    return extra


def _template_calls(
    message: OutgoingMessage, settings: AmazonSESSettings, sending: SendSettings
) -> list[ApiCall]:
    check_headers(message)
    if sending.ignore_unsupported_features:
        message = message.reduced_to(TEMPLATE_SUPPORTS)
    else:
        _check_template(message)
    idna_encode = raw_calls.encoder(settings, sending)
    params = _common_params(message, settings, idna_encode)
    params["FromEmailAddress"] = template_calls.single_from(message, idna_encode)
    if message.reply_to:
        params["ReplyToAddresses"] = [
            format_for_wire(address, idna_encode, "reply_to") for address in message.reply_to
        ]
    if tags := list(raw_calls.message_tags(message, settings, sending)):
        params["DefaultEmailTags"] = tags
    params |= _template_extra(message, sending)
    params["DefaultContent"] = _default_content(message)
    return [
        ApiCall(
            operation="send_bulk_email",
            params={**params, "BulkEmailEntries": [_entry(message, entry) for entry in chunk]},
            recipients=tuple(entry.recipient for entry in chunk),
            copies=len(message.cc) + len(message.bcc),
        )
        for chunk in template_calls.chunks(message, idna_encode)
    ]


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
    if not _is_inline_template(message):
        template_calls.check_no_content(message)
    elif message.template_id:
        raise unsupported("template_id together with an inline template", ESP_NAME)
    for fields in (message.headers, *(message.merge_headers or {}).values()):
        for name in fields:
            if source := _source(name, message):
                raise unsupported(
                    f"the {name} header with template: it comes from {source}", ESP_NAME
                )


def _source(name: str, message: OutgoingMessage) -> str | None:
    """Where a header comes from that neither ``headers`` nor ``merge_headers`` may have."""
    if name.lower() == "reply-to" and not message.reply_to:
        return None
    return HEADER_SOURCES.get(name.lower())


def _template_extra(message: OutgoingMessage, sending: SendSettings) -> dict[str, Any]:
    extra = _extra_params(message, sending)
    extra.pop("ListManagementOptions", None)  # refused above, unless that is ignored
    return template_calls.with_default_tags(extra, "EmailTags", "DefaultEmailTags")


def _default_content(message: OutgoingMessage) -> dict[str, Any]:
    """The template, and over it what ``esp_extra`` says of it."""
    content = _member(message.esp_extra or {}, "DefaultContent", "esp_extra")
    template = _member(content, "Template", "esp_extra['DefaultContent']")
    template = {**_template(message), **template}
    own = _member(template, "TemplateContent", "esp_extra['DefaultContent']['Template']")
    check_no_line_break("Subject", str(own.get("Subject", "")))
    return {**content, "Template": template}


def _member(params: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """A dict in parameters; empty if it is not there, or None."""
    value = params.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        path = f"{where}[{name!r}]"
        raise AnymailSerializationError(f"`{path}` must be a dict, not {type(value).__name__}")
    return value


def _template(message: OutgoingMessage) -> dict[str, Any]:
    template: dict[str, Any] = {"TemplateData": template_calls.default_data(message)}
    if _is_inline_template(message):
        template["TemplateContent"] = _template_content(message)
    else:
        template["TemplateName"] = message.template_id
    if message.attachments:
        encoding = message.source.encoding
        template["Attachments"] = [
            _attachment(Attachment(attachment, str(encoding or "utf-8")), position)
            for position, attachment in enumerate(message.attachments, start=1)
        ]
    return template


def _template_content(message: OutgoingMessage) -> dict[str, str]:
    content = {"Subject": message.subject}
    keys = {"text/plain": "Text", "text/html": "Html"}
    parts = [(message.body, f"text/{message.content_subtype}"), *message.alternatives]
    for text, mimetype in parts:
        if mimetype not in keys or keys[mimetype] in content:
            raise unsupported(f"a second or {mimetype} body in an inline template", ESP_NAME)
        if text:
            content[keys[mimetype]] = text
    return content


def _attachment(attachment: Attachment, position: int) -> dict[str, Any]:
    check_no_line_break(f"file name of attachment {position}", attachment.name or "")
    if attachment.mimetype.startswith(("message/", "multipart/")):
        raise unsupported(f"{attachment.mimetype} attachments with template", ESP_NAME)
    result: dict[str, Any] = {
        "RawContent": attachment.content_bytes,
        "FileName": attachment.name or f"attachment-{position}",
        "ContentType": attachment.mimetype,
        "ContentDisposition": "INLINE" if attachment.inline else "ATTACHMENT",
        "ContentTransferEncoding": "BASE64",
    }
    if attachment.cid:
        result["ContentId"] = attachment.cid
    return result


def _entry(message: OutgoingMessage, entry: template_calls.Entry) -> dict[str, Any]:
    data = {"ReplacementTemplate": {"ReplacementTemplateData": entry.data}}
    result: dict[str, Any] = {"Destination": entry.destination, "ReplacementEmailContent": data}
    if headers := _replacement_headers(message, entry.recipient):
        result["ReplacementHeaders"] = headers
    return result


def _replacement_headers(message: OutgoingMessage, recipient: EmailAddress) -> list[dict[str, str]]:
    fields = CaseInsensitiveCasePreservingDict(message.headers)
    fields.update(template_calls.for_recipient(message.merge_headers, recipient))
    headers = [
        _header(name, encode_header(name, str(value)).replace("\t", " "))
        for name, value in fields.items()
        if not _source(name, message)  # refused above, unless that is ignored
    ]
    own_metadata = template_calls.for_recipient(message.merge_metadata, recipient)
    if message.metadata is not None or own_metadata:
        metadata = {**(message.metadata or {}), **own_metadata}
        headers.append(_header("X-Metadata", metadata_value(metadata)))
    headers += [_header("X-Tag", tag_value(tag)) for tag in message.tags or ()]
    if len(headers) > MAX_HEADERS:
        raise unsupported(
            f"more than {MAX_HEADERS} headers with template; this message has {len(headers)} with "
            "its metadata and tags",
            ESP_NAME,
        )
    return headers


def _header(name: str, value: str) -> dict[str, str]:
    """One header, within the limits that botocore does not check."""
    if not re.fullmatch(r"[!-9;-@A-~]{1,126}", name):
        raise unsupported(f"the header name {name!r} with template", ESP_NAME)
    if not 0 < len(value) <= MAX_HEADER_VALUE or len(name) + len(value) > MAX_HEADER_VALUE + 1:
        raise unsupported(
            f"a {name} header of {len(value)} characters with template: "
            f"1 to {MAX_HEADER_VALUE} are possible",
            ESP_NAME,
        )
    return {"Name": name, "Value": value}
