"""Stored rows -> the events that they were -> one receiver."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import async_to_sync

from ..amazon_ses import ESP_NAME
from ..amazon_ses.notifications import SesNotification
from ..amazon_ses.untrusted_json import MAX_NESTING, is_nested_deeper
from ..conf import AmazonSESSettings
from ..database.columns import address_key
from ..signals import AnymailTrackingEvent, tracking
from .backfilled import events_of, is_backfilled
from .giving import give
from .stored import StoredRow, aware, find_document
from .tally import Tally

#: How the ids begin that ``anymail.feedback`` makes up for events without one.
MADE_UP = "sha256:"
NO_DOCUMENT = "without SES's document: not replayed"

#: A receiver of the tracking signal.
Receiver = Callable[..., Any]


class Replay:
    """The ``sender`` that the receiver is given, which tells that the event is an old one."""


class Rebuilder:
    """Makes the events of rows.

    :param settings: ``message_tag_name`` counts, and what says which topics are yours.
    :param is_vouched: the events are yours, wherever they came from.
    """

    def __init__(self, settings: AmazonSESSettings, *, is_vouched: bool = False) -> None:
        self._settings, self._is_vouched = settings, is_vouched
        #: Of each table, the notification of the row before, and its events: rows of one
        #: notification mostly follow each other.
        self._last: dict[str, tuple[tuple[str, str], list[AnymailTrackingEvent]]] = {}

    def events(self, row: StoredRow) -> list[AnymailTrackingEvent]:
        """Those of its notification that are about its recipient; none without a document."""
        found = self._of_notification(row)
        return [one for one in found if address_key(one.recipient or "") == row.address_key]

    def _of_notification(self, row: StoredRow) -> list[AnymailTrackingEvent]:
        notification = (row.event_id, row.message_id)
        last, events = self._last.get(row.table.model, (None, []))
        if not row.event_id or last != notification:
            events = self._rebuild(row)
            self._last[row.table.model] = (notification, events)
        return events

    def _rebuild(self, row: StoredRow) -> list[AnymailTrackingEvent]:
        body = row.document or find_document(row)
        if not isinstance(body, dict) or not body or is_nested_deeper(body, MAX_NESTING):
            return []
        event_id = None if row.event_id.startswith(MADE_UP) else row.event_id
        notification = SesNotification(
            id=event_id or None,
            timestamp=aware(row.created_at),
            body=body,
            topic_arn=row.topic or None,
            is_verified=self._is_verified(row),
        )
        return events_of(notification, self._settings.message_tag_name)

    def _is_verified(self, row: StoredRow) -> bool:
        """Rows do not say. A webhook, or a queue, refuses what SNS has not signed for a topic in
        the setting."""
        settings = self._settings
        is_signed = settings.verify_sns_signatures and row.topic in settings.sns_topic_arns
        return self._is_vouched or is_signed or is_backfilled(row.event_id)


def replay(
    rows: Iterable[StoredRow],
    rebuilder: Rebuilder,
    receiver: Receiver,
    tally: Tally,
    *,
    event_types: Collection[str] = (),
    stops: Callable[[], bool],
    stops_on_error: bool = False,
    is_rehearsal: bool = False,
) -> bool:
    """Call a receiver for the event of each row.

    :param event_types: only those of these types; none for all.
    :param stops: whether to end.
    :param stops_on_error: end when it raises an exception.
    :param is_rehearsal: only count.
    :return: whether it has come to the end of the rows.
    """
    for row in rows:
        if stops():
            return False
        tally.position = aware(row.created_at)
        for event in _events(row, rebuilder, tally):
            if event_types and event.event_type not in event_types:
                continue
            if is_rehearsal or give(event, partial(call, receiver, event)):
                tally.done[str(event.event_type)] += 1
            else:
                tally.failed += 1
                if stops_on_error:
                    return False
    return True


def call(receiver: Receiver, event: AnymailTrackingEvent) -> None:
    """Call a receiver as the signal does.

    :param receiver: a function, or a coroutine function.
    """
    function = async_to_sync(receiver) if iscoroutinefunction(receiver) else receiver
    function(signal=tracking, sender=Replay, event=event, esp_name=ESP_NAME)


def _events(row: StoredRow, rebuilder: Rebuilder, tally: Tally) -> Iterator[AnymailTrackingEvent]:
    events = rebuilder.events(row)
    if not events:
        tally.skipped[NO_DOCUMENT] += 1
    yield from events
