"""What follows once it is written down what became of messages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from ..backends.base import AnymailBaseBackend
from . import pausing
from .models import Entry, Pause, State
from .outcomes import Outcome, Verdict
from .posting import Sending, finish
from .put_off import PutOff
from .recording import DOUBT_GRACE, pause_for

#: So many answers in a row that say that SES has trouble pause the mailer.
SERVICE_TROUBLES = 3
#: The state after an attempt -> the name in :class:`.counts.Counts`.
COUNTED: dict[str, str] = {
    State.WAITING: "postponed",
    State.SENT: "sent",
    State.IN_DOUBT: "in_doubt",
    State.FAILED: "failed",
}


@dataclass(frozen=True, kw_only=True)
class Ended:
    """An outcome that is to be written down.

    :param sending: None if no call could be built.
    """

    entry: Entry
    outcome: Outcome
    sending: Sending | None = None


class FollowUp:
    """Pauses and goes on, counts, and sends ``post_send``.

    :param mailer: its name.
    :param backend: what sends.
    """

    def __init__(self, mailer: str, backend: AnymailBaseBackend) -> None:
        #: What became of the messages, by the names of :class:`.counts.Counts`.
        self.counts: Counter[str] = Counter()
        #: When what was put off is due, and when pauses are probed.
        self.put_off: PutOff = PutOff()
        #: The messages that were claimed to find out whether a pause is over.
        self.probes: dict[UUID, Pause] = {}
        #: The batches of messages that something has become of.
        self.batches: set[int] = set()
        self._mailer, self._backend = mailer, backend
        self._service_troubles = 0

    def on(self, ended: Ended) -> None:
        """Do what follows from an outcome. It can be done again after an error of the database.

        :raises DatabaseError: some of it is not done.
        """
        entry, outcome = ended.entry, ended.outcome
        verdicts = {result.verdict for result in outcome.results.values()}
        pause_for(entry, outcome)
        if Verdict.PAUSED in verdicts:
            self.put_off.for_seconds(pausing.PROBE_INTERVAL)
        self._note_service(outcome, verdicts)
        self._end_probe(entry, verdicts)
        self._count(entry, outcome)
        if entry.batch_id is not None:
            self.batches.add(entry.batch_id)
        if ended.sending is not None and ended.sending.calls:
            finish(ended.sending, self._backend)

    def _end_probe(self, entry: Entry, verdicts: set[Verdict]) -> None:
        probe = self.probes.get(entry.pk)
        if probe is None:
            return
        if Verdict.ACCEPTED in verdicts:
            pausing.resume(probe.mailer, probe.lane, is_probe=True)
        elif not verdicts & {Verdict.PAUSED, Verdict.UNAVAILABLE, Verdict.DOUBT}:
            pausing.probe_again(probe.mailer, probe.lane)
        del self.probes[entry.pk]

    def _note_service(self, outcome: Outcome, verdicts: set[Verdict]) -> None:
        """Pause the mailer while SES has trouble, or cannot be reached."""
        problem = outcome.problem
        if Verdict.ACCEPTED in verdicts:
            self._service_troubles = 0
        elif problem is not None and problem.scope == "service":
            self._service_troubles += 1
            if self._service_troubles >= SERVICE_TROUBLES:
                trouble = pausing.Trouble(
                    lane="", scope="service", error_code=problem.code, reason=problem.text
                )
                pausing.pause(self._mailer, trouble)
                self.put_off.for_seconds(pausing.FIRST_PROBE_OF_SERVICE)

    def _count(self, entry: Entry, outcome: Outcome) -> None:
        self.counts[COUNTED[outcome.state]] += 1
        if outcome.state == State.WAITING:
            self.put_off.for_seconds(outcome.pause or pausing.PROBE_INTERVAL)
        elif outcome.state == State.IN_DOUBT and entry.on_doubt == "resend":
            self.put_off.for_seconds(DOUBT_GRACE)
