"""What the errors of AWS mean."""

from __future__ import annotations

import inspect
import time

import botocore.exceptions
from botocore.parsers import ResponseParserError
from django.test import SimpleTestCase

from anymail.amazon_ses.error_codes import NEVER_CONNECTED, NO_ANSWER, TRANSIENT_CODES
from anymail.amazon_ses.error_meanings import (
    describe_exception,
    describe_response,
    describe_status,
)
from anymail.amazon_ses.masking import mask_addresses

RATE = "Maximum sending rate exceeded."
QUOTA = "Daily message quota exceeded."


def flags(meaning):
    """(throttled, transient, unsent)."""
    return meaning["is_throttled"], meaning["is_transient"], meaning["is_unsent"]


class ResponseTests(SimpleTestCase):
    def check(self, expected, *cases):
        for code, text, status in cases:
            with self.subTest(code=code, text=text, status=status):
                self.assertEqual(flags(describe_response(code, text, status)), expected)
                self.assertEqual(describe_response(code, text, status)["error_code"], code)

    def test_a_rate_is_throttled_and_passes(self):
        self.check(
            (True, True, True),
            ("Throttling", RATE, 400),
            ("Throttling", "Rate exceeded", 400),
            ("TooManyRequestsException", RATE, 429),
            ("TooManyRequestsException", "", 429),
            ("ThrottlingException", "Rate exceeded", 400),
            ("LimitExceededException", "maximum sending rate exceeded", 400),
            ("SlowDown", "Please reduce your request rate.", 503),
        )

    def test_a_daily_quota_is_throttled_and_does_not_pass(self):
        self.check(
            (True, False, True),
            ("Throttling", QUOTA, 400),
            ("Throttling", "daily message QUOTA exceeded", 400),
            ("TooManyRequestsException", QUOTA, 429),
            ("LimitExceededException", QUOTA, 400),
            ("AccountDailyQuotaExceeded", "", 400),
        )

    def test_wrong_input_and_configuration_are_permanent(self):
        codes = """
            MessageRejected MailFromDomainNotVerifiedException ConfigurationSetDoesNotExist
            TemplateDoesNotExist NotFoundException InvalidParameterValue ValidationError
            MissingParameter BadRequestException LimitExceeded LimitExceededException
            AccountSuspendedException
            ConfigurationSetSendingPausedException AccountSendingPausedException
            SendingPausedException
        """
        self.check((False, False, True), *((code, "text", 400) for code in codes.split()))

    def test_missing_rights_and_wrong_credentials_are_permanent(self):
        codes = """
            AccessDenied AccessDeniedException InvalidClientTokenId SignatureDoesNotMatch
            ExpiredToken RequestExpired UnrecognizedClientException InvalidSignatureException
            ExpiredTokenException
        """
        self.check((False, False, True), *((code, "text", 403) for code in codes.split()))

    def test_503_was_not_accepted_and_passes(self):
        self.check((False, True, True), ("ServiceUnavailable", "", 503), ("503", "", 503))

    def test_after_other_server_errors_nobody_knows(self):
        self.check(
            (False, True, False),
            ("InternalFailure", "", 500),
            ("500", "Internal Server Error", 500),
            ("", "", 500),
            ("InternalServiceErrorException", "", 500),
            ("502", "Bad Gateway", 502),
            ("504", "Gateway Timeout", 504),
        )

    def test_a_transient_code_with_a_status_of_the_client_was_surely_not_accepted(self):
        cases = [(code, "", status) for code in sorted(TRANSIENT_CODES) for status in (400, 429)]
        self.check((False, True, True), *cases)

    def test_a_server_error_without_a_status_is_not_known_to_be_unsent(self):
        self.check((False, True, False), ("InternalFailure", "", 0))

    def test_an_unknown_code_is_permanent(self):
        self.check((False, False, True), ("SomethingNew", "text", 400), ("", "", 0))


class ExceptionTests(SimpleTestCase):
    def check(self, expected, *kinds):
        for kind in kinds:
            with self.subTest(kind=kind):
                meaning = describe_exception(kind)
                self.assertEqual((meaning["is_transient"], meaning["is_unsent"]), expected)
                self.assertEqual(meaning["error_code"], kind)

    def test_without_a_connection_nothing_was_sent_and_it_may_pass(self):
        self.check(
            (True, True), "ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError"
        )

    def test_without_an_answer_nobody_knows(self):
        self.check(
            (True, False),
            "ReadTimeoutError",
            "ConnectionClosedError",
            "HTTPClientError",
            "ResponseParserError",
        )

    def test_what_is_wrong_before_connecting_is_permanent(self):
        self.check(
            (False, True),
            "NoCredentialsError",
            "NoRegionError",
            "ParamValidationError",
            "PartialCredentialsError",
            "ProfileNotFound",
        )

    def test_a_certificate_is_permanent_and_counts_as_sent(self):
        """TLS can also break after the request was written."""
        self.check((False, False), "SSLError")

    def test_every_name_is_one_of_botocore(self):
        for name in NEVER_CONNECTED | NO_ANSWER:
            with self.subTest(name=name):
                self.assertTrue(
                    hasattr(botocore.exceptions, name) or name == ResponseParserError.__name__
                )

    def test_every_network_error_of_botocore_is_classified(self):
        """botocore.exceptions grows: a new one must not be taken for harmless."""
        network = (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError)
        for name, kind in inspect.getmembers(botocore.exceptions, inspect.isclass):
            if issubclass(kind, network):
                with self.subTest(name=name):
                    self.assertIn(name, NEVER_CONNECTED | NO_ANSWER | {"SSLError"})


class StatusTests(SimpleTestCase):
    def test_both_spellings_mean_the_same(self):
        for one, two in (
            ("AccountThrottled", "ACCOUNT_THROTTLED"),
            ("AccountDailyQuotaExceeded", "ACCOUNT_DAILY_QUOTA_EXCEEDED"),
            ("TransientFailure", "TRANSIENT_FAILURE"),
            ("MessageRejected", "MESSAGE_REJECTED"),
        ):
            with self.subTest(one=one):
                self.assertEqual(flags(describe_status(one)), flags(describe_status(two)))
                self.assertEqual(describe_status(two)["error_code"], two)

    def test_throttled_passes_and_a_quota_does_not(self):
        self.assertEqual(flags(describe_status("AccountThrottled")), (True, True, True))
        self.assertEqual(flags(describe_status("AccountDailyQuotaExceeded")), (True, False, True))

    def test_a_transient_failure_passes(self):
        self.assertEqual(flags(describe_status("TRANSIENT_FAILURE")), (False, True, True))

    def test_everything_else_is_permanent(self):
        for code in (
            "MessageRejected",
            "TEMPLATE_NOT_FOUND",
            "AccountSendingPaused",
            "InvalidParameterValue",
            "Failed",
            "SomethingNew",
            None,
        ):
            with self.subTest(code=code):
                self.assertEqual(flags(describe_status(code)), (False, False, True))


class MaskTests(SimpleTestCase):
    def check_masked(self, text: str, expected: str) -> None:
        self.assertEqual(mask_addresses(text), expected)

    def test_the_domain_stays(self):
        self.check_masked(
            "Email address is not verified. The following identities failed the check in region "
            "US-EAST-1: Ann <ann.b+c@mail.example.com>, bob@example.com",
            "Email address is not verified. The following identities failed the check in region "
            "US-EAST-1: Ann <***@mail.example.com>, ***@example.com",
        )

    def test_an_address_in_quotation_marks(self):
        self.check_masked("Illegal address 'ann@x.com'", "Illegal address '***@x.com'")
        self.check_masked('{"to": ["ann@x.com"]}', '{"to": ["***@x.com"]}')

    def test_every_character_of_a_local_part(self):
        for local in (
            "o'brien",
            "bounce+ann=example.org",
            "a!#$%&*-_`{|}~?^b",
            "ünn",
            '"ann b"',
            '"a@\\"b"',
        ):
            with self.subTest(local=local):
                self.check_masked(f"Bad: {local}@x.com.", "Bad: ***@x.com.")

    def test_a_domain_that_is_not_ascii_or_an_address(self):
        self.check_masked("ann@münchen.example", "***@münchen.example")
        self.check_masked("ann@[192.0.2.1]", "***@[192.0.2.1]")

    def test_an_arn_stays_readable(self):
        self.check_masked(
            "not authorized on resource `arn:aws:ses:us-east-1:1:identity/ann@x.com'",
            "not authorized on resource `arn:aws:ses:us-east-1:1:identity/***@x.com'",
        )

    def test_other_text_stays(self):
        for text in ("Missing final '@domain'", "no address here", "at @ sign", "", 'a "b" c'):
            with self.subTest(text=text):
                self.check_masked(text, text)

    def test_it_is_fast_on_hostile_text(self):
        for text in ('"' * 20_000, "a" * 100_000, '"\\' * 10_000, "a'" * 20_000):
            started = time.process_time()
            mask_addresses(text)
            self.assertLess(time.process_time() - started, 5)
