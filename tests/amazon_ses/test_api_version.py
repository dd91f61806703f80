"""AMAZON_SES_API_VERSION: which API a backend uses, and by which name."""

from __future__ import annotations

import django
from django.core.mail import get_connection
from django.test import SimpleTestCase, override_settings

from anymail.backends.amazon_ses import EmailBackend
from anymail.backends.amazon_sesv1 import EmailBackend as V1Backend
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.conf import type_problems
from anymail.exceptions import AnymailConfigurationError

from ..ses import V1, Sent, accepting, send, simple_message, use_backend


class ApiVersionTests(SimpleTestCase):
    def operation(self, backend: type[EmailBackend], **options: object) -> str:
        """Which API sends: only v2 has ``Content``."""
        return "v2" if "Content" in send(simple_message(), backend, **options).params else "v1"

    def test_it_is_v1_by_default(self) -> None:
        self.assertEqual(self.operation(EmailBackend), "v1")

    def test_the_setting_chooses(self) -> None:
        for version in (1, 2):
            with override_settings(ANYMAIL={"AMAZON_SES_API_VERSION": version}):
                self.assertEqual(self.operation(EmailBackend), f"v{version}")

    def test_so_does_the_option(self) -> None:
        self.assertEqual(self.operation(EmailBackend, api_version=2), "v2")

    def test_a_name_with_a_version_has_that_one(self) -> None:
        for version in (1, 2):
            with override_settings(ANYMAIL={"AMAZON_SES_API_VERSION": version}):
                self.assertEqual(self.operation(V1Backend), "v1")
                self.assertEqual(self.operation(V2Backend), "v2")

    def test_a_subclass_of_an_application_follows_the_setting(self) -> None:
        class ShopBackend(EmailBackend):
            pass

        with override_settings(ANYMAIL={"AMAZON_SES_API_VERSION": 2}):
            self.assertEqual(self.operation(ShopBackend), "v2")

    def test_it_works_through_django(self) -> None:
        sent = Sent()
        with use_backend(V1, api_version=2), accepting(sent, "sesv2"):
            simple_message().send()
        self.assertIn("Content", sent.params)

    def test_get_connection_takes_it(self) -> None:
        if django.VERSION >= (6, 1):
            self.skipTest("MAILERS takes its place")
        self.assertEqual(get_connection(V1, api_version=2).api.SERVICE, "sesv2")

    def test_another_one_is_an_error(self) -> None:
        for wrong in (0, 3, "2", None, True):
            with (
                self.subTest(wrong),
                override_settings(ANYMAIL={"AMAZON_SES_API_VERSION": wrong}),
            ):
                with self.assertRaisesMessage(AnymailConfigurationError, "must be 1 or 2"):
                    EmailBackend()
                [problem] = type_problems()
                self.assertIn('ANYMAIL["AMAZON_SES_API_VERSION"] must be 1 or 2', problem)
