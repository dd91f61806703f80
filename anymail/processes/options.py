"""Options of management commands."""

from __future__ import annotations

import re
import threading
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from math import nan
from pathlib import Path

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import get_current_timezone, is_naive, make_aware

#: The longest time that Python can wait for.
MAX_SECONDS: int = int(threading.TIMEOUT_MAX)
UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def add_process_options(parser: ArgumentParser) -> None:
    """Add what every command that runs until it is stopped can be told.

    :param parser: of the command.
    """
    parser.add_argument(
        "--max-seconds",
        type=number(float, 0, MAX_SECONDS),
        metavar="S",
        help="begin nothing new after S seconds, and stop",
    )
    parser.add_argument(
        "--grace",
        type=number(float, 0, MAX_SECONDS),
        default=25,
        metavar="S",
        help="seconds that what has begun may take after SIGTERM (default: 25)",
    )
    parser.add_argument(
        "--health-file",
        type=Path,
        metavar="PATH",
        help="file to touch while the process is well; a liveness probe checks its age",
    )
    parser.add_argument(
        "--json", action="store_true", help="print a line of JSON a minute, and one at the end"
    )


def number(
    kind: type[int] | type[float], least: int, most: int | None = None
) -> Callable[[str], float]:
    """What turns an option's text into a number: the ``type`` of an argument.

    :param least: the smallest number that is allowed.
    :param most: the largest, or None. What is returned raises ``ArgumentTypeError`` for others.
    """
    wanted = f"{least} or more" if most is None else f"{least} to {most}"

    def parsed(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = nan
        if not (value >= least and (most is None or value <= most)):
            raise ArgumentTypeError(f"must be {wanted}, not {text!r}")
        return value

    return parsed


def duration(text: str) -> timedelta:
    """``90d``, ``12h`` or ``4w``.

    :param text: a whole number, and a unit: hours, days or weeks.
    :raises argparse.ArgumentTypeError: it is not a valid duration.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", text.strip().lower())
    if not match:
        raise ArgumentTypeError(f"{text!r} is not a valid duration, like 90d, 12h or 4w")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def moment(text: str) -> datetime:
    """``6h`` for six hours ago, ``2026-11-30T14:00``, or ``2026-11-30`` for its beginning.

    :param text: a :func:`duration`, or a time as in ISO 8601; without an offset, in the time zone
        of the project.
    :return: aware.
    :raises argparse.ArgumentTypeError: it is neither.
    """
    text = text.strip()
    try:
        return datetime.now(timezone.utc) - duration(text)
    except ArgumentTypeError:
        pass
    try:
        day = parse_date(text)
        found = parse_datetime(text) if day is None else datetime(day.year, day.month, day.day)
        if found is not None:
            return make_aware(found, get_current_timezone()) if is_naive(found) else found
    except (ValueError, OverflowError):
        pass
    raise ArgumentTypeError(f"{text!r} is no time, like 6h, 2d or 2026-11-30T14:00")
