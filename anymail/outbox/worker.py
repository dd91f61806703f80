"""The loop that sends: for every mailer a channel, and once a second a look at the clock."""

from __future__ import annotations

import itertools
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.db import DatabaseError, InterfaceError, connections, transaction
from django.utils import timezone

from ..conf import OutboxSettings, current_settings
from ..exceptions import AnymailConfigurationError
from ..processes.health import touch
from . import pausing
from .account.upkeep import Upkeep
from .batches.keeping import delete_batch_content
from .batches.upkeep import look_after as look_after_batches
from .channel import Channel, Limits
from .claiming import waiting_mailers
from .counts import Counts
from .ledger import database
from .logs import OwnLogger
from .mailers import default_mailer, unusable
from .models import Entry
from .put_off import PutOff
from .reaping import MAX_ROWS, delete_old_content, reap

logger: OwnLogger = OwnLogger(__name__)

#: Seconds between two looks at the table while there is nothing to do.
POLL = 0.5
#: Seconds between two looks at leases and other times.
REAP_INTERVAL = 1.0
#: Seconds to wait while the database is away.
DATABASE_PAUSE = 1.0
_numbers = itertools.count(1)


class Worker:
    """Sends what waits, for all mailers.

    :param grace: seconds that calls have to be answered after :meth:`stop`.
    :param health_file: touched every few seconds, unless the worker hangs.
    :param keeps_rate: False to send as fast as SES answers.
    """

    def __init__(
        self,
        *,
        grace: float = 25.0,
        health_file: Path | None = None,
        keeps_rate: bool = True,
    ) -> None:
        settings = current_settings().get(OutboxSettings)
        # With a random part: containers may share the name of a host and the number of a process.
        host, part = socket.gethostname()[:100], secrets.token_hex(4)
        self.name: str = f"{host}:{os.getpid()}:{next(_numbers)}-{part}"
        self._limits = Limits(
            lease=settings.outbox_lease,
            max_attempts=settings.outbox_max_attempts,
            keep_content=settings.outbox_keep_content,
            keeps_rate=keeps_rate,
            reserve=settings.outbox_reserve,
        )
        self._grace = grace
        self._stopped = threading.Event()
        self._health_file = health_file
        self._woken = threading.Event()
        self._channels: dict[str, Channel] = {}
        self._put_off = PutOff()
        self._daily_counts = Upkeep()
        self._reaped_at = -REAP_INTERVAL
        self._reaped = Counts()
        self._ends_itself, self._worked_at = False, 0.0
        self._looks_for_content_at = timezone.now()
        self._content_since: datetime | None = None

    @property
    def counts(self) -> Counts:
        """What became of the messages so far."""
        return sum((channel.counts for channel in list(self._channels.values())), self._reaped)

    @property
    def paused(self) -> list[str]:
        """The mailers that send nothing at the moment."""
        return [name for name, channel in list(self._channels.items()) if channel.is_paused]

    @property
    def put_off(self) -> set[datetime]:
        """When there will be something to do of what it has put off."""
        channels = self._channels.values()
        return self._put_off.moments.union(*(channel.put_off for channel in channels))

    @property
    def is_idle(self) -> bool:
        """Whether it holds no messages."""
        return all(channel.is_idle for channel in self._channels.values())

    def stop(self) -> None:
        """Have :meth:`run` return soon: it begins nothing new, gives back what is claimed, and
        waits for the answers to calls that have been posted. Safe to call from any thread."""
        self._stopped.set()
        self._woken.set()

    def run(self, *, max_seconds: float | None = None, until_empty: bool = False) -> Counts:
        """Send, until it is to end.

        :param max_seconds: begin nothing new after that.
        :param until_empty: end when nothing is due.
        :raises AnymailConfigurationError: the database does not have the tables.
        :raises DatabaseError: with ``until_empty``, the database stays away for as long as a lease.
        :raises RuntimeError: there is a transaction around it, so nothing that it writes would be
            there after a crash.
        """
        _check_no_transaction()
        ends_at = None if max_seconds is None else time.monotonic() + max_seconds
        self._ends_itself, self._worked_at = until_empty, time.monotonic()
        if not until_empty:
            self._warm_up()
        try:
            self._loop(ends_at, until_empty=until_empty)
        finally:
            for channel in self._channels.values():
                channel.close()
        self._count_batches()
        return self.counts

    def _loop(self, ends_at: float | None, *, until_empty: bool) -> None:
        while not (self._stopped.is_set() or _is_past(ends_at)):
            moved = self._step(may_claim=True)
            if until_empty and not moved and self.is_idle:
                return
            if not moved:
                self._woken.wait(_shortest(self._pause, ends_at))
        self._end()

    def _end(self) -> None:
        """Wait for the answers to what has been posted: as long as that takes, or for the grace."""
        gives_up_at = time.monotonic() + self._grace
        while True:
            moved = self._step(may_claim=False)
            if self.is_idle:
                return
            if self._stopped.is_set() and _is_past(gives_up_at):
                self._give_up()
                return
            if not moved:
                self._woken.wait(self._pause)

    @property
    def _pause(self) -> float:
        """Seconds to wait for something to happen."""
        pauses = [one.pause for one in self._channels.values() if one.pause is not None]
        return min([POLL, *pauses])

    def _give_up(self) -> None:
        calls = sum(channel.posted for channel in self._channels.values())
        logger.warning(
            "The outbox stops with %d calls that SES has not answered after %.0f s. Events will "
            "tell whether it has the messages",
            calls,
            self._grace,
            extra={"anymail_worker": self.name},
        )

    def _step(self, *, may_claim: bool) -> bool:
        """One round. While the database is away, only wait: what is not written down is kept."""
        self._woken.clear()
        try:
            if not may_claim:
                for channel in self._channels.values():
                    channel.stop()
            elif time.monotonic() - self._reaped_at >= REAP_INTERVAL:
                self._reap()
                self._open_channels()
            moved = [channel.step(may_claim=may_claim) for channel in self._channels.values()]
            self._worked_at = time.monotonic()
            return any(moved)
        except (DatabaseError, InterfaceError) as err:
            if connections[database()].in_atomic_block:
                raise
            self._wait_for_database(err)
            if not may_claim:
                for channel in self._channels.values():
                    channel.give_up_if_late()
            return True

    def _wait_for_database(self, error: Exception) -> None:
        """Wait for a moment.

        :raises AnymailConfigurationError: it does not have the tables.
        :raises Exception: the error, if the worker is to end by itself, and has waited for long.
        """
        logger.warning(
            "The outbox cannot use its database and tries again in %.0f s: %s",
            DATABASE_PAUSE,
            type(error).__name__,
            extra={"anymail_error_code": type(error).__name__, "anymail_worker": self.name},
        )
        connections[database()].close()
        _check_tables()
        if self._ends_itself and time.monotonic() - self._worked_at > self._limits.lease:
            raise error
        time.sleep(DATABASE_PAUSE)

    def _reap(self) -> None:
        touch(self._health_file)
        limits = self._limits
        self._reaped += reap(
            lease=limits.lease,
            max_attempts=limits.max_attempts,
        )
        look_after_batches()
        self._delete_old_content()
        self._daily_counts.step()
        self._reaped_at = time.monotonic()

    def _count_batches(self) -> None:
        """Count those of which it has sent something: perhaps nobody else does soon."""
        with suppress(DatabaseError, InterfaceError):
            look_after_batches(set().union(*(one.batches for one in self._channels.values())))

    def _delete_old_content(self) -> None:
        """Once a minute, and again at once as long as there is more."""
        now = timezone.now()
        before = now - timedelta(seconds=self._limits.keep_content)
        if now < self._looks_for_content_at:
            return
        delete_batch_content(before)
        if not self._limits.keep_content:
            self._looks_for_content_at = now + timedelta(minutes=1)
        elif delete_old_content(before, self._content_since) < MAX_ROWS:
            self._looks_for_content_at = now + timedelta(minutes=1)
            # What others have written down late is older.
            self._content_since = before - timedelta(minutes=1)

    def _open_channels(self) -> None:
        for mailer in waiting_mailers():
            if mailer not in self._channels:
                with _pausing_if_wrong(mailer, self._put_off):
                    self._channels[mailer] = self._channel(mailer)

    def _channel(self, mailer: str) -> Channel:
        return Channel(mailer, self.name, self._limits, self._woken.set)

    def _warm_up(self) -> None:
        """Have the default mailer ready: the first message would wait a second for it."""
        with suppress(Exception):  # what is wrong is told with the first message
            mailer = default_mailer()
            channel = self._channel(mailer)
            channel.warm_up()
            self._channels[mailer] = channel


@contextmanager
def _pausing_if_wrong(mailer: str, put_off: PutOff) -> Iterator[None]:
    """Pause a mailer that cannot be used, which an operator sees, and try again with its probes."""
    row = pausing.pauses().filter(mailer=mailer, lane="").first()
    try:
        yield
    except (DatabaseError, InterfaceError):
        raise
    except Exception as err:  # the project's own backend may raise anything
        if row is None or pausing.take_probe(row):
            reason = str(unusable(mailer, err))
            trouble = pausing.Trouble(
                lane="", scope="account", error_code=type(err).__name__, reason=reason
            )
            pausing.pause(mailer, trouble)
            put_off.for_seconds(pausing.PROBE_INTERVAL)


def _check_no_transaction() -> None:
    if not connections[database()].in_atomic_block:
        return
    try:
        with transaction.atomic(using=database(), durable=True):
            pass  # Django's TestCase has a transaction around it, and may
    except RuntimeError as err:
        raise RuntimeError(
            "The outbox cannot deliver within a transaction: after a crash, nobody would know what "
            "it has posted. Call deliver() outside of transaction.atomic(); for a view with "
            "ATOMIC_REQUESTS, use transaction.non_atomic_requests."
        ) from err


def _check_tables() -> None:
    connection = connections[database()]
    try:
        tables = connection.introspection.table_names()
    except (DatabaseError, InterfaceError):
        return  # it is away, and may come back
    if Entry._meta.db_table not in tables:
        raise AnymailConfigurationError(
            f"The database {connection.alias!r} does not have the tables of the outbox. Run: "
            "manage.py migrate"
        )


def _is_past(moment: float | None) -> bool:
    return moment is not None and time.monotonic() >= moment


def _shortest(seconds: float, until: float | None) -> float:
    """Seconds to wait: no longer than until a moment in monotonic time."""
    return seconds if until is None else max(0.0, min(seconds, until - time.monotonic()))
