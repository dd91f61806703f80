"""Unsubscribing with one click, which Gmail and Yahoo require of bulk mail.

Sources: RFC 8058; Google, "Email sender guidelines".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from django.apps import apps

from ....amazon_ses.untrusted_json import as_object
from ....conf import OutboxSettings
from ..context import Context
from ..findings import Finding, advice, error, not_used, ok, setting, warning

#: What a mailbox provider posts when somebody clicks (RFC 8058, section 3.2).
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
HEADERS = frozenset({"list-unsubscribe", "list-unsubscribe-post"})
#: Seconds that the site may take to answer.
TIMEOUT = 10
SET_HEADERS = setting(
    'message.extra_headers = {"List-Unsubscribe": "<https://www.example.com/unsubscribe/…>", '
    '"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}'
)
LET_IN = advice(
    "Exempt the view from CSRF checks (csrf_exempt), let it take a POST without a login, and "
    "unsubscribe whom the URL names."
)


def one_click(context: Context) -> Iterator[Finding]:
    """D29: bulk mail can be unsubscribed from with one click."""
    url, found = context.options.unsubscribe_url, _headers_of_last_batch()
    if url is None and found is None:
        yield not_used("no batch in the outbox, and no --unsubscribe-url")
    if found is not None:
        yield _judged(found)
    if url is not None:
        yield from _tried(url)


def _judged(found: set[str]) -> Finding:
    if found >= HEADERS:
        return ok("the last batch has List-Unsubscribe and List-Unsubscribe-Post")
    missing = " and ".join(sorted(name.title() for name in HEADERS - found))
    return warning(f"the last batch has no {missing}", SET_HEADERS)


def _tried(url: str) -> Iterator[Finding]:
    """Do what a mailbox provider does: post, without cookies."""
    parts = urlsplit(url)
    where = f"the unsubscribe URL at {parts.hostname}"  # the rest names somebody
    if parts.scheme != "https":
        yield error(f"{where} does not begin with https://", advice("Use HTTPS (RFC 8058)."))
    try:
        response = requests.post(url, data=ONE_CLICK, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as err:
        yield error(f"{where} cannot be reached ({type(err).__name__})")
        return
    if response.ok and not response.is_redirect:
        yield ok(f"{where} takes a POST without cookies")
    else:
        yield error(f"{where} answers a POST without cookies with {response.status_code}", LET_IN)


def _headers_of_last_batch() -> set[str] | None:
    """The names in lower case; None if there is no batch whose content is still there."""
    if not apps.is_installed("anymail.outbox"):
        return None
    batches = apps.get_model("anymail_outbox", "Batch")._default_manager
    batches = batches.using(OutboxSettings.load().outbox_database)
    kept = batches.filter(content__isnull=False).order_by("-created_at")
    content = kept.values_list("content", flat=True).first()
    if content is None:
        return None
    stored = as_object(json.loads(content))
    merged = as_object(as_object(stored.get("anymail")).get("merge_headers"))
    return set().union(*map(_names, [stored.get("extra_headers"), *merged.values()]))


def _names(headers: Any) -> set[str]:
    return {str(name).lower() for name in as_object(headers)}
