"""Pauses: the trouble of an account, or of a sender, is nobody's failure.

While a mailer or a lane is paused, its messages wait. Once a minute one of them is sent as a probe;
if SES accepts it, the pause is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ..database.columns import storable_text
from .ledger import database
from .logs import OwnLogger
from .models import Pause
from .signals import sending_paused, sending_resumed

logger: OwnLogger = OwnLogger(__name__)

#: Seconds between two probes.
PROBE_INTERVAL = 60.0
#: Seconds until the first probe where SES itself has trouble, which may be over in a moment.
FIRST_PROBE_OF_SERVICE = 5.0


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why something is to be paused.

    :param lane: empty for the whole mailer.
    :param scope: of the error; empty if a person wants it.
    :param error_code: AWS's.
    :param reason: for people.
    """

    lane: str
    scope: str
    error_code: str
    reason: str


def pauses() -> QuerySet[Pause]:
    """All pauses."""
    rows: QuerySet[Pause] = Pause._default_manager.using(database())
    return rows


def pause(mailer: str, trouble: Trouble, *, by: str = "") -> bool:
    """Pause a mailer, or a lane of it.

    :param by: the person who wants it; then it has no probes, and only a person ends it.
    :return: False if it was paused before.
    """
    now = timezone.now()
    until = None if by else _next_probe(trouble.scope, now, now)
    reason = storable_text(trouble.reason)
    with transaction.atomic(using=database()):
        row, is_new = pauses().get_or_create(
            mailer=mailer,
            lane=trouble.lane,
            defaults={
                "scope": trouble.scope,
                "error_code": trouble.error_code,
                "reason": reason,
                "until": until,
                "by": by,
            },
        )
        if by and not is_new:
            pauses().filter(pk=row.pk).update(until=None, by=by, reason=reason)
    if is_new:
        logger.warning(
            "The outbox pauses %s: %s",
            row,
            reason or f"requested by {by}",
            extra={"anymail_error_code": trouble.error_code, "anymail_error_scope": trouble.scope},
        )
        sending_paused.send_robust(Pause, pause=row)
    return is_new


def resume(mailer: str, lane: str = "", *, is_probe: bool = False) -> bool:
    """End a pause.

    :param is_probe: a message was accepted; that does not end the pause of a person.
    :return: whether there was one.
    """
    rows = pauses().filter(mailer=mailer, lane=lane)
    if is_probe:
        rows = rows.exclude(until=None)
    row = rows.first()
    if row is None or not rows.filter(pk=row.pk).delete()[0]:
        return False
    logger.warning("The outbox goes on with %s", row, extra={"anymail_mailer": row.mailer})
    sending_resumed.send_robust(Pause, pause=row)
    return True


def paused_mailers(lane: str) -> list[str]:
    """The mailers with a pause of this lane; for an empty one, those that are paused as a whole."""
    return list(pauses().filter(lane=lane).values_list("mailer", flat=True))


def take_probe(row: Pause) -> datetime | None:
    """Have this worker be the one to send a message and see whether a pause is over.

    :param row: a pause as it was read.
    :return: when the next probe is due; None if it is not time, or another worker was first.
    """
    now = timezone.now()
    # Later than the next but one: written by a machine with a wrong clock.
    latest = now + timedelta(seconds=2 * PROBE_INTERVAL)
    if row.until is None or now < row.until < latest:
        return None
    following = _next_probe(row.scope, row.since, now)
    is_first = pauses().filter(pk=row.pk, until=row.until).update(until=following)
    return following if is_first else None


def probe_again(mailer: str, lane: str) -> None:
    """Let the next message be a probe at once: the last one said nothing about the pause."""
    pauses().filter(mailer=mailer, lane=lane).exclude(until=None).update(until=timezone.now())


def _next_probe(scope: str, since: datetime, now: datetime) -> datetime:
    seconds = PROBE_INTERVAL
    if scope == "service":
        lasted = (now - since).total_seconds()
        seconds = min(PROBE_INTERVAL, max(FIRST_PROBE_OF_SERVICE, lasted))
    return now + timedelta(seconds=seconds)
