from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from typing import Any
from unittest import mock

from botocore.exceptions import ClientError
from botocore.stub import Stubber
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404
from django.test import Client, SimpleTestCase, override_settings
from django.urls import reverse

from anymail import testing
from anymail.amazon_ses import aws, boto_errors, storage
from anymail.amazon_ses.timestamps import iso_time, utc_now
from anymail.conf import AmazonSESSettings
from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailInsecureWebhookWarning,
    AnymailWebhookValidationFailure,
)
from anymail.signals import AnymailTrackingEvent, account_changed, inbound, tracking
from anymail.testing import sns
from anymail.testing.ses import DEFAULT_MAIL
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView, AmazonSESWebhookView
from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.credentials import get_request_basic_auth, get_request_uri

from ..log_guard import recorded
from ..sns_samples import (
    EVENTS_TOPIC,
    INBOUND_URL,
    PAYLOADS,
    TRACKING_URL,
    anymail_settings,
    certificate,
    fetch_sample,
    freeze_time,
    ignore_insecure_webhooks,
    read_json,
    read_text,
)

SECRET = "ses:s3cret"
LOGGER = "anymail.webhooks.amazon_ses"
BASE_LOGGER = "anymail.webhooks.base"
RAW = {"AMAZON_SES_ALLOW_RAW_MESSAGE_DELIVERY": True}


class WebhookTestCase(SimpleTestCase):
    """Collects what receivers get."""

    def setUp(self) -> None:
        ignore_insecure_webhooks(self)
        self.calls: list[dict[str, Any]] = []
        for signal in (tracking, inbound):
            signal.connect(self.receive)
            self.addCleanup(signal.disconnect, self.receive)

    def receive(self, **kwargs: Any) -> None:
        self.calls.append(kwargs)

    @property
    def events(self) -> list[AnymailTrackingEvent]:
        return [call["event"] for call in self.calls]

    def post_text(self, text: str | bytes, **headers: str) -> Any:
        return self.client.post(
            TRACKING_URL,
            text.encode() if isinstance(text, str) else text,
            content_type="text/plain; charset=UTF-8",
            headers=headers,
        )

    def post(self, *args: Any, **kwargs: Any) -> Any:
        """Post what anymail.testing signs."""
        with testing.trusted_sns():
            return self.client.post(TRACKING_URL, **testing.sns_notification(*args, **kwargs))


class EventSampleTests(WebhookTestCase):
    def test_every_document_gives_the_expected_events(self):
        expected = read_json("expected-events.json")["files"]
        for name, wanted in expected.items():
            with self.subTest(name):
                self.calls.clear()
                response = self.post(read_json(f"events/{name}"))
                self.assertEqual((response.status_code, response.content), (200, b""))
                found = [
                    {key: self.plain(event, key) for key in row}
                    for event, row in zip(self.events, wanted, strict=False)
                ]
                self.assertEqual(found, wanted)
                self.assertEqual(len(self.events), len(wanted))

    def test_texts_are_set_up_messages_or_refused(self):
        for path in PAYLOADS.glob("events/*.txt"):
            with self.subTest(path.name):
                fields = {
                    "Type": "Notification",
                    "MessageId": "m",
                    "TopicArn": EVENTS_TOPIC,
                    "Message": path.read_text(encoding="utf-8"),
                    "Timestamp": iso_time(utc_now()),
                }
                with testing.trusted_sns():
                    response = self.client.post(TRACKING_URL, **testing.sns_request(fields))
                accepted = path.name.startswith("text-validation")
                self.assertEqual(response.status_code, 200 if accepted else 400)
        self.assertEqual(self.events, [])

    def plain(self, event: AnymailTrackingEvent, name: str) -> Any:
        value = getattr(event, name)
        if not hasattr(value, "isoformat"):
            return value
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class OtherCarriersInSnsTests(WebhookTestCase):
    """A webhook whose topic gets events from EventBridge, or from a bucket."""

    def setUp(self) -> None:
        super().setUp()
        account_changed.connect(self.receive)
        self.addCleanup(account_changed.disconnect, self.receive)

    def test_an_event_of_eventbridge_is_opened(self):
        document = testing.ses_event("bounce")
        event = {"detail-type": "Email Bounced", "source": "aws.ses", "detail": document}
        self.assertEqual(self.post(event).status_code, 200)
        self.assertEqual([e.event_type for e in self.events], ["bounced"])
        self.assertEqual(self.events[0].esp_event, document)

    def test_a_change_of_the_account_has_its_own_signal(self):
        event = {"detail-type": "Sending Status Disabled", "source": "aws.ses", "detail": {}}
        for view in (TRACKING_URL, INBOUND_URL, "/anymail/amazon_ses/"):
            with self.subTest(view), testing.trusted_sns():
                self.calls.clear()
                response = self.client.post(view, **testing.sns_notification(event))
                self.assertEqual(response.status_code, 200)
                [call] = self.calls
                self.assertIs(call["signal"], account_changed)
                self.assertEqual(call["event"].kind, "Sending Status Disabled")

    def test_a_document_of_an_unknown_kind_is_an_unknown_event(self):
        for document in ({}, {"foo": 1}, {"source": "aws.ec2", "detail-type": "x", "detail": {}}):
            with self.subTest(document):
                document = {**document, "mail": {"destination": ["ann@example.com"]}}
                self.calls.clear()
                self.assertEqual(self.post(document).status_code, 200)
                [event] = self.events
                self.assertEqual((event.event_type, event.esp_event), ("unknown", document))

    def test_a_test_event_of_s3_gives_nothing(self):
        self.assertEqual(self.post({"Event": "s3:TestEvent"}).status_code, 200)
        self.assertEqual(self.events, [])


class SnsSampleTests(WebhookTestCase):
    def test_every_envelope_is_accepted_or_refused_as_expected(self):
        for name, wanted in read_json("expected-sns.json")["files"].items():
            with self.subTest(name):
                self.calls.clear()
                confirm, response = self.deliver(name, wanted)
                refused = wanted["signature"] == "invalid" or "refuse" in wanted
                self.assertEqual(response.status_code, 400 if refused else 200)
                confirmed = name.startswith("subscription-confirmation")
                self.assertEqual(confirm.call_count, int(confirmed))
                self.assertEqual(self.documents(), self.expected_documents(wanted, refused))

    def test_inbound_mail_at_the_tracking_webhook_is_a_configuration_error(self):
        with freeze_time(), fetch_sample(), anymail_settings():
            for name in ("inbound-base64", "inbound-s3", "inbound-setup"):
                with (
                    self.subTest(name),
                    self.assertRaisesMessage(AnymailConfigurationError, "ses-inbound"),
                ):
                    self.post_text(read_text(f"sns/notification-{name}.json"))

    def test_an_expired_certificate_is_refused(self):
        with freeze_time(), fetch_sample(certificate("expired")), anymail_settings():
            response = self.post_text(read_text("sns/notification-v1.json"))
        self.assertEqual((response.status_code, self.events), (400, []))

    def deliver(self, name: str, wanted: dict[str, Any]) -> tuple[mock.Mock, Any]:
        topics = {"AMAZON_SES_SNS_TOPIC_ARNS": wanted["topic"]} if "topic" in wanted else {}
        with (
            freeze_time(),
            fetch_sample(),
            anymail_settings(**topics),
            mock.patch.object(aws, "confirm_subscription") as confirm,
            mock.patch.object(storage, "download", return_value=iter([DEFAULT_MAIL])),
        ):
            response = self.client.post(
                INBOUND_URL if "inbound" in name else TRACKING_URL,
                read_text(f"sns/{name}").encode(),
                content_type="text/plain; charset=UTF-8",
            )
        return confirm, response

    def documents(self) -> list[Any]:
        found: list[Any] = []
        for event in self.events:
            if event.esp_event not in found:
                found.append(event.esp_event)
        return found

    def expected_documents(self, wanted: dict[str, Any], refused: bool) -> list[Any]:
        return [] if refused or "inner" not in wanted else [read_json(wanted["inner"])]


class CertificateUrlSampleTests(WebhookTestCase):
    urls = read_json("sns-cert-urls.json")

    def test_only_certificates_of_the_topics_region_are_fetched(self):
        for row in self.urls["accept"]:
            with self.subTest(row):
                self.assertEqual(self.post_with(row["url"], row["topic"]), (503, 1))
        for url in self.urls["refuse"]:
            with self.subTest(url):
                self.assertEqual(self.post_with(url, EVENTS_TOPIC), (400, 0))
        for row in self.urls["refuse_in_strict_mode"]:
            with self.subTest(row):
                self.assertEqual(self.post_with(row["url"], row["topic"]), (400, 0))

    def post_with(self, url: Any, topic: str) -> tuple[int, int]:
        """The status, and how often something was fetched."""
        fields = {**read_json("sns/notification-v1.json"), "SigningCertURL": url}
        error = AnymailAPIError("no network", is_transient=True)
        with (
            freeze_time(),
            anymail_settings(AMAZON_SES_SNS_TOPIC_ARNS=topic),
            mock.patch("anymail.amazon_ses.certificates.download", side_effect=error) as download,
            recorded("anymail.webhooks.base"),
        ):
            response = self.post_text(json.dumps({**fields, "TopicArn": topic}))
        return response.status_code, download.call_count


class HttpSampleTests(WebhookTestCase):
    """The secret is the one that the samples have in their Authorization header."""

    ACCEPTED = {"notification-basic-auth", "raw-delivery-basic-auth"}
    OPEN = {"notification-v1", "notification-v2", "notification-content-type-json"}

    def test_with_a_secret(self):
        for path in PAYLOADS.glob("http/*.json"):
            with self.subTest(path.stem):
                self.calls.clear()
                response = self.replay(path.name, WEBHOOK_SECRET=SECRET, **RAW)
                accepted = path.stem in self.ACCEPTED
                self.assertEqual(response.status_code, 200 if accepted else 401)
                self.assertEqual(len(self.events), int(accepted))

    def test_without_a_secret(self):
        expected = {
            **dict.fromkeys(self.OPEN | {"notification-basic-auth"}, 200),
            "subscription-confirmation": 200,
            "unsubscribe-confirmation": 200,
        }
        for path in PAYLOADS.glob("http/*.json"):
            with self.subTest(path.stem):
                self.calls.clear()
                response = self.replay(path.name)
                self.assertEqual(response.status_code, expected.get(path.stem, 400))
                delivers = path.stem in self.OPEN | {"notification-basic-auth"}
                self.assertEqual(len(self.events), int(delivers))

    def test_raw_delivery_with_the_secret(self):
        for name, count in (("raw-delivery.json", 1), ("raw-delivery-validation-text.json", 0)):
            with self.subTest(name):
                self.calls.clear()
                settings = {"WEBHOOK_SECRET": SECRET, **RAW}
                response = self.replay(name, Authorization=basic(SECRET), **settings)
                self.assertEqual((response.status_code, len(self.events)), (200, count))

    def test_raw_delivery_is_refused_unless_a_setting_allows_it(self):
        """Whoever has the secret alone adds a header, and needs neither signature nor age."""
        with self.assertLogs(BASE_LOGGER, "WARNING") as logs:
            response = self.replay("raw-delivery-basic-auth.json", WEBHOOK_SECRET=SECRET)
        self.assertEqual((response.status_code, self.events), (400, []))
        self.assertIn("AMAZON_SES_ALLOW_RAW_MESSAGE_DELIVERY", logs.output[0])
        self.assertIn("Turn raw message delivery off in SNS", logs.output[0])

    def test_raw_delivery_without_a_secret_is_refused_whatever_the_settings(self):
        with self.assertLogs(BASE_LOGGER, "WARNING") as logs:
            response = self.replay("raw-delivery.json", **RAW)
        self.assertEqual((response.status_code, self.events), (400, []))
        self.assertIn("WEBHOOK_SECRET", logs.output[0])

    def test_raw_delivery_confirms_nothing(self):
        fields = sns.confirmation_fields(EVENTS_TOPIC, "0123456789abcdef" * 12)
        with (
            override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET, **RAW}),
            mock.patch.object(aws, "confirm_subscription") as confirm,
        ):
            response = self.post_text(
                json.dumps(fields),
                Authorization=basic(SECRET),
                **{"x-amz-sns-rawdelivery": "true"},
                **{"x-amz-sns-message-type": "SubscriptionConfirmation"},
            )
        self.assertEqual(response.status_code, 400)
        confirm.assert_not_called()

    def test_raw_delivery_has_the_id_but_no_time(self):
        self.replay("raw-delivery-basic-auth.json", WEBHOOK_SECRET=SECRET, **RAW)
        [event] = self.events
        self.assertEqual(event.event_id, "8d5c1a5e-0a0f-5a54-9a7f-3f0f3a8e0024")
        self.assertIsNone(event.timestamp)

    def test_raw_delivery_proves_nothing(self):
        self.replay("raw-delivery-basic-auth.json", WEBHOOK_SECRET=SECRET, **RAW)
        [event] = self.events
        self.assertFalse(event.is_verified)

    def replay(self, name: str, Authorization: str | None = None, **settings: Any) -> Any:
        request = read_json(f"http/{name}")
        headers = {k: v for k, v in request["headers"].items() if k != "Content-Type"}
        if Authorization is not None:
            headers["Authorization"] = Authorization
        with (
            freeze_time(),
            fetch_sample(),
            anymail_settings(**settings),
            mock.patch.object(aws, "confirm_subscription"),
        ):
            return self.client.post(
                TRACKING_URL,
                request["body"].encode(),
                content_type=request["headers"]["Content-Type"],
                headers=headers,
            )


class HttpTests(WebhookTestCase):
    def test_the_urls_have_names(self):
        self.assertEqual(reverse("anymail:amazon_ses_tracking_webhook"), TRACKING_URL)
        self.assertEqual(
            reverse("anymail:amazon_ses_inbound_webhook"), "/anymail/amazon_ses/inbound/"
        )

    def test_only_post_does_something(self):
        for method, status in (
            ("get", 405),
            ("put", 405),
            ("delete", 405),
            ("patch", 405),
            ("head", 200),
            ("options", 200),
        ):
            with self.subTest(method), override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET}):
                self.assertEqual(getattr(self.client, method)(TRACKING_URL).status_code, status)

    @override_settings(MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"])
    def test_no_csrf_token_is_needed(self):
        client = Client(enforce_csrf_checks=True)
        with testing.trusted_sns():
            response = client.post(TRACKING_URL, **testing.sns_notification("send"))
        self.assertEqual(response.status_code, 200)

    @override_settings(
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    )
    def test_no_login_is_needed(self):
        self.assertEqual(self.post("send").status_code, 200)

    def test_a_body_that_breaks_off_is_refused(self):
        class Broken(io.BytesIO):
            def read(self, *args: Any) -> bytes:
                raise OSError("connection reset")

        response = self.client.generic("POST", TRACKING_URL)
        with mock.patch("django.test.client.FakePayload.read", Broken().read):
            response = self.client.post(TRACKING_URL, b"x", content_type="text/plain")
        self.assertEqual(response.status_code, 400)

    def test_a_form_that_a_middleware_has_read_is_refused(self):
        with override_settings(MIDDLEWARE=["tests.webhooks.test_webhooks.reads_forms"]):
            response = self.client.post(TRACKING_URL, {"Type": "Notification"})
        self.assertEqual((response.status_code, self.events), (400, []))

    def test_a_date_without_a_time_is_no_500(self):
        fields = read_json("sns/notification-v1.json")
        with freeze_time(), fetch_sample(), anymail_settings():
            for timestamp in ("2025-03-04Z", "20250304Z", "2025-W10-2Z"):
                with self.subTest(timestamp):
                    response = self.post_text(json.dumps({**fields, "Timestamp": timestamp}))
                    self.assertEqual(response.status_code, 400)

    def test_a_body_over_djangos_limit_is_refused(self):
        with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=10):
            self.assertEqual(self.post_text("x" * 100).status_code, 400)

    def test_receivers_get_the_documented_arguments(self):
        self.post("send")
        [call] = self.calls
        self.assertEqual(call.keys(), {"signal", "sender", "event", "esp_name"})
        self.assertIs(call["sender"], AmazonSESTrackingWebhookView)
        self.assertEqual(call["esp_name"], "Amazon SES")


class SecretTests(WebhookTestCase):
    def test_without_credentials_there_is_a_challenge(self):
        with override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET}):
            response = self.post("send", secret="")
        self.assertEqual(response.status_code, 401)
        self.assertEqual(response["WWW-Authenticate"], 'Basic realm="Anymail WEBHOOK_SECRET"')

    def test_each_of_several_secrets_is_accepted(self):
        with override_settings(ANYMAIL={"WEBHOOK_SECRET": ["old:one", "new:öne"]}):
            for secret, status in (
                ("old:one", 200),
                ("new:öne", 200),
                ("old:öne", 400),
                ("old", 400),
                (":", 400),
            ):
                with self.subTest(secret):
                    self.assertEqual(self.post("send", secret=secret).status_code, status)

    def test_malformed_credentials_are_refused(self):
        with override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET}):
            for header in ("Basic", "Basic !", "Bearer x", "Basic é", f"Digest {SECRET}", "x" * 99):
                with self.subTest(header):
                    self.assertEqual(self.post_text("", Authorization=header).status_code, 400)

    def test_nothing_is_no_secret(self):
        for value in (None, "", [], [""], ()):
            with self.subTest(value), override_settings(ANYMAIL={"WEBHOOK_SECRET": value}):
                self.assertEqual(self.post("send").status_code, 200)

    def test_credentials_come_before_everything_else(self):
        with override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET}):
            self.assertEqual(self.post_text("{not json").status_code, 401)

    def test_an_open_webhook_warns(self):
        with self.assertWarns(AnymailInsecureWebhookWarning), override_settings(ANYMAIL={}):
            self.post("send")

    def test_an_allow_list_protects_as_well(self):
        import warnings

        with anymail_settings(), warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertEqual(self.post("send").status_code, 200)

    def test_helpers_read_the_credentials(self):
        request = mock.Mock(META={"HTTP_AUTHORIZATION": basic("a b:c/d")})
        request.build_absolute_uri.return_value = "https://example.com/x?y"
        self.assertEqual(get_request_basic_auth(request), "a b:c/d")
        self.assertEqual(get_request_uri(request), "https://a%20b:c%2Fd@example.com/x?y")
        request.META = {}
        self.assertIsNone(get_request_basic_auth(request))
        self.assertEqual(get_request_uri(request), "https://example.com/x?y")


class SubscriptionTests(WebhookTestCase):
    ARGUMENTS = {
        "TopicArn": EVENTS_TOPIC,
        "Token": "0123456789abcdef" * 12,
        "AuthenticateOnUnsubscribe": "true",
    }

    def subscribe(
        self, answer: str | None = "ok", topic: str | None = None, **settings: Any
    ) -> Any:
        """Post a request to confirm; SNS answers with an error code, "ok", or must not be asked."""
        import boto3

        session = boto3.session.Session("a", "s")
        client = session.client("sns", region_name="us-east-1")
        with Stubber(client) as stub, override_settings(ANYMAIL=settings):
            arguments = {**self.ARGUMENTS, "TopicArn": topic or EVENTS_TOPIC}
            if answer == "ok":
                arn = {"SubscriptionArn": f"{EVENTS_TOPIC}:1"}
                stub.add_response("confirm_subscription", arn, arguments)
            elif answer:
                stub.add_client_error("confirm_subscription", answer, expected_params=arguments)
            with (
                testing.trusted_sns(),
                mock.patch.object(aws, "client", return_value=client) as self.made,
            ):
                request = testing.sns_subscription(topic=topic)
                try:
                    return self.client.post(TRACKING_URL, **request)
                finally:
                    stub.assert_no_pending_responses()

    def test_it_is_confirmed_with_the_secret(self):
        self.assertEqual(self.subscribe(WEBHOOK_SECRET=SECRET).status_code, 200)

    def test_it_is_confirmed_when_the_topic_is_on_the_allow_list(self):
        found = self.subscribe(AMAZON_SES_SNS_TOPIC_ARNS=EVENTS_TOPIC)
        self.assertEqual(found.status_code, 200)

    def test_it_is_confirmed_in_the_topics_region(self):
        topic = "arn:aws-cn:sns:cn-north-1:123456789012:ses"
        self.subscribe(topic=topic, WEBHOOK_SECRET=SECRET)
        self.assertEqual(self.made.call_args.args[0], "sns")
        self.assertEqual(self.made.call_args.kwargs, {"region_name": "cn-north-1"})

    def test_a_client_for_another_partition_has_its_endpoint(self):
        settings = AmazonSESSettings.load(
            {"session_params": {"aws_access_key_id": "a", "aws_secret_access_key": "s"}}
        )
        client = aws.client("sns", settings, region_name="cn-north-1")
        self.assertEqual(client.meta.endpoint_url, "https://sns.cn-north-1.amazonaws.com.cn")

    def test_it_is_not_confirmed_when_that_is_off(self):
        settings = {"WEBHOOK_SECRET": SECRET, "AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS": False}
        self.assertUnconfirmed("AUTO_CONFIRM", **settings)

    def test_it_is_not_confirmed_when_nothing_proves_the_topic(self):
        self.assertUnconfirmed("WEBHOOK_SECRET")

    def test_it_is_not_confirmed_on_an_unsigned_allow_list(self):
        settings = {
            "AMAZON_SES_SNS_TOPIC_ARNS": EVENTS_TOPIC,
            "AMAZON_SES_VERIFY_SNS_SIGNATURES": False,
        }
        self.assertUnconfirmed("WEBHOOK_SECRET", **settings)

    def test_what_sns_refuses_for_good_is_also_botos_error(self):
        for code in ("InvalidParameter", "NotFound", "AuthorizationError"):
            with (
                self.subTest(code),
                self.assertLogs(LOGGER, "WARNING") as logs,
                self.assertRaises(ClientError) as raised,
            ):
                self.subscribe(answer=code, WEBHOOK_SECRET=SECRET)
            self.assertIsInstance(raised.exception, AnymailAPIError)
            self.assertEqual(raised.exception.response["Error"]["Code"], code)
            self.assertEqual(raised.exception.operation_name, "ConfirmSubscription")
            self.assertIn("was not confirmed", logs.output[0])

    def test_what_may_heal_is_tried_again(self):
        for code in ("InternalError", "Throttled"):
            with self.subTest(code), self.assertLogs("anymail.webhooks.base", "WARNING"):
                response = self.subscribe(answer=code, WEBHOOK_SECRET=SECRET)
                self.assertEqual(response.status_code, 503)

    def test_the_end_of_a_subscription_is_not_undone(self):
        with (
            freeze_time(),
            fetch_sample(),
            anymail_settings(WEBHOOK_SECRET=None),
            mock.patch.object(aws, "client") as client,
            mock.patch("requests.get") as get,
        ):
            response = self.post_text(read_text("sns/unsubscribe-confirmation-v1.json"))
        self.assertEqual(response.status_code, 200)
        client.assert_not_called()
        get.assert_not_called()

    def test_a_token_that_sns_never_writes_is_not_logged(self):
        for token in ("x\nERROR forged", "x" * 1025, "", None):
            request = testing.sns_subscription(topic=EVENTS_TOPIC)
            fields = {**json.loads(request["data"]), "Token": token}
            with (
                self.subTest(str(token)[:20]),
                override_settings(ANYMAIL={"AMAZON_SES_VERIFY_SNS_SIGNATURES": False}),
                self.assertNoLogs(LOGGER),
                self.assertLogs(BASE_LOGGER, "WARNING"),
            ):
                self.assertEqual(self.post_text(json.dumps(fields)).status_code, 400)

    def assertUnconfirmed(self, reason: str, answer: str | None = None, **settings: Any) -> None:
        """400; the topic is in the error, the token only in the log, and there at DEBUG."""
        with (
            self.assertLogs(LOGGER, "DEBUG") as logs,
            self.assertLogs("django.security", "ERROR") as errors,
        ):
            response = self.subscribe(answer=answer, **settings)
        self.assertEqual(response.status_code, 400)
        found = [record.levelname for record in logs.records]
        self.assertEqual(found, ["WARNING", "DEBUG"])
        self.assertNotIn(self.ARGUMENTS["Token"], logs.output[0])
        self.assertIn(self.ARGUMENTS["Token"], logs.output[1])
        self.assertIn(EVENTS_TOPIC, errors.output[0])
        self.assertIn(reason, errors.output[0])
        self.assertNotIn(self.ARGUMENTS["Token"], errors.output[0].partition("\n")[0])


class FailureTests(WebhookTestCase):
    def test_a_certificate_that_cannot_be_fetched_is_tried_again(self):
        error = AnymailAPIError("no network", is_transient=True)
        with (
            freeze_time(),
            anymail_settings(),
            mock.patch("anymail.webhooks.amazon_ses.fetch_certificate", side_effect=error),
            self.assertLogs("anymail.webhooks.base", "WARNING"),
        ):
            response = self.post_text(read_text("sns/notification-v1.json"))
        self.assertEqual((response.status_code, self.events), (503, []))

    def test_an_exception_in_a_receiver_is_a_500(self):
        for error in (
            ValueError,
            Http404,
            PermissionDenied,
            SuspiciousOperation,
            AnymailWebhookValidationFailure,
            AnymailAPIError,
        ):
            with self.subTest(error.__name__):

                def fail(error: type[Exception] = error, **kwargs: Any) -> None:
                    raise error("x")

                tracking.connect(fail)
                try:
                    client = Client(raise_request_exception=False)
                    with testing.trusted_sns():
                        request = testing.sns_notification("send")
                        response = client.post(TRACKING_URL, **request)
                finally:
                    tracking.disconnect(fail)
                self.assertEqual(response.status_code, 500)

    def test_a_wrong_setting_is_a_500(self):
        client = Client(raise_request_exception=False)
        with override_settings(ANYMAIL={"AMAZON_SES_SNS_MAX_AGE": "long"}):
            self.assertEqual(client.post(TRACKING_URL).status_code, 500)

    def test_addresses_and_bodies_are_not_in_errors(self):
        body = json.dumps({"Type": "ann@example.net", "Message": "ann@example.net"})
        with self.assertLogs(BASE_LOGGER, "WARNING") as logs:
            self.post_text(body)
        self.assertNotIn("ann@example.net", logs.records[0].getMessage())


class VerifiedTests(WebhookTestCase):
    """``event.is_verified``: nothing harmful may be done for what anybody may have made up."""

    def verified(self, **settings: Any) -> bool:
        self.calls.clear()
        with override_settings(ANYMAIL=settings):
            self.assertEqual(self.post("complaint").status_code, 200)
        [event] = self.events
        return event.is_verified

    def test_the_secret_proves_it(self):
        self.assertTrue(self.verified(WEBHOOK_SECRET=SECRET))
        self.assertTrue(
            self.verified(WEBHOOK_SECRET=SECRET, AMAZON_SES_VERIFY_SNS_SIGNATURES=False)
        )

    def test_a_signature_proves_it_for_a_topic_on_the_list_only(self):
        topics = {"AMAZON_SES_SNS_TOPIC_ARNS": [EVENTS_TOPIC]}
        self.assertTrue(self.verified(**topics))
        self.assertFalse(self.verified())
        self.assertFalse(self.verified(**topics, AMAZON_SES_VERIFY_SNS_SIGNATURES=False))

    def test_an_event_that_is_made_by_hand_is_not_verified(self):
        self.assertFalse(AnymailTrackingEvent(event_type="complained").is_verified)

    def test_events_for_tests_are_verified(self):
        self.assertTrue(testing.tracking_event("complained").is_verified)
        self.assertFalse(testing.tracking_event("complained", is_verified=False).is_verified)
        self.assertTrue(testing.inbound_event().is_verified)

    def test_an_event_has_the_document_of_sns_unchanged(self):
        request = testing.sns_notification("bounce")
        with testing.trusted_sns():
            self.client.post(TRACKING_URL, **request)
        [event] = self.events
        self.assertEqual(event.sns_message, json.loads(request["data"]))
        self.assertEqual(event.sns_message["Subject"], "Amazon SES Email Event Notification")
        self.assertTrue(event.sns_message["Message"].endswith("}\n"))


class SettingsTests(WebhookTestCase):
    def view(self, **initkwargs: Any) -> Any:
        return AmazonSESTrackingWebhookView.as_view(**initkwargs)

    def call(self, view: Any, secret: str) -> int:
        from django.test import RequestFactory

        request = RequestFactory().post("/", **testing.sns_notification("send", secret=secret))
        try:
            with testing.trusted_sns():
                status: int = view(request).status_code
        except AnymailWebhookValidationFailure:
            return 400
        return status

    def test_a_secret_can_be_given_to_the_view(self):
        for name in ("basic_auth", "webhook_secret"):
            for value in ("a:b", ["c:d", "a:b"]):
                with self.subTest(name, value=value):
                    view = self.view(**{name: value})
                    self.assertEqual(self.call(view, "a:b"), 200)
                    self.assertEqual(self.call(view, "a:c"), 400)

    def test_an_empty_secret_matches_nothing(self):
        from django.test import RequestFactory

        view = self.view(basic_auth=["", "a:b"])
        request = RequestFactory().post("/", headers={"Authorization": "Basic "})
        self.assertEqual(view(request).status_code, 400)

    def test_the_views_settings_win(self):
        view = self.view(webhook_secret="a:b", sns_topic_arns=["x"])
        with override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET}):
            self.assertEqual(self.call(view, SECRET), 400)
            self.assertEqual(self.call(view, "a:b"), 400)  # the topic
            self.assertEqual(self.call(self.view(webhook_secret="a:b"), "a:b"), 200)

    def test_what_is_no_setting_is_a_type_error(self):
        with self.assertRaises(TypeError):
            self.view(webhook_secrets=["a:b"])

    def test_a_changed_setting_counts_for_the_next_request(self):
        for topic, status in (("x", 400), (EVENTS_TOPIC, 200), ("y", 400)):
            with override_settings(ANYMAIL={"AMAZON_SES_SNS_TOPIC_ARNS": topic}):
                response = self.post("send", topic=EVENTS_TOPIC)
                self.assertEqual(response.status_code, status)


class HookTests(WebhookTestCase):
    def test_validate_request_can_refuse(self):
        class View(AmazonSESTrackingWebhookView):
            def validate_request(self, request: Any) -> None:
                raise AnymailWebhookValidationFailure("no")

        with self.assertRaises(AnymailWebhookValidationFailure):
            self.call(View)

    def test_validate_request_cannot_switch_the_secret_off(self):
        class View(AmazonSESTrackingWebhookView):
            def validate_request(self, request: Any) -> None:
                pass

        with override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET}):
            self.assertEqual(self.call(View, secret="").status_code, 401)

    def test_esp_to_anymail_events_can_be_extended(self):
        class View(AmazonSESTrackingWebhookView):
            def esp_to_anymail_events(self, ses_event: Any, sns_message: Any) -> Any:
                ses_event["mail"]["destination"] = [sns_message["TopicArn"]]
                return super().esp_to_anymail_events(ses_event, sns_message)

        self.call(View)
        self.assertEqual([event.recipient for event in self.events], [EVENTS_TOPIC])
        self.assertIs(self.calls[0]["sender"], View)

    def test_a_webhook_of_another_service_can_be_built(self):
        class View(AnymailBaseWebhookView):
            esp_name = "Other"

            def parse_events(self, request: Any) -> Any:
                return [testing.tracking_event(recipient=request.body.decode())]

        self.call(View)
        self.assertEqual(self.calls[0]["esp_name"], "Other")

    def call(self, view: Any, **kwargs: Any) -> Any:
        from django.test import RequestFactory

        with testing.trusted_sns():
            request = RequestFactory().post("/", **testing.sns_notification("send", **kwargs))
            return view.as_view()(request)


class DirectUseTests(WebhookTestCase):
    """Views without as_view(), as applications with a dispatcher of their own use them."""

    def request(self, event: Any = "bounce", **kwargs: Any) -> Any:
        from django.test import RequestFactory

        return RequestFactory().post("/", **testing.sns_notification(event, **kwargs))

    def test_every_method_works(self):
        view = AmazonSESTrackingWebhookView()
        with testing.trusted_sns():
            self.assertEqual(len(view.parse_events(self.request())), 1)
            self.assertEqual(view.post(self.request()).status_code, 200)
            self.assertEqual(view.dispatch(self.request()).status_code, 200)
            fields = view._parse_sns_message(self.request())
            self.assertEqual(fields["TopicArn"], EVENTS_TOPIC)
        events = view.esp_to_anymail_events(json.loads(fields["Message"]), fields)
        self.assertEqual(events[0].event_type, "bounced")

    def test_nothing_is_verified_that_was_not_looked_at(self):
        fields = sns.notification_fields(EVENTS_TOPIC, "")
        with override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET}), testing.trusted_sns():
            view = AmazonSESTrackingWebhookView()
            [event] = view.esp_to_anymail_events(testing.ses_event("bounce"), fields)
            self.assertFalse(event.is_verified)
            [event] = view.parse_events(self.request(secret=""))
            self.assertFalse(event.is_verified)
            [event] = view.parse_events(self.request())
            self.assertTrue(event.is_verified)

    def test_run_validators_checks_the_secret_and_validate_request(self):
        seen = []

        class View(AmazonSESTrackingWebhookView):
            def validate_request(self, request: Any) -> None:
                seen.append(self._parse_sns_message(request)["Type"])

        with override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET}), testing.trusted_sns():
            for secret in ("", "x:y"):
                with self.assertRaises(AnymailWebhookValidationFailure):
                    View().run_validators(self.request(secret=secret))
            self.assertEqual(seen, [])
            View().run_validators(self.request())
        self.assertEqual(seen, ["Notification"])

    def test_settings_as_keywords_have_an_effect(self):
        view = AmazonSESTrackingWebhookView(
            webhook_secret=SECRET, session_params={"profile_name": "x"}, sns_topic_arns="y"
        )
        self.assertEqual(view.secrets, (SECRET,))
        self.assertEqual(view.ses_settings.session_params, {"profile_name": "x"})
        self.assertEqual(view.ses_settings.sns_topic_arns, ("y",))

    def test_other_keywords_are_a_type_error(self):
        with self.assertRaisesMessage(TypeError, "'sesion_params'"):
            AmazonSESTrackingWebhookView(sesion_params={})


class BothTests(WebhookTestCase):
    URL = "/anymail/amazon_ses/"

    def post_both(self, event: Any) -> Any:
        with override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET}), testing.trusted_sns():
            return self.client.post(self.URL, **testing.sns_notification(event))

    def test_one_url_takes_events_and_mail(self):
        self.assertEqual(reverse("anymail:amazon_ses_webhook"), self.URL)
        for event, signal, event_type in (
            ("bounce", tracking, "bounced"),
            (testing.ses_received(), inbound, "inbound"),
        ):
            with self.subTest(event_type):
                self.calls.clear()
                self.assertEqual(self.post_both(event).status_code, 200)
                [call] = self.calls
                self.assertIs(call["signal"], signal)
                self.assertIs(call["sender"], AmazonSESWebhookView)
                self.assertEqual(call["event"].event_type, event_type)

    def test_stored_mail_is_deleted_after_the_receivers(self):
        received = testing.ses_received(
            action={"type": "S3", "bucketName": "mails", "objectKey": "key"}
        )
        with (
            override_settings(ANYMAIL_AMAZON_SES_INBOUND_DELETE_S3_OBJECT=True),
            mock.patch.object(storage, "download", return_value=iter([DEFAULT_MAIL])),
            mock.patch.object(storage, "delete_object") as delete,
        ):
            self.assertEqual(self.post_both(received).status_code, 200)
        self.assertEqual(str(delete.call_args.args[0]), "mails:key")


class PatchPointTests(SimpleTestCase):
    def test_boto3_can_be_patched_here(self):
        with mock.patch("anymail.webhooks.amazon_ses.boto3.session.Session") as session:
            client = session.return_value.client.return_value
            with override_settings(ANYMAIL={"WEBHOOK_SECRET": SECRET}), testing.trusted_sns():
                response = self.client.post(TRACKING_URL, **testing.sns_subscription())
        self.assertEqual(response.status_code, 200)
        client.confirm_subscription.assert_called_once_with(
            TopicArn=EVENTS_TOPIC,
            Token=mock.ANY,
            AuthenticateOnUnsubscribe="true",
        )
        self.assertEqual(session.return_value.client.call_args.kwargs["region_name"], "us-east-1")

    def test_botos_errors_are_here(self):
        from anymail.webhooks import amazon_ses

        error = boto_errors.AnymailBotoClientAPIError
        self.assertIs(amazon_ses.AnymailBotoClientAPIError, error)
        self.assertIs(amazon_ses.BOTO_BASE_ERRORS, boto_errors.BOTO_BASE_ERRORS)
        with self.assertRaises(AttributeError):
            _ = amazon_ses.boto2

    def test_importing_the_urls_imports_nothing_large(self):
        code = (
            "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
            "import django; django.setup(); import anymail.urls\n"
            "print([m for m in ('boto3', 'botocore', 'requests', 'cryptography')"
            " if m in sys.modules])"
        )
        found = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        self.assertEqual(found.stdout.strip(), "[]")


def reads_forms(get_response: Any) -> Any:
    """A middleware, for example for the method in a form's hidden field."""

    def middleware(request: Any) -> Any:
        request.POST.get("_method")
        return get_response(request)

    return middleware


def basic(secret: str) -> str:
    return f"Basic {base64.b64encode(secret.encode()).decode()}"
