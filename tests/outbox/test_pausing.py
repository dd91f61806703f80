"""What a program pauses."""

from __future__ import annotations

from typing import Any
from unittest import skipIf

import django
from django.core import mail

from anymail import outbox
from anymail.outbox.models import Pause
from anymail.testing import run_outbox

from . import OutboxTestCase, use_outbox

SES = "ses" if django.VERSION >= (6, 1) else "default"


@use_outbox()
class PausingTests(OutboxTestCase):
    def setUp(self) -> None:
        super().setUp()
        mail.send_mail("Hello", "", "shop@example.com", ["ann@example.com"])

    def paused(self) -> set[Any]:
        return set(Pause._default_manager.values_list("mailer", "lane"))

    def test_without_a_mailer_nothing_is_sent_until_it_is_resumed(self) -> None:
        with self.assertLogs("anymail.outbox.pausing") as logs:
            self.assertTrue(outbox.pause())
            self.assertEqual(run_outbox().sent, 0)
            self.assertTrue(outbox.resume())
            self.assertEqual(run_outbox().sent, 1)
        self.assertIn("requested by code", logs.output[0])

    def test_a_second_pause_is_not_a_new_one(self) -> None:
        with self.assertLogs("anymail.outbox.pausing"):
            outbox.pause()
            self.assertFalse(outbox.pause())
            outbox.resume()
        self.assertFalse(outbox.resume())

    def test_the_lane_of_every_mailer_is_paused(self) -> None:
        lane = self.entry().lane
        with self.assertLogs("anymail.outbox.pausing"):
            outbox.pause(lane=lane)
            self.assertEqual(self.paused(), {(SES, lane)})
            self.assertFalse(outbox.resume())
            self.assertTrue(outbox.resume(lane=lane))
        self.assertEqual(self.paused(), set())

    def test_a_mailer_that_does_not_exist_is_an_error(self) -> None:
        with self.assertRaisesMessage(ValueError, f"'nope'. Those that send: '{SES}'."):
            outbox.pause("nope")
        self.assertEqual(self.paused(), set())

    @skipIf(django.VERSION < (6, 1), "MAILERS are for Django from 6.1 on")
    def test_the_outbox_itself_is_no_mailer_that_sends(self) -> None:
        with self.assertRaises(ValueError):
            outbox.pause("default")
