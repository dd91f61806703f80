"""JSON documents for people: indented, coloured, and not longer than a page takes."""

from __future__ import annotations

import json
import re
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

MAX_STRING = 2_000
MAX_LENGTH = 200_000
MAX_DEPTH = 30

_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*")(?P<colon>:)?|(?P<word>\b(?:true|false|null)\b|-?\d[\d.eE+-]*)'
)


def as_json(document: Any) -> str:
    """A document, indented."""
    return json.dumps(document, indent=2, ensure_ascii=False, default=str)


def shortened(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A document in which long texts are cut."""
    if isinstance(value, str) and len(value) > MAX_STRING:
        return f"{value[:MAX_STRING]}… ({len(value):,} characters)"
    if isinstance(value, (dict, list, tuple)) and depth == 0:
        return "…"
    if isinstance(value, dict):
        return {str(key): shortened(item, depth - 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shortened(item, depth - 1) for item in value]
    return value


def as_html(document: Any) -> SafeString:
    """A document, indented and coloured."""
    text = as_json(shortened(document))[:MAX_LENGTH]
    html, end = [], 0
    for token in _TOKEN.finditer(text):
        html += [escape(text[end : token.start()]), _coloured(token)]
        end = token.end()
    return mark_safe("".join([*html, escape(text[end:])]))  # noqa: S308 - escaped piece by piece


def _coloured(token: re.Match[str]) -> str:
    if token["word"] is not None:
        return f'<span class="j-word">{escape(token["word"])}</span>'
    kind = "j-key" if token["colon"] else "j-string"
    return f'<span class="{kind}">{escape(token["string"])}</span>{token["colon"] or ""}'
