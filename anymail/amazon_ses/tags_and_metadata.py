"""The headers X-Tag and X-Metadata: writing them into a message, reading them in its events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..exceptions import AnymailSerializationError
from ..mime.encoded_words import decode_encoded_words, encode_words
from ..mime.headers import check_no_line_break
from ..mime.policy import MAX_LINE
from ..outgoing import OutgoingMessage
from .untrusted_json import MAX_NESTING, is_nested_deeper

CUSTOM_HEADERS = frozenset({"x-tag", "x-metadata"})
_FOLD = re.compile(r"\r?\n(?=[ \t])")


def tags_and_metadata_headers(message: OutgoingMessage) -> Iterator[tuple[str, str]]:
    """The X-Metadata and X-Tag headers of a message.

    :return: pairs of name and value.
    """
    if message.metadata is not None:
        yield "X-Metadata", metadata_value(message.metadata)
    for tag in message.tags or ():
        yield "X-Tag", tag_value(tag)


def metadata_value(metadata: dict[str, Any]) -> str:
    """Metadata as a header value: ASCII JSON without adjacent spaces.

    A header is folded at its spaces, and some software keeps only one of several when it unfolds.

    :param metadata: what JSON can hold.
    :raises AnymailSerializationError: JSON cannot hold it.
    """
    return dump_json(metadata, "metadata").replace("  ", " \\u0020")


def dump_json(data: Any, name: str) -> str:
    """Serialise data as ASCII JSON.

    :param data: without NaN and infinity, which are not valid JSON (RFC 8259).
    :param name: names the data in the error.
    :raises AnymailSerializationError: JSON cannot hold it.
    """
    try:
        return json.dumps(data, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as err:
        raise AnymailSerializationError(
            f"The {name} of the message cannot be written as JSON: {err}. "
            "Convert the values to str, int, float, bool, None, list or dict first.",
            orig_err=err,
        ) from err


def tag_value(tag: str) -> str:
    """A tag as a header value: itself, or encoded-words (RFC 2047) where it would not survive.

    :raises ValueError: a line break in it.
    :raises AnymailSerializationError: it has half of a surrogate pair.
    """
    check_no_line_break("X-Tag", tag)
    plain = re.fullmatch(r"[!-~]+( [!-~]+)*", tag) and "=?" not in tag
    if plain and len(tag) < MAX_LINE - len("X-Tag: "):
        return tag
    try:
        return encode_words(tag, first_column=len("X-Tag: "))
    except UnicodeEncodeError as err:
        raise AnymailSerializationError(f"A tag cannot be encoded: {err.reason}.") from err


def own_headers(headers: list[Any]) -> list[Any]:
    """The headers that :func:`parse_tags_and_metadata` reads.

    :param headers: of a sent message, as SES reports them.
    """
    return [header for header in headers if _name(header) in CUSTOM_HEADERS]


def parse_tags_and_metadata(headers: object) -> tuple[list[str], Any]:
    """Read the tags and the metadata from the headers of a sent message.

    SES reports the values as they were sent: folded (RFC 5322 section 2.2.3), and with
    encoded-words (RFC 2047).

    :param headers: ``mail["headers"]``: dicts with ``name`` and ``value``.
    :return: the values of all ``X-Tag`` headers, and what the JSON in ``X-Metadata`` says: an
        empty dict if there is none, if SES cut it off, or if it is nested too deep.
    """
    tags: list[str] = []
    metadata: Any = None
    for header in headers if isinstance(headers, list) else ():
        name = _name(header)
        if name not in CUSTOM_HEADERS or not isinstance(value := header.get("value"), str):
            continue
        if name == "x-tag":
            tags.append(decode_encoded_words(_FOLD.sub("", value)))
        elif metadata is None:
            metadata = _parse_metadata(_FOLD.sub("", value))
    return tags, {} if metadata is None else metadata


def _name(header: object) -> str:
    name = header.get("name") if isinstance(header, dict) else None
    return name.lower() if isinstance(name, str) else ""


def _parse_metadata(value: str) -> Any:
    for decode in (str, decode_encoded_words):
        with suppress(ValueError, RecursionError):
            # Other software folds headers in the middle of JSON strings, where strict would insist
            # that there is no line break.
            metadata = json.loads(decode(value), strict=False)
            return None if is_nested_deeper(metadata, MAX_NESTING) else metadata
    return None
