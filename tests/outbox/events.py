"""What SES tells the application's webhook about the messages that it has accepted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, connections
from django.test import Client

from anymail import testing
from anymail.outbox.ids import TAG, parse_tag
from anymail.outbox.ledger import entries
from anymail.outbox.models import State

from ..sns_samples import TRACKING_URL
from .ses_process import SES, Accepted

#: Seconds between the call and its event: what the AWS side was seen to take.
DELAY = 0.2
#: How often SNS tries, and seconds in between; it has longer pauses, and more of them.
TRIES, PAUSE = 20, 1.0


class Events:
    """Posts a Send event for each accepted message, one after the other.

    :param ses: where the messages are.
    :param only_open: leave out those of messages that are known to be sent, of which there are many
        and which change nothing.
    """

    def __init__(self, ses: SES, *, only_open: bool = False) -> None:
        self._ses, self._only_open = ses, only_open
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.posted = 0
        #: Requests that the webhook did not answer with 200; SNS tried again.
        self.failed = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Post what has been accepted, and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        client = Client(raise_request_exception=False)
        try:
            while True:
                is_last = self._stop.is_set()
                found = self._ses.accepted(after=self.posted)
                if found:
                    time.sleep(max(0.0, found[-1].at + DELAY - time.time()))
                for one in self._wanted(found):
                    self._post(client, one)
                self.posted += len(found)
                if is_last and not found:
                    break
                self._stop.wait(DELAY / 4)
        finally:
            connections.close_all()

    def _wanted(self, found: Sequence[Accepted]) -> Sequence[Accepted]:
        if not self._only_open:
            return found
        ids = {one.id: parse_tag(one.tags[TAG]) for one in found}
        keys = {tag[0] for tag in ids.values() if tag is not None}
        rows = entries().filter(pk__in=keys).exclude(state=State.SENT)
        try:
            known = set(rows.values_list("pk", flat=True))
        except (DatabaseError, InterfaceError):  # it was killed; it can be asked again
            connections.close_all()
            return found
        return [one for one in found if (tag := ids[one.id]) is not None and tag[0] in known]

    def _post(self, client: Client, accepted: Accepted) -> None:
        request = testing.sns_notification(
            "send",
            recipient=accepted.to,
            message_id=accepted.id,
            message_tags={name: [value] for name, value in accepted.tags.items()},
        )
        for _ in range(TRIES):
            if client.post(TRACKING_URL, **request).status_code == 200:
                return
            self.failed += 1
            connections.close_all()  # as Django does after a request that has met an error
            time.sleep(PAUSE)
        raise AssertionError("The webhook does not take an event.")


@contextmanager
def posted_events(ses: SES, *, only_open: bool = False) -> Iterator[Events]:
    """Post events for the length of a block, and until all are posted.

    :param only_open: as for :class:`Events`.
    """
    with testing.trusted_sns():
        events = Events(ses, only_open=only_open)
        events.start()
        try:
            yield events
        finally:
            events.stop()
