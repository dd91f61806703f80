"""Our suppression list -> Amazon's, as ``manage.py anymail_suppression push`` does it.

Amazon's list is read first, and only what is missing there is put there. So a push can be stopped
at any moment and begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial

from django.db.models import QuerySet

from ..amazon_ses.suppression_list import AmazonSuppressionList, is_no_address
from ..exceptions import AnymailAPIError
from .comparing import amazon_copy
from .models import Lift, Suppression
from .syncing import REASONS, remove_at_amazon


@dataclass(kw_only=True)
class Pushed:
    """What a push has come to so far.

    :param read: addresses on Amazon's list.
    :param put: addresses that were put there, or would be.
    :param refused: those that SES takes for no addresses.
    :param removed: addresses that were lifted here and taken off Amazon's list, or would be.
    """

    read: int = 0
    put: int = 0
    refused: int = 0
    removed: int = 0


def pushable(using: str, reasons: Collection[str]) -> QuerySet[Suppression]:
    """The entries that can be put on Amazon's list, where nothing expires.

    :param using: the alias of the database.
    :param reasons: of :class:`.models.Reason`.
    """
    rows = Suppression.objects.using(using)
    found: QuerySet[Suppression] = rows.filter(reason__in=reasons, expires_at__isnull=True)
    return found


def push(
    listed: AmazonSuppressionList,
    using: str,
    reasons: Collection[str],
    *,
    is_dry_run: bool = False,
) -> Iterator[Pushed]:
    """Put on Amazon's list what is on ours, and take off it what was lifted here and is pending.

    :param using: the alias of the database.
    :param reasons: of :class:`.models.Reason`.
    :param is_dry_run: nothing is changed.
    :return: what it has come to, the same object again and again.
    :raises AnymailAPIError: SES refuses, or does not answer.
    """
    total = Pushed()
    yield from _remove_pending(listed, using, total, is_dry_run=is_dry_run)
    with amazon_copy() as copy:
        for total.read in copy.fill(listed.list()):
            yield total
        for entry in copy.missing(pushable(using, reasons)):
            put = partial(listed.put, entry.address, REASONS[entry.reason])
            if is_dry_run or _is_done(put):
                total.put += 1
            else:
                total.refused += 1
            yield total


def _remove_pending(
    listed: AmazonSuppressionList, using: str, total: Pushed, *, is_dry_run: bool
) -> Iterator[Pushed]:
    pending = Lift._default_manager.using(using).filter(is_pending=True).order_by("pk")
    for lift in pending.iterator(chunk_size=1_000):
        if pushable(using, REASONS).filter(address=lift.address).exists():
            if not is_dry_run:
                pending.filter(pk=lift.pk).update(is_pending=False)  # it is suppressed again
            continue
        if is_dry_run or _is_done(partial(remove_at_amazon, lift.address, using, listed)):
            total.removed += 1
        else:
            total.refused += 1
        yield total


def _is_done(change: Callable[[], object]) -> bool:
    """Change Amazon's list; gives whether SES takes the address for one."""
    try:
        change()
    except AnymailAPIError as err:
        if is_no_address(err):
            return False
        raise
    return True
