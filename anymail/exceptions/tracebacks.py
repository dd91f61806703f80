"""Tracebacks of errors: which raised exception is a signal handler's, and removing variables."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Iterator


def signal_handler_error(error: BaseException) -> BaseException | None:
    """The exception of a signal handler that caused an error, or None.

    Python runs handlers between any two instructions of the main thread, so their exceptions
    (Celery's ``SoftTimeLimitExceeded``) can come out of any call; botocore wraps them like network
    errors.
    """
    handlers = (signal.getsignal(number) for number in signal.valid_signals())
    codes = {getattr(handler, "__code__", None) for handler in handlers} - {None}
    for link in error_chain(error):
        if any(frame.f_code in codes for frame, _ in traceback.walk_tb(link.__traceback__)):
            return link
    return None


def clear_locals(error: BaseException) -> BaseException:
    """Clear the variables of the functions in the traceback of an error and of its causes.

    They hold keys, recipients and messages, and error reports (Sentry, Django's mails to ADMINS)
    show variables. The files and lines stay.

    :return: the same error.
    """
    for link in error_chain(error):
        traceback.clear_frames(link.__traceback__)
    return error


def error_chain(error: BaseException) -> Iterator[BaseException]:
    """An error, its cause or context, and so on."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__
