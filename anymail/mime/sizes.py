"""What can be said about a message before its MIME is built: its size, and whether text fits."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from typing import Any

from django.core.mail import EmailMessage, EmailMultiAlternatives

from ..conf import django_setting
from .attachments import is_built_by_django
from .seven_bit import is_seven_bit
from .streaming import Base64Body


def least_size(message: EmailMessage) -> int:
    """A size in bytes that the MIME surely has: no headers, and one byte for each character.

    :param message: as :func:`.normalise_attachments` leaves it.
    :return: 0 if its class builds its MIME in a way of its own, for that may compress.
    """
    if not is_built_by_django(type(message)):
        return 0
    parts = [part for part in message.attachments if isinstance(part, Message)]
    contents = sum(_content_size(content, mimetype) for content, mimetype in _contents(message))
    return contents + sum(map(_part_size, parts))


def check_texts(message: EmailMessage) -> None:
    """Refuse text that the charset of its message cannot hold.

    :param message: as :func:`.normalise_attachments` leaves it.
    :raises UnicodeEncodeError: some cannot be encoded.
    """
    if is_built_by_django(type(message)):
        encoding = str(message.encoding or django_setting("DEFAULT_CHARSET"))
        for content, mimetype in _contents(message):
            if isinstance(content, str) and mimetype.startswith("text/"):
                content.encode(encoding, "surrogateescape")


def _contents(message: EmailMessage) -> Iterator[tuple[Any, str]]:
    """Everything that Django makes a part of, with its media type."""
    yield message.body, f"text/{message.content_subtype}"
    if isinstance(message, EmailMultiAlternatives):
        yield from ((content, str(mimetype)) for content, mimetype in message.alternatives)
    for attachment in message.attachments:
        if not isinstance(attachment, Message):
            yield attachment[1], str(attachment[2])


def _content_size(content: Any, mimetype: str) -> int:
    if mimetype.lower().startswith("message/"):  # parsed, and written anew
        return 0
    if isinstance(content, bytes):
        return Base64Body(content).size
    return len(content) if isinstance(content, str) else 0


def _part_size(part: Message) -> int:
    payload: Any = part.get_payload()
    return len(payload) if isinstance(payload, str) and is_seven_bit(payload) else 0
