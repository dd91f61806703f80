"""What management commands ask before they change something."""

from __future__ import annotations

from django.core.management.base import CommandError


def agrees(question: str) -> bool:
    """Whether a person answers with yes.

    :raises CommandError: there is nobody to ask.
    """
    try:
        return input(question).strip().lower() in ("y", "yes")
    except (EOFError, RuntimeError):  # RuntimeError: there is no standard input
        raise CommandError("Nobody can answer. Add --noinput to do it without asking.") from None
