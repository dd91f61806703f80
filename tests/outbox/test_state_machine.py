"""Any order of events leaves no message behind, and sends none twice unless that is allowed.

Workers are driven step by step, calls end when the machine says so, and the clock is the machine's.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest import mock
from uuid import UUID

import django
from django.db.models import Exists, OuterRef, Q
from django.test import tag
from hypothesis import HealthCheck, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from anymail import outbox
from anymail.backends.base import AnymailBaseBackend
from anymail.calls import ApiCall
from anymail.exceptions import AnymailAPIError
from anymail.message import AnymailMessage, AnymailRecipientStatus
from anymail.outbox import channel, endings, ids, paused_lanes, rates
from anymail.outbox.batches.upkeep import look_after
from anymail.outbox.channel import Channel, Limits
from anymail.outbox.ids import parse_tag
from anymail.outbox.ledger import entries, recipients, steps
from anymail.outbox.models import Batch, BatchState, Entry, Pause, Recipient, State, StepKind
from anymail.outbox.outcomes import Result, Verdict
from anymail.outbox.proof import prove
from anymail.outbox.reaping import reap
from anymail.outgoing import OutgoingMessage

from . import OutboxTransactionTestCase, use_outbox
from .loopback import LEASE, Clock

MAX_ATTEMPTS = 3
#: Who sends: use_outbox() says so.
MAILER = "ses" if django.VERSION >= (6, 1) else "default"
LIMITS = Limits(lease=LEASE, max_attempts=MAX_ATTEMPTS, keep_content=10_000_000)
ENDS = (State.SENT, State.FAILED, State.EXPIRED, State.CANCELLED, State.IN_DOUBT)
#: What SES may answer instead of accepting: the arguments of the error.
ERRORS: dict[str, dict[str, Any]] = {
    "throttled": {
        "is_throttled": True,
        "is_transient": True,
        "is_unsent": True,
        "scope": "account",
    },
    "unavailable": {"is_transient": True, "is_unsent": True, "scope": "service"},
    "transient": {"is_transient": True, "is_unsent": True},
    "refused": {"is_unsent": True, "scope": "message"},
    "account": {"is_unsent": True, "scope": "account"},
    "sender": {"is_unsent": True, "scope": "sender"},
    "no answer": {"is_transient": True, "is_unsent": False, "scope": "service"},
}
PEOPLE = ["cancel", "send_again", "release", "mark_sent", "reschedule", "pause"]
#: The names of batches.
BATCHES = ["news", "offers"]
#: Where a worker may die.
POINTS = {
    "claim": channel,
    "begin_posting": channel,
    "note_recipients": channel,
    "record": endings,
}
#: Of a message among those that there are.
POSITIONS = st.integers(0, 9)
ANSWERS = ["accepted", "accepted", "accepted, no answer", "partly", *ERRORS]


class Died(BaseException):
    """The process of a worker ends here."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """What SES has accepted."""

    id: str
    entry: UUID
    attempt: int
    to: list[str]


class FakeBackend(AnymailBaseBackend):
    """Two recipients in each call; what becomes of it is the machine's choice."""

    esp_name = "Fake"
    max_concurrency = 3
    answer: ClassVar[Callable[[ApiCall], Mapping[str, Any]]]

    def open(self) -> bool:
        return False

    def build_calls(self, message: OutgoingMessage) -> Sequence[ApiCall]:
        found = message.recipients
        return [
            ApiCall(
                operation="send",
                params=dict(message.message_tags),
                recipients=tuple(found[start : start + 2]),
                parse=lambda call, response: response["statuses"],
            )
            for start in range(0, len(found), 2)
        ]

    def run(self, call: ApiCall) -> Mapping[str, Any]:
        return type(self).answer(call)


@dataclass(kw_only=True)
class Job:
    """A call in a thread of a worker.

    :param end: gives the answer to the worker; None until it was posted.
    """

    future: Future[Any]
    function: Callable[[], Any]
    end: Callable[[], None] | None = None


@dataclass(kw_only=True)
class Pool:
    """Threads that run when they are told to."""

    jobs: list[Job] = field(default_factory=list)

    def submit(self, function: Callable[[], Any]) -> Future[Any]:
        job = Job(future=Future(), function=function)
        self.jobs.append(job)
        return job.future

    @property
    def unposted(self) -> int:
        """How many have not run."""
        return sum(job.end is None for job in self.jobs)

    def post(self) -> None:
        """Run the first that has not run."""
        job = next(job for job in self.jobs if job.end is None)
        try:
            value = job.function()
        except Exception as err:
            error = err
            job.end = lambda: job.future.set_exception(error)
        else:
            job.end = lambda: job.future.set_result(value)

    def answer(self) -> None:
        """Give the first answer to the worker."""
        job = next(job for job in self.jobs if job.end is not None)
        self.jobs.remove(job)
        assert job.end is not None
        job.end()

    def close(self) -> None:
        pass


class Outbox(RuleBasedStateMachine):
    """Two workers, SES, and people."""

    def __init__(self) -> None:
        super().__init__()
        for model in (Recipient, Entry, Batch, Pause):
            model._default_manager.all().delete()
        self.clock = Clock(is_frozen=True)
        self._stack = ExitStack()
        self._stack.enter_context(self.clock.in_use())
        # The same choices have the same consequences: nothing depends on how fast they are made.
        for module in (channel, paused_lanes, rates):
            self._stack.enter_context(mock.patch.object(module, "time", self.clock))
        each_later = SimpleNamespace(time_ns=itertools.count(step=10**6).__next__)
        self._stack.enter_context(mock.patch.object(ids, "time", each_later))
        self.accepted: list[Mail] = []
        self.posted = 0
        #: Calls of messages that the worker did not have any more.
        self.strays = 0
        #: How many more times than once each message may be sent to a recipient.
        self.allowed: Counter[UUID] = Counter()
        self.ids: list[UUID] = []
        self.cancelled: dict[UUID, int] = {}
        #: The attempts after which somebody wanted everybody to get a message once more.
        self.once_more: dict[UUID, set[int]] = {}
        self.next_answer = "accepted"
        self._stack.enter_context(
            mock.patch.object(FakeBackend, "answer", self.answer, create=True)
        )
        self.names = 0
        self.workers = [self.new_worker(), self.new_worker()]

    def new_worker(self) -> Channel:
        self.names += 1
        worker = Channel(MAILER, f"worker{self.names}", LIMITS, lambda: None)
        worker._pool = Pool()  # type: ignore[assignment]
        return worker

    def pool(self, number: int) -> Pool:
        return self.workers[number]._pool  # type: ignore[return-value]

    # SES

    def answer(self, call: ApiCall) -> Mapping[str, Any]:
        """What SES does when a call is posted."""
        kind, self.next_answer = self.next_answer, "accepted"
        to = [recipient.addr_spec for recipient in call.recipients]
        entry_id, attempt = parse_tag(call.params["anymail-outbox"]) or (UUID(int=0), 0)
        # SENT by an event about an earlier attempt.
        own = entries().filter(pk=entry_id, state__in=(State.POSTING, State.SENT), attempt=attempt)
        self.strays += not own.exists()
        if kind in ERRORS:
            raise AnymailAPIError(kind, error_code=kind, **ERRORS[kind])
        self.posted += 1
        got = to[:1] if kind == "partly" else to
        mail = Mail(id=f"m-{self.posted}", entry=entry_id, attempt=attempt, to=got)
        self.accepted.append(mail)
        if kind == "accepted, no answer":
            raise AnymailAPIError(kind, error_code=kind, **ERRORS["no answer"])
        statuses = {address: AnymailRecipientStatus(mail.id, "queued") for address in got}
        throttled = AnymailRecipientStatus(None, "failed", "AccountThrottled")
        return {"statuses": {**dict.fromkeys(to, throttled), **statuses}}

    @precondition(lambda self: self.accepted)
    @rule(position=POSITIONS)
    def event(self, position: int) -> None:
        self.prove(self.accepted[position % len(self.accepted)])

    @rule(number=st.sampled_from([0, 1]))
    def event_before_the_answer(self, number: int) -> None:
        """And somebody wants the message sent once more before the worker has the answer."""
        self.step(number, may_claim=True, times=2)
        before = len(self.accepted)
        if self.pool(number).unposted:
            self.pool(number).post()
        for mail in self.accepted[before:]:
            self.prove(mail)
            self.decide(mail.entry, "send_again")

    def prove(self, mail: Mail) -> None:
        accepted = Result(verdict=Verdict.ACCEPTED, message_id=mail.id)
        prove(mail.entry, mail.attempt, dict.fromkeys(mail.to, accepted))

    # The application and people

    @rule(
        count=st.sampled_from([1, 1, 1, 2, 5]),
        priority=st.sampled_from([0, 50]),
        expires=st.sampled_from([None, None, None, 30, 300]),
        on_doubt=st.sampled_from(["hold", "hold", "resend"]),
        sender=st.sampled_from(["from@example.com", "from@example.net"]),
        key=st.sampled_from([None, None, "a", "b"]),
    )
    def send(
        self,
        count: int,
        priority: int,
        expires: int | None,
        on_doubt: str,
        sender: str,
        key: str | None,
    ) -> None:
        self.clock.pass_by(0.001)  # so that their order is always the same
        if key is not None:
            self.send_with_key(key)
            return
        to = [f"to{n}@{len(self.ids)}.example" for n in range(count)]
        message: Any = AnymailMessage("Hello", "Text", sender, to)
        message.priority, message.on_doubt = priority, on_doubt
        if expires is not None:
            message.expires_at = self.clock.now() + timedelta(seconds=expires)
        message.send()
        self.ids.append(message.outbox_id)
        self.allowed[message.outbox_id] = MAX_ATTEMPTS if on_doubt == "resend" else 0

    def send_with_key(self, key: str) -> None:
        """The second time, nothing is stored."""
        message: Any = AnymailMessage("Hello", "Text", "from@example.com", [f"{key}@key.example"])
        message.idempotency_key = key
        message.send()
        assert message.outbox_id == entries().get(idempotency_key=key).pk
        if message.outbox_id not in self.ids:
            self.ids.append(message.outbox_id)

    @rule(count=st.sampled_from([1, 3, 4]), name=st.sampled_from(BATCHES))
    def send_many(self, count: int, name: str) -> None:
        """The second time, only those are new that were not there before."""
        self.clock.pass_by(0.001)
        message = AnymailMessage("Hello", "Text", "from@example.com")
        outbox.send_many(message, [f"to{n}@{name}.example" for n in range(count)], name=name)
        known = set(self.ids)
        new = entries().filter(batch__name=name).order_by("created_at", "pk")
        self.ids += [pk for pk in new.values_list("pk", flat=True) if pk not in known]

    @precondition(lambda self: Batch._default_manager.exists())
    @rule(position=POSITIONS, what=st.sampled_from(["pause_batch", "resume_batch", "cancel_batch"]))
    def batch_actions(self, position: int, what: str) -> None:
        found = Batch._default_manager.order_by("name")
        batch = found[position % len(found)]
        getattr(outbox, what)(batch)
        batch.refresh_from_db()
        if batch.state == BatchState.CANCELLED:
            for pk in entries().filter(batch=batch).values_list("pk", flat=True):
                if pk not in self.cancelled and self.is_at_rest(pk):
                    self.cancelled[pk] = sum(mail.entry == pk for mail in self.accepted)

    def is_at_rest(self, entry_id: UUID) -> bool:
        """Whether no call of a message is being posted."""
        return entries().filter(pk=entry_id, state__in=(State.CANCELLED, State.WAITING)).exists()

    @precondition(lambda self: self.ids)
    @rule(
        position=POSITIONS,
        what=st.sampled_from(PEOPLE),
        seconds=st.sampled_from([-10, 50, 4000]),
    )
    def people(self, position: int, what: str, seconds: int) -> None:
        entry_id = self.ids[position % len(self.ids)]
        if what == "pause":
            outbox.pause(MAILER, by="Ann")
        elif what == "reschedule":
            outbox.reschedule(entry_id, self.clock.now() + timedelta(seconds=seconds))
        else:
            self.decide(entry_id, what)

    def decide(self, entry_id: UUID, what: str) -> None:
        done = getattr(outbox, what)(entry_id)
        if done and what == "send_again":
            after = entries().values_list("sent_again_after", flat=True).get(pk=entry_id)
            self.once_more.setdefault(entry_id, {0}).add(after)
        if done and what in ("send_again", "release"):
            self.allowed[entry_id] += 1
            self.cancelled.pop(entry_id, None)
        if done and what == "cancel":
            self.cancelled[entry_id] = sum(mail.entry == entry_id for mail in self.accepted)

    # Workers

    @rule(
        number=st.sampled_from([0, 1]),
        may_claim=st.sampled_from([True, True, False]),
        times=st.sampled_from([1, 2, 3]),
    )
    def step(self, number: int, may_claim: bool, times: int) -> None:
        """Two steps are a claim, and the beginning of calls."""
        for _ in range(times):
            self.workers[number].step(may_claim=may_claim)

    @precondition(lambda self: any(self.pool(0).jobs + self.pool(1).jobs))
    @rule(
        number=st.sampled_from([0, 1]),
        posts=st.lists(st.sampled_from(ANSWERS), max_size=3),
        answers=st.integers(0, 3),
    )
    def calls_go_on(self, number: int, posts: list[str], answers: int) -> None:
        """Calls are posted, and perhaps answered."""
        pool = self.pool(number if self.pool(number).jobs else 1 - number)
        for answer in posts[: pool.unposted]:
            self.next_answer = answer
            pool.post()
        self.next_answer = "accepted"
        for _ in range(min(answers, len(pool.jobs) - pool.unposted)):
            pool.answer()

    @rule(number=st.sampled_from([0, 1]), posts=st.lists(st.sampled_from(ANSWERS), max_size=3))
    def work(self, number: int, posts: list[str]) -> None:
        """A claim, calls, answers, and what becomes of them."""
        self.step(number, may_claim=True, times=2)
        if self.pool(number).jobs:
            self.calls_go_on(number, posts, answers=3)
        self.step(number, may_claim=False, times=1)

    @rule(
        number=st.sampled_from([0, 1]),
        name=st.sampled_from(["", "stop", *POINTS]),
        is_done=st.booleans(),
    )
    def trouble(self, number: int, name: str, is_done: bool) -> None:
        """A worker dies: at once, or before or after the database has what a function writes."""
        if name == "stop":
            self.workers[number].stop()
            return
        if name in POINTS:
            self.step_and_die(number, name, is_done)
        self.workers[number] = self.new_worker()

    def step_and_die(self, number: int, name: str, is_done: bool) -> None:
        real = getattr(POINTS[name], name)

        def function(*args: Any, **kwargs: Any) -> Any:
            if is_done:
                real(*args, **kwargs)
            raise Died

        with mock.patch.object(POINTS[name], name, function), suppress(Died):
            self.workers[number].step(may_claim=True)

    @rule(seconds=st.sampled_from([1, 1, 31, 61, 3700]))
    def time_passes(self, seconds: int) -> None:
        """While a third worker looks at the clock, and whoever has paused something resumes it."""
        outbox.resume(MAILER)
        self.clock.pass_by(seconds)
        reap(lease=LEASE, max_attempts=MAX_ATTEMPTS)
        look_after()

    # What is always so

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        got = Counter((mail.entry, address) for mail in self.accepted for address in mail.to)
        for (entry_id, address), count in got.items():
            assert count <= 1 + self.allowed[entry_id], (address, count)

    @invariant()
    def workers_post_only_what_is_their_own(self) -> None:
        assert not self.strays, "A worker has posted what was not its own any more."

    @invariant()
    def what_was_cancelled_is_not_sent(self) -> None:
        for entry_id, count in self.cancelled.items():
            assert sum(mail.entry == entry_id for mail in self.accepted) == count

    @invariant()
    def what_is_said_to_be_sent_is_with_ses(self) -> None:
        ids = {(mail.id, address) for mail in self.accepted for address in mail.to}
        rows = recipients().filter(status="queued").values_list("message_id", "address")
        assert set(rows) <= ids, set(rows) - ids

    @invariant()
    def what_is_sent_once_more_is_not_sent_by_what_came_before(self) -> None:
        attempts = {mail.id: mail.attempt for mail in self.accepted}
        rows = recipients().filter(status="queued")
        for message_id, after in rows.values_list("message_id", "entry__sent_again_after"):
            assert attempts[message_id] > after, (message_id, after)

    @invariant()
    def what_is_said_to_be_sent_twice_was(self) -> None:
        """And not because somebody wanted that."""
        rows = recipients().exclude(second_message_id="")
        said = Counter(rows.values_list("entry", flat=True))
        assert said == Counter(
            dict(entries().filter(doubled_count__gt=0).values_list("pk", "doubled_count"))
        )
        for entry_id, address, *found in rows.values_list(
            "entry", "address", "message_id", "second_message_id"
        ):
            assert address in self.doubled(entry_id), (address, found)

    @invariant()
    def every_doubt_is_noted(self) -> None:
        noted = steps().filter(entry=OuterRef("pk"), attempt=OuterRef("attempt"))
        doubts = entries().filter(state=State.IN_DOUBT)
        assert not doubts.exclude(Exists(noted.filter(kind=StepKind.IN_DOUBT))).exists()

    def check_steps(self) -> None:
        """What people have done is noted. A doubt that need not be held is released by itself."""
        found = steps().exclude(entry__on_doubt="resend")
        again = found.filter(kind__in=(StepKind.SENT_AGAIN, StepKind.RELEASED))
        noted = Counter(again.values_list("entry", flat=True))
        held = entries().exclude(on_doubt="resend").filter(pk__in=self.allowed)
        for pk in held.values_list("pk", flat=True):
            assert noted[pk] == self.allowed[pk], (pk, noted[pk], self.allowed[pk])

    def doubled(self, entry_id: UUID, *, since: int = 0) -> set[str]:
        """Who has got a message twice, without anybody wanting it sent once more in between.

        :param since: only what was accepted in later attempts.
        """
        limits = self.once_more.get(entry_id, {0})
        got = Counter(
            (sum(mail.attempt > limit for limit in limits), address)
            for mail in self.accepted
            for address in mail.to
            if mail.entry == entry_id and mail.attempt > since
        )
        return {address for (_, address), count in got.items() if count > 1}

    # The end

    def teardown(self) -> None:
        try:
            if self.ids:
                self.drain()
                self.check_end()
        finally:
            self._stack.close()

    def drain(self) -> None:
        """SES is well, nobody dies any more, and time passes."""
        for _ in range(60):
            outbox.resume(MAILER)
            for batch in Batch._default_manager.all():
                outbox.resume_batch(batch)
            reap(lease=LEASE, max_attempts=MAX_ATTEMPTS)
            look_after()
            for number, worker in enumerate(self.workers):
                for _ in range(8):
                    worker.step(may_claim=True)
                    while self.pool(number).jobs:
                        while self.pool(number).unposted:
                            self.pool(number).post()
                        self.pool(number).answer()
            if not self.moves():
                break
            self.clock.pass_by(601)
        for mail in self.accepted:
            self.prove(mail)
        self.clock.pass_by(60)
        look_after()

    def moves(self) -> bool:
        """Whether something will still happen by itself."""
        resent = Q(state=State.IN_DOUBT, on_doubt="resend", failures__lt=MAX_ATTEMPTS)
        rows = entries().filter(~Q(state__in=ENDS) | resent)
        return rows.exists() or not all(worker.is_idle for worker in self.workers)

    def check_end(self) -> None:
        states = Counter(entries().exclude(state__in=ENDS).values_list("state", flat=True))
        assert not states, f"Stuck: {states}"
        assert set(entries().values_list("pk", flat=True)) == set(self.ids)
        self.nothing_is_sent_twice()
        self.what_is_said_to_be_sent_is_with_ses()
        self.what_is_said_to_be_sent_twice_was()
        self.check_steps()
        for batch in Batch._default_manager.all():
            self.check_batch(batch)
        for entry in entries():
            rows_twice = recipients().filter(entry=entry).exclude(second_message_id="")
            said = set(rows_twice.values_list("address", flat=True))
            missing = self.doubled(entry.pk, since=entry.sent_again_after) - said
            assert not missing, f"Sent twice, and nobody says so: {missing}"
            self.check_events(entry)
        for entry in entries().filter(state__in=(State.SENT, State.IN_DOUBT)):
            rows = dict(recipients().filter(entry=entry).values_list("address", "status"))
            if entry.state == State.SENT:
                assert set(rows.values()) <= {"queued", "failed", "sent"}, rows
            else:
                # Of somebody nothing is known.
                assert "unknown" in rows.values(), (entry.state, rows)

    def check_batch(self, batch: Batch) -> None:
        """It has an end, and its numbers are right."""
        assert batch.state in (BatchState.DONE, BatchState.CANCELLED), batch.state
        assert batch.done_at is not None
        assert batch.waiting == 0, (batch.state, batch.waiting)
        rows = recipients().filter(entry__batch=batch)
        found = Counter(rows.values_list("status", flat=True))
        assert batch.sent == found["queued"] + found["sent"], (batch.sent, found)
        assert batch.in_doubt == found["unknown"], (batch.in_doubt, found)

    def check_events(self, entry: Entry) -> None:
        """Whoever SES says has got it is known to, unless it is sent to them once more."""
        got = recipients().filter(entry=entry, status__in=("queued", "sent"))
        known = set(got.values_list("address", flat=True))
        for mail in self.accepted:
            if mail.entry == entry.pk and mail.attempt > entry.sent_again_after:
                unproven = set(mail.to) - known
                assert not unproven, f"An event did not count for {unproven}"


class StateMachineTests(OutboxTransactionTestCase):
    def run_machine(self, examples: int, steps: int) -> None:
        path = f"{__name__}.FakeBackend"
        profile = settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        logging.disable(logging.CRITICAL)  # what is logged is of no interest here
        self.addCleanup(logging.disable, logging.NOTSET)
        with use_outbox(path, OUTBOX_KEEP_CONTENT=10_000_000):
            run_state_machine_as_test(Outbox, settings=profile)

    def test_a_short_run(self) -> None:
        self.run_machine(examples=40, steps=40)

    @tag("fuzz")
    def test_a_long_run(self) -> None:
        self.run_machine(examples=100, steps=60)
