"""What is in a mail, by itself: the preview, the source, attachments, the JSON of events.

A stranger wrote all of it. None of it ever runs as a part of the page: it is downloaded, or shown
in an origin of its own.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from ...inbound.text import safe_filename
from ..journal import ReceivedMail, SentMail
from .contents import IMAGES, content_of, part_bytes, part_of
from .documents import as_json
from .previews import POLICY, POLICY_WITH_IMAGES, preview_of
from .shown import wants_images
from .views_inbox import received_mail
from .views_messages import sent_mail

#: For what is downloaded: even if a browser showed it, nothing would run.
INERT = "default-src 'none'; frame-ancestors 'none'; sandbox"
#: What may be said to be what it is; everything else is just bytes.
SAFE_TYPES = IMAGES | {"application/pdf", "message/rfc822", "text/csv", "text/plain"}


@require_safe
@xframe_options_sameorigin
def sent_preview(request: HttpRequest, id: str) -> HttpResponse:
    """The HTML of a message, for the frame."""
    return _preview(request, sent_mail(id))


@require_safe
@xframe_options_sameorigin
def received_preview(request: HttpRequest, id: str) -> HttpResponse:
    """The HTML of a received mail, for the frame."""
    return _preview(request, received_mail(id))


@require_safe
def sent_source(request: HttpRequest, id: str) -> HttpResponse:
    """The source of a message."""
    return _source(sent_mail(id))


@require_safe
def received_source(request: HttpRequest, id: str) -> HttpResponse:
    """The source of a received mail."""
    return _source(received_mail(id))


@require_safe
def sent_file(request: HttpRequest, id: str, number: int) -> HttpResponse:
    """An attachment of a message."""
    return _file(sent_mail(id), number)


@require_safe
def received_file(request: HttpRequest, id: str, number: int) -> HttpResponse:
    """An attachment of a received mail."""
    return _file(received_mail(id), number)


@require_safe
def sent_event(request: HttpRequest, id: str, event: str) -> HttpResponse:
    """The document of something that happened to a message."""
    return _event(sent_mail(id), event)


@require_safe
def received_event(request: HttpRequest, id: str, event: str) -> HttpResponse:
    """The document of something that happened to a received mail."""
    return _event(received_mail(id), event)


def _preview(request: HttpRequest, mail: SentMail | ReceivedMail) -> HttpResponse:
    if content_of(mail.raw).html is None:
        raise Http404("This mail has no HTML.")
    with_images = wants_images(request)
    html = preview_of(mail.raw, with_images=with_images).html.encode("utf-8", "replace")
    response = HttpResponse(html, content_type="text/html; charset=utf-8")
    response["Content-Security-Policy"] = POLICY_WITH_IMAGES if with_images else POLICY
    response["Referrer-Policy"] = "no-referrer"
    # Browsers ask the DNS for the hosts of links, before anybody follows one.
    response["X-DNS-Prefetch-Control"] = "off"
    return _without_sniffing(response)


def _source(mail: SentMail | ReceivedMail) -> HttpResponse:
    return _download(mail.raw, "message/rfc822", f"{mail.id}.eml")


def _file(mail: SentMail | ReceivedMail, number: int) -> HttpResponse:
    for file in content_of(mail.raw).files:
        if file.number == number:
            return _download(part_bytes(part_of(mail.raw, file)), file.content_type, file.name)
    raise Http404("This mail has no such attachment.")


def _event(mail: SentMail | ReceivedMail, id: str) -> HttpResponse:
    for event in list(mail.events):
        if event.id == id:
            text = as_json(event.document).encode("utf-8", "replace")
            response = HttpResponse(text, content_type="application/json")
            response["Content-Security-Policy"] = INERT
            return _without_sniffing(response)
    raise Http404("Nothing with this id happened to this mail.")


def _download(content: bytes, content_type: str, name: str) -> HttpResponse:
    kind = content_type if content_type in SAFE_TYPES else "application/octet-stream"
    response = HttpResponse(content, content_type=kind)
    disposition = content_disposition_header(True, safe_filename(name))
    response["Content-Disposition"] = disposition or "attachment"
    response["Content-Security-Policy"] = INERT
    return _without_sniffing(response)


def _without_sniffing(response: HttpResponse) -> HttpResponse:
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "no-cache, private"
    return response
