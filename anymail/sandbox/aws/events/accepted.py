"""A message that SES accepted, with what only SES itself needs to know about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...journal import SentMail
from ..headers import Header


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A message that SES accepted.

    :param headers: as the sender wrote them, before SES put its own in their place.
    :param source_ip: of the caller.
    :param identity: that covers the sender.
    :param failure: why its template could not be rendered; None if it could, or has none.
    """

    mail: SentMail
    headers: Sequence[Header] = ()
    source_ip: str = "127.0.0.1"
    identity: str = ""
    failure: str | None = None
