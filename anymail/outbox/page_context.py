"""What the templates of the admin show beside Django's own."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.admin import AdminSite
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..admin_lists.changelist import MAX_COUNT, capped_count
from ..admin_lists.details import indented_json
from .advice import advice
from .batches.content import whole_content
from .history.mail_page import mail_context
from .interventions import INTERVENTIONS
from .models import Entry, Pause, State
from .preview import preview
from .thawing import UnreadableContent

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: Lists of the app ``anymail.feedback`` that can be searched for a message id. It may be missing.
FEEDBACK: dict[str, StrOrPromise] = {
    "bounce": _("bounces"),
    "complaint": _("complaints"),
    "delivery": _("deliveries"),
    "mailevent": _("other events"),
}


def entry_context(site: AdminSite, request: HttpRequest, entry: Entry) -> dict[str, Any]:
    """What the page of a message shows.

    :param entry: its content is read from the database.
    """
    user, content = request.user, _content(entry)
    pauses = Pause._default_manager.filter(mailer=entry.mailer, lane__in={"", entry.lane})
    may_read = user.has_perm("anymail_outbox.read_entry")
    shown = preview(content) if may_read and content is not None else None
    texts = advice(
        entry,
        has_content=content is not None,
        is_paused=pauses.exists(),
        batch=entry.batch.state if entry.batch is not None else "",
        now=timezone.now(),
    )
    return {
        **mail_context(site.name, request, entry),
        "feedback": feedback_lists(site, request),
        "advice": [*texts],
        "interventions": [
            one
            for one in INTERVENTIONS.values()
            if user.has_perm(one.permission) and one.is_possible(entry)
        ],
        "may_pause": user.has_perm("anymail_outbox.pause_sending"),
        "may_read": may_read,
        "has_content": content is not None,
        "preview": shown,
        "attributes": indented_json(shown.attributes) if shown else "",
    }


def _content(entry: Entry) -> str | None:
    try:
        return whole_content(entry)
    except UnreadableContent:
        return ""  # there is some


def pause_context(request: HttpRequest) -> dict[str, Any]:
    """What is paused, and how many messages wait; they are counted only if something is paused."""
    pauses = list(Pause._default_manager.order_by("mailer", "lane"))
    return {
        "pauses": pauses,
        "waiting": waiting_shown() if pauses else "",
        "may_pause": request.user.has_perm("anymail_outbox.pause_sending"),
    }


def waiting_shown(**mailer: str) -> str:
    """How many messages wait, as people read it.

    :param mailer: ``mailer=…`` for those of one mailer only.
    """
    rows: QuerySet[Entry] = Entry._default_manager.filter(state=State.WAITING, **mailer)
    count = capped_count(rows, MAX_COUNT + 1)
    return f"{count:,}" if count <= MAX_COUNT else _("more than %s") % f"{MAX_COUNT:,}"


def feedback_lists(site: AdminSite, request: HttpRequest) -> list[tuple[StrOrPromise, str]]:
    """Names and URLs of the lists of ``anymail.feedback`` that the user may see, if it is there."""
    found: list[tuple[StrOrPromise, str]] = []
    if not apps.is_installed("anymail.feedback"):
        return found
    for model, name in FEEDBACK.items():
        if request.user.has_perm(f"anymail_feedback.view_{model}"):
            with suppress(NoReverseMatch):  # the site does not have it
                url = reverse(f"{site.name}:anymail_feedback_{model}_changelist")
                found.append((name, url))
    return found
