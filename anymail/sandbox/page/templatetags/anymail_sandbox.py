"""What the templates need besides Django's own."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from ...journal import now
from ..documents import as_html

register: template.Library = template.Library()

#: Seconds, and what that many are called. The script does the same, see ``ago()`` there.
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
#: Seconds that are called "just now".
MOMENT = 5
_URL = re.compile(r"""https?://[^\W_][^\s<>"]{0,2000}""", re.IGNORECASE)


@register.filter
def json_html(document: Any) -> SafeString:
    """A JSON document, coloured."""
    return as_html(document)


@register.filter
def linked(text: str) -> SafeString:
    """Text in which the URLs are links."""
    html, end = [], 0
    for found in _URL.finditer(text):
        url = _without_punctuation(found[0])
        link = '<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>'
        html += [escape(text[end : found.start()]), format_html(link, url)]
        end = found.start() + len(url)
    return mark_safe("".join([*html, escape(text[end:])]))  # noqa: S308 - escaped piece by piece


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
def moment(when: datetime) -> str:
    """A time, exactly."""
    return when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + when.strftime(" %Z")


@register.filter
def clock(when: datetime) -> str:
    """The time of day, exactly."""
    return when.strftime("%H:%M:%S.%f")[:-3]


@register.filter
def after(seconds: float) -> str:
    """How much later something was, for example ``+1.2 s``."""
    if seconds < MOMENT * 12:
        return f"+{seconds:.1f} s"
    return f"+{words(seconds).removesuffix(' ago')}"


def _without_punctuation(url: str) -> str:
    """A URL without what ends the sentence or the parenthesis that it is in."""
    while url[-1] in ".,:;!?'*_]}" or (url[-1] == ")" and url.count(")") > url.count("(")):
        url = url[:-1]
    return url


def words(seconds: float) -> str:
    """How long ago, in words."""
    if seconds < MOMENT:
        return "just now"
    length, unit = next(one for one in UNITS if seconds >= one[0])
    return f"{int(seconds // length)} {unit} ago"
