"""Assertions about ``django.core.mail.outbox``: which messages were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core import mail
from django.core.mail import EmailMessage

from .boxes import Box, checked_count
from .conditions import Conditions, conditions_from

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: unittest leaves frames of this module out of tracebacks.
__unittest = True

#: What a test may have overlooked if nothing was sent at all.
NOTHING = (
    "The outbox is empty. Inside a TestCase, functions passed to transaction.on_commit() run only "
    "within captureOnCommitCallbacks(execute=True)."
)


def assert_sent(*, count: int | None = None, **conditions: Unpack[Conditions]) -> EmailMessage:
    """Assert that a message was sent that meets all conditions, and return it.

    A string is one among others: ``to="ann@example.com"`` holds for a message to Ann and Bob. A
    list is all of them, in any order: ``to=["ann@example.com"]`` holds for a message to Ann only. A
    dict holds if the message has all of its items, maybe among others. None means that the message
    has none.

    :param count: how many messages meet the conditions; at least one if not given.
    :param conditions: see :class:`~anymail.testing.conditions.Conditions`.
    :return: the message; the first one if there are several (see :func:`sent_messages`).
    :raises AssertionError: none does, or not ``count``. The text says what was sent instead, the
        closest message first, and which conditions it does not meet.
    :raises TypeError: a condition is unknown.
    :raises ValueError: ``count`` is less than 1.
    """
    __tracebackhide__ = True
    count = checked_count(count, "assert_not_sent")
    return _box().expect(conditions_from(conditions), count)


def assert_not_sent(**conditions: Unpack[Conditions]) -> None:
    """Assert that no message was sent that meets all conditions.

    :param conditions: as for :func:`assert_sent`.
    :raises AssertionError: one was sent; the text describes it.
    :raises TypeError: a condition is unknown.
    """
    __tracebackhide__ = True
    _box().expect_none(conditions_from(conditions))


def assert_nothing_sent() -> None:
    """Assert that no message was sent.

    :raises AssertionError: one was sent; the text describes it.
    """
    __tracebackhide__ = True
    assert_not_sent()


def sent_messages(**conditions: Unpack[Conditions]) -> list[EmailMessage]:
    """The messages that were sent and meet all conditions, in the order of sending.

    :param conditions: as for :func:`assert_sent`.
    :raises TypeError: a condition is unknown.
    """
    return _box().matching(conditions_from(conditions))


def _box() -> Box:
    return Box(
        messages=list(getattr(mail, "outbox", ())),
        done="sent",
        name=lambda position, message: f"mail.outbox[{position}]",
        empty=NOTHING,
    )
