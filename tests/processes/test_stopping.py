from __future__ import annotations

import threading

from django.test import SimpleTestCase

from anymail.processes.stopping import time_limit

#: Enough for a slow machine; a test that fails takes as long.
PATIENCE = 30.0


class TimeLimitTests(SimpleTestCase):
    """For signals see the consumer's tests: they need processes that run something."""

    def test_it_is_called_when_the_block_takes_longer(self):
        called = threading.Event()
        with time_limit(0.01, called.set):
            self.assertTrue(called.wait(PATIENCE))

    def test_it_is_not_called_after_the_block(self):
        called = threading.Event()
        with time_limit(0.5, called.set):
            pass
        self.assertFalse(called.wait(1))

    def test_there_may_be_none(self):
        with time_limit(None, self.fail):
            pass
