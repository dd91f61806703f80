"""Sending: the form, a sample, and a sample template."""

from __future__ import annotations

import logging
import re
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_http_methods, require_POST

from ...message import AnymailMessage
from ..journal import SentMail
from ..samples import SIMULATOR as SIMULATOR_DOMAIN
from ..samples import TEMPLATE_DATA, order
from . import account
from .answers import again, answer_to_customer
from .apps import amazon
from .contents import content_of
from .forms import SIMULATOR, ComposeForm
from .rendering import live, page
from .sending import REFUSALS, Refusal, Result, Unsent, build, refusal, send, unsent
from .views_inbox import received_mail
from .views_messages import sent_mail

logger: logging.Logger = logging.getLogger(__name__)

#: Fields that a link to the form may fill in.
PREFILLED = ("to", "subject", "template_id")


@require_http_methods(["GET", "HEAD", "POST"])
@live
def compose(request: HttpRequest) -> HttpResponse:
    """The form."""
    if request.method != "POST":
        return _form(request, ComposeForm(initial=_initial(request)))
    if "add" in request.POST:
        return _form(request, ComposeForm(initial=_with_address(request)))
    if "sample-template" in request.POST:
        return _form(request, ComposeForm(initial=_with_template(request)))
    form = ComposeForm(request.POST, request.FILES)
    if not form.is_valid():
        return _form(request, form)
    message = build(form.cleaned_data, _sent_before(form))
    try:
        result = send(message, form.cleaned_data["api"])
    except REFUSALS as err:
        refused = unsent(message.anymail_status.recipients)
        return _form(request, form, error=refusal(err), refused=refused)
    return _sent(request, result)


@require_POST
def send_sample(request: HttpRequest) -> HttpResponse:
    """Send a message that has everything."""
    message: AnymailMessage = order()
    try:
        return _sent(request, send(message, "v1"))
    except REFUSALS as err:
        messages.error(request, f"The sample was not sent. {refusal(err).text}")
        return redirect("sandbox:messages")


def _form(
    request: HttpRequest,
    form: ComposeForm,
    *,
    error: Refusal | None = None,
    refused: list[Unsent] | None = None,
) -> HttpResponse:
    before = _sent_before(form)
    return page(
        request,
        "compose",
        "compose",
        form=form,
        error=error,
        refused=refused,
        sent_before=before,
        kept_files=content_of(before.raw).files if before else [],
        templates=_template_names(),
        simulator=[(f"{name}@{SIMULATOR_DOMAIN}", *what) for name, *what in SIMULATOR],
    )


def _sent_before(form: ComposeForm) -> SentMail | None:
    """The message whose attachments are sent again."""
    return amazon().journal.sent_mail(form["files_of"].value() or "")


def _initial(request: HttpRequest) -> dict[str, Any]:
    """What a link asks for: an answer to a received mail, a message once more, or some fields."""
    if "reply" in request.GET:
        return answer_to_customer(received_mail(request.GET["reply"]))
    if "again" in request.GET:
        return again(sent_mail(request.GET["again"]))
    return {name: request.GET[name] for name in PREFILLED if name in request.GET}


def _written(request: HttpRequest) -> dict[str, str]:
    return {name: str(value) for name, value in request.POST.items()}


def _with_address(request: HttpRequest) -> dict[str, str]:
    """What is in the form, and one more address in To, unless it is there."""
    fields = _written(request)
    to, added = fields.get("to", "").rstrip(" ,"), fields["add"]
    if added in re.split(r"[\s,;<>]+", to):
        return fields
    return {**fields, "to": ", ".join(filter(None, (to, added)))}


def _with_template(request: HttpRequest) -> dict[str, str]:
    """What is in the form, and in its empty fields what the sample template needs; stores that."""
    fields = _written(request)
    try:
        name = account.create_sample_template(amazon())
    except Exception as err:
        logger.exception("The sample template cannot be stored")
        messages.error(request, f"The template was not stored. {err}")
        return fields
    messages.success(request, f"The template “{name}” is stored.")
    return {**fields, **{name: fields.get(name) or value for name, value in TEMPLATE_DATA.items()}}


def _template_names() -> list[str]:
    try:
        return account.template_names(amazon())
    except Exception:
        logger.warning("SES does not tell its templates", exc_info=True)
        return []


def _sent(request: HttpRequest, result: Result) -> HttpResponse:
    if result.unsent:
        _warn(request, result.unsent)
    known = [id for id in result.message_ids if amazon().journal.sent_mail(id)]
    if len(known) == 1:
        return redirect("sandbox:message", id=known[0])
    count = len(result.message_ids)
    if count:
        messages.success(request, f"Amazon SES accepted {count} message{'s' if count > 1 else ''}.")
    return redirect("sandbox:messages")


def _warn(request: HttpRequest, refused: list[Unsent]) -> None:
    lines = format_html_join(
        "", "<li><b>{}</b> {}</li>", [(one.address, one.reason or one.code) for one in refused[:5]]
    )
    text = format_html("Not sent to everybody: <ul>{}</ul>", lines)
    if any(one.is_suppressed for one in refused):
        link = reverse("sandbox:feedback")
        text += format_html('<a href="{}#suppressed">See the suppression list</a>', link)
    messages.warning(request, text)
