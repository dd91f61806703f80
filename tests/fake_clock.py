"""A clock that only tests move, in the modules that limit the rate of sending."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from django.test import SimpleTestCase

from anymail.amazon_ses import pacing, quota, shared_rate


class Clock:
    """Time that only tests move."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic

    @contextmanager
    def in_use(self) -> Iterator[None]:
        with (
            mock.patch.object(pacing, "time", self),
            mock.patch.object(quota, "time", self),
            mock.patch.object(shared_rate, "time", self),
        ):
            yield


class ClockTestCase(SimpleTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        in_use = self.clock.in_use()
        in_use.__enter__()
        self.addCleanup(in_use.__exit__, None, None, None)
