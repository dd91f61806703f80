"""Error reports about the outbox are not stored in the outbox.

A report of a message that cannot be sent could not be sent either, and would be reported, without
end. Handlers that send directly are not concerned.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ..conf import django_setting

if TYPE_CHECKING:
    Adapter = logging.LoggerAdapter[logging.Logger]
else:  # Python 3.10 has no such thing
    Adapter = logging.LoggerAdapter

_is_closed: ContextVar[bool] = ContextVar("anymail_outbox_is_closed", default=False)


class OwnLogger(Adapter):
    """A logger whose lines never become messages in the outbox.

    :param name: of the module.
    """

    def __init__(self, name: str) -> None:
        super().__init__(logging.getLogger(name), {})

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        """Keep ``extra``, which the base class replaces."""
        return msg, kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a line."""
        with _closed():
            super().log(level, msg, *args, **kwargs)


@contextmanager
def reports_end(message: Any) -> Iterator[None]:
    """Run what may log errors while a message is sent: if it is an error report itself, they become
    no messages in the outbox.

    :param message: a Django message.
    """
    if is_report(message):
        with _closed():
            yield
    else:
        yield


def is_report(message: Any) -> bool:
    """Whether a message is for the ``ADMINS``, as :func:`django.core.mail.mail_admins` sends it."""
    admins = django_setting("ADMINS") or ()
    # Pairs of name and address up to Django 6.0.
    addresses = {str(one[1] if isinstance(one, (list, tuple)) else one) for one in admins}
    return bool(message.to) and addresses.issuperset(message.to)


def is_closed() -> bool:
    """Whether the outbox is to store nothing, in this thread or task."""
    return _is_closed.get()


@contextmanager
def _closed() -> Iterator[None]:
    token = _is_closed.set(True)
    try:
        yield
    finally:
        _is_closed.reset(token)
