"""How CPU time grows with the length of the input."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def cpu_growth(function: Callable[[str], Any], unit: str, length: int = 50_000) -> float:
    """How much longer a function takes for four times as much of ``unit``.

    About 4 where time is proportional to the length, 16 where it is quadratic. Short times are
    rounded up, for they hold more noise than anything else.
    """

    def seconds(times: int) -> float:
        text = unit * (times * length // len(unit))
        return min(_cpu(function, text) for _ in range(3))

    return seconds(4) / max(seconds(1), 0.005)


def _cpu(function: Callable[[str], Any], text: str) -> float:
    start = time.process_time()
    function(text)
    return time.process_time() - start
