"""Attachment: a file that goes with a Django message."""

from __future__ import annotations

from base64 import b64encode
from email.message import Message
from email.utils import unquote
from typing import Any

from django.core.mail import EmailMessage
from django.utils.functional import Promise


class Attachment:
    """One attachment of a Django message, whatever its form.

    ``name`` may be None; ``content`` is bytes; ``mimetype`` its media type; ``inline`` whether it
    belongs into the body; ``content_id`` as in its header, or None.

    :param attachment: a ``(filename, content, mimetype)`` tuple or a MIME part.
    :param encoding: the charset for text.
    :raises UnicodeEncodeError: the charset cannot hold the text.
    """

    def __init__(self, attachment: Any, encoding: str | None = "utf-8") -> None:
        self.inline: bool = False
        self.content: bytes
        self.mimetype: str
        self.content_id: str | None = None
        if isinstance(attachment, Message):
            self.name = attachment.get_filename()
            self.content = _part_content(attachment)
            self.mimetype = attachment.get_content_type()
            self.content_id = attachment["Content-ID"]
            self.inline = attachment.get_content_disposition() == "inline"
        else:
            self.name, content, mimetype = (*attachment, None)[:3]
            self.content = _content_bytes(content, encoding or "utf-8")
            self.mimetype = mimetype or "application/octet-stream"

    @property
    def cid(self) -> str | None:
        """The content id without angle brackets, or None."""
        return None if self.content_id is None else unquote(str(self.content_id))

    @property
    def b64content(self) -> str:
        """The content in Base64."""
        return b64encode(self.content).decode("ascii")


def _part_content(part: Message) -> bytes:
    payload: Any = part.get_payload()
    if part.get_content_maintype() == "message" and isinstance(payload, list):
        return b"".join(_content_bytes(inner, "utf-8") for inner in payload)
    data: Any = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _content_bytes(content: Any, encoding: str) -> bytes:
    if isinstance(content, (str, Promise)):
        return str(content).encode(encoding)
    if isinstance(content, EmailMessage):  # attached as message/rfc822
        content = content.message()
    return content.as_bytes() if isinstance(content, Message) else bytes(content)
