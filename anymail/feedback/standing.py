"""Whether an address is suppressed, since when and why: here, and at Amazon."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from django.db import router
from django.utils import timezone

from ..database.columns import address_key
from ..exceptions import AnymailConfigurationError
from ..suppressions import Listing, Standing
from .amazon_answer import amazon_answer
from .causes import cause_of, cause_text
from .models import Bounce, Complaint, Suppression
from .suppression import no_effect, reasons_in_force
from .syncing import spellings_of

if TYPE_CHECKING:
    from datetime import datetime

    from django_stubs_ext import StrOrPromise


def standing(address: str, *, again: bool) -> Standing:
    """What both lists say about an address.

    :param address: in any spelling.
    :param again: ask Amazon again, even if it has answered a moment ago.
    """
    spellings = partial(spellings_of, address, router.db_for_read(Suppression))
    amazon = amazon_answer(address, again=again, spellings=spellings)
    return Standing(here=listings(address), amazon=amazon)


def listings(address: str) -> tuple[Listing, ...]:
    """The entries of an address, the newest first: three queries at most.

    :param address: in any spelling.
    """
    rows = Suppression.objects.filter(address=address_key(address)).order_by()
    entries = sorted(rows, key=_since, reverse=True)
    in_force, now = _in_force(), timezone.now()
    return tuple(
        _listing(entry, cause_of(entry), no_effect(entry, in_force, now)) for entry in entries
    )


def _since(entry: Suppression) -> datetime:
    return entry.created_at


def _listing(
    entry: Suppression, cause: Bounce | Complaint | None, why_not: StrOrPromise
) -> Listing:
    return Listing(
        reason=entry.get_reason_display(),
        since=entry.created_at,
        until=entry.expires_at,
        note=entry.note,
        cause="" if cause is None else cause_text(cause),
        message_id="" if cause is None else cause.mail_id,
        no_effect=why_not,
    )


def _in_force() -> Collection[str]:
    try:
        return reasons_in_force()
    except AnymailConfigurationError:  # a check says so, and sending fails
        return ()
