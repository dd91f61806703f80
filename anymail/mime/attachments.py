"""Attachments of a message: normalised for every Django, large ones replaced while it is built."""

from __future__ import annotations

import secrets
from base64 import b64encode
from email.message import Message
from functools import cache
from typing import TYPE_CHECKING, Any

import django
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.message import EmailAlternative

from ..attributes import force_non_lazy
from ..conf import django_setting
from .streaming import Base64Body

if TYPE_CHECKING:
    from ..outgoing import OutgoingMessage

#: In bytes. Smaller attachments are not worth replacing.
LARGE_ATTACHMENT = 32 * 1024
#: Its Base64 fits on one line, and cannot occur by chance.
TOKEN_BYTES = 48


def normalise_attachments(message: Any, outgoing: OutgoingMessage) -> None:
    """Give attachments and alternatives a form that every Django can build.

    They get a media type; text is str, everything else bytes (Django 5.2 writes a str with
    backslashes there).

    :param message: a Django message of ours, which is changed.
    :param outgoing: what it gets them from.
    :raises UnicodeError: its charset cannot hold its text.
    """
    encoding = str(message.encoding or django_setting("DEFAULT_CHARSET"))
    if django.VERSION >= (6, 0):
        message.encoding = encoding  # it may be a Charset, which only the old policy knows
    message.attachments = [_plain_attachment(a, encoding) for a in outgoing.attachments]
    if getattr(message, "alternatives", None):
        message.alternatives = [
            EmailAlternative(_plain_content(content, mimetype, encoding), mimetype)
            for content, mimetype in outgoing.alternatives
        ]


def replace_large_attachments(message: EmailMessage) -> dict[bytes, bytes]:
    """Replace large binary attachments by random tokens; return Base64 of token to content.

    Django would encode them as a whole, in Python. A class that builds its MIME in a way of its
    own (to sign or encrypt it) gets to see the real content.

    :param message: a Django message of ours, which is changed.
    """
    if not is_built_by_django(type(message)):
        return {}
    large = {}
    attachments: list[Any] = list(message.attachments)
    for position, attachment in enumerate(attachments):
        if _is_large(attachment):
            token = secrets.token_bytes(TOKEN_BYTES)
            large[b64encode(token)] = attachment[1]
            attachments[position] = (attachment[0], token, attachment[2])
    message.attachments = attachments
    return large


def restore_large_attachments(
    data: bytes, large: dict[bytes, bytes]
) -> list[bytes | Base64Body] | None:
    """The serialised message with the real attachments; None if a token cannot be found.

    :param data: the message with tokens in it.
    :param large: Base64 of token to content, in the order of the attachments.
    """
    pieces: list[bytes | Base64Body] = []
    for token, content in large.items():
        before, found, data = data.partition(b"\r\n" + token + b"\r\n")
        if not found:
            return None
        pieces += [before + b"\r\n", Base64Body(content)]
        data = b"\r\n" + data
    return [*pieces, data]


def _plain_attachment(attachment: Any, encoding: str) -> Any:
    if isinstance(attachment, Message):
        return attachment
    name, content, mimetype = map(_immutable, (*attachment, None)[:3])
    holder = EmailMessage()
    # It guesses the media type from the name.
    holder.attach(name, content, mimetype or (None if name else "application/octet-stream"))
    name, content, mimetype = holder.attachments[0]
    return name, _plain_content(content, mimetype, encoding), mimetype


def _plain_content(content: Any, mimetype: str, encoding: str) -> Any:
    content = _immutable(content)
    if mimetype.startswith("text/"):
        return content.decode(encoding) if isinstance(content, bytes) else content
    is_text = isinstance(content, str) and not mimetype.startswith("message/")
    return content.encode(encoding) if is_text else content


def _immutable(value: Any) -> Any:
    # Django decodes text in bytes only.
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else force_non_lazy(value)


def is_built_by_django(kind: type[EmailMessage]) -> bool:
    """Whether a class leaves it to Django to build its MIME."""
    base = EmailMultiAlternatives if issubclass(kind, EmailMultiAlternatives) else EmailMessage
    return all(getattr(kind, name) is getattr(base, name) for name in _builders(base))


@cache
def _builders(base: type[EmailMessage]) -> list[str]:
    """The names of the methods with which Django builds MIME."""
    return ["message", *(name for name in dir(base) if name.startswith(("_create_", "_add_")))]


def _is_large(attachment: Any) -> bool:
    if isinstance(attachment, Message) or not isinstance(attachment[1], bytes):
        return False
    maintype = (attachment[2] or "").partition("/")[0]
    return len(attachment[1]) >= LARGE_ATTACHMENT and maintype not in ("text", "message", "")
