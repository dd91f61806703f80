"""The parts of a mail by themselves: the preview, the source, attachments.

A stranger wrote all of it. None of it ever runs as a part of the page: it is downloaded, or shown
in an origin of its own.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from ...inbound.text import safe_filename
from .contents import IMAGES, content_of
from .previews import POLICY, POLICY_WITH_IMAGES, preview_of
from .views_mails import FindMail, wants_images

#: For downloads: even if a browser showed one, nothing would run.
INERT = {
    "Cache-Control": "no-cache, private",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}
#: Types that files keep; all others are just bytes.
SAFE_TYPES = IMAGES | {"application/pdf", "message/rfc822", "text/csv", "text/plain"}


@require_safe
@xframe_options_sameorigin
def preview(request: HttpRequest, find: FindMail, id: str) -> HttpResponse:
    mail = find(id)
    if content_of(mail.raw).html is None:
        raise Http404("This message has no HTML.")
    return HttpResponse(
        preview_of(mail.raw).encode("utf-8", "replace"),
        content_type="text/html; charset=utf-8",
        headers={
            **INERT,
            "Content-Security-Policy": POLICY_WITH_IMAGES if wants_images(request) else POLICY,
            "Referrer-Policy": "no-referrer",
            # Browsers ask the DNS for the hosts of links, before anybody follows one.
            "X-DNS-Prefetch-Control": "off",
        },
    )


@require_safe
def source(request: HttpRequest, find: FindMail, id: str) -> HttpResponse:
    return _download(find(id).raw, "message/rfc822", f"{id}.eml")


@require_safe
def file(request: HttpRequest, find: FindMail, id: str, number: int) -> HttpResponse:
    for found in content_of(find(id).raw).files:
        if found.number == number:
            return _download(found.content, found.content_type, found.name)
    raise Http404("This message has no such attachment.")


def _download(content: bytes, content_type: str, name: str) -> HttpResponse:
    return HttpResponse(
        content,
        content_type=content_type if content_type in SAFE_TYPES else "application/octet-stream",
        headers={
            **INERT,
            "Content-Disposition": content_disposition_header(True, safe_filename(name))
            or "attachment",
        },
    )
