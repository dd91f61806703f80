"""Receiving: the form, and a sample."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from .. import SandboxError
from ..samples import CUSTOMER, SUPPORT, question
from . import account
from .answers import answer_of_customer
from .apps import amazon
from .forms_receive import ArrivingForm, SourceForm, WriteForm
from .rendering import live, page
from .sending import Refusal
from .views_messages import sent_mail

logger: logging.Logger = logging.getLogger(__name__)

#: The forms by ``?how=``.
FORMS: dict[str, type[ArrivingForm]] = {"write": WriteForm, "source": SourceForm}


@require_http_methods(["GET", "HEAD", "POST"])
@live
def receive(request: HttpRequest) -> HttpResponse:
    """The form: write a mail, or give the source of one."""
    how = request.GET.get("how", "write")
    form_class = FORMS.get(how, WriteForm)
    if request.method != "POST":
        return _form(request, form_class(rules=_rules(), initial=_initial(request)))
    form = form_class(request.POST, request.FILES, rules=_rules())
    if not form.is_valid():
        return _form(request, form)
    data = form.cleaned_data
    try:
        mail = amazon().receive(
            form.raw(),
            sender=data["sender"],
            recipients=data["recipients"],
            rule=data["rule"] or None,
            verdicts=form.verdicts,
        )
    except SandboxError as err:
        return _form(request, form, error=Refusal(text=str(err)))
    return redirect("sandbox:received", id=mail.id)


@require_POST
def receive_sample(request: HttpRequest) -> HttpResponse:
    """Receive a mail with an attachment."""
    try:
        mail = amazon().receive(question(), sender=CUSTOMER, recipients=[SUPPORT])
    except SandboxError as err:
        messages.error(request, f"The sample was not received. {err}")
        return redirect("sandbox:inbox")
    return redirect("sandbox:received", id=mail.id)


def _form(
    request: HttpRequest, form: ArrivingForm, *, error: Refusal | None = None
) -> HttpResponse:
    how = next(name for name, kind in FORMS.items() if isinstance(form, kind))
    return page(request, "receive", "inbox", form=form, error=error, how=how)


def _initial(request: HttpRequest) -> dict[str, Any]:
    """What a link asks for: an answer to a message that was sent."""
    if "reply" in request.GET:
        return answer_of_customer(sent_mail(request.GET["reply"]))
    return {}


def _rules() -> list[str]:
    try:
        return account.rule_names(amazon())
    except Exception:
        logger.warning("SES does not tell its receipt rules", exc_info=True)
        return []
