"""Making received mails from their parts, for tests and for other sources than SES."""

from __future__ import annotations

import base64 as base64_module
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .addresses import EmailAddress
from .inbound_content import encode_source
from .inbound_parser import parse_chunks

if TYPE_CHECKING:
    from .inbound import AnymailInboundMessage

M = TypeVar("M", bound="AnymailInboundMessage")


def construct(
    cls: type[M],
    raw_headers: str | None,
    fields: Mapping[str, Any],
    headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None,
    bodies: Iterable[tuple[str, str | None, str]],
    attachments: Iterable[M],
) -> M:
    """A message; see :meth:`~anymail.inbound.AnymailInboundMessage.construct`.

    :param cls: the class to make.
    :param raw_headers: headers as they stand in a mail.
    :param fields: headers that replace those in ``raw_headers``, unless None.
    :param headers: more headers, in addition to those of the same name.
    :param bodies: for each subtype of text, the content (None: there is none) and its charset.
    :param attachments: made by :func:`attachment`.
    """
    source = encode_source(raw_headers or "")
    message: M = parse_chunks(cls, [source], headersonly=True)
    message.defects.clear()
    for name, value in fields.items():
        if value is not None:
            del message[name]
            message[name] = header_text(value)
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    for name, value in pairs:
        message[name] = header_text(value)
    if (content := _content(cls, bodies, list(attachments))) is not None:
        _move_content(content, message)
    return message


def attachment(
    cls: type[M],
    content_type: str,
    content: str | bytes,
    charset: str | None,
    filename: str | None,
    content_id: str | None,
    base64: bool,
) -> M:
    """A part; see :meth:`~anymail.inbound.AnymailInboundMessage.construct_attachment`.

    :param cls: the class to make; the other arguments and errors are those of that method.
    """
    if base64:
        content = base64_module.b64decode(content)
    if isinstance(content, str):
        charset = charset or "utf-8"
        content = content.encode(charset)
    part = cls()
    part["Content-Type"] = content_type
    if charset is not None:
        part.set_param("charset", charset)
    parameters = {"filename": filename} if filename is not None else {}
    disposition = "attachment" if content_id is None else "inline"
    part.add_header("Content-Disposition", disposition, **parameters)
    if content_id is not None:
        part["Content-ID"] = f"<{content_id.strip().strip('<>')}>"
    if part.get_content_maintype() == "message":
        part.attach(cls.parse_raw_mime_bytes(content))
    else:
        part["Content-Transfer-Encoding"] = "base64"
        part.set_payload(base64_module.encodebytes(content).decode("ascii"))
    return part


def header_text(value: Any) -> str:
    """What to write in a header.

    :param value: an :class:`~anymail.addresses.EmailAddress`, a list of them, or any text.
    """
    if isinstance(value, EmailAddress):
        return value.address
    if isinstance(value, (list, tuple)):
        return ", ".join(header_text(item) for item in value)
    return str(value)


def _content(
    cls: type[M], bodies: Iterable[tuple[str, str | None, str]], attachments: list[M]
) -> M | None:
    texts = [_text(cls, *body) for body in bodies if body[1] is not None]
    inlines = [part for part in attachments if part.is_inline()]
    others = [part for part in attachments if not part.is_inline()]
    body = _wrap(cls, "alternative", texts)
    related = _wrap(cls, "related", [*([] if body is None else [body]), *inlines])
    # An attachment stays a part of its own, so that its disposition is not the message's.
    if others or (inlines and body is None):
        return _multipart(cls, "mixed", [*([] if related is None else [related]), *others])
    return related


def _wrap(cls: type[M], subtype: str, parts: list[M]) -> M | None:
    """The one part, or all of them in a multipart."""
    if len(parts) > 1:
        return _multipart(cls, subtype, parts)
    return parts[0] if parts else None


def _multipart(cls: type[M], subtype: str, parts: list[M]) -> M:
    multipart = cls()
    multipart["Content-Type"] = f"multipart/{subtype}"
    for part in parts:
        multipart.attach(part)
    return multipart


def _text(cls: type[M], subtype: str, content: str | None, charset: str) -> M:
    part = cls()
    part["Content-Type"] = f"text/{subtype}"
    part.set_param("charset", charset)
    part["Content-Transfer-Encoding"] = "base64"
    encoded = base64_module.encodebytes((content or "").encode(charset))
    part.set_payload(encoded.decode("ascii"))
    return part


def _move_content(source: M, message: M) -> None:
    for name in ("MIME-Version", "Content-Type", "Content-Transfer-Encoding"):
        del message[name]
    message["MIME-Version"] = "1.0"
    for name, value in source.items():
        message[name] = value
    payload = source.get_payload()
    if isinstance(payload, list):
        message.set_payload([])
        for part in payload:
            message.attach(part)
    else:
        message.set_payload(payload)
