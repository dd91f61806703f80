"""The same messages through both APIs: the receiver sees the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.message import EmailMessage as ParsedMessage
from typing import Any

from django.core.mail import EmailMessage
from django.test import SimpleTestCase, override_settings
from django.utils.translation import gettext_lazy

from anymail.backends.amazon_ses import EmailBackend as V1Backend
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.exceptions import (
    AnymailError,
    AnymailRecipientsRefused,
    AnymailUnsupportedFeature,
)

from ..ses import Sent, send, simple_message

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
Change = Callable[[Any], Any]


def attach(*args: Any) -> Change:
    return lambda message: message.attach(*args)


def alternative(content: str, mimetype: str) -> Change:
    return lambda message: message.attach_alternative(content, mimetype)


def several(*changes: Change) -> Change:
    return lambda message: [change(message) for change in changes]


def inline_image(message: Any) -> None:
    cid = message.attach_inline_image(PNG, "logo.png", domain="example.com")
    message.attachments[-1].replace_header("Content-ID", "<fixed@example.com>")
    message.attach_alternative(f'<img src="cid:{"fixed" if cid else ""}@example.com">', "text/html")


def html_only(message: Any) -> None:
    message.content_subtype = "html"


def latin1(message: Any) -> None:
    message.encoding = "iso-8859-1"


def no_body(message: Any) -> None:
    message.body = ""


NESTED = EmailMessage("Inner ü", "Inner body ü", "a@example.com", ["b@example.com"])
NESTED.extra_headers = {"Date": "Sun, 22 Nov 2026 10:00:00 +0000", "Message-ID": "<n@example.com>"}

#: What is sent: keywords of the message, and what is done to it afterwards.
RAW: dict[str, tuple[dict[str, Any], Change | None]] = {
    "plain": ({}, None),
    "non-ascii subject and body": ({"subject": "Grüße", "body": "Übung ü\n"}, None),
    "long subject": ({"subject": "Ein langer Betreff " * 20}, None),
    "long non-ascii subject": ({"subject": "日本語の件名 " * 20}, None),
    "empty subject": ({"subject": ""}, None),
    "lazy subject": ({"subject": gettext_lazy("Lazy")}, None),
    "long lines": ({"body": "x" * 3000}, None),
    "crlf body": ({"body": "one\r\ntwo\nthree\rfour"}, None),
    "dots and from": ({"body": ".\n..\nFrom here\n"}, None),
    "from with name": ({"from_email": '"Jürgen, GmbH" <from@example.com>'}, None),
    "from with idna domain": ({"from_email": "from@bücher.example"}, None),
    "several to": ({"to": ["a@example.com", "B <b@example.com>", "c@example.com"]}, None),
    "several in one string": ({"to": ["a@example.com, B <b@example.com>"]}, None),
    "long names": ({"to": [f'"Näme, {"x" * 60} {n}" <t{n}@example.com>' for n in range(9)]}, None),
    "cc": ({"cc": ["Cc Ü <cc@example.com>"]}, None),
    "bcc": ({"bcc": ["bcc@example.com"]}, None),
    "bcc only": ({"to": [], "bcc": ["bcc@example.com"]}, None),
    "reply_to": ({"reply_to": ["Ré <r@example.com>", "s@example.com"]}, None),
    "reply-to header": (
        {"headers": {"reply-to": "h@example.com"}, "reply_to": ["r@example.com"]},
        None,
    ),
    "from header": ({"headers": {"From": "Shown <shown@example.com>"}}, None),
    "from header and sender": (
        {"headers": {"from": "shown@example.com"}, "envelope_sender": "b@example.com"},
        None,
    ),
    "to header": ({"headers": {"To": "Team <team@example.com>"}}, None),
    "free text to header": ({"headers": {"to": "Alle Mitglieder ü"}}, None),
    "custom headers": (
        {"headers": {"X-One": "1", "X-Two": "zwö", "Sender": "s@example.com"}},
        None,
    ),
    "date and id": ({"headers": {"date": "Sun, 22 Nov 2026 10:00:00 +0000"}}, None),
    "threading": ({"headers": {"References": " ".join(f"<{n}@x>" for n in range(60))}}, None),
    "envelope_sender": ({"envelope_sender": "bounces@example.com"}, None),
    "tags": ({"tags": ["one", "zwö", "three words here"]}, None),
    "metadata": ({"metadata": {"a": 1, "ü": ["x"] * 100}}, None),
    "empty metadata": ({"metadata": {}}, None),
    "alternative": ({}, alternative("<p>ü</p>", "text/html")),
    "two alternatives": (
        {},
        several(alternative("<p>", "text/html"), alternative("<a>", "text/x-amp-html")),
    ),
    "html only": ({"body": "<b>ü</b>"}, html_only),
    "no body but html": ({}, several(no_body, alternative("<p>ü</p>", "text/html"))),
    "other charset": ({"body": "Grüße"}, latin1),
    "text attachment": ({}, attach("ü.txt", "Text ü\n", "text/plain")),
    "binary attachment": ({}, attach("a.bin", bytes(range(256)) * 9, "application/octet-stream")),
    "guessed type": ({}, attach("a.pdf", b"%PDF-1.4")),
    "no file name": ({}, attach(None, b"x", "application/x-thing")),
    "long file name": ({}, attach("ü" * 90 + ".pdf", b"%PDF", "application/pdf")),
    "calendar": ({}, attach("i.ics", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "text/calendar")),
    "attached django message": ({}, attach("m.eml", NESTED, "message/rfc822")),
    "attached raw message": ({}, attach("m.eml", b"Subject: x\n\nbody \xc3\xbc", "message/rfc822")),
    "inline image": ({}, inline_image),
    "everything": (
        {
            "subject": "Ü",
            "to": ["Ü <a@bücher.example>"],
            "cc": ["c@example.com"],
            "bcc": ["d@example.com"],
            "reply_to": ["r@example.com"],
            "headers": {"X-A": "ü"},
            "tags": ["t"],
            "metadata": {"m": 1},
            "envelope_sender": "b@example.com",
        },
        several(alternative("<p>", "text/html"), attach("a.pdf", b"%PDF", "application/pdf")),
    ),
    "esp_extra": ({"esp_extra": {"ConfigurationSetName": "set"}}, None),
}


def seen(part: ParsedMessage) -> Any:
    """What a receiver sees of a message or part: no boundaries, dates and ids of this run."""
    fresh = {"date", "message-id", "content-type"}
    headers = [(n.lower(), str(v)) for n, v in part.items() if n.lower() not in fresh]
    content_type = part.get_content_type(), part.get_content_charset(), part.get_filename()
    if part.is_multipart():
        return (
            headers,
            content_type,
            [seen(p) for p in part.iter_parts()]
            or [
                seen(p)  # type: ignore[arg-type]
                for p in part.get_payload()
            ],
        )
    return headers, content_type, part.get_payload(decode=True)


def envelope(sent: Sent) -> tuple[list[str], str | None]:
    """Who gets it, as bare addresses, and where bounces go."""
    params = sent.params
    if "Destinations" in params:
        addresses = [d.rpartition("<")[2].rstrip(">") for d in params["Destinations"]]
        return addresses, params.get("Source")
    destination = params["Destination"]
    kinds = ("ToAddresses", "CcAddresses", "BccAddresses")
    addresses = [address for kind in kinds for address in destination.get(kind, [])]
    return addresses, params.get("FeedbackForwardingEmailAddress")


def status(message: Any) -> Any:
    return {a: (s.status, s.message_id) for a, s in message.anymail_status.recipients.items()}


class RawTests(SimpleTestCase):
    def test_the_receiver_sees_the_same(self) -> None:
        self.assertGreaterEqual(len(RAW), 40)
        for name, (kwargs, change) in RAW.items():
            message = simple_message(**kwargs)
            if change:
                change(message)
            with self.subTest(name):
                v1 = send(message, V1Backend)
                v1_status = status(message)
                v2 = send(message, V2Backend)
                self.assertEqual(seen(v1.mime), seen(v2.mime))
                self.assertEqual(envelope(v1), envelope(v2))
                self.assertEqual(v1_status, status(message))
                self.assertEqual(
                    v1.params.get("ConfigurationSetName"), v2.params.get("ConfigurationSetName")
                )

    def test_settings_have_the_same_effect(self) -> None:
        for name, options, key1, key2 in (
            ("set", {"configuration_set_name": "set"}, "ConfigurationSetName", None),
            ("tag", {"message_tag_name": "Type"}, "Tags", "EmailTags"),
        ):
            message = simple_message(tags=["t"])
            v1 = send(message, V1Backend, **options)
            v2 = send(message, V2Backend, **options)
            with self.subTest(name):
                self.assertEqual(v1.params[key1], v2.params[key2 or key1])

    def test_they_refuse_the_same(self) -> None:
        for kwargs in (
            {"to": ["bad"]},
            {"to": ["jörg@example.com"]},
            {"headers": {"Bcc": "x@example.com"}},
            {"headers": {"X-A": "a\nb"}},
            {"metadata": {"a": object()}},
            {"send_at": 1},
            {"track_opens": "yes"},
            {"tenant": 5},
            {"merge_data": {}},
            {"to": [f"t{n}@example.com" for n in range(51)]},
        ):
            errors = []
            for backend in (V1Backend, V2Backend):
                with self.subTest(kwargs), self.assertRaises((AnymailError, ValueError)) as caught:
                    send(simple_message(**kwargs), backend)
                errors.append(type(caught.exception))
            self.assertEqual(errors[0], errors[1])


def template_seen(sent: Sent) -> Any:
    """What SES would render and for whom."""
    params = sent.params
    if "Destinations" in params:
        entries = [
            (e["Destination"], json.loads(e["ReplacementTemplateData"]))
            for e in params["Destinations"]
        ]
        names = ("Source", "Template", "DefaultTemplateData", "ReplyToAddresses", "ReturnPath")
        return entries, [params.get(name) for name in names]
    entries = [
        (
            e["Destination"],
            json.loads(
                e["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
            ),
        )
        for e in params["BulkEmailEntries"]
    ]
    template = params["DefaultContent"]["Template"]
    return entries, [
        params.get("FromEmailAddress"),
        template["TemplateName"],
        template["TemplateData"],
        params.get("ReplyToAddresses"),
        params.get("FeedbackForwardingEmailAddress"),
    ]


class OutboxTests(SimpleTestCase):
    def test_what_only_the_outbox_can_do_is_refused_by_its_name(self) -> None:
        template = {"subject": "", "body": "", "template_id": "welcome"}
        values = {
            "send_at": 1,
            "priority": 0,
            "expires_at": 1,
            "idempotency_key": "a",
            "on_doubt": "hold",
        }
        for name, value in values.items():
            for backend in (V1Backend, V2Backend):
                for content in ({}, template):
                    message = simple_message(**content, **{name: value})
                    with (
                        self.subTest(name, backend=backend, **content),
                        self.assertRaisesRegex(
                            AnymailUnsupportedFeature,
                            f'^Amazon SES does not support {name}. The app "anymail.outbox" does',
                        ),
                    ):
                        send(message, backend)
                    sent = send(message, backend, ignore_unsupported_features=True)
                    self.assertEqual(len(sent.calls), 1)


class EspExtraTests(SimpleTestCase):
    def test_none_leaves_a_parameter_out(self) -> None:
        settings = {"configuration_set_name": "events", "return_path": "bounces@example.com"}
        template = {"subject": "", "body": "", "template_id": "welcome"}
        for backend, content, return_path in (
            (V1Backend, {}, "Source"),
            (V1Backend, template, "ReturnPath"),
            (V2Backend, {}, "FeedbackForwardingEmailAddress"),
            (V2Backend, template, "FeedbackForwardingEmailAddress"),
        ):
            for name in ("ConfigurationSetName", return_path):
                with self.subTest(backend, name=name, **content):
                    kept = send(simple_message(**content), backend, **settings)
                    message = simple_message(esp_extra={name: None}, **content)
                    sent = send(message, backend, **settings)
                    self.assertEqual(kept.params.keys() - sent.params.keys(), {name})


class TemplateTests(SimpleTestCase):
    MESSAGES: dict[str, dict[str, Any]] = {
        "least": {},
        "several": {"to": ["a@example.com", "B Ü <b@example.com>"]},
        "copies": {"cc": ["c@example.com"], "bcc": ["Ü <d@bücher.example>"]},
        "data": {"merge_data": {"to@example.com": {"a": "ü"}}},
        "global data": {"merge_global_data": {"a": 1}},
        "both": {"merge_data": {"to@example.com": {"a": 2}}, "merge_global_data": {"a": 1, "b": 3}},
        "reply_to": {"reply_to": ["Ü <r@example.com>"]},
        "envelope_sender": {"envelope_sender": "b@example.com"},
        "from header": {"headers": {"From": "S <s@example.com>"}},
    }

    def test_ses_is_told_the_same(self) -> None:
        for name, kwargs in self.MESSAGES.items():
            message = simple_message(subject="", body="", template_id="welcome", **kwargs)
            with self.subTest(name):
                v1 = send(message, V1Backend)
                v1_status = status(message)
                v2 = send(message, V2Backend)
                self.assertEqual(template_seen(v1), template_seen(v2))
                self.assertEqual(v1_status, status(message))

    def test_copies_of_nothing_are_rejected(self) -> None:
        for kwargs in ({"cc": ["c@example.com"]}, {"bcc": ["c@example.com"]}):
            message = simple_message(to=[], subject="", body="", template_id="welcome", **kwargs)
            for backend in (V1Backend, V2Backend):
                with self.subTest(kwargs), self.assertRaises(AnymailRecipientsRefused):
                    send(message, backend)
                [copy] = message.anymail_status.recipients.values()
                self.assertEqual((copy.status, copy.error_code), ("rejected", "NoOriginal"))

    def test_they_refuse_the_same(self) -> None:
        for kwargs in (
            {"headers": {"Bcc": "x@example.com"}},
            {"headers": {"X-A": "a\nb"}},
            {"subject": "a\nb"},
        ):
            message = simple_message(**{"subject": "", "body": "", "template_id": "t", **kwargs})
            for backend in (V1Backend, V2Backend):
                with self.subTest(kwargs), self.assertRaises(ValueError) as caught:
                    send(message, backend)
                self.assertNotIsInstance(caught.exception, AnymailError)


class OneClickUnsubscribeTests(SimpleTestCase):
    """RFC 8058 needs both headers exactly as they are, on one line each."""

    URL = "<https://example.com/unsubscribe/" + "t0ken" * 40 + "?user=1&list=news>"

    def test_it_goes_out_unharmed_with_both_apis(self) -> None:
        headers = {
            "List-Unsubscribe": self.URL,
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
        for backend in (V1Backend, V2Backend):
            raw = send(simple_message(headers=headers), backend).raw
            with self.subTest(backend):
                for name, value in headers.items():
                    self.assertIn(f"\r\n{name}: {value}\r\n".encode(), raw)

    def test_it_goes_out_unharmed_with_templates(self) -> None:
        message = simple_message(
            subject="",
            body="",
            template_id="t",
            headers={"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
            merge_headers={"to@example.com": {"List-Unsubscribe": self.URL}},
        )
        (entry,) = send(message, V2Backend).params["BulkEmailEntries"]
        headers = {h["Name"]: h["Value"] for h in entry["ReplacementHeaders"]}
        self.assertEqual(headers["List-Unsubscribe"], self.URL)
        self.assertEqual(headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click")


class DefaultsTests(SimpleTestCase):
    @override_settings(
        ANYMAIL={
            "SEND_DEFAULTS": {
                "tags": ["default"],
                "metadata": {"a": 1},
                "envelope_sender": "bounces@example.com",
                "esp_extra": {"ConfigurationSetName": "set"},
            }
        }
    )
    def test_defaults_reach_both(self) -> None:
        v1, v2 = (send(simple_message(), backend) for backend in (V1Backend, V2Backend))
        self.assertEqual(seen(v1.mime), seen(v2.mime))
        self.assertEqual(envelope(v1), envelope(v2))
        self.assertEqual(v2.params["ConfigurationSetName"], "set")

    def test_tags_of_defaults_reach_messages_with_and_without_a_template(self) -> None:
        tags = [{"Name": "campaign", "Value": "spring"}]
        for backend, name, default_name in (
            (V1Backend, "Tags", "DefaultTags"),
            (V2Backend, "EmailTags", "DefaultEmailTags"),
        ):
            message = simple_message()
            template = simple_message(subject="", body="", template_id="t")
            defaults = {"SEND_DEFAULTS": {"esp_extra": {name: tags}}}
            with self.subTest(name), override_settings(ANYMAIL=defaults):
                self.assertEqual(send(message, backend).params[name], tags)
                self.assertEqual(send(template, backend).params[default_name], tags)
