"""What a DKIM signature covers."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: RFC 8058, section 4: a valid signature has to cover both, or mailbox providers show no button.
ONE_CLICK = frozenset({"list-unsubscribe", "list-unsubscribe-post"})


def signed_headers(signature: str) -> frozenset[str]:
    """The names of the headers that a signature covers, in lower case.

    Source: RFC 6376, sections 3.2 (tag lists) and 3.5 (``h=``).

    :param signature: the value of a DKIM-Signature header.
    """
    tags = (tag.partition("=") for tag in re.sub(r"\s", "", signature).split(";"))
    names = next((value for name, _, value in tags if name == "h"), "")
    return frozenset(filter(None, names.lower().split(":")))


def covers_one_click(signatures: Iterable[str]) -> bool:
    """Whether one of the signatures covers what one-click unsubscribing needs."""
    return any(signed_headers(signature) >= ONE_CLICK for signature in signatures)
