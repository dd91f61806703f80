"""X-Tag and X-Metadata headers, as SES reports them -> tags and metadata. ``mime`` writes them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from ..mime.encoded_words import decode_encoded_words
from .notifications import MAX_NESTING, is_nested_deeper

CUSTOM_HEADERS = frozenset({"x-tag", "x-metadata"})
_FOLD = re.compile(r"\r?\n(?=[ \t])")


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
        try:
            name = header["name"].lower()
        except (AttributeError, KeyError, TypeError):
            continue
        if name not in CUSTOM_HEADERS or not isinstance(value := header.get("value"), str):
            continue
        if name == "x-tag":
            tags.append(decode_encoded_words(_FOLD.sub("", value)))
        elif metadata is None:
            metadata = _parse_metadata(_FOLD.sub("", value))
    return tags, {} if metadata is None else metadata


def _parse_metadata(value: str) -> Any:
    for decode in (str, decode_encoded_words):
        with suppress(ValueError, RecursionError):
            # Other software folds headers in the middle of JSON strings, where strict would insist
            # that there is no line break.
            metadata = json.loads(decode(value), strict=False)
            return None if is_nested_deeper(metadata, MAX_NESTING) else metadata
    return None
