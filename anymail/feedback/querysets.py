"""Queries of the suppression list."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models, router, transaction
from django.utils import timezone

from ..database.columns import address_key, storable_text, truncate

if TYPE_CHECKING:
    from .models import Suppression

T = TypeVar("T")

#: Addresses in one query: SQLite takes 32,766 parameters.
BATCH = 10_000
#: The columns that sending reads; there is an index of them.
LOOKUP_COLUMNS = ("address", "reason", "expires_at")


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    """The methods of ``Suppression.objects``, and of every queryset made from it."""

    def active(self) -> SuppressionQuerySet:
        """The entries that have not expired."""
        unexpired = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=timezone.now())
        found: SuppressionQuerySet = self.filter(unexpired)
        return found

    def blocked(
        self, addresses: Iterable[str], reasons: Collection[str] | None = None
    ) -> dict[str, Suppression]:
        """The addresses that are on the list, with their oldest entry: a query per 10,000 of them.

        The other columns of an entry are deferred.

        :param addresses: in any spelling, which is kept in the keys of the result.
        :param reasons: look at these only, of :class:`.models.Reason`; None for all.
        """
        keys = {address: address_key(address) for address in addresses}
        found: dict[str, Suppression] = {}
        now = timezone.now()
        for batch in batches(sorted(set(keys.values())), BATCH):
            # All of it is in one index. Which of the few entries count is decided here: with every
            # further condition MariaDB looks at more pages before it starts.
            for entry in self.filter(address__in=batch).only(*LOOKUP_COLUMNS).order_by():
                if (reasons is None or entry.reason in reasons) and entry.is_active_at(now):
                    oldest = found.setdefault(entry.address, entry)
                    found[entry.address] = min(oldest, entry, key=lambda one: one.pk)
        return {address: found[key] for address, key in keys.items() if key in found}

    def suppress(
        self,
        addresses: Iterable[str],
        reason: str = "manual",
        *,
        event_id: str = "",
        expires_at: datetime | None = None,
        note: str = "",
    ) -> None:
        """Put addresses on the list. Those that are on it for this reason stay as they are.

        Safe to repeat, also at the same time: the unique constraint decides.

        With ``FEEDBACK_SUPPRESS_SYNC`` ``"both"``, those that no event is the reason for are put on
        Amazon's list as well, after COMMIT; SES itself puts there what bounces or complains.

        :param addresses: in any spelling.
        :param reason: one of :class:`.models.Reason`.
        :param event_id: ``sns_messageid`` of the bounce or complaint.
        :param expires_at: from then on, messages are sent again; None for never.
        :param note: for people.
        """
        # Sorted, so that two transactions never wait for each other.
        keys = sorted({address_key(address) for address in addresses})
        new = {
            "event_id": truncate(event_id, 255),
            "expires_at": expires_at,
            "note": storable_text(note),
        }
        for batch in batches(keys, BATCH):
            self.bulk_create(
                [self.model(address=key, reason=reason, **new) for key in batch],
                ignore_conflicts=True,
                batch_size=1_000,
            )
            now = timezone.now()
            expired = self.filter(address__in=batch, reason=reason, expires_at__lte=now)
            expired.update(created_at=now, **new)
        if not event_id and expires_at is None:
            from .syncing import after_suppressing

            after_suppressing(keys, self._written())

    def lift(self, address: str, *, everywhere: bool = False) -> int:
        """Take an address off the list, whatever the reasons.

        :param address: in any spelling.
        :param everywhere: off Amazon's list too, which takes a call or several of SES. It comes
            first: if SES refuses, nothing has changed here. What is done at Amazon is not undone
            when a transaction here is rolled back.
        :return: how many entries were deleted here.
        :raises AnymailAPIError: SES refuses, or does not answer.
        :raises AnymailConfigurationError: a setting is wrong.
        """
        from . import syncing

        using = self._written()
        if everywhere:
            syncing.remove_at_amazon(address, using)
        return self.lift_keys([address_key(address)], at_amazon=not everywhere)

    def lift_keys(
        self,
        keys: Collection[str],
        *,
        at_amazon: bool = True,
        tell: Callable[[int], object] | None = None,
    ) -> int:
        """Take several addresses off the list here.

        Those that are off Amazon's list do not come back from it, even if they were not here: a
        pull that is running has read them before.

        :param keys: in their form for comparison.
        :param at_amazon: with ``FEEDBACK_SUPPRESS_SYNC`` ``"both"``, take them off Amazon's list as
            well, after COMMIT.
        :param tell: is told how many addresses are left to ``push``.
        :return: how many entries were deleted.
        """
        from .syncing import after_lifting

        using, count = self._written(), 0
        for batch in batches(sorted(set(keys)), BATCH):
            with transaction.atomic(using=using):
                found = self.using(using).filter(address__in=batch)
                off_amazon = () if at_amazon else batch
                lifted = {**dict.fromkeys(off_amazon), **amazon_spellings(found)}
                count += found.delete()[0]
                after_lifting(lifted, using, at_amazon=at_amazon, tell=tell)
        return count

    def _written(self) -> str:
        """The alias of the database that is written to."""
        own: Any = self  # django-stubs do not know ``_db``
        alias: str = own._db or router.db_for_write(self.model)
        return alias


if TYPE_CHECKING:

    class SuppressionManager(SuppressionQuerySet, models.Manager["Suppression"]):
        """The type of ``SuppressionQuerySet.as_manager()``, for type checkers."""


def amazon_spellings(entries: models.QuerySet[Suppression]) -> dict[str, str | None]:
    """Their addresses, each with its spelling on Amazon's list, if one of its entries has that."""
    found: dict[str, str | None] = {}
    for address, spelling in entries.values_list("address", "amazon_address"):
        found[address] = found.get(address) or spelling
    return found


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most ``size``."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
