"""SES API v2: what differs from v1."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from email.message import MIMEPart
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from typing import Any

import django
from django.test import SimpleTestCase
from django.utils.translation import gettext_lazy

from anymail.amazon_ses import template_calls
from anymail.backends.amazon_sesv2 import EmailBackend
from anymail.calls import ApiCall
from anymail.exceptions import (
    AnymailAPIError,
    AnymailError,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from anymail.message import AnymailMessage

from ..ses import BODY, CREDENTIALS, Sent, loopback_server, simple_message, stubbed
from ..ses import send as send_with

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def send(message: Any, **options: Any) -> Sent:
    return send_with(message, EmailBackend, **options)


def params(message: Any, **options: Any) -> dict[str, Any]:
    return send(message, **options).params


class RawParamsTests(SimpleTestCase):
    def test_the_least_that_is_sent(self) -> None:
        self.assertEqual(set(params(simple_message())), {"Content", "Destination"})

    def test_recipients_are_addresses_without_names(self) -> None:
        message = simple_message(
            to=["Tö <to@example.com>"], cc=["Cc <cc@example.com>"], bcc=["bcc@münchen.example"]
        )
        self.assertEqual(
            params(message)["Destination"],
            {
                "ToAddresses": ["to@example.com"],
                "CcAddresses": ["cc@example.com"],
                "BccAddresses": ["bcc@xn--mnchen-3ya.example"],
            },
        )

    def test_envelope_sender_is_the_feedback_address(self) -> None:
        sent = params(simple_message(envelope_sender="Bounces <bounces@example.com>"))
        self.assertEqual(sent["FeedbackForwardingEmailAddress"], "bounces@example.com")

    def test_the_message_tag_and_the_configuration_set(self) -> None:
        sent = params(
            simple_message(tags=["tag"]), message_tag_name="Type", configuration_set_name="set"
        )
        self.assertEqual(sent["EmailTags"], [{"Name": "Type", "Value": "tag"}])
        self.assertEqual(sent["ConfigurationSetName"], "set")

    def test_what_only_this_api_knows_goes_through_esp_extra(self) -> None:
        extra = {
            "ListManagementOptions": {"ContactListName": "list", "TopicName": "topic"},
            "TenantName": "tenant",
            "FeedbackForwardingEmailAddress": "feedback@example.com",
            "FromEmailAddressIdentityArn": "arn:aws:ses:us-east-1:123456789012:identity/x.com",
        }
        sent = params(simple_message(esp_extra=extra))
        self.assertEqual({name: sent[name] for name in extra}, extra)

    def test_esp_extra_cannot_replace_recipients_or_content(self) -> None:
        extra = {"Destination": {"ToAddresses": ["x@example.com"]}, "Content": {}}
        sent = params(simple_message(esp_extra=extra))
        self.assertEqual(sent["Destination"], {"ToAddresses": ["to@example.com"]})
        self.assertIn("Raw", sent["Content"])

    def test_parameters_of_v1_are_refused_by_the_name_they_have_here(self) -> None:
        for name, here in (
            ("Tags", "EmailTags"),
            ("DefaultTags", "EmailTags"),
            ("SourceArn", "FromEmailAddressIdentityArn"),
        ):
            with self.subTest(name), self.assertRaisesRegex(AnymailUnsupportedFeature, f" {here} "):
                params(simple_message(esp_extra={name: "x"}))
            sent = params(simple_message(esp_extra={name: "x"}), ignore_unsupported_features=True)
            self.assertNotIn(name, sent)

    def test_several_from_addresses_are_refused(self) -> None:
        with self.assertRaisesRegex(AnymailUnsupportedFeature, "multiple from emails"):
            params(simple_message(from_email="a@example.com, b@example.com"))

    def test_merge_data_without_a_template_names_the_inline_template(self) -> None:
        with self.assertRaisesRegex(
            AnymailUnsupportedFeature, "merge_data without template_id.*InlineTemplate"
        ):
            params(simple_message(merge_data={}))

    def test_11_mb_are_sent_and_41_refused(self) -> None:
        message = simple_message()
        message.attach("x.bin", b"x" * 8_000_000, "application/octet-stream")
        self.assertGreater(len(send(message).raw), 10 << 20)
        message.attach("y.bin", b"x" * 23_000_000, "application/octet-stream")
        with self.assertRaisesRegex(AnymailUnsupportedFeature, "larger than 40 MB"):
            params(message)

    def test_split_recipients_keep_their_kind(self) -> None:
        message = simple_message(
            to=[f"to{n}@example.com" for n in range(45)],
            cc=[f"cc{n}@example.com" for n in range(10)],
            bcc=["bcc@example.com"],
        )
        first, second = (
            c["Destination"] for c in send(message, split_recipients=True, max_concurrency=1).calls
        )
        self.assertEqual(
            {k: len(v) for k, v in first.items()}, {"ToAddresses": 45, "CcAddresses": 5}
        )
        self.assertEqual(second["CcAddresses"], [f"cc{n}@example.com" for n in range(5, 10)])
        self.assertEqual(second["BccAddresses"], ["bcc@example.com"])


def template_message(**kwargs: Any) -> AnymailMessage:
    defaults: dict[str, Any] = {"subject": "", "body": "", "template_id": "welcome"}
    return simple_message(**{**defaults, **kwargs})


class TemplateParamsTests(SimpleTestCase):
    def test_the_least_that_is_sent(self) -> None:
        self.assertEqual(
            params(template_message()),
            {
                "FromEmailAddress": "from@example.com",
                "DefaultContent": {"Template": {"TemplateName": "welcome", "TemplateData": "{}"}},
                "BulkEmailEntries": [
                    {
                        "Destination": {"ToAddresses": ["to@example.com"]},
                        "ReplacementEmailContent": {
                            "ReplacementTemplate": {"ReplacementTemplateData": "{}"}
                        },
                    }
                ],
            },
        )

    def test_everything_together(self) -> None:
        message = template_message(
            cc=["cc@example.com"],
            bcc=["bcc@example.com"],
            reply_to=["Reply <r@example.com>"],
            envelope_sender="bounces@example.com",
            tags=["tag"],
            merge_data={"to@example.com": {"x": 1}},
            merge_global_data={"x": 0, "z": 9},
            esp_extra={"TenantName": "tenant"},
        )
        sent = params(message, configuration_set_name="set", message_tag_name="Type")
        self.assertEqual(sent["ReplyToAddresses"], ["Reply <r@example.com>"])
        self.assertEqual(sent["FeedbackForwardingEmailAddress"], "bounces@example.com")
        self.assertEqual(sent["DefaultEmailTags"], [{"Name": "Type", "Value": "tag"}])
        self.assertEqual((sent["ConfigurationSetName"], sent["TenantName"]), ("set", "tenant"))
        (entry,) = sent["BulkEmailEntries"]
        self.assertEqual(entry["Destination"]["BccAddresses"], ["bcc@example.com"])
        data = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
        self.assertEqual(json.loads(data), {"x": 1, "z": 9})

    def test_headers_metadata_and_tags_go_per_recipient(self) -> None:
        message = template_message(
            to=["a@example.com", "b@example.com"],
            headers={"X-Common": "all", "List-Unsubscribe": "<https://example.com/all>"},
            merge_headers={"a@example.com": {"list-unsubscribe": "<https://example.com/a>"}},
            metadata={"campaign": 7},
            merge_metadata={"b@example.com": {"user": "bé"}},
            tags=["one", "zwö"],
        )
        a, b = (
            [(h["Name"], h["Value"]) for h in entry["ReplacementHeaders"]]
            for entry in params(message)["BulkEmailEntries"]
        )
        tags = [("X-Tag", "one"), ("X-Tag", "=?utf-8?b?enfDtg==?=")]
        self.assertEqual(
            a,
            [
                ("X-Common", "all"),
                ("List-Unsubscribe", "<https://example.com/a>"),
                ("X-Metadata", '{"campaign": 7}'),
                *tags,
            ],
        )
        self.assertEqual(b[1], ("List-Unsubscribe", "<https://example.com/all>"))
        self.assertEqual(b[2], ("X-Metadata", '{"campaign": 7, "user": "b\\u00e9"}'))

    def test_merge_metadata_alone_is_sent_to_those_who_have_it(self) -> None:
        message = template_message(
            to=["a@example.com", "b@example.com"], merge_metadata={"a@example.com": {"x": 1}}
        )
        a, b = params(message)["BulkEmailEntries"]
        self.assertEqual(a["ReplacementHeaders"], [{"Name": "X-Metadata", "Value": '{"x": 1}'}])
        self.assertNotIn("ReplacementHeaders", b)

    def test_as_many_headers_are_sent_as_ses_accepts(self) -> None:
        headers = {f"X-{n}": "x" for n in range(14)}
        [entry] = params(template_message(headers=headers, tags=["t"]))["BulkEmailEntries"]
        self.assertEqual(len(entry["ReplacementHeaders"]), 15)

    def test_limits_of_headers_are_checked_before_the_call(self) -> None:
        for headers in (
            {f"X-{n}": "x" for n in range(16)},
            {"X-Long": "x" * 996},
            {"X-Empty": ""},
            {"X" * 127: "x"},
        ):
            with self.subTest(headers), self.assertRaises(AnymailUnsupportedFeature):
                params(template_message(headers=headers))

    def test_a_tab_in_a_header_is_a_space(self) -> None:
        """SES takes printable ASCII there, and a tab means the same (RFC 5322 section 2.2.3)."""
        message = template_message(headers={"X-A": "a\tb"})
        (entry,) = params(message)["BulkEmailEntries"]
        self.assertEqual(entry["ReplacementHeaders"], [{"Name": "X-A", "Value": "a b"}])

    def test_line_breaks_in_headers_are_refused(self) -> None:
        for kwargs in (
            {"headers": {"X-A": "a\nb"}},
            {"merge_headers": {"to@example.com": {"X-A": "a\r\nb"}}},
            {"merge_headers": {"to@example.com": {"X-A\nBcc": "b"}}},
            {"tags": ["a\nb"]},
        ):
            with self.subTest(kwargs), self.assertRaises(ValueError) as caught:
                params(template_message(**kwargs))
            self.assertNotIsInstance(caught.exception, AnymailError)  # fail_silently hides those

    def test_line_breaks_in_file_names_are_refused_by_position(self) -> None:
        part = MIMEBase("application", "pdf")
        part.add_header("Content-Disposition", "attachment", filename="a\nb.pdf")
        for attachment in (("a\r\nb.pdf", b"x", "application/pdf"), part):
            message = template_message()
            message.attach("ok.txt", "text", "text/plain")
            message.attachments.append(attachment)
            with self.subTest(attachment), self.assertRaisesRegex(ValueError, "attachment 2"):
                params(message)

    def test_what_is_no_header_name_is_told_with_its_attribute(self) -> None:
        for attribute, kwargs in (
            ("extra_headers", {"headers": {"X Space": "x"}}),
            ("merge_headers", {"merge_headers": {"to@example.com": {"X Space": "x"}}}),
        ):
            text = f"'X Space' in `{attribute}` is not a valid header name"
            with self.subTest(attribute), self.assertRaisesRegex(ValueError, text):
                params(template_message(**kwargs))

    def test_what_is_no_string_is_no_header_name(self) -> None:
        with self.assertRaisesRegex(ValueError, "1 in `merge_headers` is not a valid header name"):
            params(template_message(merge_headers={"to@example.com": {1: "x"}}))

    def test_a_bcc_header_is_refused(self) -> None:
        for kwargs in (
            {"headers": {"bcc": "x@example.com"}},
            {"merge_headers": {"to@example.com": {"BCC": "x@example.com"}}},
        ):
            with self.subTest(kwargs), self.assertRaisesRegex(ValueError, '"bcc" argument'):
                params(template_message(**kwargs), ignore_unsupported_features=True)

    def test_headers_that_come_from_elsewhere_are_refused(self) -> None:
        for name, source in (
            ("Cc", "cc"),
            ("content-type", "SES"),
            ("Content-Transfer-Encoding", "SES"),
            ("FROM", "from_email"),
            ("MIME-Version", "SES"),
            ("Subject", "the template"),
            ("to", "to"),
            ("X-Metadata", "metadata and merge_metadata"),
            ("x-tag", "tags"),
        ):
            text = f"the {name} header with template: it comes from {source}$"
            of_recipient = {"to@example.com": {name: "x@example.com"}}
            message = template_message(merge_headers=of_recipient)
            with self.subTest(name), self.assertRaisesRegex(AnymailUnsupportedFeature, text):
                params(message)
            with self.subTest(name):
                (entry,) = params(message, ignore_unsupported_features=True)["BulkEmailEntries"]
                self.assertNotIn("ReplacementHeaders", entry)

    def test_they_are_refused_for_everybody_too(self) -> None:
        for name in ("Cc", "Subject", "X-Tag"):
            with self.subTest(name), self.assertRaisesRegex(AnymailUnsupportedFeature, name):
                params(template_message(headers={name: "x"}))

    def test_other_headers_go_out(self) -> None:
        names = ["Content-Language", "List-Unsubscribe", "Message-ID", "Return-Path", "Sender"]
        message = template_message(merge_headers={"to@example.com": dict.fromkeys(names, "<a@b>")})
        (entry,) = params(message)["BulkEmailEntries"]
        self.assertEqual([header["Name"] for header in entry["ReplacementHeaders"]], names)

    def test_a_recipients_reply_to_is_refused_only_beside_reply_to(self) -> None:
        headers = {"to@example.com": {"Reply-To": "reply+7@example.com"}}
        (entry,) = params(template_message(merge_headers=headers))["BulkEmailEntries"]
        self.assertEqual(
            entry["ReplacementHeaders"], [{"Name": "Reply-To", "Value": "reply+7@example.com"}]
        )
        with self.assertRaisesRegex(AnymailUnsupportedFeature, "it comes from reply_to"):
            params(template_message(merge_headers=headers, reply_to=["r@example.com"]))

    def test_attachments(self) -> None:
        message = template_message()
        message.attach("ü.txt", "Text ü", "text/plain")
        cid = message.attach_inline_image(PNG, filename="logo.png")
        text, image = params(message)["DefaultContent"]["Template"]["Attachments"]
        self.assertEqual(
            text,
            {
                "RawContent": "Text ü".encode(),
                "FileName": "ü.txt",
                "ContentType": "text/plain",
                "ContentDisposition": "ATTACHMENT",
                "ContentTransferEncoding": "BASE64",
            },
        )
        self.assertEqual((image["ContentId"], image["ContentDisposition"]), (cid, "INLINE"))
        self.assertEqual((image["RawContent"], image["ContentType"]), (PNG, "image/png"))

    def test_an_image_with_a_content_id_is_posted_inline(self) -> None:
        """The usual way to embed a logo, without a disposition."""
        if django.VERSION >= (6, 0):  # MIMEImage is deprecated there
            image: Any = MIMEPart()
            image.set_content(PNG, maintype="image", subtype="png", cid="<logo>")
        else:
            image = MIMEImage(PNG, "png")
            image["Content-ID"] = "<logo>"
        message = template_message()
        message.attach(image)
        answer = b'{"BulkEmailEntryResults": [{"Status": "SUCCESS", "MessageId": "m"}]}'
        with loopback_server(lambda request, number: (200, answer)) as server:
            EmailBackend(
                session_params=CREDENTIALS, client_params={"endpoint_url": server.url}
            ).send_messages([message])
            [request] = server.requests
        [posted] = request.json["DefaultContent"]["Template"]["Attachments"]
        self.assertEqual((posted["ContentDisposition"], posted["ContentId"]), ("INLINE", "logo"))
        self.assertEqual(b64decode(posted["RawContent"]), PNG)

    def test_attachments_without_a_name_get_one_and_messages_are_refused(self) -> None:
        message = template_message()
        message.attach(None, b"x", "application/pdf")
        (pdf,) = params(message)["DefaultContent"]["Template"]["Attachments"]
        self.assertEqual(pdf["FileName"], "attachment-1")
        message.attach("m.eml", b"Subject: x\r\n\r\nx", "message/rfc822")
        with self.assertRaisesRegex(AnymailUnsupportedFeature, "message/rfc822"):
            params(message)

    def test_what_templates_cannot_carry_is_refused(self) -> None:
        for kwargs, feature in (
            ({"subject": "s"}, "overriding template subject"),
            ({"body": "b"}, "overriding template body content"),
            ({"headers": {"To": "x"}}, "spoofing `To` header"),
            ({"esp_extra": {"ListManagementOptions": {}}}, "ListManagementOptions with a template"),
            ({"send_at": 1}, "send_at"),
        ):
            message = template_message(**kwargs)
            with self.subTest(feature), self.assertRaisesRegex(AnymailUnsupportedFeature, feature):
                params(message)
            sent = params(message, ignore_unsupported_features=True)
            self.assertNotIn("ListManagementOptions", sent)

    def test_content_in_esp_extra_of_another_type_is_refused_by_its_path(self) -> None:
        path = "esp_extra['DefaultContent']"
        for content, where in (
            ("x", path),
            ({"Template": []}, f"{path}['Template']"),
            ({"Template": {"TemplateContent": []}}, f"{path}['Template']['TemplateContent']"),
        ):
            text = re.escape(f"`{where}` must be a dict, not ")
            with self.subTest(content), self.assertRaisesRegex(AnymailSerializationError, text):
                params(template_message(esp_extra={"DefaultContent": content}))

    def test_text_that_cannot_be_encoded_is_an_error_of_the_message(self) -> None:
        latin = {"encoding": "latin-1", "attachments": [("a.txt", "\u20ac", "text/plain")]}
        for arguments in ({"headers": {"X-A": "\ud800"}}, latin):
            message = template_message()
            for name, value in arguments.items():
                setattr(message, "extra_headers" if name == "headers" else name, value)
            with self.subTest(arguments), self.assertRaises(AnymailSerializationError):
                params(message)

    def test_content_in_esp_extra_that_is_none_is_none(self) -> None:
        for content in (None, {"Template": None}):
            sent = params(template_message(esp_extra={"DefaultContent": content}))
            self.assertEqual(sent["DefaultContent"]["Template"]["TemplateName"], "welcome")

    def test_content_in_esp_extra_that_ses_does_not_know_is_an_api_error(self) -> None:
        with self.assertRaisesRegex(AnymailAPIError, "Tmplate"):
            params(template_message(esp_extra={"DefaultContent": {"Tmplate": {}}}))

    def test_esp_extra_reaches_into_the_template(self) -> None:
        extra = {"DefaultContent": {"Template": {"TemplateArn": "arn:t"}}}
        template = params(template_message(esp_extra=extra))["DefaultContent"]["Template"]
        self.assertEqual((template["TemplateArn"], template["TemplateName"]), ("arn:t", "welcome"))


class InlineTemplateTests(SimpleTestCase):
    def message(self, **kwargs: Any) -> AnymailMessage:
        message = simple_message(
            subject="Hello {{name}}",
            body="Dear {{name}}",
            esp_extra={"InlineTemplate": True},
            merge_data={"to@example.com": {"name": "Tö"}},
            **kwargs,
        )
        message.attach_alternative("<p>{{name}}</p>", "text/html")
        return message

    def test_the_message_itself_is_the_template(self) -> None:
        sent = params(self.message(tags=["tag"]))
        self.assertEqual(
            sent["DefaultContent"]["Template"]["TemplateContent"],
            {"Subject": "Hello {{name}}", "Text": "Dear {{name}}", "Html": "<p>{{name}}</p>"},
        )
        self.assertNotIn("InlineTemplate", sent)
        self.assertNotIn("TemplateName", sent["DefaultContent"]["Template"])
        (entry,) = sent["BulkEmailEntries"]
        data = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
        self.assertEqual(json.loads(data), {"name": "Tö"})
        self.assertEqual(entry["ReplacementHeaders"], [{"Name": "X-Tag", "Value": "tag"}])

    def test_a_setting_makes_templates_of_messages_with_merge_attributes(self) -> None:
        for personal in (
            {"merge_data": {"to@example.com": {"name": "Tö"}}},
            {"merge_global_data": {"name": "Tö"}},
            {"merge_headers": {"to@example.com": {"X-A": "1"}}},
            {"merge_metadata": {"to@example.com": {"a": 1}}},
            {"merge_data": {}},
        ):
            with self.subTest(personal):
                sent = params(simple_message(subject="{{name}}", **personal), inline_templates=True)
                self.assertEqual(
                    sent["DefaultContent"]["Template"]["TemplateContent"],
                    {"Subject": "{{name}}", "Text": BODY},
                )

    def test_with_the_setting_other_messages_stay_as_they_are(self) -> None:
        message = simple_message(body="{{ not a variable }}", metadata={"a": 1}, track_opens=None)
        self.assertIn("Raw", params(message, inline_templates=True)["Content"])
        stored = params(template_message(merge_data={}), inline_templates=True)
        self.assertEqual(stored["DefaultContent"]["Template"]["TemplateName"], "welcome")

    def test_esp_extra_wins_over_the_setting(self) -> None:
        with self.assertRaisesRegex(AnymailUnsupportedFeature, "merge_data without template_id"):
            params(
                simple_message(merge_data={}, esp_extra={"InlineTemplate": False}),
                inline_templates=True,
            )

    def test_lazy_strings_are_forced(self) -> None:
        message = self.message()
        message.subject, message.body = gettext_lazy("Hello"), gettext_lazy("Dear")
        message.alternatives.clear()
        message.attach_alternative(gettext_lazy("<p>"), "text/html")
        self.assertEqual(
            params(message)["DefaultContent"]["Template"]["TemplateContent"],
            {"Subject": "Hello", "Text": "Dear", "Html": "<p>"},
        )

    def test_a_line_break_in_the_subject_is_refused(self) -> None:
        message = self.message()
        message.subject = "a\nBcc: x@example.com"
        with self.assertRaisesRegex(ValueError, "Subject"):
            params(message)
        message = self.message()
        content = {"Subject": "a\r\nb", "Text": "c"}
        message.esp_extra["DefaultContent"] = {"Template": {"TemplateContent": content}}
        with self.assertRaisesRegex(ValueError, "Subject"):
            params(message)

    def test_it_takes_no_template_id_and_no_other_bodies(self) -> None:
        with self.assertRaisesRegex(AnymailUnsupportedFeature, "template_id together"):
            params(self.message(template_id="x"))
        message = self.message()
        message.attach_alternative("x", "text/x-amp-html")
        with self.assertRaisesRegex(AnymailUnsupportedFeature, "text/x-amp-html"):
            params(message)


class ResponseTests(SimpleTestCase):
    def test_every_recipient_of_a_raw_message_is_queued(self) -> None:
        message = simple_message(cc=["cc@example.com"])
        with stubbed("sesv2") as stub:
            stub.add_response("send_email", {"MessageId": "m-1"})
            self.assertEqual(EmailBackend().send_messages([message]), 1)
        self.assertEqual(message.anymail_status.message_id, "m-1")
        self.assertEqual(
            set(message.anymail_status.recipients), {"to@example.com", "cc@example.com"}
        )

    def test_every_documented_status(self) -> None:
        codes = [
            "MESSAGE_REJECTED",
            "MAIL_FROM_DOMAIN_NOT_VERIFIED",
            "CONFIGURATION_SET_NOT_FOUND",
            "CONFIGURATION_SET_DOES_NOT_EXIST",
            "TEMPLATE_NOT_FOUND",
            "TEMPLATE_DOES_NOT_EXIST",
            "ACCOUNT_SUSPENDED",
            "ACCOUNT_THROTTLED",
            "ACCOUNT_DAILY_QUOTA_EXCEEDED",
            "INVALID_SENDING_POOL_NAME",
            "ACCOUNT_SENDING_PAUSED",
            "CONFIGURATION_SET_SENDING_PAUSED",
            "INVALID_PARAMETER",
            "INVALID_PARAMETER_VALUE",
            "TRANSIENT_FAILURE",
            "FAILED",
            "SOMETHING_NEW",
        ]
        results = [{"Status": code, "Error": f"About {code}"} for code in codes]
        message = template_message(to=[f"to{n}@example.com" for n in range(len(codes) + 1)])
        with stubbed("sesv2") as stub:
            stub.add_response(
                "send_bulk_email",
                {"BulkEmailEntryResults": [{"Status": "SUCCESS", "MessageId": "m"}, *results]},
            )
            EmailBackend().send_messages([message])
        first, *others = message.anymail_status.recipients.values()
        self.assertEqual((first.status, first.message_id), ("queued", "m"))
        self.assertEqual(
            [(r.status, r.error_code, r.error_message) for r in others],
            [("failed", code, f"About {code}") for code in codes],
        )

    def test_a_missing_list_is_an_error(self) -> None:
        call = ApiCall(operation="send_bulk_email", params={}, recipients=())
        with self.assertRaisesRegex(AnymailAPIError, "without BulkEmailEntryResults"):
            template_calls.parse_entries(call, {}, "BulkEmailEntryResults")


class BatchOnTheWireTests(SimpleTestCase):
    """SendBulkEmail against an HTTP server that speaks the documented JSON."""

    def send(
        self, failing: int | None, **options: Any
    ) -> tuple[AnymailMessage, Any, AnymailError | None]:
        def answer(request: Any, number: int) -> tuple[int, bytes]:
            entries = request.json["BulkEmailEntries"]
            if number == failing:
                return 400, json.dumps({"message": "Not today"}).encode()
            results = [
                {"Status": "SUCCESS", "MessageId": e["Destination"]["ToAddresses"][0]}
                for e in entries
            ]
            return 200, json.dumps({"BulkEmailEntryResults": results}).encode()

        message = template_message(to=[f"to{n}@example.com" for n in range(1000)])
        error = None
        with loopback_server(answer) as server:
            backend = EmailBackend(
                session_params={"aws_access_key_id": "x", "aws_secret_access_key": "x"},
                client_params={"region_name": "us-east-1", "endpoint_url": server.url},
                **options,
            )
            try:
                backend.send_messages([message])
            except AnymailError as err:
                error = err
            return message, list(server.requests), error

    def test_1000_recipients_are_20_requests(self) -> None:
        message, requests, error = self.send(failing=None)
        self.assertIsNone(error)
        self.assertEqual([len(r.json["BulkEmailEntries"]) for r in requests], [50] * 20)
        self.assertEqual({r.path for r in requests}, {"/v2/email/outbound-bulk-emails"})
        for address, status in message.anymail_status.recipients.items():
            self.assertEqual((status.status, status.message_id), ("queued", address))

    def test_a_failing_request_keeps_what_was_accepted_before(self) -> None:
        """One call at a time: what comes after the failing one is not tried."""
        message, requests, error = self.send(failing=7, max_concurrency=1)
        self.assertEqual(len(requests), 7)
        statuses = [r.status for r in message.anymail_status.recipients.values()]
        self.assertEqual(statuses, ["queued"] * 300 + ["failed"] * 700)
        self.assertRegex(str(error), "300 of 1000 recipients were accepted")
        self.assertIn(
            "Not today", message.anymail_status.recipients["to999@example.com"].error_message
        )

    def test_what_is_on_its_way_when_a_request_fails_counts(self) -> None:
        message, requests, error = self.send(failing=7, max_concurrency=4)
        self.assertLess(len(requests), 20)
        accepted = (len(requests) - 1) * 50
        statuses = [r.status for r in message.anymail_status.recipients.values()]
        self.assertEqual(statuses.count("queued"), accepted)
        self.assertEqual(statuses.count("failed"), 1000 - accepted)
        self.assertRegex(str(error), f"{accepted} of 1000 recipients were accepted")
        self.assertEqual(
            list(message.anymail_status.recipients), [f"to{n}@example.com" for n in range(1000)]
        )
