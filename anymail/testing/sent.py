"""Assertions about ``django.core.mail.outbox``: which messages were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core import mail
from django.core.mail import EmailMessage

from .conditions import Condition, Conditions, conditions_from, cut

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: unittest leaves frames of this module out of tracebacks.
__unittest = True

#: How many messages a failure describes.
MAX_SHOWN = 5
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
    if count is not None and count < 1:
        raise ValueError("count must be 1 or more; use assert_not_sent().")
    wanted = conditions_from(conditions)
    found = _matching(wanted)
    if not found or (count is not None and len(found) != count):
        raise AssertionError(_report_missing(wanted, found, count))
    return found[0]


def assert_not_sent(**conditions: Unpack[Conditions]) -> None:
    """Assert that no message was sent that meets all conditions.

    :param conditions: as for :func:`assert_sent`.
    :raises AssertionError: one was sent; the text describes it.
    :raises TypeError: a condition is unknown.
    """
    __tracebackhide__ = True
    wanted = conditions_from(conditions)
    if found := _matching(wanted):
        text = f"{_messages(len(found))} {_were(len(found))} sent{_with(wanted)}"
        raise AssertionError("\n".join([text, *_listed(found, [])]))


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
    return _matching(conditions_from(conditions))


def _outbox() -> list[EmailMessage]:
    return list(getattr(mail, "outbox", ()))


def _matching(conditions: list[Condition]) -> list[EmailMessage]:
    return [message for message in _outbox() if all(wanted.holds(message) for wanted in conditions)]


def _report_missing(
    conditions: list[Condition], found: list[EmailMessage], count: int | None
) -> str:
    """Why :func:`assert_sent` fails: what was wanted, and what was sent instead."""
    instead = f" instead of {count}" if count else ""
    lines = [f"{_messages(len(found))} {_were(len(found))} sent{instead}{_with(conditions)}"]
    if not (outbox := _outbox()):
        return "\n".join([*lines, NOTHING])
    lines += _listed(found, [])
    if others := [message for message in outbox if not any(message is one for one in found)]:
        others.sort(key=lambda message: sum(not one.holds(message) for one in conditions))
        lines += ["Sent instead, the closest first:", *_listed(others, conditions)]
    return "\n".join(lines)


def _listed(messages: list[EmailMessage], conditions: list[Condition]) -> list[str]:
    """A line for each message, and below it one for each condition that does not hold."""
    positions = {id(message): position for position, message in enumerate(_outbox())}
    lines = []
    for message in messages[:MAX_SHOWN]:
        to = ", ".join(map(str, message.to or message.recipients()))
        what = f"{cut(repr(str(message.subject)))} to {cut(to)}"
        lines.append(f"  mail.outbox[{positions[id(message)]}]: {what}")
        lines += [f"    {one.why_not(message)}" for one in conditions if not one.holds(message)]
    if left := len(messages[MAX_SHOWN:]):
        lines.append(f"  … and {left} more")
    return lines


def _with(conditions: list[Condition]) -> str:
    if not conditions:
        return ""
    return " with\n" + "\n".join(f"    {one.name} = {one.wanted!r}" for one in conditions)


def _messages(count: int) -> str:
    return "No message" if count == 0 else f"{count} message{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return "was" if count < 2 else "were"
