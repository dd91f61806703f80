"""The outbox: what is stored in it, what becomes of it, and workers that die."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib import messages
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from ...message import AnymailMessage
from ..journal import Step
from ..samples import SENDER, SIMULATOR
from .apps import aws
from .rendering import live, page
from .sending import send

#: Messages that are shown: the newest.
PAGE_LENGTH = 100
#: Seconds for which SES's answer is held back before the worker dies, so that its call is seen.
ANSWER = 1.0
SEVERITIES = {
    **{"sent": "good", "in_doubt": "warn", "failed": "bad", "killed": "bad"},
    **{"claimed": "info", "posting": "info"},
}
#: What can be done, by the state of a message.
ACTIONS = {
    **{state: {"cancel": "Cancel"} for state in ("waiting", "claimed")},
    **{state: {"send_again": "Send again"} for state in ("sent", "failed", "expired", "cancelled")},
    "in_doubt": {"release": "Release: send it again", "mark_sent": "Mark as sent"},
}
NEEDS_CONTENT = {"send_again", "release"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A message in the outbox.

    :param actions: labels of buttons, by what they do.
    :param steps: what became of it, each with its severity.
    """

    entry: Any
    label: str
    severity: str
    actions: dict[str, str]
    steps: list[tuple[Step, str]]


@require_safe
@live
def outbox(request: HttpRequest) -> HttpResponse:
    return page(request, "outbox", "outbox", **_listed())


@require_POST
def act(request: HttpRequest, id: UUID) -> HttpResponse:
    """Do what a button says."""
    if not is_installed():
        raise Http404("There is no outbox.")
    from ... import outbox

    functions = {
        "cancel": outbox.cancel,
        "send_again": outbox.send_again,
        "release": outbox.release,
        "mark_sent": outbox.mark_sent,
    }
    if (function := functions.get(request.POST.get("action", ""))) is None:
        raise Http404("There is no such action.")
    if not function(id):
        messages.warning(request, "It was too late: the message is in another state by now.")
    return redirect("sandbox:outbox")


@require_POST
def crash(request: HttpRequest) -> HttpResponse:
    """Send a message whose worker dies before SES has accepted it, or after."""
    if aws().outbox is None:
        raise Http404("The sandbox has no worker of its own.")
    after = request.POST.get("when") == "after"
    word = "after" if after else "before"
    message: Any = AnymailMessage(
        f"The worker dies {word} SES has accepted this",
        "The outbox does not know whether SES has it, until there is an event.",
        f"Tea Shop <{SENDER}>",
        [f"success@{SIMULATOR}"],
    )
    with transaction.atomic():  # no worker sees it before it is known who is to die
        send(message, "outbox")
        id: UUID = message.outbox_id
        aws().faults.crashes[f"{id.hex}-1"] = (partial(_kill, id, word), after)
    return redirect("sandbox:outbox")


def is_installed() -> bool:
    return apps.is_installed("anymail.outbox")


def _kill(id: UUID, word: str) -> None:
    worker = aws().outbox
    if worker is not None:
        time.sleep(ANSWER)
        worker.kill()
        text = f"kill -9, {word} SES had accepted the message"
        aws().journal.add_step(id.hex, Step(state="killed", text=text))
        worker.start()


def _listed() -> dict[str, Any]:
    if not is_installed():
        return {"rows": None}
    from ...outbox.ledger import entries, without_direct

    try:
        rows = without_direct(entries()).defer("content").prefetch_related("recipients")
        newest = rows.order_by("-created_at")
        found = list(newest.annotate(is_kept=Q(content__isnull=False))[:PAGE_LENGTH])
    except DatabaseError as err:
        return {"rows": None, "trouble": err}
    return {"rows": [_row(entry) for entry in found]}


def _row(entry: Any) -> Row:
    steps = list(aws().journal.steps.get(entry.pk.hex, ()))
    offered = ACTIONS.get(entry.state, {}).items()
    return Row(
        entry=entry,
        label=entry.state.capitalize().replace("_", " "),
        severity=SEVERITIES.get(entry.state, "plain"),
        actions={do: label for do, label in offered if entry.is_kept or do not in NEEDS_CONTENT},
        steps=[(step, SEVERITIES.get(step.state, "plain")) for step in steps],
    )
