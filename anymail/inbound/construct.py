"""Making messages from their parts, for tests and for mail from elsewhere than SES."""

from __future__ import annotations

import base64 as base64_module
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from .forgiving import ForgivingMessage
from .headers import header_text
from .parser import parse_chunks, parse_content
from .text import encode_source

M = TypeVar("M", bound=ForgivingMessage)


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
    :param raw_headers: headers as they appear in a mail.
    :param fields: headers that replace those in ``raw_headers``, unless None.
    :param headers: more headers, in addition to those of the same name.
    :param bodies: for each subtype of text, the content (None: there is none) and its charset.
    :param attachments: made by :func:`attachment`.
    """
    source = encode_source(raw_headers or "")
    message = parse_chunks(cls, [source], headersonly=True)
    message.defects.clear()
    for name in ("MIME-Version", "Content-Type", "Content-Transfer-Encoding"):
        del message[name]
    for name, value in fields.items():
        if value is not None:
            del message[name]
            message[name] = header_text(value)
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    for name, value in pairs:
        message[name] = header_text(value)
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = "multipart/mixed"
    message._payload = _content(cls, bodies, list(attachments))
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
    parameters = {}
    if filename is not None:
        parameters["filename"] = " ".join(filename.splitlines())
        part.set_param("name", parameters["filename"])
    disposition = "attachment" if content_id is None else "inline"
    part.add_header("Content-Disposition", disposition, **parameters)
    if content_id is not None:
        part["Content-ID"] = f"<{content_id.strip().strip('<>')}>"
    if part.get_content_maintype() == "message":
        parse_content(part, content)
    else:
        part["Content-Transfer-Encoding"] = "base64"
        part.set_payload(base64_module.encodebytes(content).decode("ascii"))
    return part


def _content(
    cls: type[M], bodies: Iterable[tuple[str, str | None, str]], attachments: list[M]
) -> list[M]:
    """The parts: a multipart/related with the bodies and what is inline, and the others."""
    inlines = [part for part in attachments if part.get_content_disposition() == "inline"]
    others = [part for part in attachments if part.get_content_disposition() != "inline"]
    texts = [_text_part(cls, *body) for body in bodies if body[1] is not None]
    alternative = _multipart(cls, "alternative", texts)
    return [_multipart(cls, "related", [alternative, *inlines]), *others]


def _multipart(cls: type[M], subtype: str, parts: list[M]) -> M:
    multipart = cls()
    multipart["Content-Type"] = f"multipart/{subtype}"
    multipart._payload = parts
    return multipart


def _text_part(cls: type[M], subtype: str, content: str | None, charset: str) -> M:
    part = cls()
    part["Content-Type"] = f"text/{subtype}"
    part.set_param("charset", charset)
    part["Content-Transfer-Encoding"] = "base64"
    encoded = base64_module.encodebytes((content or "").encode(charset))
    part.set_payload(encoded.decode("ascii"))
    return part
