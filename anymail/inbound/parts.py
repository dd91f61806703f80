"""The parts of a received mail: its body, those shown in the body, and the attached ones.

RFC 2183 makes the Content-Disposition optional, so the structure has a say too. An attached message
is a mail of its own: its text is not part of the body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .forgiving import ForgivingMessage as Message
from .text import raw_text

BODY_TYPES = ("text/plain", "text/html")

_IN_BRACKETS = re.compile(r"<([^<>]*)>")


def find_body(message: Message, content_type: str) -> Message | None:
    """The first part of that type that is not attached, and not in an attached message.

    :param message: the mail.
    :param content_type: text/plain or text/html.
    """
    own = (part for part, _ in _own_parts(message))
    return next((part for part in own if _is_body(part, content_type)), None)


def attached_parts(message: Message) -> Iterator[Message]:
    """The parts that are attached, those of attached messages included.

    They have the disposition ``attachment`` or an unknown one (RFC 2183 section 2.8); or none, and
    are neither the body nor related to it.
    """
    return (part for part, kind, _ in _all_parts(message) if kind == "attachment")


def inline_parts(message: Message) -> Iterator[Message]:
    """The parts to be shown in the body, those of attached messages included.

    They have the disposition ``inline``; or none, and a Content-ID in a multipart/related.
    """
    return (part for part, kind, _ in _all_parts(message) if kind == "inline")


def parts_by_content_id(message: Message) -> dict[str, Message]:
    """The parts that ``cid:`` links may refer to (RFC 2392), of any disposition.

    The mail's own come before those of attached messages, and of several with the same Content-ID
    the first counts.
    """
    found: dict[str, Message] = {}
    of_attached: dict[str, Message] = {}
    for part, kind, is_own in _all_parts(message):
        if kind and (content_id := content_id_of(part)):
            (found if is_own else of_attached).setdefault(content_id, part)
    return {**found, **{key: of_attached[key] for key in of_attached if key not in found}}


def content_id_of(part: Message) -> str:
    """The Content-ID without angle brackets; empty if there is none."""
    value = raw_text(part.header_source("content-id") or "")
    match = _IN_BRACKETS.search(value)
    return (match[1] if match else value).strip(" \t<>")


def is_unnamed_text(part: Message) -> bool:
    """Whether it is text/plain or text/html without a file name."""
    return part.get_content_type() in BODY_TYPES and not part.get_filename()


def _is_body(part: Message, content_type: str) -> bool:
    return (
        part.get_content_type() == content_type
        and part.get_content_disposition() in (None, "inline")
        and part.get_transferred() is not None
    )


def _all_parts(message: Message) -> Iterator[tuple[Message, str | None, bool]]:
    """The parts of a mail and of those attached to it.

    :return: for each ``"attachment"``, ``"inline"`` or None, and whether it is a part of the mail
        itself, not of an attached one.
    """
    waiting = [_parts(message)]
    while waiting:
        for part, kind in waiting[-1]:
            yield part, kind, len(waiting) == 1
            if part.is_multipart() and part.get_content_type() != "message/delivery-status":
                waiting += [_parts(attached) for attached in reversed(part._payload)]
                break
        else:
            waiting.pop()


def _parts(message: Message) -> Iterator[tuple[Message, str | None]]:
    """The parts of a mail, each with ``"attachment"``, ``"inline"``, or None for the body."""
    own = list(_own_parts(message))
    bodies = [
        next((part for part, _ in own if _is_body(part, content_type)), None)
        for content_type in BODY_TYPES
    ]
    for part, is_related in own:
        disposition = part.get_content_disposition()
        if disposition is not None:
            yield part, "inline" if disposition == "inline" else "attachment"
        elif any(part is body for body in bodies) or is_unnamed_text(part):
            yield part, None
        else:
            yield part, "inline" if is_related and content_id_of(part) else "attachment"


def _own_parts(message: Message) -> Iterator[tuple[Message, bool]]:
    """The parts, except multiparts and the parts of attached messages.

    :return: each with whether it is in a multipart/related.
    """
    waiting = [(message, False)]
    while waiting:
        part, is_related = waiting.pop()
        kind = part.get_content_type()
        if not kind.startswith("multipart/"):
            yield part, is_related
        elif part.is_multipart():
            related = kind == "multipart/related"
            waiting.extend((inner, related) for inner in reversed(part._payload))
