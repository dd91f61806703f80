"""The messages that SES accepted, the mails that it received, and one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ..journal import Mail, ReceivedMail, SentMail
from .apps import aws
from .badges import verdicts, webhook_troubles
from .contents import content_of, tags_and_metadata
from .middleware import is_from_elsewhere
from .previews import SANDBOX, has_remote_images
from .rendering import live, page
from .summaries import row
from .timeline import entries

FindMail = Callable[[str], SentMail | ReceivedMail]
#: Rows of one page of a list.
PAGE_LENGTH = 100
#: Bytes of a source that are shown; all of it can be downloaded.
MAX_SOURCE = 250_000
NOT_KEPT = "There is no message with this ID, or it is no longer kept."
#: The tabs of a mail, by their names in the URL.
TABS = {
    "html": "HTML",
    "text": "Text",
    "headers": "Headers",
    "source": "Source",
    "files": "Attachments",
}


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
    return _kept(aws().journal.sent_mail(id))


def received_mail(id: str) -> ReceivedMail:
    return _kept(aws().journal.received_mail(id))


def wants_images(request: HttpRequest) -> bool:
    """Whether this page, and no web site elsewhere, asks for remote images."""
    return "images" in request.GET and not is_from_elsewhere(request)


def _kept(mail: Mail | None) -> Mail:
    if mail is None:
        raise Http404(NOT_KEPT)
    return mail


def _list(
    request: HttpRequest, section: str, mails: Sequence[SentMail | ReceivedMail], dropped: int
) -> HttpResponse:
    query = request.GET.get("q", "").strip()[:200]
    if words := query.casefold().split():
        mails = [mail for mail in mails if all(map(row(mail).has, words))]
    found = Paginator(mails, PAGE_LENGTH).get_page(request.GET.get("page"))
    rows = [row(mail) for mail in found]
    context = {"rows": rows, "found": found, "query": query, "dropped": dropped}
    return page(request, "list", section, webhooks=aws().webhooks(), **context)


def _mail(
    request: HttpRequest, section: str, mail: SentMail | ReceivedMail, badges: Any, **more: Any
) -> HttpResponse:
    content = content_of(mail.raw)
    first = "text" if content.html is None else "html"
    asked = request.GET.get("show", first)
    return page(
        request,
        "mail",
        section,
        mail=mail,
        row=row(mail),
        badges=badges,
        entries=entries(mail),
        tabs=TABS,
        tab=asked if asked in TABS else first,
        content=content,
        # Bytes that are not UTF-8 look like \xe9.
        source=mail.raw[:MAX_SOURCE].decode("utf-8", "backslashreplace").replace("\r\n", "\n"),
        has_remote_images=has_remote_images(content.html or ""),
        with_images=wants_images(request),
        frame_sandbox=SANDBOX,
        **more,
    )
