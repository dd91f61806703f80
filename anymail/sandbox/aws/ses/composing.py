"""Messages that SES puts together itself: of parts, or of a rendered template."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email import encoders, policy
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from typing import Any

from .refusals import invalid

#: What ``Content`` has without a ``Charset`` (SES API reference, "Content").
DEFAULT_CHARSET = "us-ascii"
MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[ -~]*)?", re.ASCII)
#: SES API reference v2, "MessageHeader".
HEADER_NAME = re.compile(r"[!-9;-@A-~]{1,126}")
HEADER_VALUE = re.compile(r"[ -~]{1,995}")
MAX_HEADERS = 15


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Who a composed message is from and to, as its headers show it."""

    sender: str
    to: Sequence[str] = ()
    cc: Sequence[str] = ()
    reply_to: Sequence[str] = ()
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a composed message says.

    :param text: and ``html``: the parts; None if there is none.
    :param attachments: as v2 of the API takes them.
    """

    subject: str
    text: bytes | None = None
    html: bytes | None = None
    text_charset: str = "utf-8"
    html_charset: str = "utf-8"
    attachments: Sequence[Mapping[str, Any]] = ()


def parse_content(
    subject: Mapping[str, str], body: Mapping[str, Mapping[str, str]], **more: Any
) -> Content:
    """What a caller wants to say, in the parameters of either API.

    :raises Refused: a character set that SES does not know.
    """
    text, html = body.get("Text"), body.get("Html")
    return Content(
        subject=_encode(subject).decode(_charset(subject), "replace"),
        text=None if text is None else _encode(text),
        html=None if html is None else _encode(html),
        text_charset=_charset(text or {}),
        html_charset=_charset(html or {}),
        **more,
    )


def compose(envelope: Envelope, content: Content) -> bytes:
    """A message.

    :raises Refused: something is no header.
    """
    message = _with_attachments(_body(content), content.attachments)
    mime = message.items()
    for name, _ in mime:
        del message[name]
    for name, value in [*_headers(envelope, content.subject), ("MIME-Version", "1.0"), *mime]:
        if re.search(r"[\r\n]", value):
            raise invalid(f"Header '{name}' contains a line break.")
        if not value.isascii():
            value = Header(value, "utf-8", header_name=name).encode(linesep="\r\n")
        message[name] = value
    return message.as_bytes(policy=policy.compat32.clone(linesep="\r\n"))


def check_custom_headers(headers: Iterable[tuple[str, str]]) -> None:
    """Refuse headers that v2 refuses.

    :raises Refused: there are too many, or one is not printable ASCII.
    """
    given = list(headers)
    if len(given) > MAX_HEADERS:
        raise invalid(f"A message has at most {MAX_HEADERS} headers of its own.")
    for name, value in given:
        if not HEADER_NAME.fullmatch(name):
            raise invalid(f"Invalid header name <{name}>.")
        if not HEADER_VALUE.fullmatch(value) or len(name) + len(value) > 996:
            raise invalid(f"Invalid value of header <{name}>.")


def _headers(envelope: Envelope, subject: str) -> list[tuple[str, str]]:
    fields = [
        ("From", envelope.sender),
        ("To", ", ".join(envelope.to)),
        ("Cc", ", ".join(envelope.cc)),
        ("Reply-To", ", ".join(envelope.reply_to)),
    ]
    return [*(field for field in fields if field[1]), ("Subject", subject), *envelope.headers]


def _body(content: Content) -> MIMEBase:
    parts = [
        _text_part(subtype, data, charset)
        for subtype, data, charset in (
            ("plain", content.text, content.text_charset),
            ("html", content.html, content.html_charset),
        )
        if data is not None
    ]
    if len(parts) == 1:
        return parts[0]
    message = MIMEMultipart("alternative")
    del message["MIME-Version"]
    for part in parts or [_text_part("plain", b"", "utf-8")]:
        message.attach(part)
    return message


def _text_part(subtype: str, data: bytes, charset: str) -> MIMEBase:
    part = MIMEBase("text", subtype, charset=charset)
    del part["MIME-Version"]
    part.set_payload(re.sub(rb"\r\n|\r|\n", b"\r\n", data))
    encoders.encode_base64(part)
    return part


def _with_attachments(body: MIMEBase, attachments: Sequence[Mapping[str, Any]]) -> MIMEBase:
    if not attachments:
        return body
    message = MIMEMultipart("mixed")
    del message["MIME-Version"]
    message.attach(body)
    for attachment in attachments:
        message.attach(_attachment(attachment))
    return message


def _attachment(given: Mapping[str, Any]) -> MIMEBase:
    media_type = given.get("ContentType") or "application/octet-stream"
    if not MEDIA_TYPE.fullmatch(media_type):
        raise invalid(f"Invalid content type <{media_type}>.")
    part = MIMEBase("application", "octet-stream")
    del part["MIME-Version"]
    part.replace_header("Content-Type", media_type)
    part.set_payload(given["RawContent"])
    encoders.encode_base64(part)
    disposition = given.get("ContentDisposition", "ATTACHMENT").lower()
    part.add_header("Content-Disposition", disposition, filename=_file_name(given["FileName"]))
    for name, key in (("Content-ID", "ContentId"), ("Content-Description", "ContentDescription")):
        if key in given:
            value = re.sub(r"[\r\n]", " ", given[key])
            part[name] = f"<{value.strip('<>')}>" if key == "ContentId" else value
    return part


def _file_name(name: str) -> str | tuple[str, str, str]:
    name = re.sub(r"[\x00-\x1f\x7f]", "_", name)
    return name if name.isascii() else ("utf-8", "", name)


def _encode(given: Mapping[str, str]) -> bytes:
    """What the character set does not have becomes a question mark."""
    charset = _charset(given)
    try:
        return given["Data"].encode(charset, "replace")
    except (LookupError, UnicodeError) as err:
        raise invalid(f"Unsupported charset <{charset}>.") from err


def _charset(given: Mapping[str, str]) -> str:
    charset = given.get("Charset") or DEFAULT_CHARSET
    if not re.fullmatch(r"[\w.:+-]+", charset, re.ASCII):
        raise invalid(f"Unsupported charset <{charset}>.")
    return charset
