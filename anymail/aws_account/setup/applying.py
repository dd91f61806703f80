"""Makes what a plan says, one step after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_delay,
    wait_exponential,
)

from ...exceptions import AnymailAPIError, AnymailError
from ...processes.wording import counted
from .lookups import NO_QUEUE, Run
from .steps import Call, Step

#: The error codes of changes that AWS refuses for some seconds: what they need has been made, and
#: is not known everywhere yet (API references of Amazon SES and Amazon SQS; Amazon S3 User Guide,
#: "Amazon S3 data consistency model": configurations of buckets). SES tries whether it may publish.
PASSING: Mapping[str, tuple[str, ...]] = {
    "create_configuration_set_event_destination": ("BadRequestException", "NotFoundException"),
    "create_receipt_rule": ("InvalidSnsTopic", "InvalidS3Configuration", "RuleSetDoesNotExist"),
    "create_queue": NO_QUEUE,
    "put_bucket_lifecycle_configuration": ("NoSuchBucket", "OperationAborted"),
    "put_bucket_policy": ("NoSuchBucket", "OperationAborted"),
    "put_bucket_tagging": ("NoSuchBucket", "OperationAborted"),
    "put_public_access_block": ("NoSuchBucket", "OperationAborted"),
}
#: Seconds for which such a change is tried again.
PASSING_TIME = 20.0
#: Seconds between tries: 1, 2, 4, 4 …
LONGEST_PAUSE = 4.0


class SetupError(AnymailError):
    """AWS refused a step. The steps before it are done, and stay."""


def apply(steps: Sequence[Step], run: Run, tell: Callable[[str], object]) -> None:
    """Make the changes.

    :param tell: is called with a line about each when it is done, or has to wait.
    :raises SetupError: a step was refused; its text says what was done.
    """
    for number, step in enumerate(steps):
        try:
            _make(step, run, tell)
        except AnymailAPIError as err:
            raise SetupError(
                f"Stopped after {number} of {counted(len(steps), 'change')}, at: {step.text}. What "
                "was done stays. Correct the cause, and type the same command again: it goes on "
                f"from here.\n{err}"
            ) from err
        tell(f"  {'created' if step.is_new else 'added'}: {step.text}")


def _make(step: Step, run: Run, tell: Callable[[str], object]) -> None:
    def say(state: RetryCallState) -> None:
        if state.attempt_number == 1:
            tell(f"  waiting up to {PASSING_TIME:.0f} s until AWS accepts: {step.text}")

    retrying = Retrying(
        retry=retry_if_exception(partial(_may_pass, step.call)),
        wait=wait_exponential(max=LONGEST_PAUSE),
        stop=stop_after_delay(PASSING_TIME),
        before_sleep=say,
        reraise=True,
    )
    retrying(run, step.call)


def _may_pass(made: Call, error: BaseException) -> bool:
    """Whether the same call may succeed in a moment."""
    return isinstance(error, AnymailAPIError) and error.error_code in PASSING.get(
        made.operation, ()
    )
