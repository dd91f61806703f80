"""The tabs of a mail: which there are, and which one is open."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.http import HttpRequest

from .contents import Content, Text, content_of, cut, source
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


@dataclass(frozen=True, kw_only=True)
class Tab:
    """A tab.

    :param count: of what is in it; None where nobody counts.
    """

    name: str
    label: str
    is_open: bool
    count: int | None = None


@dataclass(frozen=True)
class Shown:
    """What a page shows of a mail.

    :param open: the tab that was asked for.
    :param is_narrow: show the HTML as wide as a phone.
    :param with_images: load remote images.
    """

    raw: bytes
    open: str
    is_narrow: bool = False
    with_images: bool = False

    @cached_property
    def content(self) -> Content:
        """The mail."""
        return content_of(self.raw)

    @cached_property
    def tabs(self) -> list[Tab]:
        """The tabs."""
        content = self.content
        counts = {"files": len(content.files) + content.unlisted}
        return [
            Tab(name=name, label=label, is_open=name == self.open, count=counts.get(name))
            for name, label in TABS.items()
        ]

    @property
    def preview(self) -> Preview:
        """The HTML."""
        return preview_of(self.raw, with_images=self.with_images)

    @property
    def sandbox(self) -> str:
        """What the frame of the HTML allows."""
        return SANDBOX

    @property
    def text(self) -> Text | None:
        """The text."""
        return None if self.content.text is None else cut(self.content.text)

    @property
    def source(self) -> Text:
        """The source."""
        return source(self.raw)

    @property
    def size(self) -> int:
        """Bytes of the source."""
        return len(self.raw)


def shown(request: HttpRequest, raw: bytes) -> Shown:
    """What a request asks to see of a mail: ``?show=headers``, ``?width=phone``, ``?images=1``."""
    asked = request.GET.get("show", "")
    if asked not in TABS:
        asked = "text" if content_of(raw).html is None else "html"
    is_narrow = request.GET.get("width") == "phone"
    return Shown(raw, asked, is_narrow=is_narrow, with_images=wants_images(request))


def wants_images(request: HttpRequest) -> bool:
    """Whether somebody asked on this page for the remote images of this mail."""
    return "images" in request.GET and not is_from_elsewhere(request)
