"""The messages that SES accepted, the mails that it received, and one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ..journal import ReceivedMail, SentMail
from .account import webhooks
from .apps import aws
from .badges import verdicts, webhook_troubles
from .contents import tags_and_metadata
from .rendering import live, page
from .summaries import row
from .tabs import mail_tabs
from .timeline import entries

FindMail = Callable[[str], SentMail | ReceivedMail]
#: Rows of one page of a list.
PAGE_LENGTH = 100


@require_safe
@live
def messages(request: HttpRequest) -> HttpResponse:
    return _list(request, "messages", aws().journal.sent(), aws().journal.dropped_sent)


@require_safe
@live
def inbox(request: HttpRequest) -> HttpResponse:
    return _list(request, "inbox", aws().journal.received(), aws().journal.dropped_received)


@require_safe
@live
def message(request: HttpRequest, id: str) -> HttpResponse:
    mail = sent_mail(id)
    return _mail(request, "messages", mail, row(mail).badges, **tags_and_metadata(mail.raw))


@require_safe
@live
def received(request: HttpRequest, id: str) -> HttpResponse:
    mail = received_mail(id)
    return _mail(request, "inbox", mail, [*verdicts(mail.verdicts), *webhook_troubles(mail)])


def sent_mail(id: str) -> SentMail:
    mail = aws().journal.sent_mail(id)
    if mail is None:
        raise Http404("Amazon SES accepted no message with this id, or it is no longer kept.")
    return mail


def received_mail(id: str) -> ReceivedMail:
    mail = aws().journal.received_mail(id)
    if mail is None:
        raise Http404("Amazon SES received no mail with this id, or it is no longer kept.")
    return mail


def _list(
    request: HttpRequest, section: str, mails: Sequence[SentMail | ReceivedMail], dropped: int
) -> HttpResponse:
    query = request.GET.get("q", "").strip()[:200]
    words = query.casefold().split()
    if words:
        mails = [mail for mail in mails if all(map(row(mail).has, words))]
    found = Paginator(mails, PAGE_LENGTH).get_page(request.GET.get("page"))
    return page(
        request,
        section,
        section,
        rows=[row(mail) for mail in found],
        found=found,
        query=query,
        webhooks=webhooks(),
        dropped=dropped,
    )


def _mail(
    request: HttpRequest, section: str, mail: SentMail | ReceivedMail, badges: Any, **more: Any
) -> HttpResponse:
    return page(
        request,
        "mail",
        section,
        mail=mail,
        row=row(mail),
        badges=badges,
        entries=entries(mail),
        shown=mail_tabs(request, mail.raw),
        **more,
    )
