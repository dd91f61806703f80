"""When to try again, when to extend, how long to pause. Time is an argument."""

from __future__ import annotations

import random

#: The longest time until the next try of a message, and the longest pause, in seconds.
MAX_RETRY_DELAY = 15 * 60
MAX_PAUSE = 60
#: The longest time between two requests to an empty queue, in seconds.
MAX_IDLE_PAUSE = 1.0
#: How many times per visibility timeout to look for messages to extend.
CHECKS_PER_TIMEOUT = 10
MIN_INTERVAL, MAX_INTERVAL = 0.1, 5.0


def retry_delay(receive_count: int) -> int:
    """Seconds until a message that failed is tried again: 2ⁿ, a fifth more or less.

    :param receive_count: n, how often it was received.
    """
    return max(1, min(MAX_RETRY_DELAY, round(_doubled(receive_count) * _jitter())))


def time_to_last_try(max_receives: int) -> float:
    """Seconds from the first try of a message that always fails to the last.

    :param max_receives: how often it is received; 1 or more.
    """
    return sum(min(MAX_RETRY_DELAY, _doubled(count)) for count in range(1, max_receives))


def idle_pause(empty_polls: int) -> float:
    """Seconds until the next request to an empty queue: 0.1, 0.2, 0.4, … 1.

    :param empty_polls: requests that brought nothing, in a row; 1 or more.
    """
    return min(MAX_IDLE_PAUSE, 0.1 * _doubled(empty_polls - 1))


def pause(failures: int) -> float:
    """Seconds to pause when AWS or the database is away: 1, 2, 4, … 60, a fifth more or less.

    :param failures: in a row; 1 or more.
    """
    return max(1.0, min(MAX_PAUSE, _doubled(failures - 1) * _jitter()))


def hidden_until(asked: float, answered: float, visibility_timeout: int) -> float:
    """Until when messages that were just received are hidden.

    SQS counts from the moment it took them from the queue, which is before its answer arrives.

    :param asked: when the request was made.
    :param answered: when its answer was there; by the same clock.
    """
    travel = min(1.0, visibility_timeout / 4)
    return max(asked, answered - travel) + visibility_timeout


def is_due(hidden_until: float, visibility_timeout: int, now: float) -> bool:
    """Whether a message has used up half of the time that it is hidden from other consumers.

    :param hidden_until: on the same clock as ``now``.
    """
    return hidden_until - now <= visibility_timeout / 2


def check_interval(visibility_timeout: int) -> float:
    """Seconds between two checks for messages to extend."""
    interval = visibility_timeout / CHECKS_PER_TIMEOUT
    return max(MIN_INTERVAL, min(MAX_INTERVAL, interval))


def _doubled(times: int) -> float:
    """2ⁿ, within the range of a float."""
    return 2.0 ** min(times, 20)


def _jitter() -> float:
    """Messages that failed together do not all come back together."""
    return random.uniform(0.8, 1.2)  # noqa: S311
