"""Amazon's suppression list, against the sandbox's SES on loopback."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

from botocore.stub import Stubber
from django.test import override_settings

from anymail.amazon_ses import aws
from anymail.amazon_ses import suppression_list as module
from anymail.amazon_ses.suppression_list import (
    AmazonSuppressionList,
    SuppressedDestination,
    amazon_list,
    parse_destination,
)
from anymail.conf import AmazonSESSettings
from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailUnsupportedFeature,
)
from anymail.sandbox.aws.defaults import CREDENTIALS

from ..local_ses import LocalSesTestCase

ADDRESS = "ann@example.net"
LISTED = "SuppressedDestinationSummaries"


class AmazonListTestCase(LocalSesTestCase):
    def setUp(self) -> None:
        self.amazon.state.suppression.entries.clear()
        self.list = AmazonSuppressionList(
            client=self.sesv2, settings=AmazonSESSettings.load(), patience=0
        )

    def error(self, call: Any, *args: Any) -> AnymailAPIError:
        with self.assertRaises(AnymailAPIError) as raised:
            call(*args)
        return raised.exception


class CallTests(AmazonListTestCase):
    def test_put_get_and_remove(self) -> None:
        self.assertIsNone(self.list.get(ADDRESS))
        self.list.put(ADDRESS, "COMPLAINT")
        found = self.list.get(ADDRESS)
        assert found is not None
        assert found.updated_at is not None
        self.assertEqual((found.address, found.reason), (ADDRESS, "COMPLAINT"))
        self.assertLess(datetime.now(timezone.utc) - found.updated_at, timedelta(hours=1))
        self.assertIs(self.list.remove(ADDRESS), True)
        self.assertIs(self.list.remove(ADDRESS), False)

    def test_the_message_and_the_feedback_are_told(self) -> None:
        self.amazon.state.suppression.add(
            self.list.region, ADDRESS, "BOUNCE", MessageId="m", FeedbackId="f"
        )
        found = self.list.get(ADDRESS)
        assert found is not None
        self.assertEqual((found.message_id, found.feedback_id), ("m", "f"))

    def test_an_address_is_found_as_it_is_spelt_and_in_lower_case(self) -> None:
        for listed, spelling in (
            ("Ann@example.net", "Ann@example.net"),
            ("Ann@example.net", "Ann@EXAMPLE.net"),
            ("ann@example.net", "Ann@example.net"),
        ):
            self.list.put(listed, "BOUNCE")
            self.assertIsNotNone(self.list.get(spelling))
            self.assertIs(self.list.remove(spelling), True)
        self.list.put("Ann@example.net", "BOUNCE")
        self.assertIsNone(self.list.get("ann@example.net"))

    def test_nothing_but_an_address_is_asked_for(self) -> None:
        self.list.put(ADDRESS, "BOUNCE")
        for text in ("", "ann", " "):
            self.assertIsNone(self.list.get(text))
            self.assertIs(self.list.remove(text), False)

    def test_a_refusal_is_an_api_error(self) -> None:
        self.amazon.faults.denied.add("ses:GetSuppressedDestination")
        self.assertEqual(self.error(self.list.get, ADDRESS).error_code, "AccessDeniedException")

    def test_the_settings_make_the_client(self) -> None:
        self.list.put(ADDRESS, "BOUNCE")
        params = {**CREDENTIALS, "endpoint_url": self.amazon.url}
        for version in (1, 2):
            with override_settings(
                ANYMAIL={"AMAZON_SES_API_VERSION": version, "AMAZON_SES_CLIENT_PARAMS": params}
            ):
                self.assertIsNotNone(amazon_list().get(ADDRESS))
        aws.clear_clients()
        with self.assertRaisesMessage(AnymailConfigurationError, "MAILERS has no 'other'"):
            amazon_list("other")


class ListTests(AmazonListTestCase):
    def test_every_page_is_read(self) -> None:
        for number in range(5):
            self.list.put(f"{number}@example.net", "COMPLAINT" if number % 2 else "BOUNCE")
        with mock.patch.object(module, "PAGE_SIZE", 2):
            self.assertEqual(
                [one.address for one in self.list.list()],
                [f"{number}@example.net" for number in range(5)],
            )
        self.assertEqual(len(list(self.list.list(reasons=["COMPLAINT"]))), 2)
        hour = timedelta(hours=1)
        now = datetime.now(timezone.utc)
        self.assertEqual(list(self.list.list(start=now + hour)), [])
        self.assertEqual(list(self.list.list(end=now - hour)), [])

    def answers(self, *pages: dict[str, Any]) -> list[SuppressedDestination]:
        with Stubber(self.sesv2) as stubber:
            for page in pages:
                stubber.add_response("list_suppressed_destinations", page)
            return list(self.list.list())

    def test_a_list_that_does_not_end_is_an_error(self) -> None:
        page = {LISTED: [], "NextToken": "again"}
        with self.assertRaisesMessage(AnymailAPIError, "does not come to an end"):
            self.answers(page, page)
        endless = [{LISTED: [], "NextToken": str(number)} for number in range(102)]
        with self.assertRaisesMessage(AnymailAPIError, "does not come to an end"):
            self.answers(*endless)

    def test_odd_answers(self) -> None:
        self.assertEqual(self.answers({}), [])
        for item in (None, {}, {"EmailAddress": ""}, {"Reason": "BOUNCE"}, "?"):
            self.assertIsNone(parse_destination(item))
        self.assertEqual(
            parse_destination({"EmailAddress": ADDRESS, "Attributes": None}),
            SuppressedDestination(address=ADDRESS, reason="", updated_at=None),
        )


class RetryTests(AmazonListTestCase):
    def test_a_call_that_is_throttled_is_repeated(self) -> None:
        patient = AmazonSuppressionList(
            client=self.sesv2, settings=AmazonSESSettings.load(), patience=60
        )
        with mock.patch.object(module, "FIRST_PAUSE", 0.001), Stubber(self.sesv2) as stubber:
            stubber.add_client_error(
                "list_suppressed_destinations", "TooManyRequestsException", "", 429
            )
            stubber.add_response("list_suppressed_destinations", {LISTED: []})
            self.assertEqual(list(patient.list()), [])

    def test_it_is_given_up_after_a_while(self) -> None:
        with Stubber(self.sesv2) as stubber:
            stubber.add_client_error(
                "get_suppressed_destination", "TooManyRequestsException", "", 429
            )
            self.assertTrue(self.error(self.list.get, ADDRESS).is_throttled)


class TenantTests(AmazonListTestCase):
    def setUp(self) -> None:
        super().setUp()
        operation = self.sesv2.meta.service_model.operation_model("GetSuppressedDestination")
        if "TenantName" not in operation.input_shape.members:
            self.skipTest("This botocore does not know the lists of tenants.")
        self.list = AmazonSuppressionList(
            client=self.sesv2, settings=AmazonSESSettings.load(), tenant="shop", patience=0
        )

    def test_each_has_a_list_of_its_own(self) -> None:
        expected = {"EmailAddress": ADDRESS, "TenantName": "shop"}
        with Stubber(self.sesv2) as stubber:
            stubber.add_response("delete_suppressed_destination", {}, expected)
            self.assertIs(self.list.remove(ADDRESS), True)

    def test_a_tenant_that_is_not_there_is_an_error(self) -> None:
        with Stubber(self.sesv2) as stubber:
            stubber.add_client_error(
                "get_suppressed_destination",
                "NotFoundException",
                "Tenant shop for AwsAccountId 123456789012 does not exist.",
                404,
            )
            self.assertEqual(self.error(self.list.get, ADDRESS).error_code, "NotFoundException")

    def test_an_address_that_a_tenant_has_not_is_none(self) -> None:
        with Stubber(self.sesv2) as stubber:
            stubber.add_client_error(
                "get_suppressed_destination",
                "NotFoundException",
                "Email address ann@tenant.example does not exist on the list of tenant shop.",
                404,
            )
            self.assertIsNone(self.list.get(ADDRESS))

    def test_an_old_botocore_is_named(self) -> None:
        with (
            mock.patch.object(module, "known_parameters", return_value={"EmailAddress"}),
            self.assertRaisesMessage(AnymailUnsupportedFeature, "newer botocore"),
        ):
            self.list.get(ADDRESS)
