"""Which messages meet conditions, and what to say if they do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.core.mail import EmailMessage

from .conditions import Condition, cut

#: unittest leaves frames of this module out of tracebacks.
__unittest = True

#: How many messages a failure describes.
MAX_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Box:
    """Messages that assertions are about.

    :param messages: all of them.
    :param done: what was done with them: ``"sent"``.
    :param name: of a message, given its position.
    :param empty: what a test may have overlooked if there are none.
    """

    messages: Sequence[EmailMessage]
    done: str
    name: Callable[[int, EmailMessage], str]
    empty: str

    def matching(self, conditions: Sequence[Condition]) -> list[EmailMessage]:
        """The messages that meet all conditions."""
        return [one for one in self.messages if all(wanted.holds(one) for wanted in conditions)]

    def expect(self, conditions: Sequence[Condition], count: int | None) -> EmailMessage:
        """The first message that meets all conditions.

        :param count: how many there must be; at least one if None.
        :raises AssertionError: there are others.
        """
        __tracebackhide__ = True
        found = self.matching(conditions)
        if not found or (count is not None and len(found) != count):
            raise AssertionError(self._report_missing(conditions, found, count))
        return found[0]

    def expect_none(self, conditions: Sequence[Condition]) -> None:
        """Nothing, if no message meets all conditions.

        :raises AssertionError: one does.
        """
        __tracebackhide__ = True
        if found := self.matching(conditions):
            text = f"{_messages(len(found))} {_were(len(found))} {self.done}{_with(conditions)}"
            raise AssertionError("\n".join([text, *self._listed(found, [])]))

    def _report_missing(
        self, conditions: Sequence[Condition], found: list[EmailMessage], count: int | None
    ) -> str:
        """What was wanted, and what is there instead."""
        instead = f" instead of {count}" if count else ""
        what = f"{_messages(len(found))} {_were(len(found))} {self.done}{instead}"
        lines = [f"{what}{_with(conditions)}"]
        if not self.messages:
            return "\n".join([*lines, self.empty])
        lines += self._listed(found, [])
        if others := [one for one in self.messages if not any(one is other for other in found)]:
            others.sort(key=lambda message: sum(not one.holds(message) for one in conditions))
            lines.append(f"{self.done.capitalize()} instead, the closest first:")
            lines += self._listed(others, conditions)
        return "\n".join(lines)

    def _listed(
        self, messages: Sequence[EmailMessage], conditions: Sequence[Condition]
    ) -> list[str]:
        """A line for each message, and below it one for each condition that does not hold."""
        positions = {id(message): position for position, message in enumerate(self.messages)}
        lines = []
        for message in messages[:MAX_SHOWN]:
            to = ", ".join(map(str, message.to or message.recipients()))
            what = f"{cut(repr(str(message.subject)))} to {cut(to)}"
            lines.append(f"  {self.name(positions[id(message)], message)}: {what}")
            lines += [f"    {one.why_not(message)}" for one in conditions if not one.holds(message)]
        if left := len(messages[MAX_SHOWN:]):
            lines.append(f"  … and {left} more")
        return lines


def checked_count(count: int | None, other: str) -> int | None:
    """A number of messages to expect.

    :param other: the function that expects none.
    :raises ValueError: it is less than 1.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be 1 or more; use {other}().")
    return count


def _with(conditions: Sequence[Condition]) -> str:
    if not conditions:
        return ""
    return " with\n" + "\n".join(f"    {one.name} = {one.wanted!r}" for one in conditions)


def _messages(count: int) -> str:
    return "No message" if count == 0 else f"{count} message{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return "was" if count < 2 else "were"
