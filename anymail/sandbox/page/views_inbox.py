"""The mails that SES received: all of them, and one."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ..journal import ReceivedMail
from .account import webhooks
from .apps import amazon
from .outcomes import webhook_chips
from .rendering import live, page, paged, query_of
from .shown import shown
from .summaries import received_row, rows, verdict_tone, verdict_word
from .timeline import entries

#: Verdicts that are not abbreviations.
VERDICT_LABELS = {"spam": "Spam", "virus": "Virus"}


@require_safe
@live
def inbox(request: HttpRequest) -> HttpResponse:
    """The list."""
    query = query_of(request)
    found = rows(amazon().journal.received(), received_row, query)
    return page(
        request,
        "inbox",
        "inbox",
        rows=paged(request, found),
        query=query,
        webhooks=webhooks(amazon()),
        dropped=amazon().journal.dropped_received,
    )


@require_safe
@live
def received(request: HttpRequest, id: str) -> HttpResponse:
    """One mail, and what became of it."""
    mail = received_mail(id)
    verdicts = [
        (VERDICT_LABELS.get(name, name.upper()), verdict_word(verdict), verdict_tone(verdict))
        for name, verdict in mail.verdicts.items()
    ]
    return page(
        request,
        "received",
        "inbox",
        mail=mail,
        row=received_row(mail),
        verdicts=verdicts,
        webhook_chips=webhook_chips(mail),
        entries=entries(mail),
        shown=shown(request, mail.raw),
    )


def received_mail(id: str) -> ReceivedMail:
    """The mail with an id.

    :raises Http404: there is none, or not any more.
    """
    mail = amazon().journal.received_mail(id)
    if mail is None:
        raise Http404("Amazon SES received no mail with this id, or it is no longer kept.")
    return mail
