"""The messages that SES accepted: all of them, and one."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ..journal import SentMail
from .account import webhooks
from .apps import amazon
from .marks import marks
from .rendering import live, page, paged, query_of
from .shown import shown
from .summaries import rows, sent_row
from .timeline import entries


@require_safe
@live
def messages(request: HttpRequest) -> HttpResponse:
    """The list."""
    query = query_of(request)
    found = rows(amazon().journal.sent(), sent_row, query)
    return page(
        request,
        "messages",
        "messages",
        rows=paged(request, found),
        query=query,
        webhooks=webhooks(amazon()),
        dropped=amazon().journal.dropped_sent,
    )


@require_safe
@live
def message(request: HttpRequest, id: str) -> HttpResponse:
    """One message, and what happened to it."""
    mail = sent_mail(id)
    return page(
        request,
        "message",
        "messages",
        mail=mail,
        row=sent_row(mail),
        entries=entries(mail),
        shown=shown(request, mail.raw),
        **marks(mail),
    )


def sent_mail(id: str) -> SentMail:
    """The message with an id.

    :raises Http404: there is none, or not any more.
    """
    mail = amazon().journal.sent_mail(id)
    if mail is None:
        raise Http404("Amazon SES accepted no message with this id, or it is no longer kept.")
    return mail
