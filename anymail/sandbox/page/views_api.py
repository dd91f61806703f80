"""The JSON API: for end-to-end tests in any language."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_http_methods

from ..journal import SentMail
from .api import TIMEOUT, FilterForm, document, summary
from .apps import amazon
from .origins import for_programs


@require_http_methods(["GET", "DELETE"])
@for_programs
def messages(request: HttpRequest) -> HttpResponse:
    """All messages, or those that a filter leaves; DELETE forgets all."""
    journal = amazon().journal
    if request.method == "DELETE":
        journal.forget_all_sent()
        return HttpResponse(status=204)
    form = FilterForm(request.GET)
    if not form.is_valid():
        return _error(form.problems, 400)
    is_meant = form.test()
    found = [summary(mail) for mail in journal.sent() if is_meant(mail)]
    return JsonResponse({"messages": found, "dropped": journal.dropped_sent})


@require_http_methods(["GET", "DELETE"])
@for_programs
def message(request: HttpRequest, id: str) -> HttpResponse:
    """One message; DELETE forgets it."""
    journal = amazon().journal
    mail = journal.sent_mail(id)
    if mail is None:
        return _error("Amazon SES accepted no message with this id, or it is no longer kept.", 404)
    if request.method == "DELETE":
        journal.forget_sent(mail)
        return HttpResponse(status=204)
    return JsonResponse(document(mail))


@require_http_methods(["GET"])
@for_programs
def wait(request: HttpRequest) -> HttpResponse:
    """The newest message that a filter leaves, as soon as there is one."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        return _error(form.problems, 400)
    given, is_meant = form.cleaned_data["timeout"], form.test()
    timeout = TIMEOUT if given is None else given

    def newest(mails: list[SentMail]) -> SentMail | None:
        return next(filter(is_meant, mails), None)

    mail = amazon().journal.wait_for_sent(newest, timeout)
    if mail is None:
        return _error(f"No such message came within {timeout:g} seconds.", 404)
    return JsonResponse(document(mail))


def _error(text: str, status: int) -> JsonResponse:
    return JsonResponse({"error": text}, status=status)
