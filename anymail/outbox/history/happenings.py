"""What SES has said about messages: the rows of events -> values.

They are in up to five tables: the outbox's events, and those of ``anymail.feedback``, which may be
missing, or in another database. Each is asked by its own index, for a bounded number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from operator import itemgetter
from typing import Any

from django.apps import apps
from django.db.models import QuerySet
from django.utils.timezone import is_naive

from ...amazon_ses.feedback import delivery_details
from ...amazon_ses.notifications import SesNotification
from ...amazon_ses.tracking import SUPPRESSED_SUBTYPES, tracking_events
from ...amazon_ses.untrusted_json import as_object
from ...database.columns import address_key, storable_time
from ...exceptions import AnymailWebhookValidationFailure
from ...signals import AnymailTrackingEvent, EventType
from ..ledger import storable
from ..models import Event

#: A row, as ``values()`` gives it.
Row = dict[str, Any]

#: How many ids of messages are looked up at once.
MAX_IDS = 500
#: How many events of messages are looked at, to choose those that say most.
MAX_LOOKED_AT = 2_000
#: Events of which there can be very many, and of which each says little.
FREQUENT: frozenset[str] = frozenset({EventType.OPENED, EventType.CLICKED})


@dataclass(frozen=True, kw_only=True)
class Happening:
    """Something that SES said about one recipient of a message.

    :param at: when it happened; aware, or naive in the current time zone with ``USE_TZ = False``.
    :param kind: one of :class:`~anymail.signals.EventType`.
    :param address: as SES reported it.
    :param message_id: SES's id of the message.
    :param uncertain: it may be about another recipient.
    :param is_hard: of a bounce: it is permanent.
    :param is_suppressed: SES did not try, because the address is on a suppression list.
    :param is_autoreply: a bounce that looks like an out-of-office reply.
    :param bounce_type: SES's own word, for example ``"Permanent"``; empty like all that follows if
        there is none.
    :param bounce_subtype: SES's own word, for example ``"NoEmail"``.
    :param complaint_type: for example ``"abuse"`` (RFC 5965).
    :param delay_type: SES's own word, for example ``"MailboxFull"``.
    :param smtp_status: the enhanced status code (RFC 3463), for example ``"5.1.1"``.
    :param answer: what the recipient's server answered.
    :param description: a short text for people.
    :param user_agent: the browser of an open or click, or the reporter of a complaint.
    :param click_url: the link that was clicked.
    :param processing_ms: of a delivery: milliseconds since SES had accepted the message; 0 if
        unknown.
    """

    at: datetime
    kind: str
    address: str
    message_id: str
    uncertain: bool = False
    is_hard: bool = False
    is_suppressed: bool = False
    is_autoreply: bool = False
    bounce_type: str = ""
    bounce_subtype: str = ""
    complaint_type: str = ""
    delay_type: str = ""
    smtp_status: str = ""
    answer: str = ""
    description: str = ""
    user_agent: str = ""
    click_url: str = ""
    processing_ms: int = 0


#: A happening, and when its row was noted.
_Noted = tuple[datetime, Happening]


@dataclass(frozen=True, kw_only=True)
class HappeningPage:
    """Some of what is known of an address, the newest first.

    :param happenings: those on this page.
    :param older: the parameter ``before`` of the next page; None on the last one.
    :param read: these, and what else was read: the newest of each table.
    """

    happenings: tuple[Happening, ...]
    older: datetime | None
    read: tuple[Happening, ...]


def happenings_of_messages(
    message_ids: Iterable[str], limit: int, *, address: str | None = None
) -> list[Happening]:
    """What is known of messages, the oldest first.

    If there is more than ``limit``, opens and clicks are left out before anything else.

    :param message_ids: SES's ids; the first :data:`MAX_IDS` of them count.
    :param limit: how many happenings at most.
    :param address: only those about this recipient, in any spelling; None for all.
    """
    about = {} if address is None else {"address_key": address_key(address)}
    ids = [*islice(dict.fromkeys(filter(None, message_ids)), MAX_IDS)]
    if not ids:
        return []
    found = _events_of_messages(ids, limit, about)
    for table in _feedback_tables():
        rows = table.rows().filter(mail_id__in=ids, **about).order_by()[:limit]
        found += map(table.read, table.values(rows))
    return sorted(sorted(_unique(found), key=_weight)[:limit], key=_time)


def happenings_of_address(
    address: str, limit: int, before: datetime | None = None
) -> HappeningPage:
    """A page of what is known of an address.

    :param address: in any spelling.
    :param limit: how many happenings a page has at most.
    :param before: :attr:`HappeningPage.older` of the page before; None for the newest.
    """
    noted = sorted(_noted(address_key(address), limit + 1, before), key=itemgetter(0), reverse=True)
    of_page, older = _whole_moments(noted, limit)
    return HappeningPage(happenings=_newest(of_page), older=older, read=_newest(noted))


def _noted(key: str, limit: int, before: datetime | None) -> Iterator[_Noted]:
    """The newest rows of each table, by the time that its index has."""
    older = {} if before is None else {"occurred_at__lt": before}
    events = Event._default_manager.filter(address_key=key, **older)
    for row in events.order_by("-occurred_at", "-id").values(*EVENT_COLUMNS)[:limit]:
        yield row["occurred_at"], _of_event(row)
    older = {} if before is None else {"created_at__lt": before}
    for table in _feedback_tables():
        rows = table.rows().filter(address_key=key, **older).order_by("-created_at", "-id")
        for row in table.values(rows[:limit]):
            yield row["created_at"], table.read(row)


def _whole_moments(noted: Sequence[_Noted], limit: int) -> tuple[Sequence[_Noted], datetime | None]:
    """What is on a page, and where the next one begins: between two moments."""
    if len(noted) <= limit:
        return noted, None
    following, _ = noted[limit]
    of_page = [one for one in noted[:limit] if one[0] != following] or noted[:limit]
    return of_page, of_page[-1][0]


def _newest(noted: Iterable[_Noted]) -> tuple[Happening, ...]:
    return tuple(sorted(_unique([one for _, one in noted]), key=_time, reverse=True))


@dataclass(frozen=True, kw_only=True)
class _Table:
    """A table of ``anymail.feedback``.

    :param columns: that are read, besides those of every table; documents are not.
    :param read: the happening that a row is.
    """

    model: str
    columns: tuple[str, ...]
    read: Callable[[Row], Happening]

    def rows(self) -> QuerySet[Any]:
        found: QuerySet[Any] = apps.get_model("anymail_feedback", self.model)._default_manager.all()
        return found

    def values(self, rows: QuerySet[Any]) -> Iterable[Row]:
        return rows.values(*FEEDBACK_COLUMNS, *self.columns)


def _feedback_tables() -> tuple[_Table, ...]:
    return FEEDBACK_TABLES if apps.is_installed("anymail.feedback") else ()


def _events_of_messages(ids: list[str], limit: int, about: Mapping[str, str]) -> list[Happening]:
    # There is no index by message and time, and documents are large.
    rows = Event._default_manager.filter(message_id__in=ids, **about)
    briefly = rows.values_list("event_type", "occurred_at", "pk")[:MAX_LOOKED_AT]
    chosen = sorted(briefly, key=lambda row: (row[0] in FREQUENT, *row[1:]))[:limit]
    documented = Event._default_manager.filter(pk__in=[pk for _, _, pk in chosen])
    return [_of_event(row) for row in documented.values(*EVENT_COLUMNS)]


def _unique(found: list[Happening]) -> list[Happening]:
    """Each once: two tables can have the same event, and so can two topics of SNS."""
    unique: dict[Any, Happening] = {}
    for one in found:
        key = (one.message_id, one.address.casefold(), one.kind, one.at, one.click_url)
        unique.setdefault(key, one)
    return [*unique.values()]


def _time(one: Happening) -> datetime:
    return one.at


def _weight(one: Happening) -> tuple[bool, datetime]:
    return one.kind in FREQUENT, one.at


def _of_bounce(row: Row) -> Happening:
    kind, subtype = row["bounce_type"], row["bounce_subtype"]
    # As amazon_ses.tracking.is_autoreply().
    reports = ("reporting_mta", "action", "status", "diagnostic_code")
    is_general = (kind, subtype) == ("Transient", "General")
    return Happening(
        **_of_feedback(row, EventType.BOUNCED, "feedback_timestamp"),
        is_hard=row["hard"],
        is_suppressed=subtype in SUPPRESSED_SUBTYPES,
        is_autoreply=is_general and not any(row[name] for name in reports),
        bounce_type=kind,
        bounce_subtype=subtype,
        smtp_status=row["status"] or "",
        answer=row["diagnostic_code"] or "",
        description=": ".join(filter(None, (kind, subtype))),
    )


def _of_complaint(row: Row) -> Happening:
    kind = row["feedback_type"] or ""
    return Happening(
        **_of_feedback(row, EventType.COMPLAINED, "feedback_timestamp"),
        complaint_type=kind,
        description=kind,
        user_agent=row["useragent"] or "",
    )


def _of_delivery(row: Row) -> Happening:
    return Happening(
        **_of_feedback(row, EventType.DELIVERED, "delivered_time"),
        answer=row["smtp_response"] or "",
        processing_ms=row["processing_time"],
    )


def _of_mail_event(row: Row) -> Happening:
    kind, text = row["event_type"], row["description"]
    return Happening(
        **_of_feedback(row, kind, "occurred_at"),
        delay_type=text if kind == EventType.DEFERRED else "",
        answer=row["mta_response"],
        description=text,
    )


def _of_feedback(row: Row, kind: str, time_column: str) -> dict[str, Any]:
    return {
        "at": _moment(row[time_column], row["created_at"]),
        "kind": str(kind),
        "address": row["address"],
        "message_id": row["mail_id"],
        "uncertain": row["recipient_uncertain"],
    }


#: Columns of every table of feedback.
FEEDBACK_COLUMNS: tuple[str, ...] = ("created_at", "mail_id", "address", "recipient_uncertain")
_BOUNCE: tuple[str, ...] = (
    "feedback_timestamp",
    "hard",
    "bounce_type",
    "bounce_subtype",
    "reporting_mta",
)
FEEDBACK_TABLES: tuple[_Table, ...] = (
    _Table(
        model="bounce", columns=(*_BOUNCE, "action", "status", "diagnostic_code"), read=_of_bounce
    ),
    _Table(
        model="complaint",
        columns=("feedback_timestamp", "feedback_type", "useragent"),
        read=_of_complaint,
    ),
    _Table(
        model="delivery",
        columns=("delivered_time", "processing_time", "smtp_response"),
        read=_of_delivery,
    ),
    _Table(
        model="mailevent",
        columns=("event_type", "occurred_at", "description", "mta_response"),
        read=_of_mail_event,
    ),
)
EVENT_COLUMNS: tuple[str, ...] = (
    "message_id",
    "event_type",
    "address",
    "recipient_uncertain",
    "occurred_at",
    "document",
)


def _of_event(row: Row) -> Happening:
    body = as_object(row["document"])
    told = _told(body, row["address"])
    what = _details(told, body) if told is not None else {}
    noted = _moment(row["occurred_at"], row["occurred_at"])
    return Happening(
        at=_moment(told.occurred_at if told is not None else None, noted),
        kind=row["event_type"],
        address=row["address"],
        message_id=row["message_id"],
        uncertain=row["recipient_uncertain"],
        **what,
    )


def _told(body: dict[str, Any], address: str) -> AnymailTrackingEvent | None:
    """What a document says about one recipient; None if it says nothing."""
    mail = {**as_object(body.get("mail")), "destination": [address]}
    try:
        events = tracking_events(
            SesNotification(id=None, timestamp=None, body={**body, "mail": mail})
        )
    except AnymailWebhookValidationFailure:
        return None
    own = [event for event in events if event.recipient == address]
    return next(iter(own or events), None)


def _details(told: AnymailTrackingEvent, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "is_hard": told.is_hard_bounce,
        "is_suppressed": told.is_suppressed,
        "is_autoreply": told.is_autoreply,
        "bounce_type": told.bounce_type or "",
        "bounce_subtype": told.bounce_subtype or "",
        "complaint_type": told.complaint_type or "",
        "delay_type": told.delay_type or "",
        "smtp_status": told.smtp_status or "",
        "answer": told.mta_response or "",
        "description": told.description or "",
        "user_agent": told.user_agent or "",
        "click_url": told.click_url or "",
        "processing_ms": delivery_details([told], body)[0]["processing_time"],
    }


def _moment(of_ses: datetime | None, otherwise: datetime) -> datetime:
    """A time of SES as the outbox has its own: SES's are in UTC, even where they are naive.

    :param otherwise: one of ours, if SES has not said when, or nonsense.
    """
    moment = storable_time(of_ses)
    if moment is None:
        return otherwise
    return storable(moment.replace(tzinfo=timezone.utc) if is_naive(moment) else moment)
