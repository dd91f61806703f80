"""The HTML of a mail, for a frame in which nothing runs and nothing is loaded.

The Content-Security-Policy (:data:`POLICY`) and the frame's sandbox see to that. Embedded images
are put in, and links open windows of their own.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from html import unescape
from urllib.parse import unquote

from .contents import File, content_of

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

# Nothing here may take more than linear time, so what repeats is bounded.
_CID = re.compile(r"""cid:([^"'\s()<>\\]{1,500})""", re.IGNORECASE)
_REMOTE = re.compile(
    r"""(?:(?:src|srcset|background|poster)\s{0,9}=|url\()\s{0,9}["']?\s{0,9}
    (?:(?:https?:)?//|[^"'<>]{0,2000}?[\s,]https?://)""",
    re.IGNORECASE | re.VERBOSE,
)
_LINK = re.compile(
    r"""<(?:a|area)(?=[\s/])
    (?P<stays>(?=[^<>]{0,2000}?[\s/]href\s{0,9}=\s{0,9}["']?\s{0,9}(?:\#|javascript:)))?""",
    re.IGNORECASE | re.VERBOSE,
)


@lru_cache(maxsize=2)
def preview_of(raw: bytes) -> str:
    """The HTML of a mail as it can be shown."""
    content = content_of(raw)
    return _with_images(_LINK.sub(_targeted, content.html or ""), content.files)


def has_remote_images(html: str) -> bool:
    """Whether HTML names images that are not in the mail itself."""
    return _REMOTE.search(html) is not None


def _targeted(link: re.Match[str]) -> str:
    """The beginning of a link that opens where it should: the first of two attributes counts."""
    target = "_blank" if link["stays"] is None else "_self"
    return f"{link[0]} target={target} rel=noreferrer "


def _with_images(html: str, attached: list[File]) -> str:
    """The HTML with the embedded images as ``data:`` URLs."""
    files = {file.content_id: file for file in reversed(attached)}
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
