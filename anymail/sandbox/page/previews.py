"""The HTML of a mail, for a frame in which nothing runs and nothing is loaded.

The Content-Security-Policy (:data:`POLICY`) and the frame's sandbox see to that. Embedded images
are put in, remote ones are counted, and links open windows of their own.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from urllib.parse import unquote

from .contents import Content, content_of

#: What a mail may do: have links that open windows, which are as others are.
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
#: Neither scripts nor forms nor plugins, no URL but ``data:``, and an origin of its own.
POLICY = (
    "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; "
    f"base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox {SANDBOX}"
)
#: The same with remote images.
POLICY_WITH_IMAGES = POLICY.replace("img-src data:", "img-src data: http: https:")
#: Bytes of embedded images in one preview; those beyond are not shown.
MAX_IMAGES = 25_000_000
#: Characters of HTML that fit into a low frame.
SHORT = 1_000
#: Grey boxes in place of remote images that are not loaded.
GREY = "<style>img[src^='http'], img[src^='//'] { background: rgb(136 136 136 / 18%) }</style>"

_CID = re.compile(r"""cid:([^"'\s()<>\\]{1,500})""", re.IGNORECASE)
# Nothing here may take more than linear time, so what repeats is bounded.
_REMOTE_IMAGE = re.compile(
    r"""(?:<img\b[^<>]{0,2000}?\s(?:src|srcset)|\sbackground|\sposter)\s{0,9}=\s{0,9}["']?\s{0,9}
    (?:https?:)?//|url\(\s{0,9}["']?\s{0,9}(?:https?:)?//""",
    re.IGNORECASE | re.VERBOSE,
)
_LINK = re.compile(
    r"""<(?:a|area)(?=[\s/])
    (?P<stays>(?=[^<>]{0,2000}?[\s/]href\s{0,9}=\s{0,9}["']?\s{0,9}(?:\#|javascript:)))?""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """HTML for the frame.

    :param images: how many images are remote.
    """

    html: str
    images: int

    @property
    def is_short(self) -> bool:
        return len(self.html) < SHORT and "<img" not in self.html


@lru_cache(maxsize=2)
def preview_of(raw: bytes) -> Preview:
    """The HTML of a mail as it can be shown; the page and the frame ask for it in turn."""
    return preview(content_of(raw))


def preview(content: Content) -> Preview:
    html = content.html or ""
    images = len(_REMOTE_IMAGE.findall(html))
    html = _with_images(_LINK.sub(_targeted, html), content)
    return Preview(html=html + GREY if images else html, images=images)


def _targeted(link: re.Match[str]) -> str:
    """The beginning of a link that opens where it should: the first of two attributes counts."""
    target = "_blank" if link["stays"] is None else "_self"
    return f"{link[0]} target={target} rel=noreferrer "


def _with_images(html: str, content: Content) -> str:
    """The HTML with the embedded images as ``data:`` URLs."""
    files = {file.content_id: file for file in reversed(content.files)}
    left = MAX_IMAGES

    def replace(match: re.Match[str]) -> str:
        nonlocal left
        name = unescape(match[1])
        file = files.get(name) or files.get(unquote(name))
        if file is None or not re.fullmatch("image/[a-z0-9.+-]+", file.content_type):
            return match[0]
        left -= file.size
        if left < 0:
            return match[0]
        return f"data:{file.content_type};base64,{base64.b64encode(file.content).decode()}"

    return _CID.sub(replace, html)
