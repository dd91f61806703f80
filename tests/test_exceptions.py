"""The exception tree."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.test import SimpleTestCase

from anymail import exceptions
from anymail.exceptions import (
    AnymailAPIError,
    AnymailCancelSend,
    AnymailConfigurationError,
    AnymailDeprecationWarning,
    AnymailError,
    AnymailImproperlyInstalled,
    AnymailInsecureWebhookWarning,
    AnymailInvalidAddress,
    AnymailInvalidMailer,
    AnymailNotSupportedWarning,
    AnymailRecipientsRefused,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
    AnymailWarning,
    AnymailWebhookValidationFailure,
)
from tests.ses import simple_message


class TreeTests(SimpleTestCase):
    def test_the_bases_are_those_that_applications_catch(self):
        tree = {
            AnymailError: (Exception,),
            AnymailAPIError: (AnymailError,),
            AnymailRecipientsRefused: (AnymailError,),
            AnymailInvalidAddress: (AnymailError, ValueError),
            AnymailUnsupportedFeature: (AnymailError, ValueError),
            AnymailSerializationError: (AnymailError, TypeError),
            AnymailCancelSend: (AnymailError,),
            AnymailWebhookValidationFailure: (AnymailError, SuspiciousOperation),
            AnymailConfigurationError: (ImproperlyConfigured,),
            AnymailInvalidMailer: (AnymailConfigurationError,),
            AnymailImproperlyInstalled: (AnymailConfigurationError, ImportError),
            AnymailWarning: (Warning,),
            AnymailInsecureWebhookWarning: (AnymailWarning,),
            AnymailDeprecationWarning: (AnymailWarning, DeprecationWarning),
            AnymailNotSupportedWarning: (AnymailWarning,),
        }
        for error, bases in tree.items():
            with self.subTest(error=error.__name__):
                self.assertEqual(error.__bases__, bases)

    def test_a_wrong_configuration_is_not_silenced_with_the_other_errors(self):
        self.assertFalse(issubclass(AnymailConfigurationError, AnymailError))

    def test_requests_is_imported_only_for_the_error_that_needs_it(self):
        code = (
            "import sys, anymail.exceptions as e\n"
            "assert 'requests' not in sys.modules\n"
            "error = e.AnymailRequestsAPIError\n"
            "import requests\n"
            "assert error.__bases__ == (e.AnymailAPIError, requests.HTTPError), error.__bases__\n"
            "assert error is e.AnymailRequestsAPIError\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_there_is_nothing_else_in_the_module(self):
        with self.assertRaisesMessage(AttributeError, "has no attribute 'AnymailNonsense'"):
            _ = exceptions.AnymailNonsense

    def test_the_tree_is_drawn_in_the_docstring(self):
        for name, value in vars(exceptions).items():
            is_ours = isinstance(value, type) and name.startswith("Anymail")
            if is_ours and not issubclass(value, Warning):
                with self.subTest(name=name):
                    self.assertIn(f"── {name}", exceptions.__doc__)


class AttributeTests(SimpleTestCase):
    def test_every_keyword_becomes_an_attribute(self):
        message, backend = simple_message(), object()
        error = AnymailError(
            "text",
            email_message=message,
            status_code=400,
            backend=backend,
            payload={"a": 1},
            response={"Error": {}},
            esp_name="Amazon SES",
        )
        self.assertIs(error.email_message, message)
        self.assertIs(error.backend, backend)
        self.assertEqual(error.status_code, 400)
        self.assertEqual(error.payload, {"a": 1})
        self.assertEqual(error.response, {"Error": {}})
        self.assertEqual(error.esp_name, "Amazon SES")

    def test_every_attribute_is_none_unless_given(self):
        error = AnymailError("text")
        for name in ("email_message", "status_code", "backend", "payload", "response", "esp_name"):
            with self.subTest(name=name):
                self.assertIsNone(getattr(error, name))

    def test_the_name_of_the_service_comes_from_the_backend(self):
        class Backend:
            esp_name = "Amazon SES"

        self.assertEqual(AnymailError(backend=Backend()).esp_name, "Amazon SES")
        self.assertEqual(AnymailError(backend=Backend(), esp_name="X").esp_name, "X")

    def test_an_unknown_keyword_is_refused(self):
        with self.assertRaises(TypeError):
            AnymailError("text", reponse={})

    def test_an_api_error_is_nothing_of_that_unless_said(self):
        error = AnymailAPIError("text")
        self.assertIsNone(error.error_code)
        self.assertEqual(
            (error.is_transient, error.is_throttled, error.is_unsent), (False, False, False)
        )


class TextTests(SimpleTestCase):
    def test_the_parts_stand_on_lines_of_their_own(self):
        self.assertEqual(str(AnymailError("one", "two", 3)), "one\ntwo\n3")

    def test_without_parts_it_is_empty(self):
        self.assertEqual(str(AnymailAPIError()), "")

    def test_refused_recipients_have_a_text_by_default(self):
        self.assertEqual(
            str(AnymailRecipientsRefused()), "All message recipients were rejected or invalid"
        )
        self.assertEqual(str(AnymailRecipientsRefused("own")), "own")

    def test_a_serialization_error_tells_the_original_one(self):
        error = AnymailSerializationError(orig_err=ValueError("not a number"))
        self.assertIn("not a number", str(error))
        self.assertEqual(str(AnymailSerializationError("own", ValueError("x"))), "own")

    def test_a_missing_package_comes_with_the_command_that_installs_it(self):
        error = AnymailImproperlyInstalled("boto3")
        self.assertIn("The boto3 package is required", str(error))
        self.assertIn('python -m pip install "django-anymail-ses[amazon-ses]"', str(error))
        error = AnymailImproperlyInstalled("moto", install_extra="sandbox")
        self.assertIn('"django-anymail-ses[sandbox]"', str(error))

    def test_the_backend_of_a_missing_package_is_accepted(self):
        self.assertIn("boto3", str(AnymailImproperlyInstalled("boto3", "amazon_ses")))


class CopyTests(SimpleTestCase):
    ERRORS = (
        AnymailError("one", "two", status_code=400, response={"a": 1}, esp_name="Amazon SES"),
        AnymailAPIError(
            "text", error_code="Throttling", is_transient=True, is_throttled=True, is_unsent=True
        ),
        AnymailRecipientsRefused(response={"MessageId": "m-1"}),
        AnymailInvalidAddress("text"),
        AnymailUnsupportedFeature("text"),
        AnymailSerializationError(orig_err=ValueError("x")),
        AnymailCancelSend("text"),
        AnymailWebhookValidationFailure("text"),
        AnymailConfigurationError("text"),
        AnymailImproperlyInstalled("moto", install_extra="sandbox"),
    )

    def check_same(self, error: Exception, other: Exception) -> None:
        self.assertIs(type(other), type(error))
        self.assertEqual(other.args, error.args)
        self.assertEqual(str(other), str(error))
        self.assertEqual(vars(other), vars(error))

    def test_errors_can_be_pickled(self):
        """A task queue does so to tell the result of a task."""
        for error in self.ERRORS:
            with self.subTest(error=type(error).__name__):
                self.check_same(error, pickle.loads(pickle.dumps(error)))

    def test_errors_can_be_copied(self):
        for error in self.ERRORS:
            with self.subTest(error=type(error).__name__):
                self.check_same(error, copy.copy(error))

    def test_the_error_of_requests_can_be_pickled_and_copied(self):
        error = exceptions.AnymailRequestsAPIError("one", "two", response={"a": 1}, status_code=5)
        self.check_same(error, pickle.loads(pickle.dumps(error)))
        self.check_same(error, copy.copy(error))

    def test_the_error_of_requests_has_all_attributes_of_both(self):
        import requests

        error = exceptions.AnymailRequestsAPIError("text", email_message=1, error_code="x")
        self.assertIsInstance(error, requests.HTTPError)
        self.assertEqual((error.email_message, error.error_code), (1, "x"))
        self.assertIsNone(error.request)
        self.assertEqual(str(error), "text")

    def test_an_error_with_its_message_can_be_pickled(self):
        error = AnymailAPIError("text", email_message=simple_message(tags=["a"]))
        other = pickle.loads(pickle.dumps(error))
        self.assertEqual(other.email_message.tags, ["a"])
