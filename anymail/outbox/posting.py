"""A message on its way: from its row to calls, and from their answers to its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from ..backends.base import AnymailBaseBackend
from ..backends.batch import MessageInFlight
from ..calls import ApiCall
from ..exceptions import AnymailError
from .attachments import LostAttachment
from .batches.content import Contents
from .ids import TAG, tag_value
from .leases import Unposted
from .ledger import recipients
from .logs import OwnLogger, reports_end
from .models import Entry
from .outcomes import (
    UNTRIED,
    Before,
    Outcome,
    Result,
    Verdict,
    decide,
    judge_error,
    judge_status,
    judge_unposted,
)
from .thawing import NewerVersion, UnreadableContent

logger: OwnLogger = OwnLogger(__name__)


@dataclass(kw_only=True, eq=False)
class Sending:
    """A claimed message, with its calls.

    :param entry: its row.
    :param message: the thawed Django message.
    :param calls: to be posted.
    :param before: what earlier attempts have left.
    :param answers: of the calls that have been begun, in their order.
    :param written: the positions of those whose answers are written down already.
    :param is_stopped: no more calls are to be begun.
    """

    entry: Entry
    message: Any
    calls: Sequence[ApiCall]
    before: Before
    answers: list[Future[Any]] = field(default_factory=list)
    written: set[int] = field(default_factory=set)
    is_stopped: bool = False

    @property
    def unwritten(self) -> int:
        """How many calls have been begun without an answer that is written down."""
        return len(self.answers) - len(self.written)

    @property
    def next_call(self) -> ApiCall | None:
        """The next one to begin; None if all have been, or no more are to be."""
        if self.is_stopped or len(self.answers) == len(self.calls):
            return None
        return self.calls[len(self.answers)]

    @property
    def unbegun_weight(self) -> int:
        """To how many recipients those that are to be begun go."""
        calls = () if self.is_stopped else self.calls[len(self.answers) :]
        return sum(call.weight for call in calls)

    @property
    def is_done(self) -> bool:
        """Whether everything that was begun has ended, and nothing is to be begun."""
        return self.next_call is None and all(answer.done() for answer in self.answers)

    def stop(self) -> None:
        """Begin no more calls, and have those give up that wait for their time."""
        self.is_stopped = True
        for call in self.calls:
            call.cancelled.set()


def prepare(entry: Entry, backend: AnymailBaseBackend, contents: Contents) -> Sending:
    """Build the calls of a claimed message. Sends ``pre_send`` and ``recipients_resolved``.

    :param contents: of the same worker.
    :return: without calls if everybody was refused, or a receiver cancelled the message.
    :raises Exception: it cannot be built: see :func:`unprepared`.
    """
    done = _earlier(entry)
    message: Any = contents.thaw(entry)
    message.outbox_id = entry.pk
    tags = {TAG: tag_value(entry.pk, entry.attempt)}
    with reports_end(message):
        calls = backend.start(message, message_tags=tags, exclude=done).calls
    return Sending(entry=entry, message=message, calls=calls, before=_before(entry, done))


def unprepared(entry: Entry, error: Exception, max_attempts: int) -> Outcome:
    """What becomes of a message whose calls cannot be built."""
    if isinstance(error, (UnreadableContent, LostAttachment)):
        result = Result(verdict=Verdict.REFUSED, code=type(error).__name__, text=str(error))
    elif isinstance(error, NewerVersion):  # while a new version is rolled out, others can send it
        result = Result(verdict=Verdict.RETRY, code=type(error).__name__, text=str(error))
    else:
        result = judge_unposted(error)
    if not isinstance(error, AnymailError):
        logger.warning(
            "The message %s in the outbox cannot be built",
            entry.pk,
            exc_info=error,
            extra={"anymail_outbox_id": str(entry.pk)},
        )
    done = _earlier(entry)
    rows = recipients().filter(entry=entry).values_list("address", flat=True)
    results = {address: result for address in rows if address not in done}
    return decide(results or {"": result}, _before(entry, done), max_attempts)


def outcome_of(sending: Sending, backend: AnymailBaseBackend, max_attempts: int) -> Outcome:
    """What becomes of a message whose calls have ended."""
    results = refused_results(sending)
    for position, call in enumerate(sending.calls):
        answer = sending.answers[position] if position < len(sending.answers) else None
        results |= results_of(call, answer, backend)
    return decide(results, sending.before, max_attempts)


def results_of(
    call: ApiCall, answer: Future[Any] | None, backend: AnymailBaseBackend
) -> dict[str, Result]:
    """What the answer to one call says about its recipients.

    :param answer: None if the call was not begun.
    """
    if answer is None or not answer.done() or isinstance(answer.exception(), Unposted):
        return {recipient.addr_spec: UNTRIED for recipient in call.recipients}
    try:
        statuses = backend.parse_response(call, answer.result())
    except Exception as err:
        result = judge_error(err)
        return {recipient.addr_spec: result for recipient in call.recipients}
    return {address: judge_status(status) for address, status in statuses.items()}


def refused_results(sending: Sending) -> dict[str, Result]:
    """The recipients that receivers of signals have refused, for example the suppression list."""
    statuses = sending.message.anymail_status.recipients
    return {
        address: judge_status(status)
        for address, status in statuses.items()
        if status.status in ("rejected", "invalid")
    }


def finish(sending: Sending, backend: AnymailBaseBackend) -> None:
    """Record the statuses on the message, and send ``post_send``. What receivers raise is logged:
    the message is sent, and its outcome is written."""
    in_flight = MessageInFlight(sending.message, sending.calls, sending.answers)
    try:
        with reports_end(sending.message):
            backend.finish(in_flight)
    except (AnymailError, Unposted):
        pass  # the outcome has it
    except Exception:
        logger.exception(
            "A receiver of post_send failed for the message %s in the outbox",
            sending.entry.pk,
            extra={"anymail_outbox_id": str(sending.entry.pk)},
        )


def _before(entry: Entry, done: Mapping[str, str]) -> Before:
    statuses = set(done.values())
    return Before(
        failures=entry.failures,
        is_accepted=not statuses.isdisjoint(("queued", "sent")),
        is_in_doubt="unknown" in statuses,
    )


def _earlier(entry: Entry) -> dict[str, str]:
    """The recipients that earlier attempts have settled, with their statuses."""
    if entry.attempt <= 1:
        return {}
    rows = recipients().filter(entry=entry).exclude(status="")
    return dict(rows.values_list("address", "status"))
