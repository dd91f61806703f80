"""The tabs of a mail, and which one is open."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from .contents import Content, content_of
from .origins import is_from_elsewhere
from .previews import SANDBOX, Preview, preview_of

#: The tabs, by their names in the URL.
TABS = {
    "html": "HTML",
    "text": "Text",
    "headers": "Headers",
    "source": "Source",
    "files": "Attachments",
}
#: Bytes of a source that are shown; all of it can be downloaded.
MAX_SOURCE = 250_000


@dataclass(frozen=True, kw_only=True)
class MailTabs:
    """What a page shows of a mail.

    :param open: the tab that was asked for.
    :param is_narrow: show the HTML as wide as a phone.
    :param with_images: load remote images.
    """

    raw: bytes
    content: Content
    open: str
    is_narrow: bool
    with_images: bool
    labels: dict[str, str]
    sandbox: str = SANDBOX

    @property
    def preview(self) -> Preview:
        return preview_of(self.raw)

    @property
    def source(self) -> str:
        """The source as text; bytes that are not UTF-8 look like ``\\xe9``."""
        return self.raw[:MAX_SOURCE].decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def mail_tabs(request: HttpRequest, raw: bytes) -> MailTabs:
    """The tabs as requested with ``?show=headers``, ``?width=phone`` and ``?images=1``."""
    content = content_of(raw)
    first = "text" if content.html is None else "html"
    asked = request.GET.get("show", first)
    return MailTabs(
        raw=raw,
        content=content,
        open=asked if asked in TABS else first,
        is_narrow=request.GET.get("width") == "phone",
        with_images=wants_images(request),
        labels=TABS,
    )


def wants_images(request: HttpRequest) -> bool:
    """Whether this page, and no web site elsewhere, asks for remote images."""
    return "images" in request.GET and not is_from_elsewhere(request)
