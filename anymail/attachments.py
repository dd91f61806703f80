"""Attachments of a Django message, in any of Django's forms."""

from __future__ import annotations

from base64 import b64encode
from email.message import Message
from email.utils import unquote
from mimetypes import guess_type
from types import NoneType
from typing import Any

from django.core.mail import EmailMessage
from django.utils.functional import Promise

from .attributes import force_non_lazy
from .exceptions import AnymailSerializationError

#: Types of content that Django turns into a part.
CONTENT_TYPES: tuple[type[Any], ...] = (
    str,
    bytes,
    bytearray,
    memoryview,
    Promise,
    Message,
    EmailMessage,
)


class Attachment:
    """One attachment of a Django message, in any of Django's forms.

    ``name`` may be None; ``content`` is str for text that was given as such, bytes otherwise;
    ``mimetype`` its media type, by default the one that its name suggests; ``content_type`` the
    same with the parameters of a MIME part; ``inline`` whether it belongs into the body, as a part
    with a Content-ID does unless its disposition says otherwise; ``content_id`` as in its header,
    or None.

    :param attachment: a ``(filename, content, mimetype)`` tuple or a MIME part.
    :param encoding: the charset for text.
    """

    def __init__(self, attachment: Any, encoding: str | None = "utf-8") -> None:
        self.encoding: str = encoding or "utf-8"
        self.name: str | None
        self.inline: bool = False
        self.content: str | bytes
        self.mimetype: str
        self.content_type: str
        self.content_id: str | None = None
        if isinstance(attachment, Message):
            self.name = attachment.get_filename()
            self.content = _part_content(attachment)
            self.mimetype = attachment.get_content_type()
            self.content_type = str(attachment.get("Content-Type", self.mimetype))
            self.content_id = attachment["Content-ID"]
            disposition = attachment.get_content_disposition()
            self.inline = disposition == "inline" or (disposition is None and bool(self.cid))
        else:
            self.name, content, mimetype = map(force_non_lazy, (*attachment, None)[:3])
            is_text = isinstance(content, str)
            self.content = content if is_text else _content_bytes(content, self.encoding)
            self.mimetype = mimetype or _guessed_type(self.name)
            self.content_type = self.mimetype

    def __repr__(self) -> str:
        kind = "inline" if self.inline else "attachment"
        return f"Attachment<{kind}, {self.content_type}, {len(self.content)} long>"

    @property
    def cid(self) -> str:
        """The content id without angle brackets; empty if there is none."""
        return "" if self.content_id is None else unquote(str(self.content_id))

    @property
    def content_bytes(self) -> bytes:
        """The content; text in the charset for it.

        :raises UnicodeEncodeError: the charset cannot hold the text.
        """
        return _content_bytes(self.content, self.encoding)

    @property
    def b64content(self) -> str:
        """The content in Base64."""
        return b64encode(self.content_bytes).decode("ascii")


def check_attachment(attachment: Any, position: int) -> None:
    """Raise unless it has one of Django's forms.

    :param position: in the message, from 1.
    :raises AnymailSerializationError: names what has the wrong type.
    """
    if isinstance(attachment, Message):
        return
    if not isinstance(attachment, (tuple, list)) or not 2 <= len(attachment) <= 3:
        raise AnymailSerializationError(
            "`attachments` must hold MIME parts, or tuples of file name, content and media type, "
            f"not {type_and_length(attachment)}"
        )
    name, content, mimetype = (*attachment, None)[:3]
    if not isinstance(name, (str, Promise, NoneType)):
        raise AnymailSerializationError(
            f"The file name of attachment {position} must be a string, not {type(name).__name__}"
        )
    _check_content(content, f"attachment {position}")
    if mimetype:
        _check_media_type(mimetype, f"attachment {position}")


def check_alternative(alternative: Any, position: int) -> None:
    """Raise unless it is a pair of content and media type.

    :param position: in the message, from 1.
    :raises AnymailSerializationError: names what has the wrong type.
    """
    if not isinstance(alternative, (tuple, list)) or len(alternative) != 2:
        raise AnymailSerializationError(
            "`alternatives` must hold pairs of content and media type, "
            f"not {type_and_length(alternative)}"
        )
    _check_content(alternative[0], f"alternative {position}")
    _check_media_type(alternative[1], f"alternative {position}")


def type_and_length(value: Any) -> str:
    """The type of a value, for errors, which must not show the value itself."""
    name = type(value).__name__
    return f"{name} of {len(value)}" if isinstance(value, (tuple, list)) else name


def _check_content(content: Any, what: str) -> None:
    if not isinstance(content, CONTENT_TYPES):
        raise AnymailSerializationError(
            f"The content of {what} must be str, bytes or a message, not {type(content).__name__}"
        )


def _check_media_type(mimetype: Any, what: str) -> None:
    if not isinstance(mimetype, (str, Promise)):
        raise AnymailSerializationError(
            f"The media type of {what} must be a string, not {type(mimetype).__name__}"
        )
    maintype, _, subtype = str(mimetype).partition("/")
    if not (maintype and subtype):
        raise AnymailSerializationError(
            f'The media type of {what} must be of the form "type/subtype"'
        )


def _guessed_type(name: Any) -> str:
    guess = guess_type(str(name))[0] if name else None
    return guess or "application/octet-stream"


def _part_content(part: Message) -> bytes:
    payload: Any = part.get_payload()
    if part.get_content_maintype() == "message" and isinstance(payload, list):
        return b"".join(_content_bytes(inner, "utf-8") for inner in payload)
    data: Any = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _content_bytes(content: Any, encoding: str) -> bytes:
    if isinstance(content, str):
        return content.encode(encoding)
    if isinstance(content, EmailMessage):  # attached as message/rfc822
        content = content.message()
    return content.as_bytes() if isinstance(content, Message) else bytes(content)
