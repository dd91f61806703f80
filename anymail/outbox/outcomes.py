"""What follows from the answers of SES: the next state of a message. Pure.

Source of what an answer means: :exc:`~anymail.exceptions.AnymailAPIError` and its ``scope``.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from ..amazon_ses.error_meanings import describe_status
from ..amazon_ses.masking import mask_addresses
from ..database.columns import storable_text
from ..exceptions import AnymailAPIError, AnymailConfigurationError, AnymailError
from ..message import AnymailRecipientStatus
from .models import CODE_LENGTH, ERROR_LENGTH, State

#: Seconds. The pause after the nth failure is 10, 20, 40 … up to an hour, with jitter.
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 3600.0
#: Seconds after which a throttled message is tried again, with jitter.
THROTTLE_PAUSE = 2.0
#: The same for a message that did not reach SES.
SERVICE_PAUSE = 5.0


class Verdict(Enum):
    """What became of one recipient."""

    #: SES has it.
    ACCEPTED = auto()
    #: Not sent, and trying again is no use.
    REFUSED = auto()
    #: Not sent; another attempt may help.
    RETRY = auto()
    #: Not sent; another attempt will help. Nobody's failure.
    THROTTLED = auto()
    #: Not sent; nothing with the same sender, or nothing at all, can be sent. Nobody's failure.
    PAUSED = auto()
    #: Not sent; SES, or the way to it, has trouble. Nobody's failure.
    UNAVAILABLE = auto()
    #: Not tried at all.
    UNTRIED = auto()
    #: Nobody knows.
    DOUBT = auto()


#: Those that leave a recipient waiting.
WAITING = frozenset(
    {
        Verdict.RETRY,
        Verdict.THROTTLED,
        Verdict.PAUSED,
        Verdict.UNAVAILABLE,
        Verdict.UNTRIED,
    }
)
#: The status that a recipient's row gets; WAITING ones have none.
STATUSES = {Verdict.ACCEPTED: "queued", Verdict.REFUSED: "failed", Verdict.DOUBT: "unknown"}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one recipient, or of a message before it had any.

    :param verdict: what became of it.
    :param status: a more exact one of :data:`~anymail.message.ANYMAIL_STATUSES`, or None.
    :param message_id: SES's; None unless it was accepted.
    :param code: the error code.
    :param text: the error, without addresses.
    :param scope: of the error.
    """

    verdict: Verdict
    status: str | None = None
    message_id: str | None = None
    code: str = ""
    text: str = ""
    scope: str = ""

    @property
    def stored_status(self) -> str:
        """The status for the recipient's row; empty if it is still waiting."""
        return self.status or STATUSES.get(self.verdict, "")


UNTRIED = Result(verdict=Verdict.UNTRIED)


@dataclass(frozen=True, kw_only=True)
class Before:
    """What earlier attempts have left.

    :param failures: how many of them count.
    :param is_accepted: some recipients have got it.
    :param is_in_doubt: of some nobody knows.
    """

    failures: int = 0
    is_accepted: bool = False
    is_in_doubt: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is to be written about a message after an attempt.

    :param state: its next one, of :class:`.models.State`.
    :param failures: how many attempts count by now.
    :param pause: seconds until it may be tried again.
    :param results: by the recipient's addr-spec, as the message spells it.
    :param problem: the result that decides about the message; None if there is no problem.
    """

    state: str
    failures: int
    pause: float
    results: Mapping[str, Result]
    problem: Result | None

    @property
    def is_throttled(self) -> bool:
        """Whether SES has refused a call for the rate."""
        return any(one.verdict is Verdict.THROTTLED for one in self.results.values())


def judge_error(error: BaseException) -> Result:
    """What an exception says about the recipients of a call that was to be posted.

    :param error: an exception of a call. Any but ours may have come after SES accepted it.
    """
    code = getattr(error, "error_code", None) or type(error).__name__
    scope = getattr(error, "scope", None) or ""
    verdict = _verdict_of_call(error) if isinstance(error, AnymailAPIError) else Verdict.DOUBT
    return Result(verdict=verdict, **_columns(code, str(error)), scope=scope)


def judge_unposted(error: Exception) -> Result:
    """What an exception says about a message of which nothing has been posted."""
    result = judge_error(error)
    if isinstance(error, AnymailAPIError):  # no credentials, for example
        return replace(result, verdict=_verdict_of_call(error, is_unsent=True))
    if isinstance(error, AnymailConfigurationError):
        return replace(result, verdict=Verdict.PAUSED, scope="account")
    # Django's own complaints about headers are ValueErrors.
    is_final = isinstance(error, (AnymailError, ValueError, TypeError))
    return replace(result, verdict=Verdict.REFUSED if is_final else Verdict.RETRY)


def judge_status(status: AnymailRecipientStatus) -> Result:
    """What SES's answer says about one recipient."""
    if status.status in ("queued", "sent"):
        # That of the backend for tests is a number.
        message_id = None if status.message_id is None else str(status.message_id)
        return Result(verdict=Verdict.ACCEPTED, status=status.status, message_id=message_id)
    if status.status in ("rejected", "invalid"):
        verdict = Verdict.REFUSED
    elif status.status == "failed":
        meaning = describe_status(status.error_code, status.error_message)
        verdict = _verdict_of_call(AnymailAPIError(**meaning))
    else:
        verdict = Verdict.DOUBT
    return Result(
        verdict=verdict,
        status=status.status if verdict is Verdict.REFUSED else None,
        **_columns(status.error_code or "", status.error_message or ""),
        scope=status.error_scope or "",
    )


def decide(results: Mapping[str, Result], before: Before, max_attempts: int) -> Outcome:
    """The next state of a message.

    :param results: of this attempt, by recipient.
    :param before: of earlier ones.
    :param max_attempts: how many attempts may fail.
    """
    found = Counter(result.verdict for result in results.values())
    failures = before.failures + (found[Verdict.RETRY] > 0)
    if found[Verdict.RETRY] and failures >= max_attempts:
        results = {address: _given_up(result) for address, result in results.items()}
        found = Counter(result.verdict for result in results.values())
    problem = _problem(list(results.values()))
    return Outcome(
        state=_state(found, before),
        failures=failures,
        pause=_pause(found, failures),
        results=results,
        problem=problem,
    )


def _columns(code: str, text: str) -> dict[str, str]:
    """An error without addresses, and without anything that a database refuses."""
    text = storable_text(mask_addresses(text))[:ERROR_LENGTH]
    return {"code": storable_text(code)[:CODE_LENGTH], "text": text}


def _state(found: Counter[Verdict], before: Before) -> str:
    if any(found[verdict] for verdict in WAITING):
        return State.WAITING
    if found[Verdict.DOUBT] or before.is_in_doubt:
        return State.IN_DOUBT
    is_sent = found[Verdict.ACCEPTED] or before.is_accepted
    return State.SENT if is_sent else State.FAILED


def _verdict_of_call(error: AnymailAPIError, *, is_unsent: bool = False) -> Verdict:
    if not (error.is_unsent or is_unsent):
        return Verdict.DOUBT
    if error.is_throttled and error.is_transient:
        return Verdict.THROTTLED
    if error.scope in ("account", "sender"):
        return Verdict.PAUSED
    if error.scope == "service":
        return Verdict.UNAVAILABLE
    return Verdict.RETRY if error.is_transient else Verdict.REFUSED


def _given_up(result: Result) -> Result:
    if result.verdict is not Verdict.RETRY:
        return result
    return replace(result, verdict=Verdict.REFUSED)


def _problem(results: Sequence[Result]) -> Result | None:
    """The one that says most: doubts first, then what made a recipient wait or fail."""
    order = (
        Verdict.DOUBT,
        Verdict.PAUSED,
        Verdict.UNAVAILABLE,
        Verdict.RETRY,
        Verdict.THROTTLED,
        Verdict.REFUSED,
    )
    for verdict in order:
        for result in results:
            if result.verdict is verdict:
                return result
    return None


def retry_pause(failures: int) -> float:
    """Seconds until a message is tried again ("full jitter" above a half; AWS Architecture Blog,
    "Exponential Backoff And Jitter").

    :param failures: how many attempts have failed by now, 1 or more.
    """
    return _jitter(min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 20)))


def _pause(found: Counter[Verdict], failures: int) -> float:
    if found[Verdict.RETRY]:
        return retry_pause(failures)
    if found[Verdict.UNAVAILABLE]:
        return _jitter(SERVICE_PAUSE)
    return _jitter(THROTTLE_PAUSE) if found[Verdict.THROTTLED] else 0.0


def _jitter(longest: float) -> float:
    return longest * random.uniform(0.5, 1)  # noqa: S311 - no secret
