"""Amazon's suppression list -> ours, as ``manage.py anymail_suppression pull`` takes it over.

A page of a thousand addresses is one transaction. What is here already stays as it is, so that a
pull can be stopped at any moment and begun again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from datetime import timezone as time_zones

from django.db import transaction
from django.utils import timezone

from ..amazon_ses.suppression_list import AmazonSuppressionList, SuppressedDestination
from ..amazon_ses.timestamps import utc_now
from ..database.columns import (
    ADDRESS_LENGTH,
    address_key,
    local_time,
    storable_text,
    storable_time,
)
from .models import Lift, Pull, Reason, Suppression
from .querysets import batches

#: Amazon's reasons, and ours.
REASONS: Mapping[str, str] = {
    "BOUNCE": str(Reason.HARD_BOUNCE),
    "COMPLAINT": str(Reason.COMPLAINT),
}
NOTE = "From Amazon's list."
#: A pull begins so long before the last one did: Amazon may show an address late, and its clock is
#: not ours.
OVERLAP = timedelta(minutes=15)
BATCH = 1_000
#: What changes of an entry whose suppression had ended.
RENEWED = ("created_at", "expires_at", "event_id", "note", "amazon_address")


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What a pull has come to.

    :param read: addresses on Amazon's list.
    :param added: of them, those that were not here.
    :param lifted: those that were lifted here after Amazon had put them on its list.
    """

    read: int = 0
    added: int = 0
    lifted: int = 0

    @property
    def known(self) -> int:
        """Those that were here already."""
        return self.read - self.added - self.lifted


def pull(
    listed: AmazonSuppressionList,
    using: str,
    *,
    start: datetime | None = None,
    reasons: Sequence[str] = (),
    is_dry_run: bool = False,
) -> Iterator[Pulled]:
    """Take over what is on Amazon's list, and say after every page what it has come to.

    When all of it is through, the beginning of this pull is written down for :func:`last_pull`,
    unless it left anything out.

    :param using: the alias of the database that has our list.
    :param start: only addresses that Amazon put there from then on, aware; None for all.
    :param reasons: of Amazon; none for all.
    :param is_dry_run: nothing is stored.
    :raises AnymailAPIError: SES refuses, or does not answer.
    """
    began_at = utc_now()
    before = last_pull(listed, using)
    total = Pulled()
    for page in batches(listed.list(start=start, reasons=reasons), BATCH):
        found = take(page, using, is_dry_run=is_dry_run)
        total = replace(
            total,
            read=total.read + len(page),
            added=total.added + found.added,
            lifted=total.lifted + found.lifted,
        )
        yield total
    is_whole = start is None or (before is not None and start <= before)
    if is_whole and not reasons and not is_dry_run:
        Pull._default_manager.using(using).update_or_create(
            key=listed.key,
            defaults={
                "region": listed.region,
                "tenant": listed.tenant or "",
                "began_at": storable_time(began_at),
            },
        )


def last_pull(listed: AmazonSuppressionList, using: str) -> datetime | None:
    """When the last pull of a list began that came to its end; aware. None if there was none.

    :param using: the alias of the database.
    """
    row = Pull._default_manager.using(using).filter(key=listed.key).first()
    if row is None:
        return None
    began_at: datetime = row.began_at
    return began_at if timezone.is_aware(began_at) else began_at.replace(tzinfo=time_zones.utc)


def take(page: Iterable[SuppressedDestination], using: str, *, is_dry_run: bool = False) -> Pulled:
    """Put addresses of Amazon's list on ours, each for its reason.

    An address that was lifted here, or whose suppression has expired here, comes back only if
    Amazon put it on its list later than that.

    :param using: the alias of the database.
    :param is_dry_run: only count.
    :return: without ``read``.
    """
    wanted = {(row.address, row.reason): row for row in map(_row, page) if row is not None}
    addresses = {address for address, _ in wanted}
    ours = Suppression.objects.using(using)
    with transaction.atomic(using=using):
        here = {(row.address, row.reason): row for row in ours.filter(address__in=addresses)}
        # Lifts come second: one that is committed meanwhile is seen, or its entry was.
        lifts = Lift._default_manager.using(using).filter(address__in=addresses)
        lifted_at = dict(lifts.values_list("address", "lifted_at"))
        new = {key: wanted[key] for key in sorted(wanted.keys() - here.keys())}
        added = [row for row in new.values() if not _is_before(row, lifted_at.get(row.address))]
        again = [
            _renewed(row, wanted[key])
            for key, row in here.items()
            if key in wanted and _has_ended_before(row, wanted[key])
        ]
        if not is_dry_run:
            ours.bulk_create(added, ignore_conflicts=True)
            ours.bulk_update(again, RENEWED)
    return Pulled(added=len(added) + len(again), lifted=len(new) - len(added))


def _row(listed: SuppressedDestination) -> Suppression | None:
    """An entry for an address; None for a reason that is not known."""
    if (reason := REASONS.get(listed.reason)) is None:
        return None
    key, spelling = address_key(listed.address), storable_text(listed.address)
    return Suppression(
        address=key,
        reason=reason,
        created_at=local_time(listed.updated_at or utc_now()),
        note=NOTE,
        amazon_address=spelling if spelling != key and len(spelling) <= ADDRESS_LENGTH else None,
    )


def _is_before(row: Suppression, lifted_at: datetime | None) -> bool:
    return lifted_at is not None and row.created_at <= lifted_at


def _has_ended_before(row: Suppression, newer: Suppression) -> bool:
    return row.expires_at is not None and row.expires_at < newer.created_at


def _renewed(row: Suppression, newer: Suppression) -> Suppression:
    for column in RENEWED:
        setattr(row, column, getattr(newer, column))
    return row
