"""The HTML of a mail, for a frame in which nothing runs and nothing is loaded.

What keeps it from doing so is the Content-Security-Policy (:data:`POLICY`) and the frame's sandbox.
The changes here are for people: embedded images are shown, remote ones are counted and replaced
by a grey box, so that the browser has nothing to complain about, unless somebody asks to see them.
Links open windows of their own.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from urllib.parse import unquote

from .contents import Content, content_id, content_of, leaves, part_bytes

#: What a mail may do: have links that open windows, which are as others are.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
#: Neither scripts nor forms nor plugins, no URL but ``data:``, and an origin of its own.
POLICY = (
    "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; "
    f"base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox {SANDBOX}"
)
#: The same for a mail whose remote images somebody wants to see.
POLICY_WITH_IMAGES = POLICY.replace("img-src data:", "img-src data: http: https:")
#: Bytes of embedded images in one preview; those beyond are not shown.
MAX_IMAGES = 25_000_000
#: Characters of HTML that fit into a low frame.
SHORT = 1_000
#: What stands where a remote image would be; it fits into an attribute with any quotes, or none.
GREY_BOX = (
    "data:image/svg+xml,%3Csvg%20xmlns=%27http://www.w3.org/2000/svg%27%20width=%27100%25%27"
    "%20height=%27100%25%27%3E%3Crect%20width=%27100%25%27%20height=%27100%25%27"
    "%20fill=%27%23888%27%20fill-opacity=%27.18%27/%3E%3C/svg%3E"
)

_CID = re.compile(r"""cid:([^"'\s()<>\\]{1,500})""", re.IGNORECASE)
# Nothing here may take more than linear time, so what repeats is bounded.
_TAG = re.compile(r"<([a-z][a-z0-9:-]{0,30})(?=[\s/])[^<>]*>", re.IGNORECASE)
_REMOTE = r"""(?:https?:|ftp:)?[/\\]{2}"""
_ATTRIBUTE = re.compile(
    rf"""(?<![\w-])(src|srcset|background|poster|href|data)(\s{{0,9}}=\s{{0,9}}["']?\s{{0,9}}){_REMOTE}[^\s"'>]*""",
    re.IGNORECASE,
)
_CSS_URL = re.compile(
    rf"""url\(\s{{0,9}}["']?\s{{0,9}}{_REMOTE}[^\s"'()<>]*["']?\s{{0,9}}\)""", re.IGNORECASE
)
_CSS_IMPORT = re.compile(r"@import\b[^;<>{}]{0,500};?", re.IGNORECASE)
_LINK_START = re.compile(r"<(?:a|area)(?=[\s/])", re.IGNORECASE)
_ANY_ATTRIBUTE = re.compile(
    r"""[\s/]*([^\s=<>/"']+)(?:\s*=\s*(?:"([^"]*)"?|'([^']*)'?|([^\s<>"']*)))?"""
)
#: So many characters of a tag are read to find out where its link leads.
MAX_TAG = 2_000
#: Elements whose ``href`` is a link to follow, and nothing to load.
_LINKS = frozenset({"a", "area", "base"})
_IMAGE_ATTRIBUTES = frozenset({"src", "srcset", "background", "poster"})
_NO_IMAGES = frozenset({"script", "iframe", "frame", "embed", "audio", "track"})


@dataclass(frozen=True, kw_only=True)
class Preview:
    """HTML for the frame.

    :param images: remote images, which are loaded only for who asks for them.
    :param others: style sheets, fonts, frames, … that are not loaded either.
    """

    html: str
    images: int
    others: int

    @property
    def is_short(self) -> bool:
        """It does not need much room."""
        return len(self.html) < SHORT and "<img" not in self.html


class _Blocker:
    """Takes remote URLs out of HTML, and counts them.

    :param keeps_images: leave those of images in.
    """

    def __init__(self, *, keeps_images: bool) -> None:
        self.keeps_images = keeps_images
        self.images = 0
        self.others = 0

    def tag(self, match: re.Match[str]) -> str:
        """A tag without remote URLs."""
        element = match[1].lower()
        return _ATTRIBUTE.sub(lambda found: self._attribute(element, found), match[0])

    def _attribute(self, element: str, found: re.Match[str]) -> str:
        name = found[1].lower()
        if name == "href" and element in _LINKS:
            return found[0]
        if name not in _IMAGE_ATTRIBUTES or element in _NO_IMAGES:
            self.others += 1
            return f"data-blocked{found[2]}"
        self.images += 1
        if self.keeps_images:
            return found[0]
        return f"{found[1]}{found[2]}{GREY_BOX}" if name == "src" else f"data-blocked{found[2]}"

    def css_url(self, match: re.Match[str]) -> str:
        """An image or a font that a style would load."""
        self.images += 1
        return match[0] if self.keeps_images else "none"

    def css_import(self, match: re.Match[str]) -> str:
        """A style sheet that a style would load."""
        self.others += 1
        return ""


@lru_cache(maxsize=2)
def preview_of(raw: bytes, *, with_images: bool = False) -> Preview:
    """The HTML of a mail as it can be shown; the page and the frame ask for it in turn."""
    return preview(content_of(raw), with_images=with_images)


def preview(content: Content, *, with_images: bool = False) -> Preview:
    """The HTML of what is in a mail as it can be shown.

    :param with_images: with the remote ones.
    """
    blocker = _Blocker(keeps_images=with_images)
    html = _TAG.sub(blocker.tag, content.html or "")
    html = _CSS_IMPORT.sub(blocker.css_import, html)
    html = _CSS_URL.sub(blocker.css_url, html)
    html = _LINK_START.sub(_targeted, html)
    html = _with_images(html, _images(content) if _CID.search(html) else {})
    return Preview(html=html, images=blocker.images, others=blocker.others)


def _targeted(link: re.Match[str]) -> str:
    """The beginning of a link that opens where it should; of two attributes, the first counts.

    Without quotes, which would end a value that only looks like a link.
    """
    url = _url_in(link.string[link.end() : link.end() + MAX_TAG])
    if url is None:
        return link[0]
    stays = url.lstrip().lower().startswith(("#", "javascript:"))
    return f"{link[0]} target={'_self' if stays else '_blank'} rel=noreferrer "


def _url_in(attributes: str) -> str | None:
    """The ``href`` among attributes, or the beginning of it."""
    found = _ANY_ATTRIBUTE.match(attributes)
    while found:
        if found[1].lower() in ("href", "xlink:href"):
            return found[2] or found[3] or found[4] or ""
        found = _ANY_ATTRIBUTE.match(attributes, found.end())
    return None


def _images(content: Content) -> dict[str, str]:
    """The embedded images as ``data:`` URLs, by their Content-ID."""
    images: dict[str, str] = {}
    for part in leaves(content.message):
        name, kind = content_id(part), part.get_content_type()
        if name and name not in images and re.fullmatch(r"image/[a-z0-9.+-]{1,50}", kind):
            images[name] = f"data:{kind};base64,{base64.b64encode(part_bytes(part)).decode()}"
    return images


def _with_images(html: str, images: Mapping[str, str]) -> str:
    left = MAX_IMAGES

    def replace(match: re.Match[str]) -> str:
        nonlocal left
        name = unescape(match[1])
        image = images.get(name) or images.get(unquote(name))
        if image is None or len(image) > left:
            return match[0]
        left -= len(image)
        return image

    return _CID.sub(replace, html)
