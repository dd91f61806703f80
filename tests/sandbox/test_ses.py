"""anymail.sandbox.aws: sending with both APIs of SES, with boto3 and with the real backends."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from typing import Any
from unittest import mock, skipUnless
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.test import SimpleTestCase, override_settings
from moto.core.utils import get_service_model

from anymail.amazon_ses import request_bodies
from anymail.backends.amazon_ses import EmailBackend as BackendV1
from anymail.backends.amazon_sesv2 import EmailBackend as BackendV2
from anymail.exceptions import AnymailAPIError
from anymail.message import AnymailMessage
from anymail.sandbox.aws.defaults import ACCOUNT, CREDENTIALS
from anymail.sandbox.aws.faults import LATE, Faults
from anymail.sandbox.aws.headers import split
from anymail.sandbox.aws.identities import new_identity
from anymail.sandbox.aws.moto_state import ReceiptRule
from anymail.sandbox.aws.ses import handlebars
from anymail.sandbox.aws.ses.addresses import parse_address, parse_addresses
from anymail.sandbox.aws.ses.errors import SesError
from anymail.sandbox.aws.ses.handlebars import TemplateError
from anymail.sandbox.journal import SentMail, now
from anymail.validators import DeliverabilityValidator

from ..local_ses import CUSTOMER, RAW, SENDER, LocalSesTestCase, unique

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=key/20250304/us-east-1/ses/aws4_request, SignedHeaders=host, "
    "Signature=0"
)
FORM = "application/x-www-form-urlencoded"
OUTBOUND = "/v2/email/outbound-emails"


def with_headers(*headers: str) -> bytes:
    return "\r\n".join([*headers, "", "Hello!\r\n"]).encode("utf-8", "surrogateescape")


class RawTests(LocalSesTestCase):
    """Raw messages, which both APIs take."""

    def both(self, raw: bytes, **params: Any) -> list[Any]:
        """What v1 and v2 accepted."""
        return [
            self.amazon.mail(self.send_raw(raw, **params)),
            self.amazon.mail(self.send_raw_v2(raw, **params)),
        ]

    def both_refuse(self, raw: bytes, text: str) -> None:
        """SES says the same in both APIs, under different names."""
        self.assertEqual(self.refusal(self.send_raw, raw), ("InvalidParameterValue", 400, text))
        self.assertEqual(self.refusal(self.send_raw_v2, raw), ("BadRequestException", 400, text))

    def test_the_envelope_is_that_of_the_parameters(self):
        for mail in (
            self.amazon.mail(self.send_raw(Destinations=["a@b.c", "Dora <d@e.f>"])),
            self.amazon.mail(
                self.send_raw_v2(
                    Destination={
                        "ToAddresses": ["a@b.c"],
                        "CcAddresses": [],
                        "BccAddresses": ["Dora <d@e.f>"],
                    }
                )
            ),
        ):
            self.assertEqual((mail.source, mail.recipients), (SENDER, ["a@b.c", "d@e.f"]))

    def test_without_parameters_the_envelope_is_that_of_the_headers(self):
        raw = with_headers(
            'From: "Shop, Inc." <shop@example.com>',
            "To: a@b.c,\r\n Team: d@e.f, g@h.i;",
            "Cc: j@k.l",
            "Bcc: m@n.o",
        )
        for mail in self.both(raw):
            self.assertEqual(mail.source, SENDER)
            self.assertEqual(mail.recipients, ["a@b.c", "d@e.f", "g@h.i", "j@k.l", "m@n.o"])

    def test_the_source_of_the_parameters_wins(self):
        sent = self.send_raw(Source="Bounces <bounces@example.com>")
        self.assertEqual(self.amazon.mail(sent).source, "bounces@example.com")
        sent = self.send_raw_v2(FromEmailAddress="bounces@example.com")
        self.assertEqual(self.amazon.mail(sent).source, "bounces@example.com")

    def test_a_to_header_may_be_an_empty_group(self):
        raw = RAW.replace(b"ann@example.net", b"undisclosed-recipients:;")
        mail = self.amazon.mail(self.send_raw(raw, Destinations=[CUSTOMER]))
        self.assertEqual(mail.recipients, [CUSTOMER])
        self.both_refuse(raw, "Missing required header 'To'.")

    def test_ses_puts_its_own_message_id_and_date(self):
        raw = with_headers(
            "message-id: <mine@example.com>",
            "From: shop@example.com",
            "Date: Tue, 04 Mar 2025 05:06:07 +0100",
            "To: ann@example.net",
        )
        for mail in self.both(raw):
            delivered = message_from_bytes(mail.raw, policy=policy.default)
            self.assertEqual(delivered["Message-ID"], f"<{mail.id}@email.amazonses.com>")
            age = now() - parsedate_to_datetime(delivered["Date"])
            self.assertLess(abs(age.total_seconds()), 60)
            self.assertEqual(delivered.get_content(), "Hello!\r\n")
            self.assertEqual(len(delivered.get_all("Message-ID") + delivered.get_all("Date")), 2)

    def test_other_regions_have_another_host_and_a_memory_of_their_own(self):
        ses = self.amazon.client("ses", "eu-west-1")
        mail = self.amazon.mail(ses.send_raw_email(RawMessage={"Data": RAW})["MessageId"])
        self.assertIn(f"<{mail.id}@eu-west-1.amazonses.com>".encode(), mail.raw)
        self.assertEqual((mail.region, mail.id[:4]), ("eu-west-1", "0102"))
        name = self.amazon.configuration_set()
        self.send_raw(ConfigurationSetName=name)
        with self.assertRaises(ses.exceptions.ConfigurationSetDoesNotExistException):
            ses.send_raw_email(RawMessage={"Data": RAW}, ConfigurationSetName=name)

    def test_bytes_arrive_as_they_were_sent(self):
        body = bytes(range(1, 256)).replace(b"\n", b"").replace(b"\r", b"")
        for mail in self.both(RAW + body):
            self.assertTrue(mail.raw.endswith(b"\r\n\r\nHello!\r\n" + body))

    def test_bare_line_feeds_become_line_breaks(self):
        for mail in self.both(RAW.replace(b"\r\n", b"\n")):
            self.assertEqual(mail.raw.count(b"\n"), mail.raw.count(b"\r\n"))
            self.assertTrue(mail.raw.startswith(b"From: shop@example.com\r\nTo: "))

    def test_headers_for_ses_are_read_and_taken_away(self):
        name = self.amazon.configuration_set()
        raw = with_headers(
            "From: shop@example.com",
            f"X-SES-Configuration-Set: {name}",
            "To: ann@example.net",
            "X-SES-MESSAGE-TAGS: campaign=spring,\r\n kind=news",
            "x-ses-source-arn: arn",
        )
        for mail in self.both(raw):
            self.assertEqual(mail.configuration_set, name)
            self.assertEqual(mail.message_tags, {"campaign": ["spring"], "kind": ["news"]})
            self.assertNotIn(b"x-ses", mail.raw.lower())

    def test_parameters_win_over_headers_for_ses(self):
        name = self.amazon.configuration_set()
        raw = with_headers(
            "From: shop@example.com",
            "X-SES-CONFIGURATION-SET: none",
            "To: ann@example.net",
            "X-SES-MESSAGE-TAGS: header=1",
        )
        tags = [{"Name": "parameter", "Value": "2"}]
        for message_id in (
            self.send_raw(raw, ConfigurationSetName=name, Tags=tags),
            self.send_raw_v2(raw, ConfigurationSetName=name, EmailTags=tags),
        ):
            mail = self.amazon.mail(message_id)
            self.assertEqual(mail.message_tags, {"parameter": ["2"]})
            self.assertEqual(mail.configuration_set, name)

    def test_the_original_headers_are_in_the_events(self):
        raw = with_headers(
            "From: shop@example.com", "To: ann@example.net", "Message-ID: <mine@example.com>"
        )
        mail = self.amazon.wait_for(self.send_raw(raw), "Send", "Delivery")
        headers = mail.events[0].document["mail"]["headers"]
        self.assertIn({"name": "Message-ID", "value": "<mine@example.com>"}, headers)

    def test_a_bcc_header_stays_and_is_noted(self):
        for mail in self.both(RAW.replace(b"Subject", b"Bcc: b@c.d\r\nSubject")):
            self.assertIn(b"Bcc: b@c.d\r\n", mail.raw)
            self.assertIn("It has a Bcc header.", mail.notes[0])

    def test_a_line_that_smtp_forbids_is_noted(self):
        for length, noted in ((998, False), (999, True)):
            for raw in (RAW + b"x" * length + b"\r\n", RAW + b"x" * (length + 2)):
                notes = self.amazon.mail(self.send_raw(raw)).notes
                self.assertEqual(any("1000 bytes" in note for note in notes), noted)

    def test_what_ses_refuses_of_headers(self):
        sender, to = "From: shop@example.com", "To: ann@example.net"
        for headers, text in (
            ([to], "Missing required header 'From'."),
            ([sender], "Missing required header 'To'."),
            ([sender, to, "Subject: a", "subject: b"], "Duplicate header 'subject'."),
            ([sender, to, ": a"], "Empty header names are illegal."),
            (["From:", to], "Missing final '@domain'"),
            (["From: Shop, Inc. <shop@example.com>", to], "Missing final '@domain'"),
            ([sender, "To: Müller@example.net"], "Local address contains illegal character"),
            ([sender, "To: ann@exämple.net"], "Domain contains illegal character"),
        ):
            with self.subTest(text):
                self.both_refuse(with_headers(*headers), text)

    def test_headers_that_may_be_there_twice(self):
        for name in ("X-Tag", "Received", "List-Unsubscribe-Post"):
            raw = RAW.replace(b"Subject", f"{name}: a\r\n{name}: b\r\nSubject".encode())
            self.assertEqual(self.amazon.mail(self.send_raw(raw)).raw.count(name.encode()), 2)

    def test_garbage_is_no_message(self):
        for raw in (b"", b"\x00\xff\xfe", b"hello\r\n\r\nworld", b"\r\n" + RAW):
            with self.subTest(raw):
                self.both_refuse(raw, "Missing required header 'From'.")

    def test_recipients(self):
        def to(count: int) -> list[str]:
            return [f"a{number}@b.c" for number in range(count)]

        self.send_raw(Destinations=to(50))
        text = "Recipient count exceeds 50."
        self.assertEqual(
            self.refusal(self.send_raw, Destinations=to(51)), ("InvalidParameterValue", 400, text)
        )
        destination = {"ToAddresses": to(25), "CcAddresses": to(25), "BccAddresses": to(1)}
        self.assertEqual(
            self.refusal(self.send_raw_v2, Destination=destination),
            ("BadRequestException", 400, text),
        )

    def test_one_bad_address_refuses_the_whole_message(self):
        before = len(self.amazon.journal.sent())
        code, _, text = self.refusal(self.send_raw, Destinations=[CUSTOMER, "ann smith@b.c"])
        self.assertEqual(code, "InvalidParameterValue")
        self.assertEqual(text, "Local address contains control or whitespace")
        self.assertEqual(len(self.amazon.journal.sent()), before)

    def test_tags(self):
        words = ": only alphanumeric ASCII characters, '_', and '-' are allowed."
        for name, value, text in (
            ("a.b", "c", f"Invalid tag name <a.b>{words}"),
            ("ses:feedback-id-c", "d", f"Invalid tag name <ses:feedback-id-c>{words}"),
            ("a", "b@c", f"Invalid tag value <b@c>{words}"),
            ("a", "b" * 256, "Tag value cannot exceed 255 characters."),
            ("a" * 256, "b", "Tag name cannot exceed 255 characters."),
        ):
            tags = [{"Name": name, "Value": value}]
            for call, key, code in (
                (self.send_raw, "Tags", "InvalidParameterValue"),
                (self.send_raw_v2, "EmailTags", "BadRequestException"),
            ):
                found, _, message = self.refusal(call, **{key: tags})
                self.assertEqual((found, message), (code, text))
        tags = [{"Name": "ses:feedback-id-a", "Value": "b" * 255}]
        mail = self.amazon.mail(self.send_raw_v2(EmailTags=tags))
        self.assertEqual(mail.message_tags, {"ses:feedback-id-a": ["b" * 255]})

    def test_the_size_is_limited(self):
        def raw(size: int) -> bytes:
            line = b"x" * 998 + b"\r\n"
            return (RAW + line * (size // 1000 + 1))[:size]

        limit = 10 * 1024 * 1024
        request_bodies.register(self.ses)  # botocore encodes slowly
        self.send_raw(raw(limit))
        code, _, text = self.refusal(self.send_raw, raw(limit + 1))
        self.assertEqual(code, "InvalidParameterValue")
        self.assertIn("Message length is more than 10485760 bytes long", text)
        self.send_raw_v2(raw(limit + 1))

    def test_v2_takes_four_times_as_much(self):
        code, _, text = self.refusal(self.send_raw_v2, RAW + b"x" * (40 * 1024 * 1024))
        self.assertEqual(code, "BadRequestException")
        self.assertIn("Message length is more than 41943040 bytes long", text)


class ConfigurationSetTests(LocalSesTestCase):
    """A configuration set has to exist."""

    def test_one_that_does_not_exist(self):
        text = "Configuration set <none> does not exist."
        self.assertEqual(
            self.refusal(self.send_raw, ConfigurationSetName="none"),
            ("ConfigurationSetDoesNotExist", 400, text),
        )
        self.assertEqual(
            self.refusal(self.send_raw_v2, ConfigurationSetName="none"),
            ("NotFoundException", 404, text),
        )
        with self.assertRaises(self.ses.exceptions.ConfigurationSetDoesNotExistException):
            self.send_raw(RAW.replace(b"To:", b"X-SES-CONFIGURATION-SET: none\r\nTo:"))

    def test_names_are_given_once(self):
        name = self.amazon.configuration_set()
        options = self.sesv2.get_configuration_set(ConfigurationSetName=name)["SendingOptions"]
        self.assertEqual(options, {"SendingEnabled": True})
        with self.assertRaises(self.sesv2.exceptions.AlreadyExistsException):
            self.sesv2.create_configuration_set(ConfigurationSetName=name)
        with self.assertRaises(self.ses.exceptions.ConfigurationSetAlreadyExistsException):
            self.ses.create_configuration_set(ConfigurationSet={"Name": name})

    def test_names_are_checked(self):
        for name in ("a b", "a.b", "a" * 65, "é", "\x00"):
            with self.subTest(name):
                with self.assertRaises(self.sesv2.exceptions.BadRequestException):
                    self.sesv2.create_configuration_set(ConfigurationSetName=name)
                code, _, _ = self.refusal(
                    self.ses.create_configuration_set, ConfigurationSet={"Name": name}
                )
                self.assertEqual(code, "InvalidParameterValue")

    def test_a_deleted_one_takes_its_destinations_along(self):
        topic = self.amazon.topic()
        name = self.amazon.configuration_set(topic)
        self.sesv2.delete_configuration_set(ConfigurationSetName=name)
        with self.assertRaises(self.sesv2.exceptions.NotFoundException):
            self.sesv2.delete_configuration_set(ConfigurationSetName=name)
        with self.assertRaises(self.ses.exceptions.ConfigurationSetDoesNotExistException):
            self.ses.delete_configuration_set(ConfigurationSetName=name)
        self.sesv2.create_configuration_set(ConfigurationSetName=name)
        found = self.sesv2.get_configuration_set_event_destinations(ConfigurationSetName=name)
        self.assertEqual(found["EventDestinations"], [])

    def destination(self, **changes: Any) -> dict[str, Any]:
        return {"Enabled": True, "MatchingEventTypes": ["SEND"], **changes}

    def test_event_destinations_in_both_apis(self):
        topic = self.amazon.topic()
        name = self.amazon.configuration_set(topic, ["RENDERING_FAILURE", "DELIVERY_DELAY"])
        [found] = self.sesv2.get_configuration_set_event_destinations(ConfigurationSetName=name)[
            "EventDestinations"
        ]
        self.assertEqual(found["SnsDestination"], {"TopicArn": topic.arn})
        self.assertEqual(found["MatchingEventTypes"], ["RENDERING_FAILURE", "DELIVERY_DELAY"])
        self.sesv2.delete_configuration_set_event_destination(
            ConfigurationSetName=name, EventDestinationName="sns"
        )
        with self.assertRaises(self.ses.exceptions.EventDestinationDoesNotExistException):
            self.ses.delete_configuration_set_event_destination(
                ConfigurationSetName=name, EventDestinationName="sns"
            )

    def test_what_is_refused_of_event_destinations(self):
        topic = self.amazon.topic()
        name = self.amazon.configuration_set(topic)
        errors, call = self.sesv2.exceptions, self.sesv2.create_configuration_set_event_destination
        sns = {"SnsDestination": {"TopicArn": topic.arn + "-none"}}
        for error, wanted, destination, definition in (
            (errors.AlreadyExistsException, name, "sns", {}),
            (errors.NotFoundException, "none", "sns", {}),
            (errors.BadRequestException, name, "other", sns),
            (errors.BadRequestException, name, "other", {"MatchingEventTypes": ["NONE"]}),
        ):
            with self.subTest(definition), self.assertRaises(error):
                call(
                    ConfigurationSetName=wanted,
                    EventDestinationName=destination,
                    EventDestination=self.destination(**definition),
                )

    def test_v1_has_names_of_its_own_for_that(self):
        topic = self.amazon.topic()
        name, errors = self.amazon.configuration_set(topic), self.ses.exceptions
        missing = {"SNSDestination": {"TopicARN": topic.arn + "-none"}}
        for error, destination, definition in (
            (errors.EventDestinationAlreadyExistsException, "sns", {}),
            (errors.InvalidSNSDestinationException, "other", missing),
        ):
            with self.assertRaises(error):
                self.ses.create_configuration_set_event_destination(
                    ConfigurationSetName=name,
                    EventDestination={
                        "Name": destination,
                        "Enabled": True,
                        "MatchingEventTypes": ["send"],
                        **definition,
                    },
                )


class ComposedTests(LocalSesTestCase):
    """Messages that SES puts together."""

    def parsed(self, message_id: str) -> Any:
        raw = self.amazon.mail(message_id).raw
        self.assertEqual(raw.count(b"\n"), raw.count(b"\r\n"))
        return message_from_bytes(raw, policy=policy.default)

    def test_v1(self):
        message_id = self.ses.send_email(
            Source="Shop <shop@example.com>",
            Destination={
                "ToAddresses": ["Ann <ann@example.net>"],
                "CcAddresses": ["c@d.e"],
                "BccAddresses": ["f@g.h"],
            },
            Message={
                "Subject": {"Data": "Grüße", "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": "Tschüß", "Charset": "ISO-8859-1"},
                    "Html": {"Data": "<p>Grüße", "Charset": "UTF-8"},
                },
            },
            ReplyToAddresses=["r@s.t"],
            Tags=[{"Name": "a", "Value": "b"}],
        )["MessageId"]
        mail, parsed = self.amazon.mail(message_id), self.parsed(message_id)
        self.assertEqual(mail.recipients, [CUSTOMER, "c@d.e", "f@g.h"])
        self.assertEqual((mail.operation, mail.message_tags), ("SendEmail", {"a": ["b"]}))
        self.assertEqual(
            [parsed[name] for name in ("From", "To", "Cc", "Reply-To", "Subject", "Bcc")],
            ["Shop <shop@example.com>", "Ann <ann@example.net>", "c@d.e", "r@s.t", "Grüße", None],
        )
        text, html = parsed.iter_parts()
        self.assertEqual((text.get_content(), html.get_content()), ("Tschüß", "<p>Grüße"))
        self.assertEqual(text.get_content_charset(), "iso-8859-1")

    def test_v2(self):
        message_id = self.sesv2.send_email(
            FromEmailAddress=SENDER,
            Destination={"ToAddresses": [CUSTOMER]},
            ReplyToAddresses=["r@s.t"],
            Content={
                "Simple": {
                    "Subject": {"Data": "Hello"},
                    "Body": {"Html": {"Data": "<p>Hello"}},
                    "Headers": [{"Name": "X-Tag", "Value": "a"}, {"Name": "X-Tag", "Value": "b"}],
                    "Attachments": [
                        {
                            "RawContent": b"\x00\xff",
                            "FileName": "Töpfe.png",
                            "ContentType": "image/png; x=y",
                            "ContentDisposition": "INLINE",
                            "ContentId": "logo",
                            "ContentDescription": "Töpfe",
                        },
                        {"RawContent": b"", "FileName": "empty"},
                    ],
                }
            },
        )["MessageId"]
        parsed = self.parsed(message_id)
        self.assertEqual(self.amazon.mail(message_id).operation, "v2 SendEmail")
        self.assertEqual(parsed.get_all("X-Tag"), ["a", "b"])
        body, picture, empty = parsed.iter_parts()
        self.assertEqual(body.get_content(), "<p>Hello")
        self.assertEqual(
            (picture.get_filename(), picture.get_content(), picture["Content-ID"]),
            ("Töpfe.png", b"\x00\xff", "<logo>"),
        )
        self.assertEqual(picture.get_content_type(), "image/png")
        self.assertEqual(picture.get_content_disposition(), "inline")
        self.assertEqual(empty.get_content_type(), "application/octet-stream")

    def test_lines_end_as_mail_wants_it(self):
        parsed = self.parsed(self.send_simple(CUSTOMER, text="a\nb\rc\r\nd"))
        self.assertEqual(parsed.get_payload(decode=True), b"a\r\nb\r\nc\r\nd")

    def test_without_a_charset_only_ascii_is_kept(self):
        message_id = self.ses.send_email(
            Source=SENDER,
            Destination={"ToAddresses": [CUSTOMER]},
            Message={"Subject": {"Data": "é"}, "Body": {"Text": {"Data": "é"}}},
        )["MessageId"]
        parsed = self.parsed(message_id)
        self.assertEqual((parsed["Subject"], parsed.get_content()), ("?", "?"))

    def simple(self, **changes: Any) -> Any:
        content = {
            "Subject": {"Data": "Hello"},
            "Body": {"Text": {"Data": "Hello"}},
            **changes,
        }
        return self.sesv2.send_email(
            FromEmailAddress=SENDER,
            Destination={"ToAddresses": [CUSTOMER]},
            Content={"Simple": content},
        )

    def test_what_v2_refuses(self):
        def headers(*pairs: tuple[str, str]) -> dict[str, Any]:
            return {"Headers": [{"Name": name, "Value": value} for name, value in pairs]}

        attachment = {"RawContent": b"", "FileName": "x"}
        for changes in (
            headers(*[("X-A", "b")] * 16),
            headers(("X A", "b")),
            headers(("X-A", "é")),
            headers(("X-A", "a\nb")),
            headers(("X-A", "b" * 996)),
            headers(("Subject", "another")),
            {"Subject": {"Data": "a\r\nBcc: b@c.d"}},
            {"Subject": {"Data": "a", "Charset": "none"}},
            {"Subject": {"Data": "a", "Charset": "rot13"}},
            {"Attachments": [{**attachment, "ContentType": "x"}]},
            {"Attachments": [{**attachment, "ContentType": "a/b\r\nX: y"}]},
        ):
            with (
                self.subTest(changes),
                self.assertRaises(self.sesv2.exceptions.BadRequestException),
            ):
                self.simple(**changes)

    def test_odd_attachments_are_no_injection(self):
        message_id = self.simple(
            Attachments=[
                {
                    "RawContent": b"",
                    "FileName": 'a"\r\nX-Evil: 1\r\n\r\n.txt',
                    "ContentId": "a\r\nX-Evil: 2",
                    "ContentDescription": "a\r\nX-Evil: 3",
                }
            ]
        )["MessageId"]
        [_, part] = self.parsed(message_id).iter_parts()
        self.assertNotIn("X-Evil", part)

    def test_exactly_one_content(self):
        for content in ({}, {"Raw": {"Data": RAW}, "Template": {"TemplateName": "x"}}):
            with self.assertRaises(self.sesv2.exceptions.BadRequestException):
                self.sesv2.send_email(Content=content)

    def test_a_sender_and_recipients_are_needed(self):
        content = {"Simple": {"Subject": {"Data": "a"}, "Body": {}}}
        code, _, text = self.refusal(self.sesv2.send_email, Content=content)
        self.assertEqual((code, text), ("BadRequestException", "FromEmailAddress is missing."))
        for params in ({"FromEmailAddress": SENDER}, {"FromEmailAddress": "x"}):
            with self.assertRaises(self.sesv2.exceptions.BadRequestException):
                self.sesv2.send_email(Content=content, **params)
        code, _, _ = self.refusal(
            self.ses.send_email,
            Source=SENDER,
            Destination={"ToAddresses": []},
            Message={"Subject": {"Data": "a"}, "Body": {"Text": {"Data": "a"}}},
        )
        self.assertEqual(code, "InvalidParameterValue")

    def test_custom_headers_are_in_the_events(self):
        message_id = self.simple(Headers=[{"Name": "X-Metadata", "Value": '{"a": 1}'}])["MessageId"]
        mail = self.amazon.wait_for(message_id, "Send", "Delivery")
        self.assertIn(
            {"name": "X-Metadata", "value": '{"a": 1}'}, mail.events[1].document["mail"]["headers"]
        )


class TemplateTests(LocalSesTestCase):
    """Stored templates, and what is made of them."""

    def send_template(self, template: str, data: Any, **params: Any) -> str:
        text = data if isinstance(data, str) else json.dumps(data)
        return self.sesv2.send_email(
            FromEmailAddress=SENDER,
            Destination={"ToAddresses": [CUSTOMER]},
            Content={"Template": {"TemplateName": template, "TemplateData": text}},
            **params,
        )["MessageId"]

    def content(self, message_id: str) -> tuple[str, str]:
        mail = message_from_bytes(self.amazon.mail(message_id).raw, policy=policy.default)
        return mail["Subject"], mail.get_body(("plain", "html")).get_content()

    def test_both_apis_share_them(self):
        name = unique("template")
        part = {"SubjectPart": "a", "TextPart": "é", "HtmlPart": "<p>"}
        self.ses.create_template(Template={"TemplateName": name, **part})
        found = self.sesv2.get_email_template(TemplateName=name)
        self.assertEqual(found["TemplateContent"], {"Subject": "a", "Text": "é", "Html": "<p>"})
        content = {"Subject": "b", "Text": "c"}
        self.sesv2.update_email_template(TemplateName=name, TemplateContent=content)
        found = self.ses.get_template(TemplateName=name)["Template"]
        self.assertEqual(found, {"TemplateName": name, "SubjectPart": "b", "TextPart": "c"})
        self.ses.update_template(Template={"TemplateName": name, "SubjectPart": "d"})
        self.sesv2.delete_email_template(TemplateName=name)
        with self.assertRaises(self.ses.exceptions.TemplateDoesNotExistException):
            self.ses.get_template(TemplateName=name)
        self.ses.delete_template(TemplateName=name)

    def test_a_list_has_all_of_a_region(self):
        ses, sesv2 = (self.amazon.client(service, "us-west-2") for service in ("ses", "sesv2"))
        names = [f"t{number:02}" for number in range(12)]
        for name in names:
            ses.create_template(Template={"TemplateName": name, "SubjectPart": "a"})
        found = ses.list_templates()["TemplatesMetadata"]
        self.assertEqual([entry["Name"] for entry in found], names)
        found = sesv2.list_email_templates()["TemplatesMetadata"]
        self.assertEqual([entry["TemplateName"] for entry in found], names)
        age = now() - found[0]["CreatedTimestamp"]
        self.assertLess(abs(age.total_seconds()), 60)

    def test_what_is_refused_of_templates(self):
        v1, v2 = self.ses.exceptions, self.sesv2.exceptions
        name = self.create_template()
        for error, call, params in (
            (v1.AlreadyExistsException, self.ses.create_template, {"SubjectPart": "a"}),
            (v1.InvalidTemplateException, self.ses.update_template, {"SubjectPart": "{{#if a}}"}),
            (v1.InvalidTemplateException, self.ses.update_template, {}),
            (
                v1.InvalidTemplateException,
                self.ses.create_template,
                {"TemplateName": "", "SubjectPart": "a"},
            ),
        ):
            with self.subTest(params), self.assertRaises(error):
                call(Template={"TemplateName": name, **params})
        for error, call, params in (
            (v2.AlreadyExistsException, self.sesv2.create_email_template, {"Subject": "a"}),
            (v2.BadRequestException, self.sesv2.update_email_template, {"Subject": "{{a"}),
            (v2.BadRequestException, self.sesv2.update_email_template, {}),
        ):
            with self.subTest(params), self.assertRaises(error):
                call(TemplateName=name, TemplateContent=params)
        large = {"Subject": "a", "Html": "x" * 512_001}
        with self.assertRaises(v2.BadRequestException):
            self.sesv2.update_email_template(TemplateName=name, TemplateContent=large)

    def test_one_that_does_not_exist(self):
        for call, params in (
            (self.sesv2.get_email_template, {}),
            (self.sesv2.delete_email_template, {}),
            (self.sesv2.update_email_template, {"TemplateContent": {"Subject": "a"}}),
        ):
            self.assertEqual(
                self.refusal(call, TemplateName="none", **params),
                ("NotFoundException", 404, "Template none does not exist."),
            )
        with self.assertRaises(self.sesv2.exceptions.NotFoundException):
            self.send_template("none", {})
        with self.assertRaises(self.ses.exceptions.TemplateDoesNotExistException):
            self.ses.send_templated_email(
                Source=SENDER,
                Destination={"ToAddresses": [CUSTOMER]},
                Template="none",
                TemplateData="{}",
            )

    def test_rendering(self):
        name = self.create_template(Html="<p>{{#each items}}{{name}}: {{price}};{{/each}}")
        data = {"name": "Zoë", "items": [{"name": "Tee & Co", "price": 9.8}]}
        message_id = self.send_template(name, data)
        self.assertEqual(self.content(message_id), ("Hello Zoë", "<p>Tee & Co: 9.8;"))
        self.assertEqual(self.amazon.mail(message_id).template, name)

    def test_what_cannot_be_rendered_is_accepted_and_fails(self):
        name = self.create_template()
        for data in ({}, {"name": None}, "[]", "{", "[" * 100_000):
            with self.subTest(str(data)[:9]):
                mail = self.amazon.wait_for(self.send_template(name, data), "Rendering Failure")
                self.assertEqual((mail.raw, mail.template), (b"", name))
                failure = mail.events[0].document["failure"]
                self.assertEqual(failure["templateName"], name)
                self.assertTrue(failure["errorMessage"])

    def inline(self, **parts: str) -> str:
        return self.sesv2.send_email(
            FromEmailAddress=SENDER,
            Destination={"ToAddresses": [CUSTOMER]},
            Content={
                "Template": {
                    "TemplateContent": {"Subject": "Hello {{a}}", **parts},
                    "TemplateData": '{"a": "b"}',
                    "Headers": [{"Name": "X-Tag", "Value": "c"}],
                    "Attachments": [{"RawContent": b"d", "FileName": "d.txt"}],
                }
            },
        )["MessageId"]

    def test_a_template_that_comes_with_the_call(self):
        message_id = self.inline(Text="{{a}}{{a}}")
        self.assertEqual(self.content(message_id), ("Hello b", "bb"))
        raw = self.amazon.mail(message_id).raw
        self.assertIn(b"X-Tag: c\r\n", raw)
        self.assertIn(b'filename="d.txt"', raw)
        self.amazon.wait_for(self.inline(Text="{{#if a}}b{{/if}}"), "Rendering Failure")

    def test_a_template_is_named_in_exactly_one_way(self):
        name = self.create_template("a", Text="b")
        arn = f"arn:aws:ses:us-east-1:123456789012:template/{name}"
        for wrong in ({}, {"TemplateName": name, "TemplateContent": {"Subject": "x"}}):
            with self.assertRaises(self.sesv2.exceptions.BadRequestException):
                self.sesv2.send_email(
                    FromEmailAddress=SENDER,
                    Destination={"ToAddresses": [CUSTOMER]},
                    Content={"Template": wrong},
                )
        message_id = self.sesv2.send_email(
            FromEmailAddress=SENDER,
            Destination={"ToAddresses": [CUSTOMER]},
            Content={"Template": {"TemplateArn": arn}},
        )["MessageId"]
        self.assertEqual(self.content(message_id), ("a", "b"))


class HandlebarsTests(SimpleTestCase):
    """The language of templates."""

    def test_it_renders(self):
        data = {
            "a": "1",
            "b": {"c": "2", "d e": "3"},
            "list": [{"x": "4", "deep": {"y": "5"}}, {"x": "6", "deep": {"y": "7"}}],
            "words": ["v", "w"],
            "zero": 0,
            "no": False,
            "yes": True,
            "map": {"k": "8"},
            "html": "<b>&",
        }
        for template, result in (
            ("", ""),
            ("{ } {a} }}", "{ } {a} }}"),
            ("{{a}}{{ a }}{{this.a}}{{{a}}}{{&a}}", "11111"),
            ("{{b.c}}{{b/c}}{{b.[d e]}}", "223"),
            ("{{html}}", "<b>&"),
            ("{{zero}} {{no}} {{yes}} {{words}} {{words.1}}", "0 false true v,w w"),
            ("{{#if a}}x{{/if}}{{#if none}}y{{/if}}{{#if zero}}z{{else}}0{{/if}}", "x0"),
            ("{{#unless a}}x{{else}}y{{/unless}}{{#unless none}}z{{/unless}}", "yz"),
            ("{{#if none}}{{none}}{{#if a}}{{/if}}x{{/if}}y", "y"),
            ("{{#each list}}{{x}}{{deep.y}}{{../a}}{{@index}},{{/each}}", "4510,6711,"),
            ("{{#each words}}{{#each ../list}}{{x}}{{../../a}}{{/each}}{{/each}}", "41614161"),
            ("{{#each words}}{{#each ../list}}{{x}}{{../this}}{{/each}}{{/each}}", "4v6v4w6w"),
            ("{{#each list}}{{#if @last}}{{x}}{{/if}}{{#if @first}}f{{/if}}{{/each}}", "f6"),
            ("{{#each words}}{{this}}{{.}}{{/each}}", "vvww"),
            ("{{#each map}}{{@key}}{{this}}{{/each}}", "k8"),
            ("{{#each none}}{{x}}{{else}}e{{/each}}{{#each zero}}x{{/each}}", "e"),
            ("{{#each a}}x{{/each}}{{#each yes}}x{{else}}e{{/each}}", ""),
            ("{{#with b}}{{c}}{{/with}}{{#with none}}x{{else}}y{{/with}}", "2y"),
            ("a{{! b }}{{!-- {{c}} --}}d", "ad"),
        ):
            with self.subTest(template):
                self.assertEqual(handlebars.render(template, data), result)

    def test_what_is_missing_is_named(self):
        for template, name in (("{{a}}", "a"), ("{{b.c}}", "b.c"), ("{{b.c.d}}", "b.c.d")):
            text = f"Attribute '{name}' is not present in the rendering data."
            with self.assertRaisesMessage(TemplateError, text):
                handlebars.render(template, {"b": {}})

    def test_what_is_not_well_formed(self):
        for template in (
            "{{a",
            "{{#if a}}",
            "{{/if}}",
            "{{/}}",
            "{{#if a}}{{/each}}",
            "{{else}}",
            "{{> partial}}",
            "{{helper a}}",
            "{{}}",
            "{{#each}}{{/each}}",
            "{{#lookup a b}}{{/lookup}}",
            "{{#if a}}" * 60 + "{{/if}}" * 60,
        ):
            with self.subTest(template), self.assertRaises(TemplateError):
                handlebars.render(template, {"a": "1", "else": None})

    def test_data_without_end_is_no_crash(self):
        nested: list[Any] = []
        for _ in range(100_000):
            nested = [nested]
        with self.assertRaises(TemplateError):
            handlebars.render("{{a}}", {"a": nested})
        while nested:  # freeing it in one go would overflow older interpreters
            nested = nested[0]


class BulkTests(LocalSesTestCase):
    """Many messages in one call."""

    def send_v1(self, *destinations: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
        return self.ses.send_bulk_templated_email(
            **{
                "Source": SENDER,
                "Template": self.template,
                "DefaultTemplateData": "{}",
                "Destinations": [
                    {"Destination": {"ToAddresses": [CUSTOMER]}, **found} for found in destinations
                ],
                **params,
            }
        )["Status"]

    def send_v2(self, *entries: dict[str, Any], **template: Any) -> list[dict[str, Any]]:
        return self.sesv2.send_bulk_email(
            FromEmailAddress=SENDER,
            DefaultContent={"Template": {"TemplateName": self.template, **template}},
            BulkEmailEntries=[
                {"Destination": {"ToAddresses": [CUSTOMER]}, **entry} for entry in entries
            ],
        )["BulkEmailEntryResults"]

    def setUp(self) -> None:
        self.template = self.create_template()

    def subject(self, result: dict[str, Any]) -> str:
        return message_from_bytes(self.amazon.mail(result["MessageId"]).raw)["Subject"]

    def test_v1(self):
        results = self.send_v1(
            {"ReplacementTemplateData": '{"name": "A"}'},
            {"Destination": {"ToAddresses": ["x"]}},
            {"Destination": {"ToAddresses": []}},
            {"ReplacementTags": [{"Name": "a b", "Value": "c"}]},
            {},
            DefaultTemplateData='{"name": "D"}',
        )
        self.assertEqual(
            [result["Status"] for result in results],
            ["Success", *["InvalidParameterValue"] * 3, "Success"],
        )
        self.assertEqual(results[1]["Error"], "Missing final '@domain'")
        self.assertEqual([self.subject(results[n]) for n in (0, 4)], ["Hello A", "Hello D"])
        self.assertNotIn("MessageId", results[1])

    def test_v2(self):
        results = self.send_v2(
            {
                "ReplacementEmailContent": {
                    "ReplacementTemplate": {"ReplacementTemplateData": '{"name": "A"}'}
                },
                "ReplacementHeaders": [{"Name": "x-b", "Value": "2"}],
            },
            {"Destination": {"BccAddresses": ["x"]}},
            {},
            TemplateData='{"name": "D"}',
            Headers=[{"Name": "X-A", "Value": "0"}, {"Name": "X-B", "Value": "1"}],
            Attachments=[{"RawContent": b"a", "FileName": "a.txt"}],
        )
        self.assertEqual(
            [result["Status"] for result in results], ["SUCCESS", "INVALID_PARAMETER", "SUCCESS"]
        )
        self.assertEqual([self.subject(results[n]) for n in (0, 2)], ["Hello A", "Hello D"])
        first = message_from_bytes(self.amazon.mail(results[0]["MessageId"]).raw)
        last = message_from_bytes(self.amazon.mail(results[2]["MessageId"]).raw)
        self.assertEqual((first.get_all("X-A"), first.get_all("X-B")), (["0"], ["2"]))
        self.assertEqual((last.get_all("X-B"), last.is_multipart()), (["1"], True))
        self.assertEqual(self.amazon.mail(results[0]["MessageId"]).operation, "v2 SendBulkEmail")

    def test_data_is_merged_by_name(self):
        name = self.create_template("{{a}}{{b}}")
        [result] = self.send_v1(
            {"ReplacementTemplateData": '{"b": "2"}'},
            Template=name,
            DefaultTemplateData='{"a": "1", "b": "0"}',
        )
        self.assertEqual(self.amazon.mail(result["MessageId"]).raw, b"")  # name is missing
        self.sesv2.update_email_template(
            TemplateName=name, TemplateContent={"Subject": "{{a}}{{b}}"}
        )
        [result] = self.send_v1(
            {"ReplacementTemplateData": '{"b": "2"}'},
            Template=name,
            DefaultTemplateData='{"a": "1", "b": "0"}',
        )
        self.assertEqual(self.subject(result), "12")

    def test_tags_are_merged_by_name(self):
        [result] = self.send_v1(
            {"ReplacementTags": [{"Name": "b", "Value": "2"}]},
            DefaultTags=[{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "0"}],
        )
        mail = self.amazon.mail(result["MessageId"])
        self.assertEqual(mail.message_tags, {"a": ["1"], "b": ["2"]})

    def test_what_all_entries_have_in_common_refuses_the_call(self):
        errors = self.ses.exceptions
        with self.assertRaises(errors.TemplateDoesNotExistException):
            self.send_v1({}, Template="none")
        with self.assertRaises(errors.ConfigurationSetDoesNotExistException):
            self.send_v1({}, ConfigurationSetName="none")
        code, _, text = self.refusal(self.send_v1, *[{}] * 51)
        self.assertEqual((code, text), ("InvalidParameterValue", "Recipient count exceeds 50."))
        two = {"Destination": {"ToAddresses": [CUSTOMER], "BccAddresses": [CUSTOMER]}}
        with self.assertRaises(self.sesv2.exceptions.BadRequestException):
            self.send_v2(*[two] * 26)
        with self.assertRaises(self.sesv2.exceptions.BadRequestException):
            self.sesv2.send_bulk_email(
                FromEmailAddress=SENDER, DefaultContent={}, BulkEmailEntries=[]
            )

    def test_a_sender_that_is_not_verified_refuses_the_call(self):
        self.amazon.faults.verified_only = True
        for call, errors in (
            (self.send_v1, self.ses.exceptions),
            (self.send_v2, self.sesv2.exceptions),
        ):
            with self.assertRaises(errors.MessageRejected):
                call({})

    def test_what_cannot_be_rendered_is_a_success_that_fails(self):
        [result] = self.send_v2({})
        self.assertEqual(result["Status"], "SUCCESS")
        self.amazon.wait_for(result["MessageId"], "Rendering Failure")

    def test_who_comes_too_late_is_throttled(self):
        self.stop_the_clock()
        self.amazon.faults.rate = 2
        results = self.send_v1({}, {}, {})
        self.assertEqual(
            [result["Status"] for result in results], ["Success", "Success", "AccountThrottled"]
        )
        self.assertEqual(results[2]["Error"], "Maximum sending rate exceeded.")
        code, _, _ = self.refusal(self.send_v1, {}, {})
        self.assertEqual(code, "Throttling")
        self.amazon.faults.rate, self.amazon.faults._full_at = 1, 0.0
        results = self.send_v2({}, {})
        self.assertEqual([result["Status"] for result in results], ["SUCCESS", "ACCOUNT_THROTTLED"])


class AccountTests(LocalSesTestCase):
    """What the account may do, and did."""

    def sent(self) -> float:
        return self.ses.get_send_quota()["SentLast24Hours"]

    def test_both_apis_say_the_same(self):
        for rate in (None, 3.5):
            self.amazon.faults.rate = rate
            quota = self.ses.get_send_quota()
            self.assertEqual(quota["MaxSendRate"], rate or 14)
            del quota["ResponseMetadata"]
            self.assertEqual(self.sesv2.get_account()["SendQuota"], quota)

    def test_sending_can_be_paused(self):
        text = "Email sending is disabled for the account."
        for pause, resume in (
            (
                lambda: self.ses.update_account_sending_enabled(Enabled=False),
                lambda: self.ses.update_account_sending_enabled(Enabled=True),
            ),
            (
                lambda: self.sesv2.put_account_sending_attributes(SendingEnabled=False),
                lambda: self.sesv2.put_account_sending_attributes(SendingEnabled=True),
            ),
            (
                self.ses.update_account_sending_enabled,
                lambda: self.sesv2.put_account_sending_attributes(SendingEnabled=True),
            ),
        ):
            pause()
            self.assertIs(self.sesv2.get_account()["SendingEnabled"], False)
            code = "AccountSendingPausedException"
            self.assertEqual(self.refusal(self.send_raw), (code, 400, text))
            code = "SendingPausedException"
            self.assertEqual(self.refusal(self.send_raw_v2), (code, 400, text))
            resume()
            self.assertIs(self.sesv2.get_account()["SendingEnabled"], True)
            self.send_raw_v2()

    def test_recipients_are_counted_but_not_those_of_the_simulator(self):
        before = self.sent()
        self.send_raw(Destinations=[CUSTOMER, "a@b.c", "bounce@simulator.amazonses.com"])
        self.assertEqual(self.sent() - before, 2)
        self.refusal(self.send_raw, Destinations=["x"])
        self.assertEqual(self.sent() - before, 2)

    def test_unverified_senders_are_refused_if_wanted(self):
        domain = f"{unique('verified')}.example"
        self.ses.verify_domain_identity(Domain=domain)
        self.amazon.faults.verified_only = True
        text = (
            "Email address is not verified. The following identities failed the check in region "
            f"US-EAST-1: {SENDER}"
        )
        for call in (self.send_raw, self.send_raw_v2):
            self.assertEqual(self.refusal(call), ("MessageRejected", 400, text))
        for sender in (f"a@{domain}", f"A@sub.{domain.upper()}"):
            raw = RAW.replace(SENDER.encode(), sender.encode())
            self.send_raw(raw)
            with self.assertRaises(self.ses.exceptions.MessageRejected):
                self.send_raw(raw, Source=SENDER)
            with self.assertRaises(self.ses.exceptions.MessageRejected):
                self.send_raw(Source=sender)  # the From header counts too
        self.sesv2.create_email_identity(EmailIdentity=SENDER)
        self.send_raw_v2()
        self.ses.delete_identity(Identity=SENDER)
        self.refusal(self.send_raw)

    def test_identities_are_addresses_or_domains(self):
        for name in ("\x00", "a b", "é.example", "Ann <a@b.c>", "a@", "<", "", "b..c"):
            with self.subTest(name):
                for call, key in (
                    (self.ses.verify_domain_identity, "Domain"),
                    (self.ses.verify_domain_dkim, "Domain"),
                    (self.ses.verify_email_identity, "EmailAddress"),
                    (self.ses.verify_email_address, "EmailAddress"),
                ):
                    code, _, _ = self.refusal(call, **{key: name})
                    self.assertEqual(code, "InvalidParameterValue")
                if name:
                    code, _, _ = self.refusal(self.sesv2.create_email_identity, EmailIdentity=name)
                    self.assertEqual(code, "BadRequestException")
        self.refusal(self.ses.verify_email_identity, EmailAddress="b.example")
        known = self.ses.list_identities()["Identities"]
        self.assertFalse({"\x00", "a@", "b.example"} & set(known))

    def test_identities_of_others_have_an_arn(self):
        arn = "arn:aws:ses:us-east-1:210987654321:identity/example.com"
        self.amazon.faults.verified_only = True
        for message_id in (
            self.send_raw(SourceArn=arn, ReturnPathArn=arn),
            self.send_raw(FromArn=arn),
            self.send_raw_v2(FromEmailAddressIdentityArn=arn),
        ):
            mail = self.amazon.wait_for(message_id, "Send", "Delivery")
            self.assertEqual(mail.events[0].document["mail"]["sourceArn"], arn)

    def test_what_is_signed_for_several_regions_is_taken(self):
        call = {
            "FromEmailAddress": SENDER,
            "EndpointId": "abcdef12.g3h",
            "Content": {"Raw": {"Data": base64.b64encode(RAW).decode()}},
        }
        status, _, answer = self.amazon.post(
            OUTBOUND,
            json.dumps(call).encode(),
            Authorization="AWS4-ECDSA-P256-SHA256 Credential=key/20250304/ses/aws4_request, "
            "SignedHeaders=host;x-amz-region-set, Signature=0",
            X_Amz_Region_Set="*",
        )
        self.assertEqual(status, 200, answer)
        mail = self.amazon.mail(json.loads(answer)["MessageId"])
        self.assertEqual(
            (mail.region, mail.parameters["EndpointId"]), ("us-east-1", "abcdef12.g3h")
        )


@skipUnless(
    "GetEmailAddressInsights" in get_service_model("sesv2").operation_names,
    "this botocore has no GetEmailAddressInsights",
)
class InsightTests(LocalSesTestCase):
    """What is said of an address before anything is sent there."""

    def bad(self, address: str) -> dict[str, str]:
        """What is not good about an address, and ``IsValid``."""
        found = self.sesv2.get_email_address_insights(EmailAddress=address)["MailboxValidation"]
        checks = {"IsValid": found["IsValid"], **found["Evaluations"]}
        self.assertEqual(len(checks), 7)
        faults = ("IsDisposable", "IsRandomInput", "IsRoleAddress")
        return {
            name: check["ConfidenceVerdict"]
            for name, check in checks.items()
            if check["ConfidenceVerdict"] != ("LOW" if name in faults else "HIGH")
        }

    def test_verdicts_by_address(self):
        nowhere = {"HasValidDnsRecords": "LOW", "MailboxExists": "LOW", "IsValid": "LOW"}
        for address, bad in (
            (CUSTOMER, {}),
            ("bounce@example.com", {}),
            ("success@simulator.amazonses.com", {}),
            ("complaint@simulator.amazonses.com", {}),
            ("Bounce+x@simulator.amazonses.com", {"MailboxExists": "LOW", "IsValid": "LOW"}),
            ("suppressionlist@simulator.amazonses.com", {"MailboxExists": "LOW", "IsValid": "LOW"}),
            ("unsure@simulator.amazonses.com", {"MailboxExists": "MEDIUM", "IsValid": "MEDIUM"}),
            ("disposable@simulator.amazonses.com", {"IsDisposable": "HIGH"}),
            ("random@simulator.amazonses.com", {"IsRandomInput": "HIGH"}),
            ("role@simulator.amazonses.com", {"IsRoleAddress": "HIGH"}),
            ("ann@shop.invalid", nowhere),
            ("ann", {"HasValidSyntax": "LOW", **nowhere}),
            ("a b@\x00", {"HasValidSyntax": "LOW", **nowhere}),
        ):
            with self.subTest(address):
                self.assertEqual(self.bad(address), bad)

    def test_the_validator_believes_them(self):
        setting = {
            "AMAZON_SES_SESSION_PARAMS": CREDENTIALS,
            "AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": self.amazon.url},
        }
        validate = DeliverabilityValidator(cache=None)
        with override_settings(ANYMAIL=setting):
            validate("success@simulator.amazonses.com")
            with self.assertRaises(ValidationError) as raised:
                validate("bounce@simulator.amazonses.com")
        self.assertEqual(raised.exception.code, "mailbox")


class TenantTests(LocalSesTestCase):
    """Tenants, and what they may use. Each test has a region of its own."""

    def region(self, name: str) -> Any:
        self.client = self.amazon.client("sesv2", name)
        self.arn = f"arn:aws:ses:{name}:{ACCOUNT}:"
        return self.client

    def create(self, name: str, *resources: str) -> None:
        self.client.create_tenant(TenantName=name)
        for resource in resources:
            self.associate(name, resource)

    def associate(self, name: str, resource: str) -> None:
        self.client.create_tenant_resource_association(
            TenantName=name, ResourceArn=self.arn + resource
        )

    def send(self, tenant: str, **params: Any) -> SentMail:
        content = {"Raw": {"Data": RAW}}
        sent = self.client.send_email(TenantName=tenant, Content=content, **params)
        return self.amazon.mail(sent["MessageId"])

    def test_their_life(self):
        client = self.region("ap-south-1")
        created = client.create_tenant(TenantName="acme", Tags=[{"Key": "a", "Value": "b"}])
        self.create("beta")
        found = client.get_tenant(TenantName="acme")["Tenant"]
        self.assertEqual(found["SendingStatus"], "ENABLED")
        self.assertEqual(found["TenantArn"], f"{self.arn}tenant/acme/{found['TenantId']}")
        self.assertEqual(found, {key: created[key] for key in found})
        listed = client.list_tenants()["Tenants"]
        self.assertEqual([tenant["TenantName"] for tenant in listed], ["acme", "beta"])
        client.delete_tenant(TenantName="acme")
        self.assertEqual(len(client.list_tenants()["Tenants"]), 1)
        self.assertEqual(self.amazon.client("sesv2", "eu-west-3").list_tenants()["Tenants"], [])

    def test_what_is_refused_of_them(self):
        client = self.region("ca-central-1")
        self.create("acme", "identity/example.com")
        errors, missing = client.exceptions, self.arn + "configuration-set/none"
        link, unlink = (
            client.create_tenant_resource_association,
            client.delete_tenant_resource_association,
        )
        for error, call, params in (
            (errors.AlreadyExistsException, client.create_tenant, {"TenantName": "acme"}),
            (errors.BadRequestException, client.create_tenant, {"TenantName": "a b"}),
            (errors.BadRequestException, client.create_tenant, {"TenantName": "a" * 65}),
            (errors.NotFoundException, client.get_tenant, {"TenantName": "none"}),
            (errors.NotFoundException, client.delete_tenant, {"TenantName": "none"}),
            (errors.NotFoundException, link, {"TenantName": "acme", "ResourceArn": missing}),
            (
                errors.NotFoundException,
                link,
                {"TenantName": "acme", "ResourceArn": self.arn + "template/none"},
            ),
            (errors.NotFoundException, link, {"TenantName": "none", "ResourceArn": missing}),
            (errors.BadRequestException, link, {"TenantName": "acme", "ResourceArn": "arn"}),
            (
                errors.BadRequestException,
                link,
                {"TenantName": "acme", "ResourceArn": f"arn:aws:ses:x:{ACCOUNT}:identity/a.b"},
            ),
            (
                errors.AlreadyExistsException,
                link,
                {"TenantName": "acme", "ResourceArn": self.arn + "identity/example.com"},
            ),
            (errors.NotFoundException, unlink, {"TenantName": "acme", "ResourceArn": missing}),
        ):
            with self.subTest(call=call.__name__, **params), self.assertRaises(error):
                call(**params)

    def test_a_message_may_use_only_what_its_tenant_has(self):
        client = self.region("ap-south-2")
        client.create_configuration_set(ConfigurationSetName="events")
        self.create("acme", "identity/example.com")
        mail = self.send("acme")
        self.assertEqual(mail.parameters, {"TenantName": "acme"})
        mail = self.amazon.wait_for(mail.id, "Send", "Delivery")
        self.assertEqual(mail.events[0].document["mail"]["tags"]["ses:tenant-name"], ["acme"])
        text = f"Tenant not associated with resources [{self.arn}configuration-set/events]."
        self.assertEqual(
            self.refusal(self.send, "acme", ConfigurationSetName="events"),
            ("AccessDeniedException", 403, text),
        )
        self.associate("acme", "configuration-set/events")
        self.send("acme", ConfigurationSetName="events")
        client.delete_tenant_resource_association(
            TenantName="acme", ResourceArn=self.arn + "identity/example.com"
        )
        _, _, text = self.refusal(self.send, "acme")
        self.assertIn("identity/example.com", text)

    def test_a_tenant_that_does_not_exist(self):
        self.region("ap-southeast-1")
        self.create("acme")
        text = f"Tenant list for AwsAccountId {ACCOUNT} not found."
        self.assertEqual(self.refusal(self.send, "list"), ("NotFoundException", 404, text))

    def test_a_template_has_to_be_the_tenants_too(self):
        client = self.region("ap-southeast-2")
        client.create_email_template(TemplateName="hello", TemplateContent={"Subject": "Hello"})
        self.create("acme", "identity/example.com")
        call: dict[str, Any] = {
            "TenantName": "acme",
            "FromEmailAddress": SENDER,
            "DefaultContent": {"Template": {"TemplateName": "hello", "TemplateData": "{}"}},
            "BulkEmailEntries": [{"Destination": {"ToAddresses": [CUSTOMER]}}],
        }
        code, _, text = self.refusal(client.send_bulk_email, **call)
        self.assertEqual(code, "AccessDeniedException")
        self.assertIn(f"[{self.arn}template/hello]", text)
        self.associate("acme", "template/hello")
        [result] = client.send_bulk_email(**call)["BulkEmailEntryResults"]
        self.assertEqual(result["Status"], "SUCCESS")

    def test_until_there_is_one_every_name_will_do(self):
        self.region("ap-southeast-3")
        self.assertEqual(self.send("acme").parameters["TenantName"], "acme")


class FaultTests(LocalSesTestCase):
    """Slow, and too fast."""

    def test_throttling_has_the_names_that_amazon_has_for_it(self):
        self.stop_the_clock()
        self.amazon.faults.rate = 1
        self.send_raw()
        text = "Maximum sending rate exceeded."
        self.assertEqual(self.refusal(self.send_raw), ("Throttling", 400, text))
        self.assertEqual(self.refusal(self.send_raw_v2), ("TooManyRequestsException", 429, text))
        with self.assertRaises(self.sesv2.exceptions.TooManyRequestsException):
            self.send_raw_v2()
        self.amazon.faults.rate = None
        self.send_raw()

    def test_a_crash_before_ses_has_accepted(self):
        killed: list[int] = []
        self.amazon.faults.crashes["x-1"] = (lambda: killed.append(self.count()), False)
        before = self.count()
        self.send_raw(Tags=[{"Name": "outbox", "Value": "x-1"}])
        self.assertEqual((killed, self.count()), ([before], before))
        self.send_raw(Tags=[{"Name": "outbox", "Value": "x-1"}])
        self.assertEqual((killed, self.count()), ([before], before + 1))

    def test_a_crash_after_ses_has_accepted_and_its_events_are_late(self):
        killed: list[int] = []
        self.amazon.faults.crashes["y-1"] = (lambda: killed.append(self.count()), True)
        before = self.count()
        with mock.patch.object(self.amazon.publisher, "_schedule") as schedule:
            self.send_raw(Tags=[{"Name": "outbox", "Value": "y-1"}])
        self.assertEqual(killed, [before + 1])
        [first, *_] = schedule.add.call_args_list
        self.assertGreaterEqual(first.args[0], LATE * 0.01)  # the pace of these tests

    def count(self) -> int:
        """How many messages SES has accepted."""
        return len(self.amazon.journal.sent())

    def test_the_rate(self):
        clock = [0.0]
        faults = Faults(rate=2, clock=lambda: clock[0])
        self.assertEqual([faults.allow(1) for _ in range(3)], [True, True, False])
        clock[0] = 0.5
        self.assertEqual([faults.allow(1) for _ in range(2)], [True, False])
        clock[0] = 100.0  # nothing is saved up for more than a second
        self.assertEqual([faults.allow(1) for _ in range(3)], [True, True, False])

    def test_many_recipients_use_up_the_following_seconds(self):
        clock = [0.0]
        faults = Faults(rate=10, clock=lambda: clock[0])
        self.assertTrue(faults.allow(50))
        clock[0] = 4.0
        self.assertFalse(faults.allow(1))
        clock[0] = 4.1
        self.assertTrue(faults.allow(1))

    def test_less_than_one_in_a_second(self):
        clock = [0.0]
        faults = Faults(rate=0.5, clock=lambda: clock[0])
        self.assertEqual([faults.allow(1) for _ in range(2)], [True, False])
        clock[0] = 2.0
        self.assertTrue(faults.allow(1))

    def test_latency(self):
        self.send_raw()
        for call, latency, slow in (
            (self.send_raw, 0.3, True),
            (self.ses.get_send_quota, 30, False),
        ):
            self.amazon.faults.latency = latency
            start = time.monotonic()
            call()
            self.assertEqual(time.monotonic() - start >= latency, slow)


class BackendTests(LocalSesTestCase):
    """This package sends through it as through Amazon's."""

    def setUp(self) -> None:
        setting = {
            "AMAZON_SES_SESSION_PARAMS": CREDENTIALS,
            "AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": self.amazon.url},
            "AMAZON_SES_CONFIGURATION_SET_NAME": self.amazon.configuration_set(),
            "AMAZON_SES_THROTTLE_TIMEOUT": 0,
        }
        settings = override_settings(ANYMAIL=setting)
        settings.enable()
        self.addCleanup(settings.disable)

    def message(self, **kwargs: Any) -> AnymailMessage:
        message = AnymailMessage(
            subject="Grüße 🍵",
            body="Tschüß",
            from_email="Müller & Co <shop@example.com>",
            to=["Zoë <zoe@example.net>"],
            bcc=["bounce@simulator.amazonses.com"],
            tags=["Frühling"],
            metadata={"order": 1042},
        )
        for name, value in kwargs.items():
            setattr(message, name, value)
        return message

    def test_a_message_with_everything(self):
        for backend, operation in ((BackendV1, "SendRawEmail"), (BackendV2, "v2 SendEmail")):
            with self.subTest(operation):
                message = self.message()
                message.attach("é.bin", b"\xff" * 200_000, "application/x-none")
                backend().send_messages([message])
                message_id = message.anymail_status.message_id
                mail = self.amazon.wait_for(message_id, "Send", "Delivery", "Bounce")
                self.assertEqual(mail.operation, operation)
                self.assertEqual(
                    mail.recipients, ["zoe@example.net", "bounce@simulator.amazonses.com"]
                )
                parsed = message_from_bytes(mail.raw, policy=policy.default)
                self.assertEqual((parsed["Subject"], parsed["X-Tag"]), ("Grüße 🍵", "Frühling"))
                names = [found["name"] for found in mail.events[0].document["mail"]["headers"]]
                self.assertIn("X-Metadata", names)

    def test_batches_from_a_template(self):
        template = self.create_template()
        for backend, operation in (
            (BackendV1, "SendBulkTemplatedEmail"),
            (BackendV2, "v2 SendBulkEmail"),
        ):
            with self.subTest(operation):
                message = AnymailMessage(
                    from_email=SENDER, to=["a@example.net", "b@example.net"], template_id=template
                )
                message.merge_data = {"a@example.net": {"name": "A"}, "b@example.net": {}}
                backend().send_messages([message])
                recipients = message.anymail_status.recipients
                self.assertEqual({one.status for one in recipients.values()}, {"queued"})
                rendered, failed = (
                    self.amazon.mail(recipients[address].message_id)
                    for address in ("a@example.net", "b@example.net")
                )
                self.assertIn(b"Subject: Hello A\r\n", rendered.raw)
                self.amazon.wait_for(failed.id, "Rendering Failure")
                self.assertEqual(rendered.operation, operation)

    def test_refusals_are_errors(self):
        self.amazon.faults.rate = 0.01
        for backend, code in (
            (BackendV1, "Throttling"),
            (BackendV2, "TooManyRequestsException"),
        ):
            with self.subTest(code):
                self.amazon.faults.allow(1)
                with self.assertRaisesMessage(AnymailAPIError, code):
                    backend().send_messages([self.message()])


class HostileTests(LocalSesTestCase):
    """Whatever comes, it is answered as Amazon does it, and never with 500."""

    def v1_error(self, body: bytes, code: str, status: int = 400, **headers: str) -> str:
        headers = {"Content_Type": FORM, "Authorization": AUTHORIZATION, **headers}
        found, _, answer = self.amazon.post("/", body, **headers)
        text = answer.decode()
        self.assertEqual(found, status, text)
        self.assertIn(f"<Code>{code}</Code>", text)
        return text

    def v2_error(self, path: str, body: bytes, code: str, status: int = 400, **headers: str) -> str:
        headers = {"Authorization": AUTHORIZATION, **headers}
        found, answered, answer = self.amazon.post(path, body, **headers)
        self.assertEqual((found, answered.get("x-amzn-errortype")), (status, code), answer)
        return str(json.loads(answer)["message"])

    def test_without_a_signature(self):
        body = urlencode({"Action": "GetSendQuota", "Version": "2010-12-01"}).encode()
        self.v1_error(body, "MissingAuthenticationToken", 403, Authorization="")
        self.v2_error(OUTBOUND, b"{}", "MissingAuthenticationTokenException", 403, Authorization="")

    def test_with_a_broken_signature(self):
        for authorization in (
            "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=" + "/" * 1000,
        ):
            self.v2_error(OUTBOUND, b"", "IncompleteSignature", Authorization=authorization)
            self.v1_error(b"", "IncompleteSignature", Authorization=authorization)

    def test_in_a_region_that_does_not_exist(self):
        for region in ("..", "us-east-99", "é"):
            authorization = AUTHORIZATION.replace("us-east-1", region)
            self.v2_error(
                OUTBOUND, b"{}", "SignatureDoesNotMatch", 403, Authorization=authorization
            )

    def test_operations_that_do_not_exist(self):
        for body in (b"", b"Action=", b"Action=DropEverything", b"Action=%FF%00%3C"):
            text = self.v1_error(body, "InvalidAction")
            self.assertIn("for version 2010-12-01", text)
        self.v2_error("/v2/email/everything", b"{}", "UnknownOperationException", 404)
        self.v2_error("/v2/email/", b"{}", "UnknownOperationException", 404)

    def test_operations_that_the_sandbox_does_not_have(self):
        for call, params in (
            (self.sesv2.list_import_jobs, {}),
            (self.ses.reorder_receipt_rule_set, {"RuleSetName": "a", "RuleNames": []}),
            (self.ses.test_render_template, {"TemplateName": "a", "TemplateData": "{}"}),
        ):
            code, status, text = self.refusal(call, **params)
            self.assertEqual((code, status), ("NotImplemented", 400))
            self.assertIn("The sandbox ", text)

    def test_forms_that_are_none(self):
        raw = b"Action=SendRawEmail&RawMessage.Data="
        for body, code in (
            (b"\xff\xfe\x00=&&&;===", "InvalidAction"),
            (raw + b"!!!", "MalformedInput"),
            (raw + b"YQ", "MalformedInput"),
            (b"Action=SendRawEmail&RawMessage=x", "ValidationError"),
            (b"Action=SendRawEmail&RawMessage.Data.x=y", "ValidationError"),
            (b"Action=SendRawEmail", "ValidationError"),
            (raw + b"&Destinations.member.x=a", "InvalidParameterValue"),
            (raw + b"&Destinations.member." + b"9" * 5000 + b"=a", "InvalidParameterValue"),
            (raw + "&Destinations.member.²=a".encode(), "InvalidParameterValue"),
            (raw + b"&Destinations=a", "InvalidParameterValue"),
            (raw + b"&" + b"a." * 50_000 + b"=b", "InvalidParameterValue"),
            (b"Action=SendRawEmail" + b"&a=b" * 30_000, "MalformedQueryString"),
            (b"Action=ListIdentities&Action=SendEmail", "MalformedQueryString"),
            (b"Action=ListTemplates&MaxItems=many", "MalformedInput"),
        ):
            with self.subTest(body[:60]):
                self.v1_error(body, code)

    def test_v1_takes_many_encodings_of_a_call(self):
        data = base64.encodebytes(RAW).decode()
        form = {"Action": "SendRawEmail", "RawMessage.Data": data}
        for body, path in ((urlencode(form), "/"), ("", "/?" + urlencode(form))):
            headers = {"Content_Type": FORM, "Authorization": AUTHORIZATION}
            status, _, answer = self.amazon.post(path, body.encode(), **headers)
            self.assertEqual(status, 200, answer)

    def test_texts_that_xml_cannot_hold(self):
        self.ses.send_email(
            Source=SENDER,
            Destination={"ToAddresses": [CUSTOMER]},
            Message={"Subject": {"Data": "\x00\x0b"}, "Body": {"Text": {"Data": "\ufffe<&>"}}},
        )
        code, _, text = self.refusal(self.ses.get_template, TemplateName="\x00\ufffe<&>]]>")
        self.assertEqual(code, "TemplateDoesNotExist")
        self.assertIn("<&>]]>", text)

    def test_json_that_is_none(self):
        for body in (
            b"{",
            b"[]",
            b'"x"',
            b"null",
            b"\xff",
            b"[" * 200_000,
            b'{"a": ' * 200_000,
            b'{"Content": 1}',
            b'{"Content": {"Raw": {"Data": "!"}}}',
            b'{"Content": {"Raw": {"Data": 1}}}',
            b'{"FromEmailAddress": "\\ud800", "Content": {}}',
            b'{"Content": ' + b"9" * 10_000 + b"}",
        ):
            with self.subTest(body[:40]):
                self.v2_error(OUTBOUND, body, "SerializationException")
        for body in (b"", b"{}", b'{"Content": null}', b'{"Content": {}}'):
            with self.subTest(body):
                self.v2_error(OUTBOUND, body, "BadRequestException")

    def test_numbers_without_end(self):
        for size, expected in (("9" * 9, 200), ("9" * 5000, 400), ("x", 400)):
            with self.subTest(size[:9]):
                status, _, answer = self.amazon.request(
                    "GET",
                    f"/v2/email/templates?PageSize={size}",
                    None,
                    Authorization=AUTHORIZATION,
                )
                self.assertEqual(status, expected)
                self.assertNotIn(b"null", answer)

    def test_bodies_without_end(self):
        for length in ("99999999999999", "²".encode().decode("latin-1"), "-1", "x"):
            with self.subTest(length):
                status, _, _ = self.amazon.post(
                    OUTBOUND, b"", Authorization=AUTHORIZATION, Content_Length=length
                )
                self.assertIn(status, (400, 413))

    def test_chunked_bodies(self):
        body = b'{"Content": {"Raw": {"Data": "%s"}}}' % base64.b64encode(RAW)
        for chunks, status in (
            (b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), 200),
            (b"zz\r\n", 400),
        ):
            found, _, _ = self.amazon.post(
                OUTBOUND, chunks, Authorization=AUTHORIZATION, Transfer_Encoding="chunked"
            )
            self.assertEqual(found, status)

    def test_a_bug_in_the_sandbox_is_an_internal_failure_of_amazon(self):
        for call in (self.send_raw, self.send_raw_v2):
            with (
                mock.patch.object(self.amazon.publisher, "accept", side_effect=LookupError),
                self.assertLogs("anymail.sandbox.aws.endpoint", "ERROR"),
            ):
                code, status, _ = self.refusal(call)
            self.assertEqual((code, status), ("InternalFailure", 500))

    def test_a_web_page_can_ask_for_nothing(self):
        send = urlencode({"Action": "SendRawEmail", "RawMessage.Data": base64.b64encode(RAW)})
        query = f"{send}&X-Amz-Credential=a/20250304/us-east-1/ses/aws4_request"
        for method, path, headers in (
            ("POST", f"/?{send}", {"Authorization": AUTHORIZATION, "Origin": "http://a.example"}),
            ("POST", "/moto-api/reset", {"Origin": "null"}),
            ("POST", OUTBOUND, {"Authorization": AUTHORIZATION, "Origin": self.amazon.url}),
            ("GET", f"/?{query}", {"Sec_Fetch_Site": "cross-site"}),
            ("GET", f"/?{query}", {"Sec_Fetch_Site": "same-site"}),
        ):
            with self.subTest(method=method, path=path, headers=headers):
                before = self.amazon.journal.version
                status, _, answer = self.amazon.request(method, path, b"", **headers)
                self.assertEqual((status, b"not web pages" in answer), (403, True))
                self.assertEqual(self.amazon.journal.version, before)

    def test_only_names_of_this_machine_are_answered(self):
        for host, status in (
            ("attacker.example", 403),
            ("attacker.example:8026", 403),
            ("127.0.0.1.attacker.example", 403),
            ("", 403),
            ("127.0.0.1@attacker.example", 403),
            ("localhost:8026", 200),
            ("bucket.localhost", 200),
            ("[::1]:8026", 200),
        ):
            with self.subTest(host):
                found, _, _ = self.amazon.request(
                    "GET", "/v2/email/account", None, Host=host, Authorization=AUTHORIZATION
                )
                self.assertEqual(found, status)

    def test_identities_may_come_while_senders_are_checked(self):
        region, interval = CREDENTIALS["region_name"], sys.getswitchinterval()
        identities = self.amazon.state.identities
        done = threading.Event()

        def add() -> None:
            while not done.is_set():
                for number in range(1000):
                    name = f"{number}.busy.example"
                    identities.known[region, name] = new_identity(name)
                for number in range(1000):
                    del identities.known[region, f"{number}.busy.example"]

        self.addCleanup(sys.setswitchinterval, interval)
        sys.setswitchinterval(1e-6)
        thread = threading.Thread(target=add)
        thread.start()
        try:
            for _ in range(200):
                self.assertIsNone(identities.verified(region, "nobody@busy.test"))
                self.assertLess(len(identities.all(region)), 1100)
        finally:
            done.set()
            thread.join()

    def test_what_moto_cannot_answer_is_no_failure(self):
        with mock.patch("moto.s3.models.S3Backend.list_buckets", side_effect=LookupError):
            status, _, answer = self.amazon.request(
                "GET", "/", None, Authorization=AUTHORIZATION.replace("/ses/", "/s3/")
            )
        self.assertEqual((status, b"<Code>NotImplemented</Code>" in answer), (400, True))

    def test_requests_for_nobody(self):
        for method, path, body, headers in (
            ("GET", "/", None, {}),
            ("POST", "/", b"\xff", {}),
            ("POST", "/", b"\xff=\xff", {"Content_Type": FORM}),
            ("POST", "/", b"x", {"Authorization": "x"}),
            ("POST", "/", b"x", {"Authorization": "Basic x"}),
            ("DELETE", "/v2/email", b"", {"Authorization": AUTHORIZATION}),
            ("PUT", "/%ff%00/..;/", b"", {"Authorization": "Bearer ,,,"}),
            ("POST", "/", b"Action=Publish&Version=2010-03-31", {"Content_Type": FORM}),
        ):
            with self.subTest(method=method, path=path, body=body):
                status, _, _ = self.amazon.request(method, path, body, **headers)
                self.assertLess(status, 500)


class AddressTests(SimpleTestCase):
    """What an address is for SES."""

    def test_addresses(self):
        for text, expected in (
            ("a@b.c", ["a@b.c"]),
            (" Ann <a@b.c> ", ["a@b.c"]),
            ('"Doe, \\"J\\"" <a@b.c>', ["a@b.c"]),
            ('"<x@y.z>" <a@b.c>', ["a@b.c"]),
            ("a@b.c (Ann, Ms), d@e.f", ["a@b.c", "d@e.f"]),
            ("Team: a@b.c, D <d@e.f>;", ["a@b.c", "d@e.f"]),
            ('"a b"@c.d', ['"a b"@c.d']),
            ("a@[127.0.0.1]", ["a@[127.0.0.1]"]),
            ("=?utf-8?q?Zo=C3=AB?= <a@xn--bcher-kva.example>", ["a@xn--bcher-kva.example"]),
        ):
            with self.subTest(text):
                self.assertEqual([parse_address(part) for part in split(text)], expected)

    def test_what_is_none(self):
        for text, words in (
            ("", "Missing final '@domain'"),
            ("a", "Missing final '@domain'"),
            ("Doe, John <a@b.c>", "Missing final '@domain'"),
            ("a@", "Missing domain"),
            ("@b.c", "Missing local part"),
            ("a b@c.d", "Local address contains control or whitespace"),
            ("a\x07b@c.d", "Local address contains control or whitespace"),
            ("é@b.c", "Local address contains illegal character"),
            ("a]@b.c", "Local address contains illegal character"),
            ("a@b c", "Domain contains control or whitespace"),
            ("a@é.c", "Domain contains illegal character"),
            ("a@b_c", "Domain contains illegal character"),
            ("a@b..c", "Domain contains dot-dot"),
            ("a@.b", "Illegal address"),
            ("Zoë <a@b.c>", "Illegal address"),
            ("a@" + "b" * 400, "Illegal address"),
        ):
            with self.subTest(text), self.assertRaisesMessage(SesError, words):
                parse_addresses([text])

    def test_headers_without_end_take_no_time(self):
        start = time.monotonic()
        for letters in ('"\\', "<", "(", "[", "a,", ":", '"'):
            split(letters * 200_000)
        self.assertLess(time.monotonic() - start, 60)

    def test_receipt_rules(self):
        for recipients, address, takes in (
            ((), "a@b.c", True),
            (("a@b.c",), "A@B.c", True),
            (("a@b.c",), "a+label@b.c", True),
            (("a@b.c",), "x@b.c", False),
            (("b.c",), "a@b.c", True),
            (("b.c",), "a@x.b.c", False),
            ((".b.c",), "a@x.b.c", True),
            ((".b.c",), "a@b.c", False),
        ):
            with self.subTest(recipients=recipients, address=address):
                rule = ReceiptRule(name="r", recipients=recipients)
                self.assertEqual(rule.takes(address), takes)
