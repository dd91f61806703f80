"""How to use the sandbox from a project, who is told, and how Amazon behaves."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from . import account
from .apps import AdjustableSwitches, amazon
from .forms import SwitchesForm
from .rendering import live, page


@require_http_methods(["GET", "HEAD", "POST"])
@live
def settings(request: HttpRequest) -> HttpResponse:
    """The settings, and the switches."""
    switches = amazon().switches
    if request.method != "POST":
        return _page(request, SwitchesForm(initial=_initial(switches)))
    form = SwitchesForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    switches.latency = form.cleaned_data["latency"] / 1000
    switches.rate = form.cleaned_data["rate"]
    messages.success(request, "Amazon behaves that way from now on.")
    return redirect("sandbox:settings")


@require_POST
def empty(request: HttpRequest) -> HttpResponse:
    """Forget all messages and received mails."""
    amazon().journal.clear()
    messages.success(request, "Messages and inbox are empty.")
    return redirect("sandbox:messages")


def _page(request: HttpRequest, form: SwitchesForm) -> HttpResponse:
    return page(request, "settings", "settings", form=form, webhooks=account.webhooks(amazon()))


def _initial(switches: AdjustableSwitches) -> dict[str, float | None]:
    return {"latency": round(switches.latency * 1000), "rate": switches.rate}
