"""An event -> receivers, in a transaction where webhooks have one; failures are logged."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from django.db import connections

from ..amazon_ses.connections import check_transactions, requests_transactions
from ..amazon_ses.masking import mask_addresses
from ..amazon_ses.queued import FAILURES
from ..signals import AnymailTrackingEvent

logger: logging.Logger = logging.getLogger(__name__)


def give(event: AnymailTrackingEvent, call: Callable[[], object]) -> bool:
    """Call receivers of an event.

    :param call: calls them.
    :return: whether none of them raised an exception; otherwise it is logged, and what they wrote
        is rolled back with ``ATOMIC_REQUESTS``.
    """
    try:
        with requests_transactions():
            call()
            check_transactions()
    except FAILURES as err:
        text = mask_addresses("".join(traceback.format_exception(err)))
        logger.error(
            "A receiver failed for the event %s (%s): %s",
            event.event_id,
            event.event_type,
            text,
            extra={"anymail_event_id": event.event_id, "anymail_event_type": event.event_type},
        )
        _close_broken_connections()
        return False
    return True


def _close_broken_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
