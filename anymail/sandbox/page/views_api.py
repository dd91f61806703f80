"""The JSON API: for end-to-end tests in any language."""

from __future__ import annotations

from functools import wraps
from inspect import unwrap
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views import defaults
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from ..journal import SentMail, SesEvent
from .apps import aws
from .badges import events_of, outcomes
from .contents import content_of, tags_and_metadata
from .middleware import is_from_elsewhere
from .rendering import View
from .summaries import summarise
from .views_mails import NOT_KEPT

#: Seconds that a request may wait for a message, and waits by default.
MAX_TIMEOUT, TIMEOUT = 60, 10


class FilterForm(forms.Form):
    """Which messages are asked for, and how long to wait for one."""

    to: forms.CharField = forms.CharField(required=False)
    subject: forms.CharField = forms.CharField(required=False)
    since: forms.DateTimeField = forms.DateTimeField(required=False)
    timeout: forms.FloatField = forms.FloatField(required=False, min_value=0, max_value=MAX_TIMEOUT)

    def clean(self) -> None:
        """Refuse unknown filters: a misspelt one would let every message through."""
        if unknown := self.data.keys() - self.fields.keys():
            raise forms.ValidationError(
                f"Unknown parameter: {', '.join(sorted(unknown))}. Use {', '.join(self.fields)}."
            )

    def matches(self, mail: SentMail) -> bool:
        """Whether a message is asked for, once the form is known to be valid."""
        data = self.cleaned_data
        to, subject, since = data["to"].casefold(), data["subject"].casefold(), data["since"]
        return (
            (not since or mail.at >= since)
            and (not to or to in (address.casefold() for address in mail.recipients))
            and (not subject or subject in summarise(mail.raw).subject.casefold())
        )

    def error_response(self) -> JsonResponse:
        texts = (f"{name}: {errors[0]}" for name, errors in self.errors.items())
        return _error(" ".join(texts).replace(f"{NON_FIELD_ERRORS}: ", ""), 400)


def for_programs(view: View) -> View:
    """Let programs, which have no CSRF token, call a view; refuse web sites elsewhere."""

    @csrf_exempt
    @never_cache
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_from_elsewhere(request):
            text = "The sandbox does not respond to other web sites."
            return _error(text, 403)
        return view(request, *args, **kwargs)

    return wrapper


@require_http_methods(["GET", "DELETE"])
@for_programs
def messages(request: HttpRequest) -> HttpResponse:
    journal = aws().journal
    if request.method == "DELETE":
        for mail in journal.sent():
            journal.forget_sent(mail)
        return HttpResponse(status=204)
    form = FilterForm(request.GET)
    if not form.is_valid():
        return form.error_response()
    found = [_summary(mail) for mail in filter(form.matches, journal.sent())]
    return JsonResponse({"messages": found, "dropped": journal.dropped_sent})


@require_http_methods(["GET", "DELETE"])
@for_programs
def message(request: HttpRequest, id: str) -> HttpResponse:
    mail = aws().journal.sent_mail(id)
    if mail is None:
        return _error(NOT_KEPT, 404)
    if request.method == "DELETE":
        aws().journal.forget_sent(mail)
        return HttpResponse(status=204)
    return JsonResponse(_document(mail))


@require_http_methods(["GET"])
@for_programs
def wait(request: HttpRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    if not form.is_valid():
        return form.error_response()
    given = form.cleaned_data["timeout"]
    timeout = TIMEOUT if given is None else given
    mail = aws().journal.wait_for_sent(form.matches, timeout)
    if mail is None:
        return _error(f"No such message arrived in time (timeout={timeout:g}).", 404)
    return JsonResponse(_document(mail))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django itself refuses, such as another host name: programs get JSON."""
    if request.path.startswith(reverse("sandbox:api_messages")):
        return _error("The request cannot be read, or is for another host name.", 400)
    response: HttpResponse = unwrap(defaults.bad_request)(request, exception)
    return response


def _error(text: str, status: int) -> JsonResponse:
    return JsonResponse({"error": text}, status=status)


def _summary(mail: SentMail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "url": reverse("sandbox:message", args=[mail.id]),
        "at": mail.at.isoformat(),
        "subject": summarise(mail.raw).subject,
        "envelope_sender": mail.source,
        "recipients": mail.recipients,
        "outcomes": {badge.label: list(badge.recipients) for badge in outcomes(mail)},
    }


def _document(mail: SentMail) -> dict[str, Any]:
    content = content_of(mail.raw)
    message = content.message
    url = reverse("sandbox:message", args=[mail.id])
    return {
        **_summary(mail),
        "from": str(message.get("From", "")),
        "to": [str(address) for address in message.to],
        "cc": [str(address) for address in message.cc],
        "text": content.text,
        "html": content.html,
        "headers": [[name, str(value)] for name, value in message.items()],
        **tags_and_metadata(mail.raw),
        "parameters": mail.parameters,
        "attachments": [
            {
                "name": file.name,
                "content_type": file.content_type,
                "size": file.size,
                "content_id": file.content_id or None,
                "url": f"{url}files/{file.number}/",
            }
            for file in content.files
        ],
        "source_url": f"{url}source/",
        "events": [_event(event) for event in list(mail.events)],
    }


def _event(event: SesEvent) -> dict[str, Any]:
    recipients = [found.recipient for found in events_of(event) if found.recipient]
    return {
        "type": event.kind,
        "at": event.at.isoformat(),
        "recipients": list(dict.fromkeys(recipients)),
        "document": event.document,
    }
