"""The inbound webhook: through its URL, signed, against moto's S3 and KMS."""

from __future__ import annotations

import base64
import io
import itertools
import json
import logging
import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from django.test import SimpleTestCase, override_settings
from moto.server import ThreadedMotoServer

from anymail.amazon_ses import aws
from anymail.amazon_ses.boto_errors import AnymailBotoClientAPIError
from anymail.amazon_ses.receive import finish_inbound
from anymail.conf import AmazonSESSettings
from anymail.exceptions import AnymailAPIError, AnymailConfigurationError
from anymail.inbound import AnymailInboundMessage
from anymail.signals import EventType, inbound
from anymail.testing import sns_notification, sns_request, trusted_sns
from anymail.webhooks.amazon_ses import AmazonSESInboundWebhookView

from ..encrypted_mail import encrypt
from ..log_guard import recorded
from ..ses import CREDENTIALS, loopback_server
from ..sns_samples import ignore_insecure_webhooks

PAYLOADS = Path(__file__).parent.parent / "payloads"
EXPECTED = json.loads((PAYLOADS / "expected-inbound.json").read_text())["files"]
OBJECT = json.loads((PAYLOADS / "encrypted" / "object.metadata.json").read_text())
TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-inbound"
BUCKET = "example-inbound-mail"
LOGGER = "anymail.amazon_ses.receive"
URL = "/anymail/amazon_ses/inbound/"
KEYS = {
    "aws_access_key_id": "test",
    "aws_secret_access_key": "secret-key-of-tests",
    "region_name": "us-east-1",
}


def eml(name: str) -> bytes:
    return (PAYLOADS / "inbound" / name).read_bytes()


def document(name: str) -> dict[str, Any]:
    return json.loads((PAYLOADS / "inbound" / f"{name}.json").read_text())


class WebhookTestCase(SimpleTestCase):
    """With moto's S3 and KMS, the bucket of the samples, and a receiver that keeps the events."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        cls.server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        cls.endpoint = "http://{}:{}".format(*cls.server.get_host_and_port())
        cls.s3 = boto3.client("s3", endpoint_url=cls.endpoint, **KEYS)
        cls.s3.create_bucket(Bucket=BUCKET)

    def setUp(self) -> None:
        self.events: list[Any] = []
        inbound.connect(self._receive)
        self.addCleanup(inbound.disconnect, self._receive)
        self._enter(trusted_sns())
        self.set_up_anymail()

    def set_up_anymail(self, **changes: Any) -> None:
        params = {"endpoint_url": self.endpoint, **KEYS}
        anymail = {"AMAZON_SES_CLIENT_PARAMS": params, "WEBHOOK_SECRET": "user:pass", **changes}
        self._enter(override_settings(ANYMAIL=anymail))

    def _enter(self, context: Any) -> None:
        context.enable()
        self.addCleanup(context.disable)

    def _receive(self, sender: Any, event: Any, esp_name: str, **kwargs: Any) -> None:
        self.events.append(event)
        self.received = {"sender": sender, "esp_name": esp_name}

    def post(self, body: dict[str, Any]) -> Any:
        return self.client.post(URL, **sns_notification(body, topic=TOPIC))

    def store(self, body: dict[str, Any], content: bytes, **params: Any) -> str:
        key = body["receipt"]["action"]["objectKey"]
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content, **params)
        self.addCleanup(self.s3.delete_object, Bucket=BUCKET, Key=key)
        return key

    def receive(self, body: dict[str, Any]) -> Any:
        """The one event that a notification gives."""
        self.events.clear()
        self.assertEqual(self.post(body).status_code, 200)
        [event] = self.events
        return event


@contextmanager
def stubbed_kms(key: bytes = bytes.fromhex(OBJECT["plaintext_data_key_hex"]), **params: Any):
    """KMS, which must be asked for exactly the key of the sample, in its region."""
    kms = boto3.client("kms", **KEYS)
    real = aws.client
    regions = []

    def client(service: str, settings: Any, **overrides: Any) -> Any:
        if service == "kms":
            regions.append(overrides.get("region_name"))
            return kms
        return real(service, settings, **overrides)

    expected = {
        "CiphertextBlob": base64.b64decode(OBJECT["expected_ciphertext_blob_b64"]),
        "EncryptionContext": OBJECT["expected_encryption_context"],
        **params,
    }
    with Stubber(kms) as stub, mock.patch.object(aws, "client", client):
        stub.add_response("decrypt", {"Plaintext": key}, expected)
        stub.regions = regions
        yield stub


class SampleTests(WebhookTestCase):
    def test_every_notification_has_the_expected_outcome(self):
        self.set_up_anymail(AMAZON_SES_INBOUND_BUCKETS=[BUCKET])
        for file, expected in EXPECTED.items():
            if file != "s3-encrypted.json":
                with self.subTest(file):
                    self.events.clear()
                    self._check_outcome(document(file.removesuffix(".json")), expected)

    def _check_outcome(self, body: dict[str, Any], expected: dict[str, Any]) -> None:
        if body["receipt"]["action"]["type"] == "S3" and "eml" in expected:
            key = self.store(body, eml(expected["eml"]))
            self.assertEqual(key, expected.get("object_key", key))
        with recorded(LOGGER) as records:
            status = self.post(body).status_code
        outcome = expected["outcome"]
        for event in self.events:
            self.assertEqual(bool(event.description), event.event_type == "inbound_failed")
        self.assertEqual(status, 400 if outcome == "refuse" else 200)
        has_event = outcome in ("inbound", "inbound_failed")
        self.assertEqual([e.event_type for e in self.events], [outcome] if has_event else [])
        is_setup = body["mail"]["messageId"] == "AMAZON_SES_SETUP_NOTIFICATION"
        self.assertEqual(
            any(record.levelname == "ERROR" for record in records),
            outcome == "inbound_failed" or (outcome == "ignore" and not is_setup),
        )
        if outcome == "inbound":
            self._check_message(self.events[0].message, expected)

    def _check_message(self, message: AnymailInboundMessage, expected: dict[str, Any]) -> None:
        self.assertEqual(message.envelope_sender, expected["envelope_sender"])
        self.assertEqual(message.envelope_recipients, expected["envelope_recipients"])
        self.assertIs(message.spam_detected, expected["spam_detected"])
        if "bytes differ" not in expected.get("note", ""):
            whole = AnymailInboundMessage.parse_raw_mime_bytes(eml(expected["eml"]))
            self.assertEqual(message.as_bytes(), whole.as_bytes())

    def test_every_mail_comes_through_s3_unchanged(self):
        files = sorted((PAYLOADS / "inbound").glob("*.eml"))
        self.assertEqual(len(files), 30)
        for file in files:
            with self.subTest(file.name):
                body = document("s3-plain")
                self.store(body, file.read_bytes())
                message = self.receive(body).message
                expected = AnymailInboundMessage.parse_raw_mime_bytes(file.read_bytes())
                self.assertEqual(message.as_bytes(), expected.as_bytes())

    def test_attachments_come_through_byte_exact(self):
        content = os.urandom(200_000)
        part = AnymailInboundMessage.construct_attachment("application/x", content, filename="x")
        mail = AnymailInboundMessage.construct(text="x", attachments=[part])
        body = document("s3-plain")
        self.store(body, mail.as_bytes())
        [attachment] = self.receive(body).message.attachments
        self.assertEqual(attachment.get_content_bytes(), content)

    def test_receivers_get_the_view_and_the_service(self):
        self.receive(document("sns-base64-plain"))
        self.assertEqual(
            self.received, {"sender": AmazonSESInboundWebhookView, "esp_name": "Amazon SES"}
        )

    def test_setup_needs_no_s3(self):
        with mock.patch("anymail.amazon_ses.storage.download") as download:
            self.post(document("setup-s3"))
        download.assert_not_called()


class TrustTests(WebhookTestCase):
    def test_unsigned_notification_is_refused_before_anything_is_downloaded(self):
        request = sns_notification(document("s3-plain"), topic=TOPIC)
        request["data"] = json.dumps({**json.loads(request["data"]), "Signature": "AAAA"}).encode()
        with mock.patch("anymail.amazon_ses.storage.download") as download:
            self.assertEqual(self.client.post(URL, **request).status_code, 400)
        download.assert_not_called()

    def test_bucket_that_is_not_on_the_list_is_refused_before_anything_is_downloaded(self):
        self.set_up_anymail(AMAZON_SES_INBOUND_BUCKETS=["another-bucket"])
        with mock.patch("anymail.amazon_ses.storage.download") as download:
            self.assertEqual(self.post(document("s3-plain")).status_code, 400)
        download.assert_not_called()

    def test_nothing_is_downloaded_for_anybody(self):
        ignore_insecure_webhooks(self)
        for is_open in (
            {},
            {"AMAZON_SES_SNS_TOPIC_ARNS": [TOPIC], "AMAZON_SES_VERIFY_SNS_SIGNATURES": False},
            {"AMAZON_SES_INBOUND_BUCKETS": [BUCKET]},
        ):
            self.set_up_anymail(WEBHOOK_SECRET=None, **is_open)
            with (
                self.subTest(is_open),
                mock.patch("anymail.amazon_ses.storage.download") as download,
                recorded("anymail.webhooks.base") as records,
            ):
                self.assertEqual(self.post(document("s3-plain")).status_code, 400)
            download.assert_not_called()
            for text in (
                TOPIC,
                BUCKET,
                'ANYMAIL["WEBHOOK_SECRET"]',
                'ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"]',
            ):
                self.assertIn(text, records[-1].getMessage())

    def test_a_secret_or_a_list_of_topics_is_enough(self):
        ignore_insecure_webhooks(self)
        self.store(document("s3-plain"), b"Subject: mine\r\n\r\n")
        for setting in (
            {"WEBHOOK_SECRET": "user:pass"},
            {"AMAZON_SES_SNS_TOPIC_ARNS": TOPIC},
        ):
            with self.subTest(setting):
                self.set_up_anymail(**{"WEBHOOK_SECRET": None, **setting})
                self.assertEqual(self.receive(document("s3-plain")).message.subject, "mine")

    def test_mail_inside_the_notification_needs_no_download(self):
        ignore_insecure_webhooks(self)
        self.set_up_anymail(WEBHOOK_SECRET=None)
        self.assertIsNotNone(self.receive(document("sns-base64-plain")).message)

    def test_an_event_says_whether_it_is_verified(self):
        ignore_insecure_webhooks(self)
        for setting, is_verified in (
            ({"WEBHOOK_SECRET": "user:pass"}, True),
            ({"WEBHOOK_SECRET": None}, False),
        ):
            with self.subTest(setting):
                self.set_up_anymail(**setting)
                event = self.receive(document("sns-base64-plain"))
                self.assertIs(event.is_verified, is_verified)

    def test_tracking_event_is_a_configuration_error_that_names_the_topic(self):
        request = sns_notification("bounce", topic=TOPIC)
        with self.assertRaisesMessage(AnymailConfigurationError, TOPIC):
            self.client.post(URL, **request)

    def test_action_without_mail_is_logged_as_a_configuration_error(self):
        with self.assertLogs("anymail.amazon_ses.receive", "ERROR") as logs:
            self.post(document("alert-lambda-action"))
        self.assertIn("'Lambda'", logs.output[0])
        self.assertIn("Add an S3 action", logs.output[0])
        self.assertEqual(logs.records[0].anymail_topic, TOPIC)

    def test_what_is_not_verified_is_a_warning(self):
        self.set_up_anymail(WEBHOOK_SECRET=None)
        for name in ("alert-lambda-action", "sns-bad-base64"):
            with self.subTest(name), recorded(LOGGER) as records:
                self.post(document(name))
            self.assertEqual([record.levelname for record in records], ["WARNING"])

    def test_nobody_writes_lines_into_logs_and_errors(self):
        for body in (
            {**document("sns-bad-base64"), "mail": {"messageId": "m1\nCRITICAL all is lost"}},
            {**document("sns-bad-base64"), "notificationType": "Other\nCRITICAL all is lost"},
        ):
            with recorded(LOGGER) as records:
                try:
                    self.post(body)
                    text = records[0].getMessage()
                except AnymailConfigurationError as err:
                    text = str(err)
            self.assertIn("CRITICAL", text)
            self.assertNotIn("\n", text)

    def test_logs_name_no_addresses(self):
        with self.assertLogs("anymail", "DEBUG") as logs:
            self.post(document("sns-bad-base64"))
        self.assertNotIn("@", "".join(logs.output))


class ErrorTests(WebhookTestCase):
    def check_error(self, error: ClientError, *texts: str) -> AnymailAPIError:
        body = document("s3-plain")
        real = aws.client

        def client(service: str, *args: Any, **kwargs: Any) -> Any:
            made = real(service, *args, **kwargs)
            failing = mock.MagicMock(wraps=made)
            failing.get_object.side_effect = error
            return failing

        with (
            mock.patch.object(aws, "client", client),
            self.assertRaises(AnymailBotoClientAPIError) as raised,
        ):
            self.post(body)
        self.assertIsInstance(raised.exception, ClientError)
        self.assertIs(raised.exception.__cause__, error)
        for text in (f"{BUCKET}:{body['receipt']['action']['objectKey']}", *texts):
            self.assertIn(text, str(raised.exception))
        self.assertEqual(self.events, [])
        return raised.exception

    def test_missing_object_is_an_error_that_names_it(self):
        body = document("s3-plain")
        with self.assertRaises(AnymailBotoClientAPIError) as raised:
            self.post(body)
        self.assertEqual(raised.exception.error_code, "NoSuchKey")
        self.assertIn(f"{BUCKET}:{body['receipt']['action']['objectKey']}", str(raised.exception))

    def test_missing_object_is_answered_with_500(self):
        self.client.raise_request_exception = False
        self.assertEqual(self.post(document("s3-plain")).status_code, 500)

    def test_denied_access_names_the_permissions(self):
        error = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")
        self.check_error(error, "s3:GetObject", "s3:ListBucket", "kms:Decrypt")

    def test_missing_bucket_is_an_error(self):
        body = document("s3-plain")
        body["receipt"]["action"]["bucketName"] = "no-such-bucket"
        with self.assertRaisesMessage(AnymailBotoClientAPIError, "no such bucket"):
            self.post(body)

    def test_throttling_is_answered_with_5xx(self):
        self.client.raise_request_exception = False
        error = ClientError({"Error": {"Code": "SlowDown", "Message": "slow"}}, "GetObject")
        with mock.patch("anymail.amazon_ses.storage._s3_client") as client:
            client.return_value.get_object.side_effect = error
            self.assertGreaterEqual(self.post(document("s3-plain")).status_code, 500)

    def test_broken_connection_while_reading_is_an_error(self):
        from botocore.exceptions import ResponseStreamingError

        body = mock.MagicMock()
        body.iter_chunks.return_value = iter(_fails_after(b"From: x", ResponseStreamingError))
        with mock.patch("anymail.amazon_ses.storage._s3_client") as client:
            client.return_value.get_object.return_value = {"Body": body, "ContentLength": 10}
            self.assertEqual(self.post(document("s3-plain")).status_code, 503)
        body.close.assert_called()
        self.assertEqual(self.events, [])

    def test_object_that_is_too_large_is_not_downloaded_and_gives_a_failed_event(self):
        self.set_up_anymail(AMAZON_SES_INBOUND_MAX_SIZE=100)
        body = document("s3-plain")
        self.store(body, b"x" * 101)
        with (
            self.assertLogs("anymail.amazon_ses.receive", "ERROR") as logs,
            mock.patch("anymail.amazon_ses.storage._read") as read,
        ):
            event = self.receive(body)
        read.assert_not_called()
        self.assertEqual((event.event_type, event.message), (EventType.INBOUND_FAILED, None))
        self.assertIn("AMAZON_SES_INBOUND_MAX_SIZE", logs.output[0])
        self.assertIn("AMAZON_SES_INBOUND_MAX_SIZE", event.description)

    def test_object_that_grows_while_it_is_read_gives_a_failed_event(self):
        self.set_up_anymail(AMAZON_SES_INBOUND_MAX_SIZE=100)
        body = mock.MagicMock()
        body.iter_chunks.return_value = iter([b"x" * 60, b"x" * 60])
        with (
            self.assertLogs("anymail.amazon_ses.receive", "ERROR"),
            mock.patch("anymail.amazon_ses.storage._s3_client") as client,
        ):
            client.return_value.get_object.return_value = {"Body": body}
            event = self.receive(document("s3-plain"))
        self.assertEqual(event.event_type, EventType.INBOUND_FAILED)

    def test_object_of_exactly_the_allowed_size_is_read(self):
        self.set_up_anymail(AMAZON_SES_INBOUND_MAX_SIZE=100)
        body = document("s3-plain")
        self.store(body, b"x" * 100)
        self.assertEqual(self.receive(body).event_type, EventType.INBOUND)


class RegionTests(WebhookTestCase):
    def regions(self, **settings: Any) -> list[Any]:
        self.set_up_anymail(**settings)
        body = document("s3-plain")
        self.store(body, b"x")
        topic = TOPIC.replace("us-east-1", "eu-west-1")
        with mock.patch.object(aws, "client", wraps=aws.client) as client:
            self.client.post(URL, **sns_notification(body, topic=topic))
        return [call.kwargs.get("region_name") for call in client.call_args_list]

    def test_s3_is_asked_in_the_region_that_received_the_mail(self):
        self.assertEqual(self.regions(), ["eu-west-1"])

    def test_region_in_the_settings_of_s3_wins(self):
        params = {"endpoint_url": self.endpoint, **KEYS, "region_name": "eu-central-1"}
        self.assertEqual(self.regions(AMAZON_SES_S3_CLIENT_PARAMS=params), [None])


class EncryptedTests(WebhookTestCase):
    def stored_sample(
        self, metadata: dict[str, str] = OBJECT["Metadata"], file: str = "object.bin"
    ) -> Any:
        body = document("s3-encrypted")
        content = (PAYLOADS / "encrypted" / file).read_bytes()
        self.store(body, content, Metadata=metadata)
        return body

    def test_kms_is_asked_for_the_key_with_the_whole_context(self):
        body = self.stored_sample()
        with stubbed_kms() as stub:
            message = self.receive(body).message
        stub.assert_no_pending_responses()
        self.assertEqual(stub.regions, ["us-east-1"])
        expected = AnymailInboundMessage.parse_raw_mime_bytes(eml("multipart-alternative.eml"))
        self.assertEqual(message.as_bytes(), expected.as_bytes())

    def test_configured_key_is_pinned(self):
        key = "arn:aws:kms:eu-west-1:123456789012:key/1"
        self.set_up_anymail(AMAZON_SES_INBOUND_KMS_KEY_ID=key)
        body = self.stored_sample()
        with stubbed_kms(KeyId=key) as stub:
            self.receive(body)
        self.assertEqual(stub.regions, ["eu-west-1"])

    def test_plain_object_is_read_although_a_key_is_configured(self):
        self.set_up_anymail(AMAZON_SES_INBOUND_KMS_KEY_ID="alias/mail")
        body = document("s3-plain")
        self.store(body, b"Subject: plain\r\n\r\n")
        self.assertEqual(self.receive(body).message.subject, "plain")

    def test_denied_kms_names_the_permission_and_the_key(self):
        body = self.stored_sample()
        with stubbed_kms() as stub:
            stub._queue.clear()
            stub.add_client_error("decrypt", "AccessDeniedException", "no", 400)
            with self.assertRaises(AnymailBotoClientAPIError) as raised:
                self.post(body)
        for text in ("kms:Decrypt", "alias/aws/ses", f"{BUCKET}:encrypted/"):
            self.assertIn(text, str(raised.exception))

    def test_answers_that_kms_never_gives_are_answered_with_503(self):
        """A proxy or a captive portal may give them: SNS repeats the notification."""
        for answer in (b"<html>Welcome to our Wi-Fi</html>", b"{}", b"[]", b"\xff", b""):
            with self.subTest(answer), loopback_server(lambda *_, a=answer: (200, a)) as server:
                kms = {**CREDENTIALS, "endpoint_url": server.url}
                self.set_up_anymail(AMAZON_SES_KMS_CLIENT_PARAMS=kms)
                with self.assertLogs("anymail.webhooks", "WARNING"):
                    self.assertEqual(self.post(self.stored_sample()).status_code, 503)
                self.assertEqual(len(server.requests), 1)

    def test_every_refused_object_gives_a_failed_event_without_asking_kms(self):
        files = sorted((PAYLOADS / "encrypted").glob("refuse-*.json"))
        self.assertEqual(len(files), 6)
        for file in files:
            with self.subTest(file.name), stubbed_kms() as stub:
                self.check_failed(self.stored_sample(json.loads(file.read_text())["Metadata"]))
                if "length" not in file.name:
                    self.assertEqual(len(stub._queue), 1)

    def test_tampered_object_gives_a_failed_event(self):
        with stubbed_kms():
            self.check_failed(self.stored_sample(file="object-tampered.bin"))

    def test_object_of_another_mail_gives_a_failed_event(self):
        body = self.stored_sample()
        body["mail"]["messageId"] = "another"
        with stubbed_kms():
            self.check_failed(body)

    def check_failed(self, body: dict[str, Any]) -> None:
        with self.assertLogs("anymail.amazon_ses.receive", "ERROR") as logs:
            event = self.receive(body)
        self.assertEqual((event.event_type, event.message), (EventType.INBOUND_FAILED, None))
        self.assertTrue(event.description)
        self.assertIn(event.description, logs.output[0])

    def test_object_encrypted_with_a_key_of_kms_is_read(self):
        kms = boto3.client("kms", endpoint_url=self.endpoint, **KEYS)
        body, mail = document("s3-encrypted"), eml("attachment.eml")
        content, metadata = encrypt(kms, body["mail"]["messageId"], mail)
        self.store(body, content, Metadata=metadata)
        expected = AnymailInboundMessage.parse_raw_mime_bytes(mail).attachments
        found = self.receive(body).message.attachments
        self.assertEqual(
            [part.get_content_bytes() for part in found],
            [part.get_content_bytes() for part in expected],
        )


class DeletionTests(WebhookTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.set_up_anymail(AMAZON_SES_INBOUND_DELETE_S3_OBJECT=True)
        self.body = document("s3-plain")
        self.key = self.store(self.body, b"Subject: x\r\n\r\n")

    def is_stored(self) -> bool:
        return "Contents" in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=self.key)

    def test_object_is_deleted_after_the_receivers(self):
        seen = []

        def receiver(**kwargs: Any) -> None:
            seen.append(self.is_stored())

        inbound.connect(receiver)
        self.addCleanup(inbound.disconnect, receiver)
        self.receive(self.body)
        self.assertEqual((seen, self.is_stored()), ([True], False))

    def test_object_stays_if_a_receiver_raises(self):
        def receiver(**kwargs: Any) -> None:
            raise ArithmeticError

        inbound.connect(receiver)
        self.addCleanup(inbound.disconnect, receiver)
        with self.assertRaises(ArithmeticError):
            self.post(self.body)
        self.assertTrue(self.is_stored())

    def test_object_stays_unless_it_is_asked_for(self):
        self.set_up_anymail()
        self.receive(self.body)
        self.assertTrue(self.is_stored())

    def test_object_stays_if_the_event_is_not_verified(self):
        event = replace(self.receive_without_deletion(), is_verified=False)
        finish_inbound([event], AmazonSESSettings.load())
        self.assertTrue(self.is_stored())

    def receive_without_deletion(self) -> Any:
        with mock.patch("anymail.amazon_ses.storage.delete_object"):
            return self.receive(self.body)

    def test_object_that_cannot_be_read_stays(self):
        self.set_up_anymail(AMAZON_SES_INBOUND_DELETE_S3_OBJECT=True, AMAZON_SES_INBOUND_MAX_SIZE=1)
        with self.assertLogs("anymail.amazon_ses.receive", "ERROR"):
            self.receive(self.body)
        self.assertTrue(self.is_stored())

    def test_repeated_notification_is_taken_for_processed(self):
        self.receive(self.body)
        self.events.clear()
        with self.assertLogs("anymail.amazon_ses.receive", "WARNING"):
            self.assertEqual(self.post(self.body).status_code, 200)
        self.assertEqual(self.events, [])

    def test_failed_deletion_is_logged_and_not_an_error(self):
        error = AnymailAPIError("denied")
        with (
            mock.patch("anymail.amazon_ses.storage.delete_object", side_effect=error),
            self.assertLogs("anymail.amazon_ses.receive", "ERROR"),
        ):
            self.receive(self.body)

    def test_mail_that_came_through_sns_needs_no_deletion(self):
        with mock.patch("anymail.amazon_ses.storage.delete_object") as delete:
            self.receive(document("sns-base64-plain"))
        delete.assert_not_called()


class DoubleTests(WebhookTestCase):
    """What stands for S3 in the tests of applications."""

    def receive_from(self, response: Any) -> Any:
        with mock.patch("anymail.webhooks.amazon_ses.boto3.session.Session") as session:
            session.return_value.client.return_value.get_object.return_value = response
            return self.receive(document("s3-plain"))

    def test_a_streaming_body_is_read(self):
        mail = b"Subject: stored\r\n\r\n"
        body = StreamingBody(io.BytesIO(mail), len(mail))
        self.assertEqual(self.receive_from({"Body": body}).message.subject, "stored")

    def test_an_empty_object_is_read(self):
        body = StreamingBody(io.BytesIO(b""), 0)
        self.assertEqual(self.receive_from({"Body": body}).event_type, "inbound")

    def test_a_double_that_cannot_work_says_what_to_return(self):
        for response in (
            {"Body": mock.MagicMock(read=mock.Mock(return_value=b"Subject: x"))},
            {"Body": mock.Mock()},
            {"Body": mock.MagicMock(iter_chunks=lambda size: iter(["text"]))},
            {"Body": io.BytesIO(b"Subject: x")},
            {},
            mock.MagicMock(),
        ):
            with self.subTest(response), self.assertRaisesMessage(TypeError, "StreamingBody("):
                self.receive_from(response)


class LogTests(WebhookTestCase):
    def test_a_receipt_action_is_not_logged_whole(self):
        body = document("alert-lambda-action")
        body["receipt"]["action"]["type"] = {"type": ["x" * 30] * 100}
        body["mail"]["messageId"] = ["x" * 30] * 100
        with self.assertLogs(LOGGER, "ERROR") as logs:
            self.assertEqual(self.post(body).status_code, 200)
        self.assertLess(len(logs.records[0].getMessage()), 700)
        self.assertIsNone(logs.records[0].anymail_message_id)


class HostileDocumentTests(WebhookTestCase):
    def test_documents_of_any_shape_are_answered(self):
        strange: list[Any] = [None, [], {}, "x", 1, {"action": "S3"}, {"action": {"type": 1}}]
        for value, name in itertools.product(strange, ("mail", "receipt", "content")):
            with self.subTest(value=value, name=name), recorded(LOGGER):
                body = {**document("sns-base64-plain"), name: value}
                self.assertEqual(self.post(body).status_code, 200)

    def test_subscription_of_event_publishing_is_accepted(self):
        fields = {
            "Type": "Notification",
            "MessageId": "m",
            "TopicArn": TOPIC,
            "Message": json.dumps({"notificationType": "AmazonSnsSubscriptionSucceeded"}),
            "Timestamp": "2025-03-04T05:06:07.089Z",
        }
        self.set_up_anymail(AMAZON_SES_SNS_MAX_AGE=None)
        self.assertEqual(self.client.post(URL, **sns_request(fields)).status_code, 200)
        self.assertEqual(self.events, [])


def _fails_after(chunk: bytes, error: type[Exception]):
    yield chunk
    raise error(error="cut")
