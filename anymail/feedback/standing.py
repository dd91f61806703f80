"""Whether an address is suppressed, since when and why: here, and at Amazon."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import router
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..database.columns import address_key
from ..exceptions import AnymailConfigurationError
from ..suppressions import Listing, Standing
from .amazon_answer import amazon_answer
from .models import Bounce, Complaint, Reason, Record, Suppression
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
    key = address_key(address)
    entries = sorted(Suppression.objects.filter(address=key).order_by(), key=_since, reverse=True)
    causes = _causes(key, {entry.event_id for entry in entries if entry.event_id})
    counted, now = _counted(), timezone.now()
    return tuple(
        _listing(entry, causes.get(entry.event_id), _no_effect(entry, counted, now))
        for entry in entries
    )


def _since(entry: Suppression) -> datetime:
    return entry.created_at


def _causes(key: str, event_ids: Collection[str]) -> dict[str, Any]:
    """The bounces and complaints about an address, by the id of their notification."""
    found: dict[str, Any] = {}
    for model in (Bounce, Complaint) if event_ids else ():
        rows = model._default_manager.filter(sns_messageid__in=event_ids, address_key=key)
        found |= {row.sns_messageid: row for row in rows.defer("event").order_by()}
    return found


def _listing(entry: Suppression, cause: Record | None, no_effect: StrOrPromise) -> Listing:
    return Listing(
        reason=entry.get_reason_display(),
        since=entry.created_at,
        until=entry.expires_at,
        note=entry.note,
        cause="" if cause is None else _text(cause),
        message_id="" if cause is None else cause.mail_id,
        no_effect=no_effect,
    )


def _text(cause: Record) -> str:
    if isinstance(cause, Bounce):
        kind = ", ".join(filter(None, (cause.bounce_type, cause.bounce_subtype)))
        return ": ".join(filter(None, (kind, cause.diagnostic_code or cause.status)))
    return cause.feedback_type or "" if isinstance(cause, Complaint) else ""


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
