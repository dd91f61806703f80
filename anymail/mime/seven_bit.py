"""MIME parts -> the same parts in ASCII, with lines that are short enough."""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Iterable
from email.encoders import encode_base64
from email.message import Message
from typing import Any

from .policy import MAX_LINE


def make_seven_bit(mime: Message) -> None:
    """Encode every part that is not ASCII, or has too long lines, in place.

    Text becomes quoted-printable, everything else Base64. What a signature covers (RFC 1847) is
    left alone: it is 7-bit already, and any change breaks the signature.

    :param mime: any MIME part; the standard library's.
    """
    if mime.get_content_type() == "multipart/signed":
        return
    if mime.is_multipart():
        for part in _subparts(mime):
            make_seven_bit(part)
        if mime.get("Content-Transfer-Encoding", "7bit").lower() in ("8bit", "binary"):
            mime.replace_header("Content-Transfer-Encoding", "7bit")
        return
    if mime.get("Content-Transfer-Encoding", "7bit").lower() in ("7bit", "8bit", "binary"):
        _encode_leaf(mime)
    elif not is_seven_bit(mime.get_payload()):  # encoded by the user, and not well
        _encode_leaf(mime, may_stay=False)


def _subparts(mime: Message) -> Iterable[Message]:
    parts: Any = mime.get_payload()
    return [part for part in parts if isinstance(part, Message)]


def is_seven_bit(payload: Any) -> bool:
    """Whether a part's payload can be sent as it is; parts in it are not looked at."""
    return not isinstance(payload, str) or (
        payload.isascii() and max(map(len, payload.splitlines()), default=0) <= MAX_LINE
    )


def _encode_leaf(part: Message, *, may_stay: bool = True) -> None:
    data: Any = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return
    is_text = part.get_content_maintype() == "text"
    if is_text:
        data = re.sub(rb"\r\n?", b"\n", data)
    if may_stay and data.isascii() and b"\0" not in data and _fits_lines(data):
        if "Content-Transfer-Encoding" in part:
            part.replace_header("Content-Transfer-Encoding", "7bit")
    elif is_text:
        part.set_payload(b2a_qp(data).decode("ascii"))
        del part["Content-Transfer-Encoding"]
        part["Content-Transfer-Encoding"] = "quoted-printable"
    else:
        part.set_payload(data)
        del part["Content-Transfer-Encoding"]
        encode_base64(part)


def _fits_lines(data: bytes) -> bool:
    return len(data) <= MAX_LINE or max(map(len, data.split(b"\n"))) <= MAX_LINE
