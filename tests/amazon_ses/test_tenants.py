"""Messages of tenants, and through multi-region endpoints."""

from __future__ import annotations

import json
from typing import Any
from unittest import skipIf, skipUnless

from botocore.compat import HAS_CRT
from django.core.mail import EmailMessage
from django.test import SimpleTestCase, override_settings

from anymail.amazon_ses import delivery
from anymail.backends.amazon_ses import EmailBackend as V1Backend
from anymail.backends.amazon_sesv2 import EmailBackend
from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from anymail.outgoing import OutgoingMessage

from ..ses import CREDENTIALS, Sent, loopback_server, simple_message, stubbed
from ..ses import send as send_with
from .test_configuration_overrides import template_message


def send(message: Any, **options: Any) -> Sent:
    return send_with(message, EmailBackend, **{"max_concurrency": 1, **options})


def tenant_of(message: EmailMessage) -> str | None:
    """The function of an application."""
    assert message.from_email
    name, _, domain = message.from_email.partition("@")
    return None if name == "system" else domain.split(".")[0]


def broken(message: EmailMessage) -> Any:
    """A function that returns what no tenant is."""
    return 5


class TenantTests(SimpleTestCase):
    def test_both_operations_name_it(self) -> None:
        for make in (simple_message, template_message):
            with self.subTest(make=make.__name__):
                self.assertEqual(send(make(tenant="acme")).params["TenantName"], "acme")

    def test_every_call_of_a_message_names_it(self) -> None:
        to = [f"to{n}@example.com" for n in range(120)]
        for make in (simple_message, template_message):
            message = make(to=to, tenant="acme")
            sent = send(message, split_recipients=True)
            self.assertEqual([call["TenantName"] for call in sent.calls], ["acme"] * 3)
            self.assertEqual(message.anymail_status.status, {"queued"})

    def test_the_setting_is_for_messages_without_one(self) -> None:
        self.assertEqual(send(simple_message(), tenant="all").params["TenantName"], "all")
        sent = send(simple_message(tenant="own"), tenant="all")
        self.assertEqual(sent.params["TenantName"], "own")
        self.assertNotIn("TenantName", send(simple_message(tenant=None), tenant="all").params)

    def test_the_setting_may_be_a_function_of_the_message(self) -> None:
        for setting in (tenant_of, f"{__name__}.tenant_of"):
            with self.subTest(setting), override_settings(ANYMAIL={"AMAZON_SES_TENANT": setting}):
                plain = EmailMessage("Subject", "Text", "shop@acme.example", ["to@example.com"])
                self.assertEqual(send(plain).params["TenantName"], "acme")
                plain.from_email = "system@acme.example"
                self.assertNotIn("TenantName", send(plain).params)

    def test_the_function_is_not_asked_about_messages_with_a_tenant(self) -> None:
        sent = send(simple_message(tenant="own"), tenant=lambda message: 1 / 0)
        self.assertEqual(sent.params["TenantName"], "own")

    def test_an_error_of_the_function_is_raised_unchanged(self) -> None:
        with self.assertRaises(ZeroDivisionError):
            send(simple_message(), tenant=lambda message: 1 / 0)

    def test_send_defaults_come_before_the_setting(self) -> None:
        sent = send(simple_message(), tenant="all", send_defaults={"tenant": "default"})
        self.assertEqual(sent.params["TenantName"], "default")

    def test_other_send_defaults_count_all_the_same(self) -> None:
        sent = send(simple_message(), tenant="all", send_defaults={"tags": ["default"]})
        self.assertEqual(sent.mime["X-Tag"], "default")

    def test_esp_extra_wins(self) -> None:
        for make in (simple_message, template_message):
            sent = send(make(tenant="acme", esp_extra={"TenantName": "extra"}), tenant="all")
            self.assertEqual(sent.params["TenantName"], "extra")

    def test_names_in_esp_extra_are_checked_too(self) -> None:
        for make in (simple_message, template_message):
            with self.assertRaisesRegex(AnymailUnsupportedFeature, "the tenant 'a b'"):
                send(make(esp_extra={"TenantName": "a b"}))

    def test_names_that_ses_does_not_allow_are_refused(self) -> None:
        for name in ("", "a b", "a.b", "ä", "x" * 65, "acme\n"):
            for make in (simple_message, template_message):
                with (
                    self.subTest(name=name),
                    self.assertRaisesRegex(AnymailUnsupportedFeature, "the tenant .*64 ASCII"),
                ):
                    send(make(tenant=name))

    def test_so_are_those_in_the_setting(self) -> None:
        for name in ("a b", "ä", "x" * 65):
            with self.assertRaisesRegex(AnymailConfigurationError, "the name of a tenant"):
                EmailBackend(tenant=name)
        with self.assertRaisesRegex(AnymailConfigurationError, "the name of a tenant"):
            EmailBackend(tenant=5)
        with self.assertRaisesRegex(AnymailConfigurationError, "AMAZON_SES_TENANT.*imported"):
            send(simple_message(), tenant="no.such.function")
        with self.assertRaisesRegex(
            AnymailSerializationError, "`tenant` must be a string, not int"
        ):
            send(simple_message(), tenant=broken)

    def test_the_v1_api_says_that_v2_is_needed(self) -> None:
        with self.assertRaisesRegex(AnymailUnsupportedFeature, "tenant. The v2 API does"):
            send_with(simple_message(), V1Backend, tenant="acme")
        sent = send_with(
            simple_message(), V1Backend, tenant="acme", ignore_unsupported_features=True
        )
        self.assertNotIn("TenantName", sent.params)

    def test_all_tenants_share_the_rate_of_the_account(self) -> None:
        one, two = (EmailBackend(tenant=name, max_send_rate=5) for name in ("one", "two"))
        with stubbed("sesv2") as stub:
            limiters = [delivery.limiter_for(stub.client, b.settings) for b in (one, two)]
        self.assertIs(*limiters)

    def test_refusals_of_ses_say_what_to_do(self) -> None:
        arn = "arn:aws:ses:us-east-1:123456789012:configuration-set/events"
        associate, create = "create-tenant-resource-association", "create-tenant --tenant-name"
        for status, code, text, advice in (
            (
                403,
                "AccessDeniedException",
                f"Tenant not associated with resources [{arn}].",
                associate,
            ),
            # A name like that of another kind of resource makes no difference.
            (
                404,
                "NotFoundException",
                "Tenant list-1 for AwsAccountId 123456789012 not found.",
                create,
            ),
        ):
            body = json.dumps({"__type": code, "message": text}).encode()
            answer = lambda r, n, found=(status, body): found  # noqa: E731
            with self.subTest(code), loopback_server(answer) as server:
                backend = EmailBackend(client_params={**CREDENTIALS, "endpoint_url": server.url})
                with self.assertRaises(AnymailAPIError) as caught:
                    backend.send_messages([simple_message(tenant="acme")])
                self.assertIn(text, str(caught.exception))
                self.assertIn(advice, str(caught.exception))
                self.assertEqual(caught.exception.scope, "sender")
                self.assertTrue(caught.exception.is_unsent)
                self.assertEqual(server.requests[0].json["TenantName"], "acme")


class EndpointTests(SimpleTestCase):
    def params(self, message: Any, **options: Any) -> dict[str, Any]:
        """The parameters of the only call, without the signature, for which awscrt is needed."""
        backend = EmailBackend(**options)
        [call] = backend.build_calls(OutgoingMessage.from_django(message, {}))
        return call.params

    def test_both_operations_name_it(self) -> None:
        for make in (simple_message, template_message):
            sent = self.params(make(), endpoint_id="abcdef12.g3h")
            self.assertEqual(sent["EndpointId"], "abcdef12.g3h")

    def test_esp_extra_wins(self) -> None:
        message = simple_message(esp_extra={"EndpointId": "other.g3h"})
        self.assertEqual(self.params(message, endpoint_id="abc.g3h")["EndpointId"], "other.g3h")

    def test_what_cannot_be_part_of_a_host_name_is_refused(self) -> None:
        for value in ("a b", "-a", "a..b", "x" * 64, "https://abc.g3h", "abc.g3h\n"):
            with self.subTest(value), self.assertRaisesRegex(AnymailConfigurationError, "endpoint"):
                EmailBackend(endpoint_id=value)

    def test_the_v1_api_says_that_v2_is_needed(self) -> None:
        for make in (simple_message, template_message):
            with self.assertRaisesRegex(AnymailUnsupportedFeature, "ENDPOINT_ID with the v1 API"):
                send_with(make(), V1Backend, endpoint_id="abc.g3h")
        sent = send_with(
            simple_message(), V1Backend, endpoint_id="abc.g3h", ignore_unsupported_features=True
        )
        self.assertNotIn("EndpointId", sent.params)

    @skipIf(HAS_CRT, "awscrt is installed")
    def test_without_awscrt_the_error_names_the_package(self) -> None:
        with loopback_server(lambda r, n: (200, b"{}")) as server:
            params = {**CREDENTIALS, "endpoint_url": server.url}
            backend = EmailBackend(endpoint_id="abc.g3h", client_params=params)
            with self.assertRaisesRegex(
                AnymailAPIError, r"AMAZON_SES_ENDPOINT_ID .*botocore\[crt\]"
            ) as caught:
                backend.send_messages([simple_message()])
            self.assertEqual(server.requests, [])
        self.assertTrue(caught.exception.is_unsent)

    @skipUnless(HAS_CRT, "awscrt is not installed")
    def test_requests_have_a_signature_for_all_regions(self) -> None:
        with loopback_server(lambda r, n: (200, b'{"MessageId": "m"}')) as server:
            params = {**CREDENTIALS, "endpoint_url": server.url}
            backend = EmailBackend(endpoint_id="abc.g3h", client_params=params)
            backend.send_messages([simple_message()])
            [request] = server.requests
        self.assertIn("AWS4-ECDSA-P256-SHA256", request.headers["Authorization"])
        self.assertEqual(request.headers["X-Amz-Region-Set"], "*")
