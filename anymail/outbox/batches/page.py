"""What the admin's page of a batch shows beside Django's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ...conf import OutboxSettings, current_settings
from ..models import Batch, Pause, State
from ..quotas import is_day_used_up
from .advice import batch_advice
from .figures import figures
from .interventions import INTERVENTIONS
from .speeds import speeds

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
    from django_stubs_ext import StrOrPromise


def batch_context(site: AdminSite, request: HttpRequest, batch: Batch) -> dict[str, Any]:
    """What the page of a batch shows: why it waits, what can be done, and its numbers."""
    user = request.user
    pauses = Pause._default_manager.filter(mailer=batch.mailer, lane__in={"", batch.lane})
    its = figures(batch, speeds([batch]).get(batch.pk, 0.0))
    texts = batch_advice(
        batch,
        is_paused=pauses.exists(),
        is_day_over=_waits_for_the_day(batch),
        is_moving=bool(its.speed),
    )
    messages = reverse(f"{site.name}:anymail_outbox_entry_changelist")
    return {
        "advice": [*texts],
        "interventions": [
            one
            for one in INTERVENTIONS.values()
            if user.has_perm(one.permission) and one.is_possible(batch)
        ],
        "figures": its,
        "may_pause": user.has_perm("anymail_outbox.pause_sending"),
        "numbers": [*_numbers(batch, messages)],
        "messages_url": f"{messages}?{urlencode({'batch': batch.pk})}",
    }


def _waits_for_the_day(batch: Batch) -> bool:
    reserve = current_settings().get(OutboxSettings).outbox_reserve
    return not reserve.is_for(batch.priority) and is_day_used_up()


def _numbers(batch: Batch, messages: str) -> Iterator[tuple[StrOrPromise, int, str]]:
    """Names, numbers of recipients, and links to the messages that they are of."""
    for name, number, state in (
        (_("Waiting"), batch.waiting, State.WAITING),
        (_("Sent"), batch.sent, State.SENT),
        (_("Failed"), batch.failed, State.FAILED),
        (_("In doubt"), batch.in_doubt, State.IN_DOUBT),
        (_("Expired"), batch.expired, State.EXPIRED),
        (_("Cancelled"), batch.cancelled, State.CANCELLED),
        (_("Bounced"), batch.bounced, ""),
        (_("Complained"), batch.complained, ""),
    ):
        query = urlencode({"batch": batch.pk, "state__exact": state})
        yield name, number, f"{messages}?{query}" if state and number else ""
