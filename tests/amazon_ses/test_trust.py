from __future__ import annotations

import base64
import json
import random
from datetime import timedelta
from typing import Any
from unittest import mock

from cryptography.exceptions import UnsupportedAlgorithm
from django.test import SimpleTestCase

from anymail import testing
from anymail.amazon_ses import trust, x509
from anymail.amazon_ses.sns import SIGNED_FIELDS, SnsEnvelope
from anymail.conf import AmazonSESSettings
from anymail.exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure

from ..sns_samples import CERTIFICATE_URL, EVENTS_TOPIC, NOW, certificate, read_json, read_text


def settings(**overrides: Any) -> AmazonSESSettings:
    return AmazonSESSettings.load(overrides)


def no_network(url: str) -> str:
    raise AssertionError("nothing must be fetched")


def sample(name: str, **changes: Any) -> SnsEnvelope:
    return SnsEnvelope.from_json(json.dumps({**read_json(f"sns/{name}.json"), **changes}))


def check(envelope: SnsEnvelope, pem: str | None = None, **overrides: Any) -> None:
    trust.check(envelope, settings(**overrides), lambda url: pem or certificate(), now=NOW)


def why_not(envelope: SnsEnvelope, **overrides: Any) -> str:
    try:
        check(envelope, **overrides)
    except AnymailWebhookValidationFailure as err:
        return str(err)
    return ""


class SignatureTests(SimpleTestCase):
    def test_every_sample_verifies_or_fails_as_expected(self):
        expected = read_json("expected-sns.json")["files"]
        for name, wanted in expected.items():
            with self.subTest(name):
                fields = read_json(f"sns/{name}")
                try:
                    envelope = SnsEnvelope.from_json(json.dumps(fields))
                    trust.check_signature(envelope, x509.load_certificate(certificate()))
                except AnymailWebhookValidationFailure:
                    self.assertEqual(wanted["signature"], "invalid")
                else:
                    self.assertEqual(wanted["signature"], "valid")

    def test_any_changed_character_of_a_signed_field_is_refused(self):
        """The sample of each type has every field that can be signed."""
        randomness = random.Random(4)
        for name in ("notification-v1", "notification-v2", "subscription-confirmation-v2"):
            fields = read_json(f"sns/{name}.json")
            for field in SIGNED_FIELDS[fields["Type"]]:
                for position in randomness.choices(range(len(fields[field])), k=25):
                    text = fields[field]
                    changed = text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]
                    with self.subTest(name, field=field, position=position):
                        self.assertRefused({**fields, field: changed})

    def test_a_character_more_or_less_in_a_signed_field_is_refused(self):
        for name in ("notification-v1", "subscription-confirmation-v1"):
            fields = read_json(f"sns/{name}.json")
            for field in SIGNED_FIELDS[fields["Type"]]:
                for changed in (fields[field] + "\n", fields[field][:-1], ""):
                    with self.subTest(name, field=field):
                        self.assertRefused({**fields, field: changed})

    def test_fields_that_are_split_in_another_way_are_refused(self):
        """The text to sign would be the same, and the id another."""
        fields = read_json("sns/notification-v2.json")
        name = f"{fields['MessageId']}\nSubject\n{fields.pop('Subject')}"
        self.assertRefused({**fields, "MessageId": name})

    def test_any_changed_bit_of_the_signature_is_refused(self):
        randomness = random.Random(5)
        fields = read_json("sns/notification-v2.json")
        signature = base64.b64decode(fields["Signature"])
        for _ in range(300):
            changed = bytearray(signature)
            changed[randomness.randrange(len(changed))] ^= 1 << randomness.randrange(8)
            self.assertRefused({**fields, "Signature": base64.b64encode(changed).decode()})

    def test_a_signature_of_another_length_is_refused(self):
        fields = read_json("sns/notification-v2.json")
        signature = base64.b64decode(fields["Signature"])
        for changed in (b"", signature[:-1], signature + b"\0", b"\0" + signature):
            self.assertRefused({**fields, "Signature": base64.b64encode(changed).decode()})

    def test_a_signature_that_is_no_text_is_refused(self):
        fields = read_json("sns/notification-v2.json")
        for value in (None, 1, True, [], {}, "é", "A"):
            with self.subTest(value):
                self.assertRefused({**fields, "Signature": value})

    def test_a_version_that_is_no_text_is_refused(self):
        fields = read_json("sns/notification-v2.json")
        for value in (None, 2, True, [], {}, "3", "1", ""):
            with self.subTest(value):
                self.assertRefused({**fields, "SignatureVersion": value})

    def test_a_platform_without_sha1_says_what_to_do(self):
        key = mock.Mock()
        key.verify.side_effect = UnsupportedAlgorithm("SHA-1")
        verify = x509._verifier(key, "1")
        with self.assertRaisesMessage(AnymailWebhookValidationFailure, "SignatureVersion"):
            verify(b"", b"")

    def assertRefused(self, fields: dict[str, Any]) -> None:
        with self.assertRaises(AnymailWebhookValidationFailure):
            check(SnsEnvelope.from_json(json.dumps(fields)), sns_max_age=None)


class TopicTests(SimpleTestCase):
    def test_without_an_allow_list_any_topic_will_do(self):
        self.assertEqual(why_not(sample("foreign-topic-validly-signed")), "")

    def test_a_topic_that_is_not_on_the_allow_list_is_refused(self):
        for name in ("foreign-topic-validly-signed", "foreign-topic-confirmation"):
            with self.subTest(name):
                reason = why_not(sample(name), sns_topic_arns=[EVENTS_TOPIC])
                self.assertIn("999999999999:attacker", reason)

    def test_topics_are_compared_whole(self):
        envelope = sample("notification-v1")
        for topic in (EVENTS_TOPIC + "-2", EVENTS_TOPIC[:-1], "*", ""):
            with self.subTest(topic):
                reason = why_not(envelope, sns_topic_arns=[topic, "x"])
                self.assertIn("is not in", reason)
        self.assertEqual(why_not(envelope, sns_topic_arns=EVENTS_TOPIC), "")

    def test_the_topic_must_be_an_arn_of_sns(self):
        for topic in (
            "",
            "ses-events",
            "arn:aws:sqs:us-east-1:123456789012:ses-events",
            "arn:aws:sns:us-east-1:123456789012",
            "arn:aws:sns:us-east-1:123456789012:ses-events:subscription",
            "arn:aws:sns:us-east-1.evil.example/:123456789012:ses-events",
            "arn:aws:sns::123456789012:ses-events",
            "arn:aws:sns:us-east-1:123456789012:ses-events\n",
            "arn:evil:sns:us-east-1:123456789012:ses-events",
            f"arn:aws-{'a' * 99}:sns:us-east-1:123456789012:ses-events",
            f"arn:aws{'-a' * 99}:sns:us-east-1:123456789012:ses-events",
            f"arn:aws:sns:us-{'a' * 99}-1:123456789012:ses-events",
        ):
            with self.subTest(topic), self.assertRaises(AnymailWebhookValidationFailure):
                trust.check_topic(sample("notification-v1", TopicArn=topic), settings())

    def test_a_topic_may_be_anything_where_nothing_is_to_be_proven(self):
        """As in messages that people write in their tests."""
        lax = {"verify_sns_signatures": False, "sns_max_age": None}
        arn = "arn:aws:sns:us-east-1:1234567890:ses-events"
        for topic in (arn, "x", "", None):
            envelope = sample("notification-v1", TopicArn=topic)
            with self.subTest(topic):
                trust.check(envelope, settings(**lax), no_network)
                for name, value in (
                    ("verify_sns_signatures", True),
                    ("sns_topic_arns", [EVENTS_TOPIC]),
                    ("sns_max_age", 7200),
                ):
                    with self.assertRaisesMessage(
                        AnymailWebhookValidationFailure,
                        "The SNS message has no valid TopicArn, which is needed because of "
                        f'ANYMAIL["AMAZON_SES_{name.upper()}"].',
                    ):
                        trust.check_topic(envelope, settings(**{**lax, name: value}))

    def test_every_setting_that_asks_for_a_topic_is_named(self):
        with self.assertRaisesMessage(
            AnymailWebhookValidationFailure,
            'ANYMAIL["AMAZON_SES_VERIFY_SNS_SIGNATURES"] and ANYMAIL["AMAZON_SES_SNS_MAX_AGE"].',
        ):
            trust.check_topic(sample("notification-v1", TopicArn="x"), settings())

    def test_a_confirmation_needs_the_whole_arn_all_the_same(self):
        lax = settings(verify_sns_signatures=False, sns_max_age=None)
        for topic in ("arn:aws:sns:us-east-1:1234567890:ses-events", "x", ""):
            envelope = sample("subscription-confirmation-v1", TopicArn=topic)
            with self.subTest(topic), self.assertRaises(AnymailWebhookValidationFailure):
                trust.check(envelope, lax, no_network)


class AgeTests(SimpleTestCase):
    def test_replayed_messages_are_refused(self):
        self.assertIn("older", why_not(sample("replay-old-timestamp")))
        self.assertIn("future", why_not(sample("replay-future-timestamp")))

    def test_no_limit_lets_them_pass(self):
        for name in ("replay-old-timestamp", "replay-future-timestamp"):
            self.assertEqual(why_not(sample(name), sns_max_age=None), "")

    def test_the_limits_are_exact(self):
        envelope = sample("notification-v1")
        assert envelope.timestamp is not None
        for age, accepted in ((0, True), (60, True), (60.01, False), (-300, True), (-301, False)):
            with self.subTest(age):
                now = envelope.timestamp + timedelta(seconds=age)
                limited = settings(sns_max_age=60)
                try:
                    trust.check_age(envelope, limited, now)
                except AnymailWebhookValidationFailure:
                    self.assertFalse(accepted)
                else:
                    self.assertTrue(accepted)

    def test_a_message_without_a_time_is_refused(self):
        for value in (None, "", "yesterday", 1):
            self.assertIn("Timestamp", why_not(sample("notification-v1", Timestamp=value)))


class CertificateUrlTests(SimpleTestCase):
    urls = read_json("sns-cert-urls.json")

    def refused(self, url: Any, topic: str = EVENTS_TOPIC, **overrides: Any) -> bool:
        envelope = sample("notification-v1", SigningCertURL=url, TopicArn=topic)
        try:
            trust.check(envelope, settings(sns_max_age=None, **overrides), self.fetch)
        except AnymailWebhookValidationFailure as err:
            return "SigningCertURL" in str(err)
        except LookupError:
            return False
        raise AssertionError("neither refused nor fetched")

    def fetch(self, url: str) -> str:
        raise LookupError

    def test_certificates_of_the_topics_region_are_fetched(self):
        for row in self.urls["accept"]:
            with self.subTest(row):
                self.assertFalse(self.refused(row["url"], row["topic"]))

    def test_other_urls_are_refused_before_anything_is_fetched(self):
        for url in self.urls["refuse"]:
            with self.subTest(url):
                self.assertTrue(self.refused(url))

    def test_certificates_of_another_region_or_partition_are_refused(self):
        for row in self.urls["refuse_in_strict_mode"]:
            with self.subTest(row):
                self.assertTrue(self.refused(row["url"], row["topic"]))

    def test_every_partition_has_its_suffix(self):
        for name, expected in read_json("expected-sns.json")["files"].items():
            if name.startswith("partition-"):
                with self.subTest(name):
                    envelope = sample(name.removesuffix(".json"))
                    self.assertEqual(why_not(envelope, sns_topic_arns=expected["topic"]), "")

    def test_an_unknown_partition_is_refused(self):
        topic = "arn:aws-new:sns:us-east-1:123456789012:t"
        self.assertTrue(self.refused(CERTIFICATE_URL, topic))

    def test_a_pattern_replaces_the_rule_for_the_host_alone(self):
        pattern = r"sns\.[a-z0-9-]+\.api\.aws"
        other = "https://sns.eu-west-1.api.aws/SimpleNotificationService-a1.pem"
        self.assertFalse(self.refused(other, sns_cert_host_regex=pattern))
        for url in (
            CERTIFICATE_URL,
            other + "?x",
            other.replace("https", "http"),
            other.replace("api.aws", "api.aws.evil.example"),
            other.replace("sns.", "evil-sns."),
        ):
            with self.subTest(url):
                self.assertTrue(self.refused(url, sns_cert_host_regex=pattern))

    def test_a_pattern_that_is_none_is_a_configuration_error(self):
        with self.assertRaises(AnymailConfigurationError):
            self.refused(CERTIFICATE_URL, sns_cert_host_regex="(")

    def test_known_certificates_are_not_fetched(self):
        known = {CERTIFICATE_URL: certificate()}
        limits = settings(sns_certificates=known)
        trust.check(sample("notification-v1"), limits, no_network, now=NOW)

    def test_a_url_that_is_known_may_be_any(self):
        url = "http://localhost:4566/cert.pem"
        limits = settings(sns_certificates={url: certificate()})
        trust.check(sample("notification-v1", SigningCertURL=url), limits, no_network, now=NOW)


class SubscribeUrlTests(SimpleTestCase):
    def test_a_confirmation_that_links_to_another_host_is_refused(self):
        reason = why_not(sample("confirmation-subscribeurl-foreign-host"))
        self.assertIn("SubscribeURL", reason)

    def test_a_confirmation_without_a_link_is_refused(self):
        for value in (None, 1, "", "http://sns.us-east-1.amazonaws.com/?Action=x"):
            envelope = sample("subscription-confirmation-v1", SubscribeURL=value)
            self.assertIn("SubscribeURL", why_not(envelope))

    def test_confirmations_of_sns_pass(self):
        for name in ("subscription-confirmation-v1", "unsubscribe-confirmation-v2"):
            self.assertEqual(why_not(sample(name)), "")


class CertificateTests(SimpleTestCase):
    def test_an_expired_certificate_is_refused(self):
        reason = ""
        try:
            check(sample("notification-v1"), pem=certificate("expired"))
        except AnymailWebhookValidationFailure as err:
            reason = str(err)
        self.assertIn("expired", reason)

    def test_a_certificate_that_is_not_valid_yet_is_refused(self):
        with self.assertRaises(AnymailWebhookValidationFailure):
            x509.usable_certificate(certificate(), NOW - timedelta(days=365 * 50))

    def test_the_certificate_of_another_key_is_refused(self):
        with self.assertRaises(AnymailWebhookValidationFailure):
            check(sample("notification-v1"), pem=certificate("other-key"))

    def test_there_must_be_exactly_one(self):
        for pem in ("", "x", certificate() * 2, certificate()[:-100], "é", certificate()[100:]):
            with self.subTest(pem[-20:]), self.assertRaises(ValueError):
                x509.load_certificate(pem)

    def test_a_setting_that_holds_no_certificate_is_a_configuration_error(self):
        for value in ("x", 1, ["x"], certificate().encode()):
            limits = settings(sns_certificates={CERTIFICATE_URL: value})
            with self.subTest(type(value)), self.assertRaises(AnymailConfigurationError):
                trust.check(sample("notification-v1"), limits, no_network, now=NOW)


class RawDeliveryTests(SimpleTestCase):
    envelope = SnsEnvelope.from_http(
        {
            "x-amz-sns-rawdelivery": "true",
            "x-amz-sns-message-id": "m",
            "x-amz-sns-topic-arn": EVENTS_TOPIC,
        },
        read_text("events/p-send.json").encode(),
    )

    def test_only_the_topic_can_be_checked(self):
        allowed = {"allow_raw_message_delivery": True}
        trust.check(self.envelope, settings(sns_topic_arns=EVENTS_TOPIC, **allowed), no_network)
        with self.assertRaises(AnymailWebhookValidationFailure):
            trust.check(self.envelope, settings(sns_topic_arns="x", **allowed), no_network)

    def test_it_is_refused_unless_a_setting_allows_it(self):
        with self.assertRaises(AnymailWebhookValidationFailure) as raised:
            trust.check(self.envelope, settings(), no_network)
        self.assertIn('ANYMAIL["AMAZON_SES_ALLOW_RAW_MESSAGE_DELIVERY"]', str(raised.exception))
        self.assertIn("Turn raw message delivery off in SNS", str(raised.exception))


class ProofTests(SimpleTestCase):
    def test_a_topic_is_ours_by_secret_or_by_allow_list_and_signature(self):
        for topics, signatures, secret, proven in (
            ([], True, False, False),
            ([EVENTS_TOPIC], False, False, False),
            ([EVENTS_TOPIC], True, False, True),
            ([], True, True, True),
            ([], False, True, True),
        ):
            with self.subTest(topics=topics, signatures=signatures, secret=secret):
                found = settings(sns_topic_arns=topics, verify_sns_signatures=signatures)
                self.assertEqual(trust.topic_is_ours(found, knows_secret=secret), proven)

    def test_without_signature_checking_nothing_is_fetched(self):
        unsigned = sample("bad-signature-missing")
        trust.check(unsigned, settings(verify_sns_signatures=False), no_network, now=NOW)


class TestKeyTests(SimpleTestCase):
    def test_nothing_believes_the_key_of_the_tests_by_itself(self):
        request = testing.sns_notification("bounce")
        envelope = SnsEnvelope.from_json(request["data"])
        with self.assertRaises(AnymailWebhookValidationFailure):
            trust.check(envelope, settings(), lambda url: certificate())
