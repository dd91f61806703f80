"""Hides addresses in texts of AWS."""

from __future__ import annotations

import re

#: Before the @ of an address: a quoted string, or a word. An apostrophe can be a part of it, or
#: the quotation mark before it. Bounded, so that long texts take no time (RFC 5321: 64).
_LOCAL_PART = re.compile(
    r"""(?:"(?:[^"\\\n]|\\.){0,255}"|[^\s@<>()\[\]:;,"'/][^\s@<>()\[\]:;,"/]{0,255})"""
    r"@(?=[\w.\[-])"
)


def mask_addresses(text: str) -> str:
    """The same text with the local part of every e-mail address hidden.

    The domain stays: it shows which identity SES asks for.

    :param text: for example an error of AWS.
    """
    return _LOCAL_PART.sub("***@", text)
