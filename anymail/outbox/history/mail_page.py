"""What the page of a message shows of what became of it: rows -> the context of its template."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from ...database.columns import address_key
from ..models import Entry, Recipient
from .became import Stage, stages
from .happenings import Happening, happenings_of_messages
from .harm_advice import harm_advice, harms
from .timeline import timeline

#: How many recipients the page of a message shows, and how many moments and tags.
MAX_RECIPIENTS = 100
MAX_MOMENTS = 100
MAX_TAGS = 50
#: How many events and steps are read.
MAX_HAPPENINGS = 300
MAX_STEPS = 200

#: By SES's message id and the key of the address.
Reported = Mapping[tuple[str, str], Sequence[Happening]]


@dataclass(frozen=True, kw_only=True)
class ShownRecipient:
    """A recipient on the page.

    :param row: of the database.
    :param stages: how far the message came.
    :param url: of the page of the address; empty if the user may not see it.
    """

    row: Recipient
    stages: tuple[Stage, ...]
    url: str


def mail_context(site_name: str, request: HttpRequest, entry: Entry) -> dict[str, Any]:
    """Recipients, tags, the timeline, and what to do about a bounce.

    Each table is asked once, by an index, for a bounded number of rows.

    :param site_name: of the ``AdminSite``.
    """
    rows = list(entry.recipients.order_by("pk")[:MAX_RECIPIENTS])
    ids = (name for row in rows for name in (row.message_id, row.second_message_id))
    happenings = happenings_of_messages(ids, MAX_HAPPENINGS)
    moments = timeline(entry, entry.steps.order_by("pk")[:MAX_STEPS], happenings)
    found = harms(happenings)
    return {
        "recipients": _shown(site_name, request, rows, _by_recipient(happenings)),
        "more_recipients": max(entry.recipients_count - MAX_RECIPIENTS, 0),
        "tags": list(entry.tags.order_by("pk").values_list("tag", flat=True)[:MAX_TAGS]),
        "moments": moments[:MAX_MOMENTS],
        "more_moments": max(len(moments) - MAX_MOMENTS, 0),
        "harm_advice": [*harm_advice(found, _suppressed(one.address for one in found))],
    }


def _shown(
    site_name: str, request: HttpRequest, rows: Sequence[Recipient], reported: Reported
) -> list[ShownRecipient]:
    page = _address_page(site_name, request)
    return [
        ShownRecipient(
            row=row,
            stages=stages(row, _about(row, reported)),
            url=f"{page}?{urlencode({'q': row.address})}" if page else "",
        )
        for row in rows
    ]


def _by_recipient(happenings: Sequence[Happening]) -> Reported:
    found: dict[tuple[str, str], list[Happening]] = defaultdict(list)
    for one in happenings:
        found[one.message_id, address_key(one.address)].append(one)
    return found


def _about(row: Recipient, reported: Reported) -> list[Happening]:
    ids = filter(None, dict.fromkeys((row.message_id, row.second_message_id)))
    return [one for name in ids for one in reported.get((name, row.address_key), ())]


def _address_page(site_name: str, request: HttpRequest) -> str:
    """Where addresses are looked up; empty if the user may not, or the site does not have it."""
    if not request.user.has_perm("anymail_outbox.view_address"):
        return ""
    try:
        return reverse(f"{site_name}:anymail_outbox_address_changelist")
    except NoReverseMatch:
        return ""


def _suppressed(addresses: Any) -> Collection[str]:
    """Those that are on the suppression list of ``anymail.feedback``, if that is installed."""
    asked = list(addresses)
    if not asked or not apps.is_installed("anymail.feedback"):
        return ()
    model: Any = apps.get_model("anymail_feedback", "Suppression")
    found: Mapping[str, Any] = model._default_manager.blocked(asked)
    return found.keys()
