"""What the feedback app stored, and whom it keeps from getting mail."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from ...conf import FeedbackSettings, current_settings
from .apps import amazon
from .rendering import live, page

#: Rows of each kind.
LATEST = 25


@require_safe
@live
def feedback(request: HttpRequest) -> HttpResponse:
    """The latest rows of each kind, and the suppression list.

    :raises Http404: they are not those of the project beside which the sandbox runs.
    """
    if amazon().sites is not None:
        raise Http404("The suppression list of your project is in its own database and admin.")
    bounces, complaints, deliveries, suppressions = (
        _latest(name) for name in ("Bounce", "Complaint", "Delivery", "Suppression")
    )
    return page(
        request,
        "feedback",
        "feedback",
        bounces=bounces,
        complaints=complaints,
        deliveries=deliveries,
        suppressions=suppressions,
        reasons=current_settings().get(FeedbackSettings).feedback_suppress,
        latest=LATEST,
    )


@require_POST
def lift(request: HttpRequest) -> HttpResponse:
    """Take an address off the suppression list."""
    address = request.POST.get("address", "")[:1_000]
    if _model("Suppression").objects.lift(address):
        messages.success(request, f"{address} gets mail again.")
    else:
        messages.info(request, f"{address} was not on the suppression list.")
    return redirect("sandbox:feedback")


def _latest(name: str) -> dict[str, Any]:
    rows = _model(name)._default_manager.all()
    if name != "Suppression":
        rows = rows.defer("event")
    return {"rows": list(rows[:LATEST]), "count": rows.count()}


def _model(name: str) -> Any:
    return apps.get_model("anymail_feedback", name)
