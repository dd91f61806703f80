"""What an admin shows of one row: links to related rows, and documents."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from .changelist import capped_count

#: Links count no further.
MAX_LINKED = 1_000


def list_link(site: admin.AdminSite, rows: QuerySet[Any], term: str) -> SafeString:
    """A link to the list of a model, with the number of rows that it shows for a search.

    :param rows: those that the list shows. They are counted up to :data:`MAX_LINKED`.
    :param term: to search for.
    """
    options = rows.model._meta
    url = reverse(f"{site.name}:{options.app_label}_{options.model_name}_changelist")
    count = capped_count(rows, MAX_LINKED)
    return format_html(
        '<a href="{}?{}">{} ({})</a>',
        url,
        urlencode({"q": term}),
        options.verbose_name_plural,
        f"{count}+" if count == MAX_LINKED else str(count),
    )


def indented_json(document: Any) -> SafeString:
    """A JSON document to read."""
    return format_html("<pre>{}</pre>", json.dumps(document, indent=2, ensure_ascii=False))
