"""What the traceback of an error tells, and what it should not."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Iterator


def signal_in(error: BaseException) -> BaseException | None:
    """The exception that a signal handler raised, if that is what an error comes from.

    Python runs handlers between any two instructions of the main thread, so their exceptions
    (Celery's ``SoftTimeLimitExceeded``) come out of whatever is being done; botocore wraps them
    like errors of the network.
    """
    handlers = (signal.getsignal(number) for number in signal.valid_signals())
    codes = {getattr(handler, "__code__", None) for handler in handlers} - {None}
    for link in _chain(error):
        if any(frame.f_code in codes for frame, _ in traceback.walk_tb(link.__traceback__)):
            return link
    return None


def forget_locals(error: BaseException) -> BaseException:
    """The same error, and its causes, without the variables of the functions that it left.

    They hold keys, recipients and messages, and error reports (Sentry, Django's mails to ADMINS)
    show variables. Where in the code it was stays known.
    """
    for link in _chain(error):
        traceback.clear_frames(link.__traceback__)
    return error


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it comes from."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__
