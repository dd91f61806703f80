"""The content and the headers of a template, as the API v2 takes them.

Source: Amazon SES API v2 Reference, "Template", "BulkEmailEntry", "MessageHeader".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..addresses import EmailAddress
from ..attachments import Attachment
from ..conf import AmazonSESSettings
from ..exceptions import AnymailSerializationError
from ..mime.headers import CaseInsensitiveCasePreservingDict, check_no_line_break
from ..mime.policy import encode_header
from ..outgoing import OutgoingMessage, unsupported
from . import ESP_NAME
from .tags_and_metadata import metadata_value, tag_value
from .template_calls import ByRecipient

MAX_HEADERS = 15
MAX_HEADER_VALUE = 995
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


def is_inline_template(message: OutgoingMessage, settings: AmazonSESSettings) -> bool:
    """Whether the message itself is the template.

    :param settings: ``inline_templates`` counts, unless ``esp_extra`` says it.
    """
    chosen = (message.esp_extra or {}).get("InlineTemplate")
    if chosen is not None:
        return bool(chosen)
    return (
        settings.inline_templates
        and not message.template_id
        and (message.is_batch or message.merge_global_data is not None)
    )


def header_source(name: str, message: OutgoingMessage) -> str | None:
    """The source of a header that ``headers`` and ``merge_headers`` cannot set; None for others."""
    if name.lower() == "reply-to" and not message.reply_to:
        return None
    return HEADER_SOURCES.get(name.lower())


def default_content(message: OutgoingMessage, data: str, is_inline: bool) -> dict[str, Any]:
    """The template, overridden by ``DefaultContent`` in ``esp_extra``.

    :param data: the data for recipients without any, as JSON.
    :param is_inline: the message itself is the template.
    :raises AnymailSerializationError: a part of ``DefaultContent`` is not a dict.
    :raises AnymailUnsupportedFeature: SES cannot express a body or an attachment.
    """
    content = member(message.esp_extra or {}, "DefaultContent", "esp_extra")
    template = member(content, "Template", "esp_extra['DefaultContent']")
    template = {**_template(message, data, is_inline), **template}
    own = member(template, "TemplateContent", "esp_extra['DefaultContent']['Template']")
    check_no_line_break("Subject", str(own.get("Subject", "")))
    return {**content, "Template": template}


def member(params: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    """A dict in parameters; empty if it is missing or None.

    :param where: the parameters come from, for the error.
    :raises AnymailSerializationError: it is something else.
    """
    value = params.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        path = f"{where}[{name!r}]"
        raise AnymailSerializationError(f"`{path}` must be a dict, not {type(value).__name__}")
    return value


def _template(message: OutgoingMessage, data: str, is_inline: bool) -> dict[str, Any]:
    template: dict[str, Any] = {"TemplateData": data}
    if is_inline:
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


class ReplacementHeaders:
    """The headers of a template for each recipient. Values that several share are encoded once."""

    def __init__(self, message: OutgoingMessage) -> None:
        self._message = message
        self._merge_headers: ByRecipient[Mapping[str, Any]]
        self._merge_headers = ByRecipient(message.merge_headers, {})
        self._merge_metadata: ByRecipient[Mapping[str, Any]]
        self._merge_metadata = ByRecipient(message.merge_metadata, {})
        self._tags = [_header("X-Tag", tag_value(tag)) for tag in message.tags or ()]
        self._encoded: dict[tuple[str, str], tuple[str, str]] = {}
        self._common_metadata: tuple[str, str] | None = None

    def of(self, recipient: EmailAddress) -> list[dict[str, str]]:
        """The headers for one recipient.

        :raises AnymailSerializationError: JSON cannot hold the metadata.
        :raises AnymailUnsupportedFeature: there are too many, or one is too long.
        """
        fields = CaseInsensitiveCasePreservingDict(self._message.headers)
        fields.update(self._merge_headers.get(recipient))
        headers = [
            self._encode(name, str(value))
            for name, value in fields.items()
            if not header_source(name, self._message)  # refused before, unless that is ignored
        ]
        headers += [*self._metadata(self._merge_metadata.get(recipient)), *self._tags]
        if len(headers) > MAX_HEADERS:
            raise unsupported(
                f"more than {MAX_HEADERS} headers with template; this message has {len(headers)} "
                "with its metadata and tags",
                ESP_NAME,
            )
        return [{"Name": name, "Value": value} for name, value in headers]

    def _encode(self, name: str, value: str) -> tuple[str, str]:
        if (name, value) not in self._encoded:
            encoded = encode_header(name, value).replace("\t", " ")
            self._encoded[name, value] = _header(name, encoded)
        return self._encoded[name, value]

    def _metadata(self, own: Mapping[str, Any]) -> list[tuple[str, str]]:
        common = self._message.metadata
        if own:
            return [_header("X-Metadata", metadata_value({**(common or {}), **own}))]
        if common is None:
            return []
        if self._common_metadata is None:
            self._common_metadata = _header("X-Metadata", metadata_value(common))
        return [self._common_metadata]


def _header(name: str, value: str) -> tuple[str, str]:
    """One header, within the limits that botocore does not check."""
    if not re.fullmatch(r"[!-9;-@A-~]{1,126}", name):
        raise unsupported(f"the header name {name!r} with template", ESP_NAME)
    if not 0 < len(value) <= MAX_HEADER_VALUE or len(name) + len(value) > MAX_HEADER_VALUE + 1:
        raise unsupported(
            f"a {name} header of {len(value)} characters with template: "
            f"1 to {MAX_HEADER_VALUE} are possible",
            ESP_NAME,
        )
    return name, value
