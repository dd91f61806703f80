"""The stored form of a message -> what people see of it.

Nothing is sent from here, and no attachment is read: their sizes are in the stored form.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any

from ..database.columns import storable_json, storable_text

#: Characters of a text that are shown.
MAX_SHOWN = 100_000


@dataclass(frozen=True, kw_only=True)
class ShownText:
    """A body.

    :param title: its media type, or what else it is.
    :param text: its beginning.
    :param more: how many characters are left out.
    """

    title: str
    text: str
    more: int


@dataclass(frozen=True, kw_only=True)
class ShownAttachment:
    """An attachment, without its content.

    :param name: of the file; may be empty.
    :param media_type: may be empty: Django finds it by the name.
    :param size: in bytes; None for an attached message, whose MIME is built when it is sent.
    """

    name: str
    media_type: str
    size: int | None


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A message as people see it. The texts have no characters that cannot be shown.

    :param headers: names and values: From, Reply-To and ``extra_headers``.
    :param texts: the body, then the alternatives.
    :param attachments: in their order.
    :param attributes: Anymail's own: template, tags, merge data and the like.
    """

    headers: Sequence[tuple[str, str]]
    texts: Sequence[ShownText]
    attachments: Sequence[ShownAttachment]
    attributes: Mapping[str, Any]


def preview(content: str) -> Preview | None:
    """What a stored message looks like.

    :param content: the text that :meth:`.freezing.FrozenMessage.as_json` made.
    :return: None if it is damaged.
    """
    try:
        data = json.loads(content)
        sizes = data.get("part_sizes", ())
        return Preview(
            headers=[*_headers(data)],
            texts=[*_texts(data)],
            attachments=[*_attachments(data, sizes)],
            attributes=storable_json(_attributes(data)),
        )
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return None


def _headers(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if data["from_email"]:
        yield "From", _one_line(data["from_email"])
    if data.get("reply_to"):
        yield "Reply-To", _one_line(data["reply_to"])
    for name, value in (data.get("extra_headers") or {}).items():
        yield storable_text(name), _one_line(value)


def _attributes(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.get("anymail", {}).items() if value is not None}


def _one_line(value: Any) -> str:
    texts = value if isinstance(value, list) else [value]
    return storable_text(", ".join(str(text) for text in texts))


def _texts(data: Mapping[str, Any]) -> Iterator[ShownText]:
    if data.get("body"):
        yield _shown(f"text/{data.get('content_subtype', 'plain')}", data["body"])
    for media_type, content in data.get("alternatives") or ():
        if "text" in content:
            yield _shown(media_type, content["text"])


def _shown(title: str, text: str) -> ShownText:
    shown = storable_text(text[:MAX_SHOWN])
    return ShownText(title=storable_text(title), text=shown, more=max(len(text) - MAX_SHOWN, 0))


def _attachments(data: Mapping[str, Any], sizes: Sequence[int]) -> Iterator[ShownAttachment]:
    if "mime" in data:  # signed or encrypted: only its recipients can read it
        yield _attached("", "message/rfc822", _size(data["mime"], sizes))
    for media_type, content in data.get("alternatives") or ():
        if "text" not in content:
            yield _attached("", media_type, _size(content, sizes))
    for attachment in data.get("attachments") or ():
        if "part" in attachment:
            headers = _part_headers(attachment["part"])
            size = _part_size(attachment["part"], sizes)
            yield _attached(headers.get_filename(), headers.get_content_type(), size)
        else:
            size = _size(attachment["content"], sizes)
            yield _attached(attachment["name"], attachment["type"], size)


def _attached(name: str | None, media_type: str | None, size: int | None) -> ShownAttachment:
    return ShownAttachment(
        name=storable_text(name or ""), media_type=storable_text(media_type or ""), size=size
    )


def _size(content: Mapping[str, Any], sizes: Sequence[int]) -> int | None:
    """How many bytes a content has."""
    [(kind, value)] = content.items()
    if kind == "text":
        return len(value.encode("utf-8", "surrogatepass"))
    if kind == "base64":
        return int(len(value) // 4 * 3 - value[-2:].count("="))
    if kind in ("stored", "stored_text"):
        return int(sizes[value])
    return _part_size(value, sizes) if kind == "part" else None


def _part_size(part: Mapping[str, Any], sizes: Sequence[int]) -> int | None:
    """How many bytes the content of a MIME part has, as it is encoded."""
    inner = [_part_size(one, sizes) for one in part.get("parts", ())]
    if "content" in part:
        inner.append(_size(part["content"], sizes))
    return None if None in inner else sum(size for size in inner if size is not None)


def _part_headers(part: Mapping[str, Any]) -> Message:
    headers = Message()
    for name, value, *_ in part["headers"]:
        headers[name] = storable_text(value)
    return headers
