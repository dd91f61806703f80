"""Whether an address is suppressed, since when and why: here, and at Amazon."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from django.db import router
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..database.columns import address_key
from ..exceptions import AnymailConfigurationError
from ..suppressions import Listing, Standing
from .amazon_answer import amazon_answer
from .causes import cause_of, cause_text
from .models import Bounce, Complaint, Reason, Suppression
from .suppression import enabled_reasons
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
    counted, now = _counted(), timezone.now()
    return tuple(
        _listing(entry, cause_of(entry), _no_effect(entry, counted, now)) for entry in entries
    )


def _since(entry: Suppression) -> datetime:
    return entry.created_at


def _listing(
    entry: Suppression, cause: Bounce | Complaint | None, no_effect: StrOrPromise
) -> Listing:
    return Listing(
        reason=entry.get_reason_display(),
        since=entry.created_at,
        until=entry.expires_at,
        note=entry.note,
        cause="" if cause is None else cause_text(cause),
        message_id="" if cause is None else cause.mail_id,
        no_effect=no_effect,
    )


def _counted() -> Collection[str]:
    """The reasons for which mail is not sent; none while the list is off."""
    try:
        reasons = enabled_reasons()
    except AnymailConfigurationError:  # a check says so, and sending fails
        return ()
    return (*reasons, str(Reason.MANUAL)) if reasons else ()


def _no_effect(entry: Suppression, counted: Collection[str], now: datetime) -> StrOrPromise:
    if not entry.is_active_at(now):
        return _("It has expired.")
    if not counted:
        return _("The list is off: the setting FEEDBACK_SUPPRESS is empty.")
    if entry.reason not in counted:
        return _("The setting FEEDBACK_SUPPRESS does not name this reason.")
    return ""
