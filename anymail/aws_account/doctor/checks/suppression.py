"""The account's suppression list.

Source: Amazon SES Developer Guide, "Using the Amazon SES account-level suppression list".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from django.apps import apps

from ....conf import FeedbackSettings, current_settings
from ..context import Context
from ..findings import Finding, command, ok, warning

REASONS = ("BOUNCE", "COMPLAINT")
#: What a page of ``ListSuppressedDestinations`` may have, and how many are read: it is called once
#: a second.
PAGE_SIZE = 1_000
MAX_PAGES = 10
PULL = "python manage.py anymail_suppression pull"
#: How old the last pull may be.
MAX_AGE = timedelta(days=1)


def suppression(context: Context) -> Iterator[Finding]:
    """D25: SES sends no more to addresses that do not exist, or complained."""
    attributes = context.ask("sesv2", "GetAccount").get("SuppressionAttributes", {})
    missing = [one for one in REASONS if one not in attributes.get("SuppressedReasons", ())]
    if missing:
        yield warning(
            f"SES goes on sending to addresses after: {', '.join(missing)}",
            command(
                "aws sesv2 put-account-suppression-attributes --suppressed-reasons BOUNCE COMPLAINT"
            ),
        )
    yield _count(context)
    if current_settings().get(FeedbackSettings).feedback_suppress_sync is not None:
        yield from _last_pull(context.now)


def _last_pull(now: datetime) -> Iterator[Finding]:
    """A warning if our list has not been brought up to date for a while."""
    if not apps.is_installed("anymail.feedback"):
        return
    newest = apps.get_model("anymail_feedback", "Pull").objects.order_by("-began_at").first()
    began_at = None if newest is None else newest.began_at
    if began_at is not None and began_at.tzinfo is None:
        began_at = began_at.replace(tzinfo=timezone.utc)
    if began_at is None or now - began_at > MAX_AGE:
        since = "was never pulled" if began_at is None else "was last pulled over a day ago"
        yield warning(
            f"SES's list {since}: run this by cron, for example every hour", command(PULL)
        )


def _count(context: Context) -> Finding:
    """How many addresses are on the list, and how many of them we send to all the same."""
    total = unknown = 0
    is_compared = bool(
        apps.is_installed("anymail.feedback")
        and current_settings().get(FeedbackSettings).feedback_suppress
    )
    for page in _pages(context):
        total += len(page)
        unknown += _unknown(page) if is_compared else 0
    more = "more than " if total >= MAX_PAGES * PAGE_SIZE else ""
    text = f"SES suppresses addresses: {more}{total:,}"
    if is_compared:
        text += f"; {unknown:,} of them are not on ours"
    return ok(f"{text}: {PULL}" if unknown else text)


def _pages(context: Context) -> Iterator[list[str]]:
    """The addresses on the list, as far as they are read."""
    token: dict[str, str] = {}
    for _ in range(MAX_PAGES):
        answer = context.ask("sesv2", "ListSuppressedDestinations", PageSize=PAGE_SIZE, **token)
        yield [one["EmailAddress"] for one in answer.get("SuppressedDestinationSummaries", ())]
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}


def _unknown(addresses: list[str]) -> int:
    """How many of them are not on the list of ``anymail.feedback``."""
    known = apps.get_model("anymail_feedback", "Suppression").objects.blocked(addresses)
    return len(set(addresses) - known.keys())
