"""What Amazon is asked for the page: at the same time, for a few seconds at most, and once a
minute.

Sources: Amazon SES API v2 Reference, "GetAccount" and "ListRecommendations"; Amazon SQS API
Reference, "GetQueueAttributes".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from ...amazon_ses import aws, sqs
from ...amazon_ses.aws_errors import api_errors
from ...amazon_ses.error_codes import THROTTLING_CODES
from ...amazon_ses.quota import rate_limit_key
from ...conf import AmazonSESSettings
from ...database.columns import storable_json
from ...exceptions import AnymailAPIError, AnymailConfigurationError
from .remembering import keep, recall

#: Somebody waits for the page.
CONFIG: Mapping[str, Any] = {
    "connect_timeout": 2,
    "read_timeout": 2,
    "retries": {"total_max_attempts": 1},
}
#: Seconds for all answers together.
DEADLINE = 5.0
#: Seconds for which an answer is kept, and an error.
LIFETIME, ERROR_LIFETIME = 60.0, 10.0
#: Seconds: whoever asks again does not get anything newer than that.
FRESH = 2.0
#: Seconds to wait where SES allows one call a second ("Service quotas in Amazon SES").
THROTTLE_PAUSE = 1.1
MAX_THREADS = 8
NO_ANSWER = "NoAnswer"
#: What is kept of the answers; the rest has addresses, and what Amazon was told about the project.
ACCOUNT_FIELDS = (
    "SendQuota",
    "SendingEnabled",
    "ProductionAccessEnabled",
    "EnforcementStatus",
    "SuppressionAttributes",
)


@dataclass(frozen=True, kw_only=True)
class Question:
    """Something to ask.

    :param name: the same for the same question only.
    :param ask: asks it, in a thread, and gives JSON, or raises.
    """

    name: str
    ask: Callable[[], Any]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of it.

    :param at: seconds since 1970.
    :param value: JSON; None if there is none.
    :param error_code: why not.
    :param error: the same in words; empty for the codes that speak for themselves.
    """

    at: float
    value: Any = None
    error_code: str = ""
    error: str = ""


def account_question(settings: AmazonSESSettings, names: Sequence[str]) -> Question:
    """What Amazon says about an account.

    :param settings: of mailers that send with it.
    :param names: of these.
    """
    return Question(name=_name("account", settings, names), ask=lambda: _account(settings))


def advice_question(settings: AmazonSESSettings, names: Sequence[str]) -> Question:
    """What Amazon recommends for it; the parameters are the same."""
    return Question(name=_name("advice", settings, names), ask=lambda: _advice(settings))


def queue_question(settings: AmazonSESSettings, queue: str) -> Question:
    """How full a queue is.

    :param queue: its name, URL or ARN.
    """
    return Question(name=_name("queue", settings, [queue]), ask=lambda: _queue(settings, queue))


def answers(questions: Sequence[Question], *, again: bool = False) -> list[Answer]:
    """The answers, in the same order; those that are kept are not asked for.

    :param again: whether to ask for those, too.
    """
    recalled = {one.name: _recalled(one, FRESH if again else LIFETIME) for one in questions}
    asked = _ask([one for one in questions if recalled[one.name] is None])
    for name, answer in asked.items():
        keep(name, vars(answer), ERROR_LIFETIME if answer.error_code else LIFETIME)
    return [recalled[one.name] or asked[one.name] for one in questions]


def _ask(questions: Sequence[Question]) -> dict[str, Answer]:
    if not questions:
        return {}
    executor = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="anymail-account")
    try:
        asked = {one.name: executor.submit(one.ask) for one in questions}
        wait(asked.values(), DEADLINE)
        return {name: _answer(future) for name, future in asked.items()}
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _answer(future: Future[Any]) -> Answer:
    now = time.time()
    if not future.done():
        return Answer(at=now, error_code=NO_ANSWER)
    error = future.exception()
    if error is None:
        return Answer(at=now, value=storable_json(future.result()))
    code = getattr(error, "error_code", None) or type(error).__name__
    # The project's own code, such as AMAZON_SES_CLIENT_FACTORY, may raise texts with secrets.
    is_ours = isinstance(error, (AnymailAPIError, AnymailConfigurationError))
    # The last of several texts is advice.
    return Answer(
        at=now, error_code=code, error=str(error.args[-1]) if is_ours and error.args else ""
    )


def _recalled(question: Question, lifetime: float) -> Answer | None:
    found = recall(question.name)
    try:
        answer = Answer(**found)
        is_young = 0 <= time.time() - answer.at < lifetime
    except TypeError:
        return None
    return answer if is_young else None


def _account(settings: AmazonSESSettings) -> dict[str, Any]:
    with api_errors("Asking Amazon SES about the account"):
        client = aws.client("sesv2", settings, config=CONFIG)
        found = client.get_account()
    review = (found.get("Details") or {}).get("ReviewDetails") or {}
    return {
        "Owner": rate_limit_key(client, settings),
        "Region": client.meta.region_name,
        "Review": dict(review),
        **{name: found.get(name) for name in ACCOUNT_FIELDS},
    }


def _advice(settings: AmazonSESSettings) -> dict[str, Any]:
    try:
        return _recommendations(settings)
    except AnymailAPIError as err:
        if err.error_code not in THROTTLING_CODES:
            raise
    time.sleep(THROTTLE_PAUSE)
    return _recommendations(settings)


def _recommendations(settings: AmazonSESSettings) -> dict[str, Any]:
    with api_errors("Asking Amazon SES for recommendations"):
        client = aws.client("sesv2", settings, config=CONFIG)
        found = client.list_recommendations(Filter={"STATUS": "OPEN"})
    return {"Recommendations": found.get("Recommendations"), "More": bool(found.get("NextToken"))}


def _queue(settings: AmazonSESSettings, name: str) -> dict[str, Any]:
    queue = sqs.find_queue(name, settings, config=CONFIG)
    return {
        "name": queue.name,
        "waiting": queue.depth,
        "in_flight": queue.in_flight,
        "oldest": _oldest(queue, settings),
        "dead_queue": queue.dead_letter_arn and queue.dead_letter_arn.rpartition(":")[2],
        "dead": _dead(queue, settings),
    }


def _oldest(queue: sqs.Queue, settings: AmazonSESSettings) -> float | None:
    """Seconds; None if CloudWatch does not tell."""
    try:
        return sqs.oldest_age(queue, settings, config=CONFIG)
    except AnymailAPIError:
        return None


def _dead(queue: sqs.Queue, settings: AmazonSESSettings) -> int | None:
    """How many dead letters there are; None if SQS does not tell."""
    if queue.dead_letter_arn is None:
        return None
    try:
        return sqs.find_queue(queue.dead_letter_arn, settings, config=CONFIG).depth
    except AnymailAPIError:
        return None


def _name(what: str, settings: AmazonSESSettings, names: Sequence[str]) -> str:
    """With all that decides who answers; nobody can read it in a key of the cache."""
    given = (settings.session_params, settings.client_params, settings.sqs_client_params)
    return "\n".join([what, *names, repr(given), repr(settings.role_arn)])
