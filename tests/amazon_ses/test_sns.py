from __future__ import annotations

import json

from django.test import SimpleTestCase

from anymail.amazon_ses.notifications import SesNotification
from anymail.amazon_ses.sns import SnsEnvelope
from anymail.amazon_ses.timestamps import parse_timestamp
from anymail.amazon_ses.untrusted_json import MAX_BODY_SIZE
from anymail.exceptions import AnymailWebhookValidationFailure

from ..sns_samples import EVENTS_TOPIC, read_json

HEADERS = {
    "x-amz-sns-message-type": "Notification",
    "x-amz-sns-message-id": "m-1",
    "x-amz-sns-topic-arn": EVENTS_TOPIC,
}


def fields(**changes: object) -> dict[str, object]:
    document: dict[str, object] = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": EVENTS_TOPIC,
        "Message": '{"eventType": "Send"}',
        "Timestamp": "2025-03-04T05:06:08.123Z",
    }
    return {**document, **changes}


def envelope(**changes: object) -> SnsEnvelope:
    return SnsEnvelope.from_json(json.dumps(fields(**changes)))


class FromHttpTests(SimpleTestCase):
    def test_an_envelope_has_what_the_document_says(self):
        found = SnsEnvelope.from_http(HEADERS, json.dumps(fields()).encode())
        self.assertEqual(
            (found.type, found.id, found.topic, found.message, found.region, found.is_raw),
            (
                "Notification",
                "m-1",
                EVENTS_TOPIC,
                '{"eventType": "Send"}',
                "us-east-1",
                False,
            ),
        )
        self.assertEqual(found.timestamp, parse_timestamp("2025-03-04T05:06:08.123Z"))

    def test_each_header_that_repeats_a_field_must_equal_it(self):
        for header in HEADERS:
            with (
                self.subTest(header),
                self.assertRaisesMessage(AnymailWebhookValidationFailure, header),
            ):
                body = json.dumps(fields()).encode()
                SnsEnvelope.from_http({**HEADERS, header: "other"}, body)

    def test_headers_may_be_missing(self):
        """Gateways drop them, and the signature does not cover them."""
        self.assertEqual(SnsEnvelope.from_http({}, json.dumps(fields()).encode()).id, "m-1")

    def test_a_body_longer_than_any_message_is_refused_unread(self):
        for headers in ({}, {**HEADERS, "x-amz-sns-rawdelivery": "true"}):
            with (
                self.subTest(headers),
                self.assertRaisesMessage(AnymailWebhookValidationFailure, "too large"),
            ):
                SnsEnvelope.from_http(headers, b" " * (MAX_BODY_SIZE + 1))

    def test_raw_delivery_has_its_fields_from_the_headers(self):
        headers = {**HEADERS, "x-amz-sns-rawdelivery": "true"}
        found = SnsEnvelope.from_http(headers, b'{"eventType": "Send"}')
        self.assertEqual(
            (found.is_raw, found.id, found.topic, found.message),
            (True, "m-1", EVENTS_TOPIC, '{"eventType": "Send"}'),
        )

    def test_raw_delivery_sends_confirmations_as_documents(self):
        headers = {"x-amz-sns-rawdelivery": "true"}
        headers["x-amz-sns-message-type"] = "SubscriptionConfirmation"
        body = json.dumps(fields(Type="SubscriptionConfirmation")).encode()
        self.assertFalse(SnsEnvelope.from_http(headers, body).is_raw)

    def test_raw_delivery_without_headers_is_refused(self):
        with self.assertRaises(AnymailWebhookValidationFailure):
            SnsEnvelope.from_http({"x-amz-sns-rawdelivery": "true"}, b"{}")


class FromJsonTests(SimpleTestCase):
    def test_required_fields_must_be_strings(self):
        for name in ("Type", "MessageId", "TopicArn", "Message"):
            for value in (None, 1, [], {}, True):
                if (name, value) == ("TopicArn", None):
                    continue  # a notification of somebody's tests
                with (
                    self.subTest(name=name, value=value),
                    self.assertRaises(AnymailWebhookValidationFailure),
                ):
                    envelope(**{name: value})

    def test_an_unknown_type_is_refused(self):
        with self.assertRaises(AnymailWebhookValidationFailure):
            envelope(Type="Greeting")

    def test_a_topic_may_be_logged(self):
        for topic in ("ses-events\n", "\x1b[2J", "\u2028", "\ud800", "x" * 1025):
            with self.subTest(topic), self.assertRaises(AnymailWebhookValidationFailure):
                envelope(TopicArn=topic)

    def test_a_confirmation_without_a_topic_is_refused(self):
        with self.assertRaises(AnymailWebhookValidationFailure):
            envelope(Type="SubscriptionConfirmation", TopicArn=None)

    def test_the_spelling_of_lambda_is_understood(self):
        self.assertEqual(envelope(SigningCertUrl="https://x").signing_cert_url, "https://x")

    def test_a_certificate_url_that_is_no_string_is_none(self):
        self.assertEqual(envelope(SigningCertURL=["https://x"]).signing_cert_url, "")


class StringToSignTests(SimpleTestCase):
    def test_a_notification_signs_its_fields_in_this_order(self):
        self.assertEqual(
            envelope(Message="a\nb", Subject="s").string_to_sign().decode(),
            "Message\na\nb\nMessageId\nm-1\nSubject\ns\nTimestamp\n2025-03-04T05:06:08.123Z\n"
            f"TopicArn\n{EVENTS_TOPIC}\nType\nNotification\n",
        )

    def test_a_confirmation_signs_token_and_url_but_no_subject(self):
        found = envelope(
            Type="SubscriptionConfirmation", Token="t", SubscribeURL="u", Subject="s", Message="m"
        )
        self.assertEqual(
            found.string_to_sign().decode(),
            "Message\nm\nMessageId\nm-1\nSubscribeURL\nu\nTimestamp\n2025-03-04T05:06:08.123Z\n"
            f"Token\nt\nTopicArn\n{EVENTS_TOPIC}\nType\nSubscriptionConfirmation\n",
        )

    def test_a_subject_of_null_is_no_subject(self):
        self.assertEqual(envelope(Subject=None).string_to_sign(), envelope().string_to_sign())

    def test_an_empty_subject_is_signed(self):
        self.assertIn(b"Subject\n\n", envelope(Subject="").string_to_sign())

    def test_a_line_break_outside_of_the_message_is_refused(self):
        """The text below is the same as that of the id "m" and the subject "s"."""
        with self.assertRaisesMessage(AnymailWebhookValidationFailure, "MessageId"):
            envelope(MessageId="m\nSubject\ns").string_to_sign()
        for name in ("Subject", "Timestamp", "Token", "SubscribeURL"):
            fields = {"Token": "t", "SubscribeURL": "u", name: "x\ny"}
            kind = "Notification" if name == "Subject" else "SubscriptionConfirmation"
            with (
                self.subTest(name),
                self.assertRaisesMessage(AnymailWebhookValidationFailure, name),
            ):
                envelope(Type=kind, **fields).string_to_sign()

    def test_what_cannot_be_signed_is_refused(self):
        for changes in (
            {"Timestamp": None},
            {"Timestamp": 1},
            {"Subject": 1},
            {"Subject": ["x"]},
            {"Message": "\ud800"},
            {"Type": "SubscriptionConfirmation", "Token": "t"},
            {"Type": "UnsubscribeConfirmation", "SubscribeURL": "u"},
        ):
            with self.subTest(changes), self.assertRaises(AnymailWebhookValidationFailure):
                envelope(**changes).string_to_sign()


class KindTests(SimpleTestCase):
    def kind(self, **body: object) -> str:
        return SesNotification(id=None, timestamp=None, body=body).kind

    def test_event_publishing_wins_over_notifications(self):
        self.assertEqual(self.kind(eventType="Open", notificationType="Bounce"), "Open")

    def test_spelling_varies(self):
        for word in ("Rendering Failure", "RenderingFailure", "renderingfailure"):
            with self.subTest(word):
                self.assertEqual(self.kind(eventType=word), "Rendering Failure")

    def test_other_words_stay_as_they_are(self):
        self.assertEqual(self.kind(eventType="New Thing"), "New Thing")

    def test_what_is_no_word_is_no_kind(self):
        for value in (None, 1, [], {}, ""):
            with self.subTest(value):
                self.assertEqual(self.kind(eventType=value), "")


class ParseTimestampTests(SimpleTestCase):
    def test_each_of_amazons_forms_is_read_in_utc(self):
        for text, expected in {
            "2017-08-05T00:41:02.669Z": "2017-08-05T00:41:02.669000+00:00",
            "2017-08-05T00:41:02Z": "2017-08-05T00:41:02+00:00",
            "2018-10-08T14:05:45 +0000": "2018-10-08T14:05:45+00:00",
            "2009-12-03T04:24:21.000-05:00": "2009-12-03T09:24:21+00:00",
            "2009-12-03T04:24:21": "2009-12-03T04:24:21+00:00",
        }.items():
            with self.subTest(text):
                found = parse_timestamp(text)
                assert found is not None
                self.assertEqual(found.isoformat(), expected)

    def test_a_date_alone_is_never_naive(self):
        """Naive times cannot be compared with ours."""
        for text in ("2025-03-04Z", "20250304Z", "2025-03-04"):
            with self.subTest(text):
                found = parse_timestamp(text)
                self.assertTrue(found is None or found.tzinfo is not None)

    def test_what_is_no_time_is_none(self):
        for value in (
            None,
            1,
            "",
            "Z",
            "yesterday",
            "2025-13-01T00:00:00Z",
            [],
            {},
            "9" * 9999,
            "0001-01-01T00:00:00+14:00",
            "2025-02-30T00:00:00 +0000",
            "\ud800Z",
        ):
            with self.subTest(str(value)[:40].encode("ascii", "replace")):
                self.assertIsNone(parse_timestamp(value))


class SampleTests(SimpleTestCase):
    def test_samples_that_are_no_envelopes_are_refused(self):
        for name in ("message-missing", "message-not-string", "type-unknown"):
            with self.subTest(name), self.assertRaises(AnymailWebhookValidationFailure):
                SnsEnvelope.from_json(json.dumps(read_json(f"sns/bad-{name}.json")))
