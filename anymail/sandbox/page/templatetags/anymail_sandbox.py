"""What the templates need besides Django's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ...journal import now
from ..documents import as_html

register: template.Library = template.Library()

#: Seconds, and what that many are called. The script does the same, see ``ago()`` there.
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
#: Seconds that are called "just now".
MOMENT = 5


@register.filter
def json_html(document: Any) -> SafeString:
    """A JSON document, coloured."""
    return as_html(document)


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


def words(seconds: float) -> str:
    """How long ago, in words."""
    if seconds < MOMENT:
        return "just now"
    length, unit = next(one for one in UNITS if seconds >= one[0])
    return f"{int(seconds // length)} {unit} ago"
