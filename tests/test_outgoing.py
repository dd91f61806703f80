"""A Django message, read once: attributes, defaults, special headers, attachments."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import FrozenInstanceError
from datetime import date, datetime, timedelta, timezone
from email.utils import formataddr
from types import MappingProxyType
from typing import Any

import django
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.test import SimpleTestCase, override_settings
from django.utils.functional import lazystr
from django.utils.translation import gettext_lazy

from anymail.addresses import EmailAddress, idna_encoder
from anymail.amazon_ses.encoded_addresses import encode_addresses
from anymail.amazon_ses.mime import build_mime
from anymail.backends.test import EmailBackend as TestBackend
from anymail.conf import AmazonSESSettings, SendDefaults
from anymail.exceptions import (
    AnymailError,
    AnymailInvalidAddress,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from anymail.message import AnymailMessage
from anymail.outgoing import FEATURES, OutgoingMessage, unsupported
from tests.ses import send, simple_message


def outgoing(defaults=None, **kwargs) -> OutgoingMessage:
    return OutgoingMessage.from_django(simple_message(**kwargs), defaults or {})


def specs(addresses):
    return [address.addr_spec for address in addresses]


class AddressTests(SimpleTestCase):
    def test_every_field_is_parsed(self):
        message = outgoing(
            from_email="Ann <from@x.com>",
            to=["Bob <to@x.com>"],
            cc=["cc@x.com"],
            bcc=["bcc@x.com"],
            reply_to=["reply@x.com"],
            envelope_sender="Bounces <bounces@x.com>",
        )
        self.assertEqual(message.from_emails, (EmailAddress("Ann", "from@x.com"),))
        self.assertEqual(message.to, (EmailAddress("Bob", "to@x.com"),))
        self.assertEqual(message.cc, (EmailAddress("", "cc@x.com"),))
        self.assertEqual(message.bcc, (EmailAddress("", "bcc@x.com"),))
        self.assertEqual(message.reply_to, (EmailAddress("", "reply@x.com"),))
        self.assertEqual(message.envelope_sender, EmailAddress("Bounces", "bounces@x.com"))

    def test_recipients_are_to_cc_and_bcc_in_this_order(self):
        message = outgoing(to=["b@x.com", "a@x.com"], bcc=["d@x.com"], cc=["c@x.com"])
        self.assertEqual(specs(message.recipients), ["b@x.com", "a@x.com", "c@x.com", "d@x.com"])

    def test_one_string_may_hold_several(self):
        message = outgoing(from_email="a@x.com, b@x.com", to=["c@x.com, D <d@x.com>"])
        self.assertEqual(specs(message.from_emails), ["a@x.com", "b@x.com"])
        self.assertEqual(specs(message.to), ["c@x.com", "d@x.com"])

    def test_an_invalid_address_names_its_field(self):
        for field in ("to", "cc", "bcc", "reply_to"):
            with self.subTest(field=field), self.assertRaises(AnymailInvalidAddress) as caught:
                outgoing(**{field: ["nonsense"]})
            self.assertIn(f"in `{field}`", str(caught.exception))
        for field in ("from_email", "envelope_sender"):
            with self.subTest(field=field), self.assertRaises(AnymailInvalidAddress) as caught:
                outgoing(**{field: "nonsense"})
            self.assertIn(f"in `{field}`", str(caught.exception))

    def test_without_a_from_the_error_says_what_to_set(self):
        message = simple_message()
        message.from_email = None
        with self.assertRaisesMessage(AnymailInvalidAddress, "DEFAULT_FROM_EMAIL"):
            OutgoingMessage.from_django(message, {})

    def test_the_envelope_sender_is_a_single_one(self):
        with self.assertRaisesMessage(AnymailInvalidAddress, "in `envelope_sender`"):
            outgoing(envelope_sender="a@x.com, b@x.com")

    def test_a_line_break_is_djangos_error_even_if_failures_are_silent(self):
        """Django refuses it so itself (before 6.0 with BadHeaderError), and never silently."""
        name = formataddr(("Ann \r<evil@evil.example>, ", "ann@customer.example"))
        error = ValueError if django.VERSION >= (6, 0) else mail.BadHeaderError
        for address in ("a@x.com\nBcc: b@x.com", "a@x.com\n", "\ra@x.com", name):
            for field in ("from_email", "to", "cc", "bcc", "reply_to", "From", "Reply-To", "To"):
                value = address if field == "from_email" else [address]
                fields = {"headers": {field: address}} if field[0].isupper() else {field: value}
                with self.subTest(field=field, address=address):
                    with self.assertRaises(error) as caught:
                        TestBackend(fail_silently=True).send_messages([simple_message(**fields)])
                    self.assertNotIsInstance(caught.exception, AnymailError)
                    self.assertNotIn("x.com", str(caught.exception))

    def test_a_line_break_in_a_default_is_refused(self):
        for field in ("to", "cc", "bcc", "reply_to"):
            with self.subTest(field=field), self.assertRaises(ValueError):
                outgoing({field: ["ann@x.com\nBcc: eve@x.com"]})

    def test_other_control_characters_are_refused_in_every_field(self):
        for character in ("\x00", "\t", "\x0b", "\x1c", "\x7f", "\x85"):
            address = f'"Ann{character}Example" <ann@x.com>'
            for field in ("from_email", "to", "cc", "bcc", "reply_to", "envelope_sender"):
                value = address if field in ("from_email", "envelope_sender") else [address]
                with (
                    self.subTest(field=field, character=character),
                    self.assertRaisesRegex(AnymailInvalidAddress, f"`{field}`"),
                ):
                    outgoing(**{field: value})

    def test_a_line_break_in_the_envelope_sender_is_an_invalid_address(self):
        with self.assertRaises(AnymailInvalidAddress):
            outgoing(envelope_sender="ann@x.com\r\n")

    def test_values_of_the_wrong_type_are_an_error_of_our_own(self):
        for name, value in (
            ("tags", "one"),
            ("tags", [1]),
            ("tags", 5),
            ("metadata", "x"),
            ("merge_data", {"a@x.com": 1}),
            ("esp_extra", [1]),
        ):
            message = simple_message()
            setattr(message, name, value)
            with self.subTest(name=name, value=value):
                with self.assertRaisesRegex(AnymailSerializationError, f"`{name}`"):
                    OutgoingMessage.from_django(message, {})
                self.assertEqual(TestBackend(fail_silently=True).send_messages([message]), 0)

    def test_content_of_the_wrong_type_names_what_is_wrong(self):
        form = "must hold MIME parts, or tuples of file name, content and media type, not "
        for name, value, text in (
            ("attachments", [3], form + "int"),
            ("attachments", ["ab"], form + "str"),
            ("attachments", [()], form + "tuple of 0"),
            ("attachments", [("a", "b", "text/plain", "d")], form + "tuple of 4"),
            ("attachments", [(3, "b", "text/plain")], "file name of attachment 1 must be a string"),
            ("attachments", [("a", 3)], "content of attachment 1 must be str, bytes or a message"),
            ("attachments", [("a", None)], "not NoneType"),
            ("attachments", [("a", {"b": 1}, "text/plain")], "not dict"),
            ("attachments", [("a", "b", 3)], "media type of attachment 1 must be a string"),
            ("attachments", [("a", "b", "bogus")], 'must be of the form "type/subtype"'),
            ("attachments", [("a", "b", "text/")], 'must be of the form "type/subtype"'),
            ("alternatives", [3], "must hold pairs of content and media type, not int"),
            ("alternatives", ["ab"], "must hold pairs of content and media type, not str"),
            ("alternatives", [("a", "b", "c")], "not tuple of 3"),
            ("alternatives", [("a", 3)], "media type of alternative 1 must be a string"),
            ("alternatives", [("a", "bogus")], 'must be of the form "type/subtype"'),
            ("alternatives", [(3, "text/html")], "content of alternative 1"),
            ("extra_headers", {3: "x"}, "`extra_headers` must have strings for keys, not int"),
            ("esp_extra", {3: "x"}, "`esp_extra` must have strings for keys, not int"),
            ("content_subtype", 3, "`content_subtype` must be a string, not int"),
            ("encoding", 3, "`encoding` must be a string or a Charset, not int"),
            ("encoding", "bogus", "`encoding` is not a charset that Python knows"),
            ("send_at", float("nan"), "`send_at` is not a valid timestamp"),
            ("send_at", 1e300, "`send_at` is not a valid timestamp"),
            ("to", 3, "`to` must be a list, not int"),
            ("cc", ("ann@x.com",), "`cc` must be a list, not tuple"),
        ):
            message = EmailMultiAlternatives("Subject", "Text", "f@x.com", ["t@x.com"])
            setattr(message, name, value)
            with self.subTest(name=name, value=value):
                with self.assertRaisesMessage(AnymailSerializationError, text):
                    TestBackend().send_messages([message])
                self.assertEqual(TestBackend(fail_silently=True).send_messages([message]), 0)

    def test_an_address_of_the_wrong_type_names_its_field(self):
        for name, value, text in (
            ("from_email", 3, "`from_email` (item 1 of 1): a string is needed, not int"),
            ("from_email", b"a@x.com", "a string is needed, not bytes"),
            ("from_email", [None], "`from_email` holds no address"),
            ("envelope_sender", 3, "`envelope_sender` (item 1 of 1): a string is needed, not int"),
            ("extra_headers", {"From": 3}, "a string is needed, not int"),
            ("extra_headers", {"Reply-To": 3}, "a string is needed, not int"),
        ):
            message = simple_message()
            setattr(message, name, value)
            with self.subTest(name=name, value=value):
                with self.assertRaisesMessage(AnymailInvalidAddress, text):
                    TestBackend().send_messages([message])
                self.assertEqual(TestBackend(fail_silently=True).send_messages([message]), 0)

    def test_an_error_of_an_overridden_recipients_is_left_alone(self):
        class Message(EmailMessage):
            def recipients(self) -> list[str]:
                raise TypeError("of the application")

        with self.assertRaisesMessage(TypeError, "of the application"):
            TestBackend().send_messages([Message(to=["t@x.com"])])

    def test_an_iterator_is_read_once(self):
        message = simple_message()
        message.reply_to = iter(["ann@x.com"])  # type: ignore[assignment]
        message.attachments = iter([("a.txt", "b", "text/plain")])  # type: ignore[assignment]
        read = OutgoingMessage.from_django(message, {})
        self.assertEqual([address.addr_spec for address in read.reply_to], ["ann@x.com"])
        addresses = encode_addresses(read, idna_encoder("idna2008"))
        self.assertIn(b"a.txt", build_mime(read, addresses))

    def test_a_bare_string_is_no_list(self):
        for field in ("to", "cc", "bcc", "reply_to"):
            message = simple_message()
            setattr(message, field, "ann@x.com")
            with (
                self.subTest(field=field),
                self.assertRaisesMessage(TypeError, f"`{field}` must be a list or other iterable"),
            ):
                OutgoingMessage.from_django(message, {})

    def test_a_lazy_string_is_no_list_either(self):
        message = simple_message()
        message.to = gettext_lazy("ann@x.com")
        with self.assertRaisesMessage(TypeError, "`to` must be a list"):
            OutgoingMessage.from_django(message, {})

    def test_none_is_an_empty_list(self):
        message = simple_message()
        message.cc = message.reply_to = None
        read = OutgoingMessage.from_django(message, {})
        self.assertEqual((read.cc, read.reply_to), ((), ()))


class AttributeTests(SimpleTestCase):
    def test_what_is_absent_is_none(self):
        message = outgoing()
        for name in FEATURES:
            with self.subTest(name=name):
                self.assertIsNone(getattr(message, name))
        self.assertEqual(message.features, [])

    def test_plain_django_messages_have_no_attributes_until_they_are_set(self):
        message = EmailMessage("Subject", "Text", "f@x.com", ["t@x.com"])
        self.assertEqual(OutgoingMessage.from_django(message, {}).features, [])
        message.tags = ["a"]
        message.metadata = {"a": 1}
        read = OutgoingMessage.from_django(message, {})
        self.assertEqual((read.tags, read.metadata), (("a",), {"a": 1}))
        self.assertEqual(read.features, ["metadata", "tags"])

    def test_content_is_read(self):
        message = simple_message(subject="S", body="B")
        message.content_subtype = "html"
        message.attach_alternative("<p>", "text/html")
        message.attach("a.txt", "text", "text/plain")
        read = OutgoingMessage.from_django(message, {})
        self.assertEqual((read.subject, read.body, read.content_subtype), ("S", "B", "html"))
        self.assertEqual(read.alternatives, (("<p>", "text/html"),))
        self.assertEqual([tuple(a) for a in read.attachments], [("a.txt", "text", "text/plain")])
        self.assertIs(read.source, message)

    def test_none_as_subject_or_body_is_empty(self):
        message = simple_message()
        message.subject = message.body = None
        read = OutgoingMessage.from_django(message, {})
        self.assertEqual((read.subject, read.body), ("", ""))

    def test_an_empty_template_id_is_none_at_all(self):
        for value in (None, ""):
            with self.subTest(value=value):
                self.assertIsNone(outgoing(template_id=value).template_id)

    def test_false_is_a_feature_and_an_empty_list_of_tags_is_none(self):
        self.assertEqual(outgoing(track_opens=False, tags=[]).features, ["track_opens"])

    def test_empty_dicts_are_features(self):
        self.assertEqual(outgoing(metadata={}, merge_data={}).features, ["metadata", "merge_data"])

    def test_dicts_must_be_dicts(self):
        for name in ("metadata", "merge_data", "merge_global_data", "merge_headers", "esp_extra"):
            for value in ([("a", 1)], "x", 5):
                with (
                    self.subTest(name=name, value=value),
                    self.assertRaisesMessage(TypeError, f"`{name}` must be a dict"),
                ):
                    outgoing(**{name: value})

    def test_tags_must_be_a_list_of_strings(self):
        with self.assertRaisesMessage(TypeError, "`tags` must be a list or other iterable"):
            outgoing(tags="a")
        with self.assertRaisesMessage(TypeError, "`tags` must hold strings, not int"):
            outgoing(tags=["a", 1])

    def test_any_mapping_will_do(self):
        for defaults in ({}, {"metadata": {"b": 2}}, {"metadata": MappingProxyType({"b": 2})}):
            with self.subTest(defaults=defaults):
                read = outgoing(defaults, metadata=MappingProxyType({"a": 1}))
                self.assertEqual(read.metadata, {"a": 1} | dict(defaults.get("metadata", {})))

    def test_lazy_strings_are_forced_everywhere(self):
        lazy = gettext_lazy
        message = EmailMultiAlternatives(lazy("S"), lazy("B"), lazy("F <f@x.com>"))
        message.to = [lazy("t@x.com")]
        message.reply_to = [lazy("r@x.com")]
        message.envelope_sender = lazy("e@x.com")
        message.extra_headers = {"X-A": lazy("1")}
        message.tags = [lazy("tag")]
        message.metadata = {"a": lazy("1"), "b": {"c": [lazy("2"), (lazy("3"),)]}}
        message.template_id = lazy("T")
        message.merge_data = {"t@x.com": {"name": lazy("Ann")}}
        message.merge_global_data = {"site": lazy("here")}
        message.merge_metadata = {"t@x.com": {"m": lazy("M")}}
        message.merge_headers = {"t@x.com": {"X-B": lazy("2")}}
        message.esp_extra = {"Tags": [{"Name": lazy("n")}]}
        read = OutgoingMessage.from_django(message, {})
        self.assertIs(type(read.subject), str)
        self.assertIs(type(read.body), str)
        self.assertEqual(specs([*read.to, *read.reply_to]), ["t@x.com", "r@x.com"])
        for value, expected in (
            (read.headers["X-A"], "1"),
            (read.tags[0], "tag"),
            (read.metadata["a"], "1"),
            (read.metadata["b"]["c"][0], "2"),
            (read.metadata["b"]["c"][1][0], "3"),
            (read.template_id, "T"),
            (read.merge_data["t@x.com"]["name"], "Ann"),
            (read.merge_global_data["site"], "here"),
            (read.merge_metadata["t@x.com"]["m"], "M"),
            (read.merge_headers["t@x.com"]["X-B"], "2"),
            (read.esp_extra["Tags"][0]["Name"], "n"),
        ):
            with self.subTest(expected=expected):
                self.assertIs(type(value), str)
                self.assertEqual(value, expected)

    def test_it_cannot_be_changed(self):
        with self.assertRaises(FrozenInstanceError):
            outgoing().subject = "other"


class SendAtTests(SimpleTestCase):
    @override_settings(TIME_ZONE="Etc/GMT-3")
    def test_a_naive_datetime_is_in_the_current_time_zone(self):
        read = outgoing(send_at=datetime(2030, 1, 2, 3, 4))
        self.assertEqual(read.send_at, datetime(2030, 1, 2, 0, 4, tzinfo=timezone.utc))

    @override_settings(TIME_ZONE="Etc/GMT-3")
    def test_a_date_is_its_midnight_there(self):
        read = outgoing(send_at=date(2030, 1, 2))
        self.assertEqual(read.send_at, datetime(2030, 1, 1, 21, tzinfo=timezone.utc))

    def test_an_aware_datetime_stays(self):
        moment = datetime(2030, 1, 2, tzinfo=timezone(timedelta(hours=5)))
        self.assertIs(outgoing(send_at=moment).send_at, moment)

    def test_a_number_is_a_posix_timestamp(self):
        expected = datetime(2030, 1, 1, tzinfo=timezone.utc)
        self.assertEqual(outgoing(send_at=expected.timestamp()).send_at, expected)
        self.assertEqual(outgoing(send_at=int(expected.timestamp())).send_at, expected)

    def test_anything_else_is_passed_on(self):
        self.assertEqual(outgoing(send_at="tomorrow").send_at, "tomorrow")

    def test_none_is_none(self):
        self.assertIsNone(outgoing(send_at=None).send_at)


class OutboxTests(SimpleTestCase):
    """What the outbox acts on. Other attributes of the same names are of the wrong type."""

    def check_refused(self, name: str, values: Iterable[Any], text: str) -> None:
        for value in values:
            with (
                self.subTest(name, value=value),
                self.assertRaisesMessage(AnymailSerializationError, text),
            ):
                outgoing(**{name: value})

    def test_the_end_is_read_like_the_beginning(self):
        for value in (datetime(2030, 1, 2, 3), date(2030, 1, 2), 1_900_000_000):
            self.assertEqual(outgoing(expires_at=value).expires_at, outgoing(send_at=value).send_at)

    def test_nothing_else_is_an_end(self):
        wanted = "`expires_at` must be a datetime, a date or a POSIX timestamp, such as "
        self.check_refused("expires_at", ("tomorrow", timedelta(1), True, ""), wanted)
        self.check_refused("expires_at", (1e300, float("nan")), "is not a valid timestamp")

    def test_the_end_is_after_the_beginning(self):
        begin = datetime(2030, 1, 2, 3)
        for value in (begin, begin - timedelta(days=1)):
            with self.assertRaisesMessage(AnymailSerializationError, "not after `send_at`"):
                outgoing(send_at=begin, expires_at=value)
        outgoing(send_at=begin, expires_at=begin + timedelta(seconds=1))

    def test_a_priority_is_a_whole_number_within_limits(self):
        for value in (-100, 0, 100):
            self.assertEqual(outgoing(priority=value).priority, value)
        wanted = "`priority` must be a whole number from -100 to 100, not "
        self.check_refused("priority", (-101, 101, 5.0, True, "high"), wanted)

    def test_the_wrong_number_is_shown_and_no_text(self):
        self.check_refused("priority", [101], "not 101")
        self.check_refused("priority", ["s3cret"], "not str")

    def test_a_key_has_1_to_256_printable_characters(self):
        for value in ("a", "ü" * 256, "order 17"):
            self.assertEqual(outgoing(idempotency_key=value).idempotency_key, value)
        self.assertEqual(outgoing(idempotency_key=lazystr("a")).idempotency_key, "a")
        wanted = "`idempotency_key` must be a string of 1 to 256 printable characters, such as "
        values = ("", "a" * 257, "a\0", "a\n", "\ud800", 17, b"a")
        self.check_refused("idempotency_key", values, wanted)

    def test_in_doubt_there_are_two_ways(self):
        for value in ("hold", "resend"):
            self.assertEqual(outgoing(on_doubt=value).on_doubt, value)
        self.check_refused(
            "on_doubt", ("send", "", 1, ["hold"]), '`on_doubt` must be "hold" or "resend", not '
        )
        self.check_refused("on_doubt", ["send"], "not another text")

    def test_they_are_not_read_as_personal(self):
        self.assertFalse(outgoing(priority=0, on_doubt="hold").is_batch)
        self.assertEqual(outgoing(priority=0).features, ["priority"])


class SpecialHeaderTests(SimpleTestCase):
    def test_reply_to_overrides_the_attribute_in_any_case(self):
        for name in ("Reply-To", "reply-to", "REPLY-TO"):
            with self.subTest(name=name):
                read = outgoing(reply_to=["a@x.com"], headers={name: "B <b@x.com>, c@x.com"})
                self.assertEqual(specs(read.reply_to), ["b@x.com", "c@x.com"])
                self.assertEqual(dict(read.headers), {})

    def test_from_is_what_is_shown_and_from_email_receives_bounces(self):
        for name in ("From", "from", "FROM"):
            with self.subTest(name=name):
                read = outgoing(from_email="E <env@x.com>", headers={name: "Shown <shown@x.com>"})
                self.assertEqual(read.from_emails, (EmailAddress("Shown", "shown@x.com"),))
                self.assertEqual(read.envelope_sender, EmailAddress("E", "env@x.com"))
                self.assertEqual(dict(read.headers), {})

    def test_an_envelope_sender_wins_over_that(self):
        read = outgoing(
            from_email="env@x.com", envelope_sender="own@x.com", headers={"From": "shown@x.com"}
        )
        self.assertEqual(read.envelope_sender.addr_spec, "own@x.com")
        self.assertEqual(specs(read.from_emails), ["shown@x.com"])

    def test_a_from_header_needs_a_single_from_email(self):
        with self.assertRaisesMessage(AnymailInvalidAddress, "must be a single one"):
            outgoing(from_email="a@x.com, b@x.com", headers={"From": "c@x.com"})

    def test_a_from_header_may_hold_several(self):
        read = outgoing(headers={"From": "a@x.com, b@x.com"})
        self.assertEqual(specs(read.from_emails), ["a@x.com", "b@x.com"])

    def test_to_is_only_what_is_shown(self):
        for name in ("To", "to", "TO"):
            with self.subTest(name=name):
                read = outgoing(to=["real@x.com"], headers={name: "list@x.com"})
                self.assertEqual(read.header_to, "list@x.com")
                self.assertEqual(specs(read.to), ["real@x.com"])
                self.assertEqual(dict(read.headers), {})

    def test_without_such_headers_nothing_is_special(self):
        read = outgoing(headers={"X-A": "1"})
        self.assertIsNone(read.header_to)
        self.assertIsNone(read.envelope_sender)
        self.assertEqual(dict(read.headers), {"X-A": "1"})

    def test_an_invalid_address_in_them_names_the_header(self):
        for name in ("From", "Reply-To"):
            with (
                self.subTest(name=name),
                self.assertRaisesMessage(AnymailInvalidAddress, f"extra_headers['{name}']"),
            ):
                outgoing(headers={name: "nonsense"})


class DefaultsTests(SimpleTestCase):
    def test_the_example_of_the_documentation(self):
        """Global {a}, SES {b}, message {c}: the SES value replaces the global one."""
        anymail = {
            "SEND_DEFAULTS": {"metadata": {"a": 1}},
            "AMAZON_SES_SEND_DEFAULTS": {"metadata": {"b": 2}},
        }
        with override_settings(ANYMAIL=anymail):
            sent = send(simple_message(metadata={"c": 3}))
        self.assertEqual(sent.mime["X-Metadata"], '{"b": 2, "c": 3}')

    def test_the_option_replaces_the_defaults_of_ses_only(self):
        anymail = {
            "SEND_DEFAULTS": {"metadata": {"a": 1}},
            "AMAZON_SES_SEND_DEFAULTS": {"tags": ["b"]},
        }
        with override_settings(ANYMAIL=anymail):
            sent = send(simple_message(), send_defaults={"envelope_sender": "e@x.com"})
        self.assertEqual(sent.mime["X-Metadata"], '{"a": 1}')
        self.assertIsNone(sent.mime["X-Tag"])
        self.assertEqual(sent.params["Source"], "e@x.com")

    def test_the_value_of_the_message_wins(self):
        values = {
            "envelope_sender": ("a@x.com", "b@x.com", EmailAddress("", "b@x.com")),
            "track_opens": (True, False, False),
            "track_clicks": (True, False, False),
            "template_id": ("a", "b", "b"),
            "send_at": ("a", "b", "b"),
            "subject": ("a", "b", "b"),
            "body": ("a", "b", "b"),
        }
        for name, (default, own, expected) in values.items():
            with self.subTest(name=name):
                read = outgoing({name: default}, **{name: own})
                self.assertEqual(getattr(read, name), expected)

    def test_an_empty_subject_wins_too(self):
        self.assertEqual(outgoing({"subject": "default"}, subject="").subject, "")

    def test_the_default_counts_where_the_message_says_nothing(self):
        for name in ("template_id", "tenant", "send_at"):
            with self.subTest(name=name):
                self.assertEqual(getattr(outgoing({name: "d"}), name), "d")
        self.assertIs(outgoing({"track_opens": True}).track_opens, True)

    def test_flags_by_address_are_merged_by_address(self) -> None:
        read = outgoing(
            {"merge_track_opens": {"a@x.com": True, "b@x.com": True}},
            merge_track_opens={"b@x.com": False},
        )
        self.assertEqual(read.merge_track_opens, {"a@x.com": True, "b@x.com": False})

    def test_flags_are_true_or_false(self) -> None:
        for value in ("False", "", 2, 0.5, [], {"a@x.com": True}):
            for name in ("track_opens", "track_clicks"):
                with (
                    self.subTest(name=name, value=value),
                    self.assertRaisesRegex(AnymailSerializationError, f"`{name}` must be True or"),
                ):
                    outgoing(**{name: value})
        self.assertIs(outgoing(track_opens=0).track_opens, False)

    def test_flags_by_address_are_dicts_of_address_to_true_or_false(self) -> None:
        # None as well: whoever does not know of a consent must not track by mistake.
        for value in ("False", None, 2, {}):
            with self.subTest(value), self.assertRaisesRegex(AnymailSerializationError, "True or"):
                outgoing(merge_track_opens={"a@x.com": value})
        for value in (True, ["a@x.com"]):
            with self.subTest(value), self.assertRaisesRegex(AnymailSerializationError, "a dict"):
                outgoing(merge_track_clicks=value)

    def test_flags_are_not_lost_because_a_key_is_no_bare_address(self) -> None:
        for key in ("Ann <a@x.com>", "<a@x.com>", "ann"):
            with self.subTest(key), self.assertRaisesRegex(AnymailSerializationError, "display"):
                outgoing(merge_track_opens={key: False})

    def test_a_tenant_is_a_string(self) -> None:
        for value in (5, b"acme", object()):
            with self.subTest(value), self.assertRaisesRegex(AnymailSerializationError, "`tenant`"):
                outgoing(tenant=value)
        self.assertEqual(outgoing(tenant=gettext_lazy("acme")).tenant, "acme")

    def test_lists_are_joined_with_the_default_first(self):
        self.assertEqual(outgoing({"tags": ["a"]}, tags=["b"]).tags, ("a", "b"))
        for name in ("to", "cc", "bcc", "reply_to"):
            with self.subTest(name=name):
                read = outgoing({name: ["a@x.com"]}, **{name: ["b@x.com"]})
                self.assertEqual(specs(getattr(read, name)), ["a@x.com", "b@x.com"])

    def test_attachments_and_alternatives_are_joined(self):
        message = simple_message()
        message.attach("b.txt", "b", "text/plain")
        message.attach_alternative("<b>", "text/html")
        defaults = {
            "attachments": [("a.txt", "a", "text/plain")],
            "alternatives": [("<a>", "text/html")],
        }
        read = OutgoingMessage.from_django(message, defaults)
        self.assertEqual([a[0] for a in read.attachments], ["a.txt", "b.txt"])
        self.assertEqual([a[0] for a in read.alternatives], ["<a>", "<b>"])

    def test_dicts_are_merged_and_the_keys_of_the_message_win(self):
        for name in ("metadata", "merge_global_data"):
            with self.subTest(name=name):
                read = outgoing({name: {"a": 1, "b": {"x": 1}}}, **{name: {"b": {"y": 2}}})
                self.assertEqual(getattr(read, name), {"a": 1, "b": {"y": 2}})

    def test_headers_are_merged_ignoring_case(self):
        read = outgoing({"extra_headers": {"X-A": "1", "X-B": "2"}}, headers={"x-b": "3"})
        self.assertEqual(dict(read.headers), {"X-A": "1", "X-B": "3"})

    def test_what_belongs_to_addresses_is_merged_one_level_deeper(self):
        for name in ("merge_data", "merge_metadata", "merge_headers"):
            with self.subTest(name=name):
                read = outgoing(
                    {name: {"a@x.com": {"x": 1, "z": {"p": 1}}, "b@x.com": {"x": 2}}},
                    **{name: {"a@x.com": {"y": 3, "z": {"q": 1}}}},
                )
                self.assertEqual(
                    getattr(read, name),
                    {"a@x.com": {"x": 1, "y": 3, "z": {"q": 1}}, "b@x.com": {"x": 2}},
                )

    def test_esp_extra_is_merged_all_the_way(self):
        read = outgoing(
            {"esp_extra": {"a": {"b": {"c": 1}}, "d": [1]}},
            esp_extra={"a": {"b": {"e": 2}}, "d": [2]},
        )
        self.assertEqual(read.esp_extra, {"a": {"b": {"c": 1, "e": 2}}, "d": [2]})

    def test_none_suppresses_the_default(self):
        defaults = {
            "esp_extra": {"a": 1},
            "envelope_sender": "a@x.com",
            "metadata": {"a": 1},
            "merge_headers": {"a": {}},
            "merge_metadata": {"a": {}},
            "merge_track_clicks": {"a@x.com": True},
            "merge_track_opens": {"a@x.com": True},
            "send_at": 1,
            "priority": 5,
            "expires_at": 2,
            "idempotency_key": "a",
            "on_doubt": "hold",
            "tags": ["a"],
            "tenant": "acme",
            "track_clicks": True,
            "track_opens": True,
            "template_id": "a",
            "merge_data": {"a": {}},
            "merge_global_data": {"a": 1},
        }
        self.assertEqual(set(defaults), set(FEATURES))
        for name in FEATURES:
            with self.subTest(name=name):
                self.assertIsNotNone(getattr(outgoing(defaults), name))
                self.assertIsNone(getattr(outgoing(defaults, **{name: None}), name))

    def test_merge_attributes_are_dicts_of_address_to_dict(self) -> None:
        for name in ("merge_data", "merge_metadata", "merge_headers"):
            for value in ({"a@example.com": "x"}, {"a@example.com": None}, {1: {"a": 1}}):
                message = AnymailMessage(to=["a@example.com"], **{name: value})
                with (
                    self.subTest(name, value=value),
                    self.assertRaisesRegex(TypeError, f"`{name}` must be a dict of address") as got,
                ):
                    OutgoingMessage.from_django(message, {})
                self.assertNotIn("@", str(got.exception))

    def test_defaults_must_have_the_right_type_too(self):
        with self.assertRaisesMessage(TypeError, "`metadata` must be a dict"):
            outgoing({"metadata": ["a"]})
        with self.assertRaisesMessage(TypeError, "`tags` must be a list"):
            outgoing({"tags": "a"})

    def test_defaults_of_djangos_own_attributes_are_noted(self):
        read = outgoing({"bcc": ["a@x.com"], "tags": ["b"], "from_email": "c@x.com"})
        self.assertEqual(read.defaulted, {"bcc"})

    def test_the_defaults_are_never_changed(self):
        defaults = {
            "metadata": {"a": 1},
            "tags": ["a"],
            "merge_data": {"a@x.com": {"x": 1}},
            "esp_extra": {"a": {"b": 1}},
        }
        before = copy.deepcopy(defaults)
        read = outgoing(
            defaults,
            metadata={"b": 2},
            tags=["b"],
            merge_data={"a@x.com": {"y": 2}},
            esp_extra={"a": {"c": 2}},
        )
        read.metadata["c"] = read.merge_data["a@x.com"]["z"] = read.esp_extra["a"]["d"] = 3
        self.assertEqual(defaults, before)

    def test_a_value_of_the_message_is_never_the_default_itself(self):
        defaults = {"metadata": {"a": {"b": 1}}, "esp_extra": {"a": {"b": [1]}}}
        before = copy.deepcopy(defaults)
        read = outgoing(defaults)
        read.metadata["a"]["b"] = read.esp_extra["a"]["c"] = 2
        read.esp_extra["a"]["b"].append(2)
        self.assertEqual(defaults, before)

    def test_the_settings_are_what_from_django_is_given(self):
        with override_settings(ANYMAIL={"SEND_DEFAULTS": {"tags": ["a"]}}):
            self.assertEqual(SendDefaults.load().send_defaults, {"tags": ["a"]})
            self.assertEqual(AmazonSESSettings.load().send_defaults, {})


class UntouchedTests(SimpleTestCase):
    def test_the_message_of_the_caller_is_never_changed(self):
        message = simple_message(
            to=["Ünn <t@münchen.example>"],
            cc=["cc@x.com"],
            bcc=["bcc@x.com"],
            reply_to=["r@x.com"],
            headers={"From": "f@x.com", "To": "list@x.com", "Reply-To": "q@x.com", "X-A": "1"},
            tags=["a"],
            metadata={"a": {"b": 1}},
            esp_extra={"ConfigurationSetName": "x"},
        )
        message.attach_alternative("<p>ü</p>", "text/html")
        message.attach("ü.txt", "ü", "text/plain")
        message.attach_inline_image(b"GIF89a", "a.gif")
        before = copy.deepcopy(vars(message))
        mime = [part.get_content_type() for part in message.message().walk()]
        send(message, message_tag_name="campaign")
        after = dict(vars(message))
        for name in ("anymail_status", "attachments"):
            before.pop(name)
            after.pop(name)
        self.assertEqual(before, after)
        self.assertEqual([part.get_content_type() for part in message.message().walk()], mime)

    def test_a_message_can_be_sent_twice(self):
        message = simple_message(tags=["ü"], body="Zeile\nü")
        message.attach_inline_image(b"GIF89a", "a.gif")
        one, two = send(message).mime, send(message).mime
        for mime in (one, two):
            del mime["Message-ID"], mime["Date"]
        self.assertEqual(
            [(p.get_content_type(), p.get_payload(decode=True)) for p in one.walk()],
            [(p.get_content_type(), p.get_payload(decode=True)) for p in two.walk()],
        )
        self.assertEqual(len(two.get_all("X-Tag")), 1)


class SupportTests(SimpleTestCase):
    def test_an_unsupported_feature_is_refused_in_the_words_given(self):
        message = outgoing(merge_data={}, tags=["a"])
        with self.assertRaises(AnymailUnsupportedFeature) as caught:
            message.check_supported({"tags"}, {"merge_data": "merging"}, "Amazon SES")
        self.assertEqual(str(caught.exception), "Amazon SES does not support merging")

    def test_without_words_its_name_will_do(self):
        self.assertEqual(str(unsupported("send_at", "X")), "X does not support send_at")
        with self.assertRaisesMessage(AnymailUnsupportedFeature, "X does not support tags"):
            outgoing(tags=["a"]).check_supported((), {}, "X")

    def test_what_is_supported_passes(self):
        self.assertIsNone(outgoing(tags=["a"]).check_supported({"tags"}, {}, "X"))

    def test_features_can_be_dropped(self):
        message = outgoing(tags=["a"], metadata={"a": 1}, track_opens=True)
        reduced = message.reduced_to({"tags"})
        self.assertEqual(reduced.features, ["tags"])
        self.assertEqual(message.features, ["metadata", "tags", "track_opens"])

    def test_every_attribute_of_the_mixin_is_a_feature(self):
        names = set(vars(AnymailMessage())) - set(vars(EmailMultiAlternatives()))
        self.assertEqual(names, {*FEATURES, "anymail_status"})
