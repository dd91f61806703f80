"""The checks of models whose fields ask whether an address is deliverable."""

from __future__ import annotations

from unittest import mock

from django.db import models
from django.test import SimpleTestCase
from django.test.utils import isolate_apps

from anymail.checks import validators
from anymail.validators import DeliverabilityValidator, deliverable


class ValidatorTests(SimpleTestCase):
    def check(self, validator: DeliverabilityValidator, installed: str = "1.43.0") -> list[str]:
        with (
            isolate_apps("tests") as apps,
            mock.patch.object(validators, "apps", apps),
            mock.patch.object(validators, "version", return_value=installed),
        ):

            class Customer(models.Model):  # noqa: DJ008
                email = models.EmailField(validators=[validator])

                class Meta:
                    app_label = "tests"

            found = validators.check_validator_caches() + validators.check_validators_can_ask()
        for message in found:
            self.assertIn("tests.Customer.email", message.msg)
        return [message.id for message in found]

    def test_e109_reports_a_cache_that_does_not_exist(self):
        self.assertEqual(self.check(DeliverabilityValidator(cache="nowhere")), ["anymail.E109"])

    def test_e109_is_silent_about_other_caches(self):
        self.assertEqual(self.check(deliverable), [])
        self.assertEqual(self.check(DeliverabilityValidator(cache=None)), [])

    def test_w125_reports_a_botocore_that_cannot_ask(self):
        for installed in ("1.40.0", "1.42.12", "1.9.99"):
            with self.subTest(installed):
                self.assertEqual(self.check(deliverable, installed), ["anymail.W125"])

    def test_w125_is_silent_about_newer_ones(self):
        for installed in ("1.42.13", "1.100.0", "2.0.0"):
            with self.subTest(installed):
                self.assertEqual(self.check(deliverable, installed), [])
