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

register: template.Library = template.Library()

#: Characters of a JSON document that are shown.
MAX_LENGTH = 20_000
_URL = re.compile(r"(https?://\w[^\s<>\"']*)")


@register.filter
def json_text(document: Any) -> str:
    """A JSON document: indented, and not longer than a page takes."""
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}… ({len(text):,} characters)"


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


@register.filter
def clock(when: datetime, format: str = "%d %b %Y, %H:%M:%S %Z") -> str:
    """The time on the clock of this machine."""
    return when.astimezone().strftime(format)
