"""What Amazon knows -> the receivers of the tracking signal, for what no table has yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial

from ..amazon_ses import ESP_NAME
from ..amazon_ses.notifications import SesNotification
from ..amazon_ses.untrusted_json import as_object
from ..conf import AmazonSESSettings
from ..database.columns import address_key
from ..signals import AnymailTrackingEvent, EventType, dispatch
from .backfilled import events_of, feedback_id_in, is_backfilled
from .giving import give
from .stored import Known, aware, known_events
from .tally import Tally

#: What happens to a recipient of a message once; bounces of each type: a permanent one may follow
#: a transient one.
ONCE = frozenset(
    {
        EventType.SENT,
        EventType.DELIVERED,
        EventType.BOUNCED,
        EventType.COMPLAINED,
        EventType.REJECTED,
        EventType.FAILED,
    }
)
KNOWN = "known already"


class Backfill:
    """The sender of the signals: receivers can tell from it that an event is late."""


def backfill(
    notifications: Iterable[SesNotification | None],
    settings: AmazonSESSettings,
    tally: Tally,
    *,
    stops: Callable[[], bool],
    is_rehearsal: bool = False,
) -> None:
    """Give the events that are not stored to all receivers of the ``tracking`` signal.

    It can be repeated: what was stored is known then.

    :param notifications: None for what gives no event, which :data:`Tally.skipped` has.
    :param settings: ``message_tag_name`` counts.
    :param stops: whether to end.
    :param is_rehearsal: only count.
    """
    for notification in notifications:
        if stops():
            return
        if notification is None:
            continue
        tally.position = notification.timestamp and aware(notification.timestamp)
        events = events_of(notification, settings.message_tag_name)
        address = (events[0].recipient or "") if events else ""
        known = known_events(notification.message_id or "", address)
        for event in events:
            if is_known(event, known):
                tally.skipped[KNOWN] += 1
            elif is_rehearsal or give(event, partial(_dispatch, event)):
                tally.done[str(event.event_type)] += 1
            else:
                tally.failed += 1


def is_known(event: AnymailTrackingEvent, known: Collection[Known]) -> bool:
    """Whether a table has an event, by its id, by SES's id of the feedback, or by what it is about.

    :param known: what is stored about its message.
    """
    key, feedback_id = (
        address_key(event.recipient or ""),
        feedback_id_in(as_object(event.esp_event)),
    )
    is_once = bool(event.message_id) and event.event_type in ONCE
    for one in known:
        if one.event_id == event.event_id and one.address_key == key:
            return True
        if one.event_type == event.event_type:
            is_alike = one.bounce_type == (event.bounce_type or "")
            if is_once and is_alike and one.address_key == key:
                return True
            # A report may name another address than Amazon's list does.
            if one.feedback_id == feedback_id != "" and not is_backfilled(one.event_id):
                return True
    return False


def _dispatch(event: AnymailTrackingEvent) -> None:
    dispatch([event], sender=Backfill, esp_name=ESP_NAME)
