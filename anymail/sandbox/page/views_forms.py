"""The forms: to send a message, to receive a mail, and the settings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.views.decorators.http import require_http_methods, require_POST

from ...message import AnymailMessage
from .. import SandboxError, samples
from ..journal import SentMail
from . import account, replies
from .apps import aws
from .contents import content_of
from .forms import SIMULATOR, ComposeForm, FaultsForm, ReceiveForm, SourceForm, WriteForm
from .rendering import live, page
from .sending import REFUSALS, build, send, unsent
from .views_mails import received_mail, sent_mail

logger: logging.Logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
@live
def compose(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _compose(request, ComposeForm(initial=_initial_message(request)))
    form = ComposeForm(request.POST, request.FILES)
    if not form.is_valid():
        return _compose(request, form)
    message = build(form.cleaned_data, _sent_before(form))
    try:
        ids = send(message, form.cleaned_data["api"])
    except REFUSALS as err:
        return _compose(request, form, error=err, refused=unsent(message))
    return _sent(request, message, ids)


@require_POST
def send_sample(request: HttpRequest) -> HttpResponse:
    message: AnymailMessage = samples.order()
    try:
        return _sent(request, message, send(message, "v1"))
    except REFUSALS as err:
        messages.error(request, f"The sample was not sent. {err}")
        return redirect("sandbox:messages")


@require_http_methods(["GET", "HEAD", "POST"])
@live
def receive(request: HttpRequest) -> HttpResponse:
    how = "source" if request.GET.get("how") == "source" else "write"
    form_class: type[ReceiveForm] = SourceForm if how == "source" else WriteForm
    rules = _names(account.rule_names)
    error: SandboxError | None = None
    if request.method == "POST":
        form = form_class(request.POST, request.FILES, rules=rules)
        try:
            if form.is_valid():
                return _receive(form)
        except SandboxError as err:
            error = err
    else:
        id = request.GET.get("reply")
        initial = replies.reply_as_recipient(sent_mail(id)) if id is not None else {}
        form = form_class(rules=rules, initial=initial)
    return page(request, "receive", "inbox", form=form, error=error, how=how)


def _receive(form: ReceiveForm) -> HttpResponse:
    data = form.cleaned_data
    mail = aws().receive(
        form.raw(),
        sender=data["sender"],
        recipients=data["recipients"],
        rule=data["rule"] or None,
        verdicts=form.verdicts,
    )
    return redirect("sandbox:received", id=mail.id)


@require_POST
def receive_sample(request: HttpRequest) -> HttpResponse:
    try:
        mail = aws().receive(
            samples.question(), sender=samples.CUSTOMER, recipients=[samples.SUPPORT]
        )
    except SandboxError as err:
        messages.error(request, f"The sample was not received. {err}")
        return redirect("sandbox:inbox")
    return redirect("sandbox:received", id=mail.id)


@require_http_methods(["GET", "HEAD", "POST"])
@live
def settings(request: HttpRequest) -> HttpResponse:
    faults = aws().faults
    form = FaultsForm(
        request.POST if request.method == "POST" else None,
        initial={"latency": round(faults.latency * 1000), "rate": faults.rate},
    )
    if form.is_valid():
        faults.latency = form.cleaned_data["latency"] / 1000
        faults.rate = form.cleaned_data["rate"]
        messages.success(request, "Saved: calls that send behave that way from now on.")
        return redirect("sandbox:settings")
    return page(request, "settings", "settings", form=form, webhooks=account.webhooks())


@require_POST
def empty(request: HttpRequest) -> HttpResponse:
    aws().journal.clear()
    messages.success(request, "Messages and inbox are empty.")
    return redirect("sandbox:messages")


def _compose(request: HttpRequest, form: ComposeForm, **context: Any) -> HttpResponse:
    before = _sent_before(form)
    return page(
        request,
        "compose",
        "compose",
        form=form,
        sent_before=before,
        kept_files=content_of(before.raw).files if before else [],
        templates=_names(account.template_names),
        simulator=[(f"{name}@{samples.SIMULATOR}", *what) for name, *what in SIMULATOR],
        **context,
    )


def _sent_before(form: ComposeForm) -> SentMail | None:
    """The message whose attachments are sent again."""
    return aws().journal.sent_mail(form["files_of"].value() or "")


def _initial_message(request: HttpRequest) -> dict[str, Any]:
    """What a link asks for."""
    if "reply" in request.GET:
        return replies.reply(received_mail(request.GET["reply"]))
    if "again" in request.GET:
        return replies.again(sent_mail(request.GET["again"]))
    if "template" in request.GET:
        return samples.TEMPLATE_DATA
    return {name: request.GET[name] for name in ("to", "subject") if name in request.GET}


def _names(get: Callable[[], list[str]]) -> list[str]:
    """Names to choose from; none if SES does not answer."""
    try:
        return get()
    except Exception:
        logger.warning("SES does not list its templates or rules", exc_info=True)
        return []


def _sent(request: HttpRequest, message: AnymailMessage, ids: list[str]) -> HttpResponse:
    if refused := unsent(message):
        text = render_to_string("anymail_sandbox/_unsent.html", {"refused": refused})
        messages.warning(request, text)
    known = [id for id in ids if aws().journal.sent_mail(id)]
    if len(known) == 1:
        return redirect("sandbox:message", id=known[0])
    if ids:
        count = f"{len(ids)} message{'s' if len(ids) > 1 else ''}"
        messages.success(request, f"Amazon SES accepted {count}.")
    return redirect("sandbox:messages")
