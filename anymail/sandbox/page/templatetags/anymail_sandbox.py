"""What the templates need besides Django's own."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import escape, format_html, urlize
from django.utils.safestring import SafeString, mark_safe

from ...journal import now

register: template.Library = template.Library()

#: Seconds, and what that many are called. The script does the same, see ``ago()`` there.
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
#: Seconds that are called "just now".
MOMENT = 5
#: Characters of one string in JSON that are shown, of all, and how deep it may be.
MAX_STRING, MAX_LENGTH, MAX_DEPTH = 2_000, 200_000, 30
_TOKEN = re.compile(
    r"&quot;(?:(?!&quot;)[^\\]|\\[^&]|\\&quot;)*(?:&quot;(?P<colon>:)?|\\?\Z)"
    r"|\b(?:true|false|null)\b|(?<![&#\w])-?\d[\d.eE+-]*"
)
_URL = re.compile(r"(https?://\w[^\s<>\"']*)")


@register.filter
def json_html(document: Any) -> SafeString:
    """A JSON document: indented, coloured, and not longer than a page takes."""
    text = json.dumps(_shortened(document), indent=2, ensure_ascii=False, default=str)
    return mark_safe(_TOKEN.sub(_coloured, escape(text[:MAX_LENGTH])))  # noqa: S308 - escaped


def _coloured(token: re.Match[str]) -> str:
    is_string = token[0].startswith("&quot;")
    kind = "key" if token["colon"] else "string" if is_string else "word"
    return f'<span class="j-{kind}">{token[0]}</span>'


def _shortened(value: Any, depth: int = MAX_DEPTH) -> Any:
    if isinstance(value, str) and len(value) > MAX_STRING:
        return f"{value[:MAX_STRING]}… ({len(value):,} characters)"
    if isinstance(value, dict | list) and depth == 0:
        return "…"
    if isinstance(value, dict):
        return {str(key): _shortened(item, depth - 1) for key, item in value.items()}
    return [_shortened(item, depth - 1) for item in value] if isinstance(value, list) else value


@register.filter
def linked(text: str) -> SafeString:
    """Text in which the URLs are links that open windows of their own."""
    # Of words without a scheme, Django 6.1 warns that urlize() will take them for HTTPS.
    html = "".join(
        urlize(piece, nofollow=True, autoescape=True) if _URL.match(piece) else escape(piece)
        for piece in _URL.split(text)
    )
    # What looks like this in the text has been escaped.
    return mark_safe(html.replace(' rel="nofollow"', ' target="_blank" rel="noopener noreferrer"'))  # noqa: S308


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon; what it means is said in text."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("anymail_sandbox/icons.svg"),
        name,
    )


@register.simple_tag
def ago(when: datetime) -> SafeString:
    """How long ago something was; the script keeps it up to date."""
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        when.isoformat(timespec="milliseconds"),
        when.strftime("%Y-%m-%d %H:%M:%S %Z"),
        words((now() - when).total_seconds()),
    )


@register.filter
def clock(when: datetime) -> str:
    return when.strftime("%H:%M:%S.%f")[:-3]


@register.filter
def after(seconds: float) -> str:
    """How much later something was, for example ``+1.2 s``."""
    if seconds < 60:
        return f"+{seconds:.1f} s"
    return f"+{words(seconds).removesuffix(' ago')}"


def words(seconds: float) -> str:
    """How long ago, in words."""
    if seconds < MOMENT:
        return "just now"
    length, unit = next(one for one in UNITS if seconds >= one[0])
    return f"{int(seconds // length)} {unit} ago"
