"""What one mailer sends, in this process.

.. code-block:: text

    claim ─▶ prepare ─▶ POSTING is committed ─▶ wait for a turn, post ─▶ outcome ─▶ written down
    rows     calls      begin_posting           in threads               pure       record

Everything runs in the worker's thread, in steps that do not wait; only the calls themselves run in
threads of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from ..backends.base import AnymailBaseBackend
from ..calls import ApiCall
from ..conf import NO_RESERVE, Reserve
from ..conf.reserve import LOWEST
from . import pausing
from .batches.content import Contents
from .claiming import Wanted, begin_posting, claim, give_back, halted_batches, renew
from .counts import Counts
from .endings import Endings
from .followup import Ended, FollowUp
from .hand import Hand
from .leases import Lease, Revoked, post_in_turn
from .logs import reports_end
from .mailers import deliverer, unusable
from .models import Entry, Pause, State
from .outcomes import Outcome, Result, Verdict, decide
from .paused_lanes import PausedLanes
from .posting import Sending, outcome_of, prepare, refused_results, results_of, unprepared
from .rates import SendRate, Share
from .recording import end, note_recipients, record_answers
from .threads import Threads

#: The part of a lease after which it is renewed.
RENEW_AT = 0.5
#: Seconds between two looks for what is more urgent than what waits for its turn.
LOOK_INTERVAL = 0.25
#: Seconds until a call is tried for which there was no turn, at least.
TURN_PAUSE = 0.05
#: Seconds after which a task is to look again whether bulk messages may be sent.
DAY_PAUSE = 60.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The settings that count here; see the settings page of the documentation.

    :param keeps_rate: as for :func:`.mailers.deliverer`.
    """

    lease: float
    max_attempts: int
    keep_content: float
    keeps_rate: bool = True
    reserve: Reserve = NO_RESERVE


class Channel:
    """Sends what one mailer has in the table.

    :param mailer: its name.
    :param worker: the name of this worker.
    :param limits: the settings.
    :param wake: called, in another thread, when a call has ended.
    :raises AnymailConfigurationError: the mailer cannot be used.
    """

    def __init__(self, mailer: str, worker: str, limits: Limits, wake: Callable[[], None]) -> None:
        self.mailer = mailer
        #: Seconds after which there is something to do, even if nothing happens before; or None.
        self.pause: float | None = None
        #: Whether all that the mailer sends is paused.
        self.is_paused: bool = False
        self._worker, self._limits, self._wake = worker, limits, wake
        self._backend: AnymailBaseBackend
        self._backend, wanted_rate = deliverer(mailer, keeps_rate=limits.keeps_rate)
        self._threads = self._backend.max_concurrency
        self._share = Share(self._threads)
        self._pool = Threads(self._threads)
        self._reserve = limits.reserve
        self._rate = SendRate(mailer, self._backend, wanted_rate, limits.reserve, self._submit)
        self._lease = Lease(limits.lease)
        self._contents = Contents()
        self._claims, self._claimed_at = 0, 0.0
        self._paused_lanes = PausedLanes()
        self._hand = Hand()
        self._follow_up = FollowUp(mailer, self._backend)
        self._endings = Endings(self._follow_up, keeps_content=limits.keep_content > 0)
        self._counts = self._follow_up.counts

    @property
    def counts(self) -> Counts:
        """What became of the messages so far."""
        return Counts(**self._counts)

    @property
    def put_off(self) -> set[datetime]:
        """When what this worker has put off is due."""
        return self._follow_up.put_off.moments

    @property
    def batches(self) -> set[int]:
        """Those of which it has sent something."""
        return self._follow_up.batches

    @property
    def is_idle(self) -> bool:
        """Whether it holds nothing."""
        return self._hand.is_empty and self._endings.is_empty

    def step(self, *, may_claim: bool) -> bool:
        """Do what can be done without waiting.

        :param may_claim: False while the worker stops.
        :return: whether anything was done.
        :raises DatabaseError: nothing is lost by that, and the next step tries again.
        """
        moved = self._write_down()
        self._renew()
        moved |= self._begin()
        if may_claim and self._wants_more:
            moved |= self._claim()
        elif may_claim and self._wants_more_urgent:
            moved |= self._claim(above=self._hand.claimed[0].priority)
        return moved

    @property
    def posted(self) -> int:
        """How many calls are not answered yet."""
        return self._hand.posted

    def stop(self) -> None:
        """Give back what has not been posted. Calls that have been posted go on."""
        for sending in self._hand.sendings:
            sending.stop()
        give_back(self._hand.unbegun)
        self._hand.drop(lambda _: True)

    def give_up_if_late(self) -> None:
        """Forget what cannot be written down, once it is not this worker's any more: others find
        the messages in doubt, and events end that."""
        if self._lease.used >= 1:
            self._endings.give_up()
            self._hand.claimed.clear()

    def close(self) -> None:
        """Let the threads end."""
        self._pool.close()

    # Claim

    @property
    def _wants_more(self) -> bool:
        if self._hand.claimed or self._endings.unwritten:
            return False
        return self._free * 2 >= self._threads

    @property
    def _wants_more_urgent(self) -> bool:
        is_due = time.monotonic() - self._claimed_at >= LOOK_INTERVAL
        return is_due and bool(self._hand.claimed and not self._endings.unwritten and self._free)

    @property
    def _free(self) -> int:
        """How many calls can be begun, so that a crash leaves no more in doubt than there are
        threads: an answer counts until it is written down."""
        unwritten = self._hand.unwritten + self._endings.unwritten_calls
        return max(0, self._threads - unwritten)

    def _claim(self, above: int | None = None) -> bool:
        self._claimed_at = time.monotonic()
        pauses = list(pausing.pauses().filter(mailer=self.mailer))
        self.is_paused = any(not row.lane for row in pauses)
        if any(not row.lane and row.until is None for row in pauses):
            return False  # a person wants it
        least = None if above is None else above + 1
        if not self._rate.may_send_bulk():
            least = max(self._reserve.min_priority, LOWEST if least is None else least)
        for row in pauses if above is None else ():
            following = pausing.take_probe(row)
            if following is not None:
                self._follow_up.put_off.until(following)
                if self._claim_rows(1, pauses, least, probe=row):
                    return True
        if self.is_paused:
            return False
        has_claimed = self._claim_rows(self._share.size, pauses, least)
        if not has_claimed and self.is_idle:
            self._share.reset()
        return has_claimed

    def _claim_rows(
        self, size: int, pauses: Sequence[Pause], least: int | None, probe: Pause | None = None
    ) -> bool:
        self._claims += 1
        began = self._lease.now()
        wanted = Wanted(
            mailer=self.mailer,
            size=size,
            worker=f"{self._worker}/{self._claims}",
            lease=self._limits.lease,
            lane=(probe.lane or None) if probe else None,
            without={row.lane for row in pauses if row.lane and row is not probe},
            min_priority=least,
        )
        claimed = claim(wanted, self._paused_lanes)
        if claimed and self.is_idle:
            self._lease.renewed(began)
        if claimed and probe is not None:
            self._follow_up.probes[claimed[0].pk] = probe
        self._hand.add(claimed)
        self._counts["claimed"] += len(claimed)
        return bool(claimed)

    # Post

    def _begin(self) -> bool:
        """Begin as many calls as there are threads for, once their turn is near."""
        self.pause = None
        if self._rate.holds_bulk:
            self._hold_bulk()
        if self._hand.claimed and self._free:
            self._open()
        priority = self._hand.next_priority
        if not self._free or priority is None:
            return False
        is_urgent = self._reserve.is_for(priority)
        self.pause = self._rate.wait(is_urgent=is_urgent) or None
        group = [] if self.pause else self._next_group()
        if not group:
            self.pause = self.pause or TURN_PAUSE
            return False
        own = self._own(list(dict.fromkeys(sending for sending, _, _ in group)))
        begun = [one for one in group if one[0] in own]
        for sending, call, _ in begun:
            note_recipients(sending, call)
        for sending, call, turn in begun:
            self._post(sending, call, turn)
        return True

    def _hold_bulk(self) -> None:
        """Give back what has to wait for the next day."""
        if self._give_back(lambda entry: not self._reserve.is_for(entry.priority)):
            self._follow_up.put_off.for_seconds(DAY_PAUSE)

    def _own(self, sendings: Sequence[Sending]) -> list[Sending]:
        """Write down that calls are about to be posted.

        :return: those of messages that are still this worker's, and whose batches run.
        """
        self._give_back_halted(sendings)
        sendings = [sending for sending in sendings if not sending.is_stopped]
        new = [sending.entry for sending in sendings if not sending.answers]
        begun = [sending.entry for sending in sendings if sending.answers]
        own = begin_posting(new, lease=self._limits.lease) if new else set()
        if begun:
            own |= renew(begun, lease=self._limits.lease)
        self._lose({sending.entry.pk for sending in sendings} - own)
        return [sending for sending in sendings if sending.entry.pk in own]

    def _lose(self, lost: set[UUID]) -> None:
        """Forget messages that somebody else has cancelled, put off or taken. Of calls that have
        begun, only the answers are waited for."""
        if not lost:
            return
        self._counts["cancelled"] += self._hand.drop(lambda entry: entry.pk in lost)

    def _give_back_halted(self, sendings: Sequence[Sending]) -> None:
        """Give back what is in a batch that does not run any more. Calls that have been posted go
        on."""
        halted = halted_batches(sending.entry for sending in sendings)
        if not halted:
            return
        self._give_back(lambda entry: entry.batch_id in halted)

    def _give_back(self, is_meant: Callable[[Entry], bool]) -> int:
        """Give back messages with calls that have not been begun.

        :return: how many.
        """
        give_back([entry for entry in self._hand.unbegun if is_meant(entry)])
        dropped = self._hand.drop(is_meant)
        self._counts["postponed"] += dropped
        return dropped

    def _next_group(self) -> list[tuple[Sending, ApiCall, float]]:
        """The next calls, for which there are threads, and whose turns are near: the monotonic
        times."""
        group: list[tuple[Sending, ApiCall, float]] = []
        free, coming = self._free, self._hand.coming(self._reserve.is_for)
        for sending, call in self._hand.calls(self._prepare):
            is_urgent = self._reserve.is_for(sending.entry.priority)
            turn = self._rate.take(call.weight, coming[is_urgent], is_urgent=is_urgent)
            if turn is None:
                break
            coming[is_urgent] -= call.weight
            group.append((sending, call, turn))
            if len(group) >= free:
                break
        return group

    def warm_up(self) -> None:
        """Load what sending needs, boto3 for example, before there is anything to send."""
        self._backend.open()

    def _open(self) -> None:
        """Have the backend ready; if that fails, it is the trouble of every claimed message."""
        try:
            self._backend.open()
            self._rate.refresh()
        except (DatabaseError, InterfaceError):
            raise
        except Exception as err:
            wrong = unusable(self.mailer, err)
            while self._hand.claimed:
                self._refuse(self._hand.claimed.popleft(), wrong)

    def _refuse(self, entry: Entry, error: Exception) -> None:
        outcome = unprepared(entry, error, self._limits.max_attempts)
        self._endings.unwritten.append(Ended(entry=entry, outcome=outcome))

    def _prepare(self, entry: Entry) -> Sending | None:
        if entry.expires_at is not None and entry.expires_at <= timezone.now():
            self._counts["expired"] += end(entry, State.EXPIRED)
            return None
        try:
            sending = prepare(entry, self._backend, self._contents)
        except Exception as err:
            self._refuse(entry, err)
            return None
        sending.calls = [replace(one, cancelled=Revoked(self._lease)) for one in sending.calls]
        entry.is_split = len(sending.calls) > 1
        if sending.calls:
            return sending
        self._end_without_calls(sending)
        return None

    def _end_without_calls(self, sending: Sending) -> None:
        results = refused_results(sending)
        if not results and _is_new(sending):
            self._counts["cancelled"] += end(sending.entry, State.CANCELLED)
            return
        outcome = decide(results, sending.before, self._limits.max_attempts)
        self._end(sending, outcome)

    def _end(self, sending: Sending, outcome: Outcome) -> None:
        ended = Ended(entry=sending.entry, outcome=outcome, sending=sending)
        self._endings.unwritten.append(ended)

    def _post(self, sending: Sending, call: ApiCall, due: float) -> None:
        def run(call: ApiCall) -> Mapping[str, Any]:
            with reports_end(sending.message):
                return self._backend.run(call)

        sending.answers.append(self._submit(partial(post_in_turn, call, due, run)))

    def _submit(self, function: Callable[[], Any]) -> Future[Any]:
        answer = self._pool.submit(function)
        answer.add_done_callback(lambda _: self._wake())
        return answer

    def _renew(self) -> None:
        held = self._hand.entries
        if held and self._lease.used >= RENEW_AT:
            began = self._lease.now()
            kept = renew(held, lease=self._limits.lease)
            self._lose({entry.pk for entry in held} - kept)
            self._lease.renewed(began)

    # Write down

    def _write_down(self) -> bool:
        for sending in self._hand.sendings:
            if sending.entry.is_split:
                self._write_down_calls(sending)
        for sending in self._hand.done:
            self._end(sending, outcome_of(sending, self._backend, self._limits.max_attempts))
            self._hand.sendings.remove(sending)
        if self._endings.is_empty:
            return False
        written = self._endings.write_down()
        if written:
            self._share.note(len(written))
        if any(one.outcome.is_throttled for one in written):
            self._rate.slow_down()
        self._endings.follow_up()
        return True

    def _write_down_calls(self, sending: Sending) -> None:
        """Write down the answers to single calls of a message, so that a crash leaves only those in
        doubt that are being posted."""
        done = {position for position, answer in enumerate(sending.answers) if answer.done()}
        results: dict[str, Result] = {}
        for position in sorted(done - sending.written):
            answer = sending.answers[position]
            results |= results_of(sending.calls[position], answer, self._backend)
        if results:
            record_answers(sending.entry, results)
            sending.written |= done
        if any(result.verdict is Verdict.PAUSED for result in results.values()):
            sending.stop()


def _is_new(sending: Sending) -> bool:
    """Whether no earlier attempt has reached anybody."""
    return not (sending.before.is_accepted or sending.before.is_in_doubt)
