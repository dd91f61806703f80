"""The forms: to send a message, and to receive a mail; and the settings."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ...message import AnymailMessage
from .. import SandboxError, samples
from .apps import aws
from .forms import ComposeForm, ReceiveForm
from .rendering import live, page
from .replies import reply_as_recipient
from .sending import REFUSALS, build, send, unsent
from .views_mails import sent_mail

#: The simulator's addresses: what happens, and how that looks in the list.
SIMULATOR = (
    ("success", "is delivered", "good"),
    ("bounce", "does not exist", "bad"),
    ("ooto", "is out of office", "warn"),
    ("complaint", "says it is spam", "bad"),
    ("suppressionlist", "is suppressed", "bad"),
    ("delay", "is delayed", "warn"),
    ("open", "opens it", "warm"),
    ("click", "clicks a link", "warm"),
    ("reject", "is refused: a virus", "bad"),
)


@require_http_methods(["GET", "HEAD", "POST"])
@live
def compose(request: HttpRequest) -> HttpResponse:
    options: dict[str, Any] = {"templates": template_names(), "has_outbox": bool(aws().outbox)}
    if request.method != "POST":
        return _compose(request, ComposeForm(**options, initial=_asked_for(request)))
    form = ComposeForm(request.POST, request.FILES, **options)
    if not form.is_valid():
        return _compose(request, form)
    message = build(form.cleaned_data)
    try:
        return _sent(request, message, send(message, form.cleaned_data["api"]))
    except REFUSALS as err:
        return _compose(request, form, error=err, refused=unsent(message))


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
    rules = rule_names()
    if request.method != "POST":
        id = request.GET.get("reply")
        initial = reply_as_recipient(sent_mail(id)) if id is not None else {}
        return page(request, "receive", "inbox", form=ReceiveForm(rules=rules, initial=initial))
    form, error = ReceiveForm(request.POST, request.FILES, rules=rules), None
    try:
        if form.is_valid():
            mail = aws().receive(form.cleaned_data["raw"], **form.envelope())
            return redirect("sandbox:received", id=mail.id)
    except SandboxError as err:
        error = err
    return page(request, "receive", "inbox", form=form, error=error)


@require_POST
def receive_sample(request: HttpRequest) -> HttpResponse:
    question = samples.question()
    try:
        mail = aws().receive(question, sender=samples.CUSTOMER, recipients=[samples.SUPPORT])
    except SandboxError as err:
        messages.error(request, f"The sample was not received. {err}")
        return redirect("sandbox:inbox")
    return redirect("sandbox:received", id=mail.id)


@require_safe
@live
def settings(request: HttpRequest) -> HttpResponse:
    return page(request, "settings", "settings", webhooks=aws().webhooks())


@require_POST
def empty(request: HttpRequest) -> HttpResponse:
    aws().journal.clear()
    messages.success(request, "Messages and inbox are empty.")
    return redirect("sandbox:messages")


def template_names() -> list[str]:
    found = aws().client("ses").list_templates(MaxItems=100)
    return sorted(str(template["Name"]) for template in found.get("TemplatesMetadata", []))


def rule_names() -> list[str]:
    """The receipt rules that are active."""
    found = aws().client("ses").describe_active_receipt_rule_set()
    return [str(rule["Name"]) for rule in found.get("Rules", []) if rule.get("Enabled", True)]


def _compose(request: HttpRequest, form: ComposeForm, **context: Any) -> HttpResponse:
    simulator = [(f"{name}@{samples.SIMULATOR}", *what) for name, *what in SIMULATOR]
    return page(request, "compose", "compose", form=form, simulator=simulator, **context)


def _asked_for(request: HttpRequest) -> dict[str, Any]:
    """What a link fills in."""
    if "template" in request.GET:
        return samples.TEMPLATE_DATA
    return {name: request.GET[name] for name in ("to", "subject", "api") if name in request.GET}


def _sent(request: HttpRequest, message: AnymailMessage, ids: list[str]) -> HttpResponse:
    if refused := unsent(message):
        text = render_to_string("anymail_sandbox/_unsent.html", {"refused": refused})
        messages.warning(request, text)
    if message.outbox_id is not None:
        return redirect("sandbox:outbox")
    known = [id for id in ids if aws().journal.sent_mail(id)]
    if len(known) == 1:
        return redirect("sandbox:message", id=known[0])
    if ids:
        count = f"{len(ids)} message{'s' if len(ids) > 1 else ''}"
        messages.success(request, f"Amazon SES accepted {count}.")
    return redirect("sandbox:messages")
