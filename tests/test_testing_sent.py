"""assert_sent and the others: which messages count, and what a failure says."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives, send_mail
from django.test import SimpleTestCase, override_settings
from django.utils.translation import gettext_lazy

from anymail.message import AnymailMessage
from anymail.outgoing import FEATURES
from anymail.testing import (
    Conditions,
    assert_not_sent,
    assert_nothing_sent,
    assert_sent,
    sent_messages,
)

from .ses import use_backend

TEST_BACKEND = "anymail.backends.test.EmailBackend"


def send(**kwargs: Any) -> AnymailMessage:
    defaults = {"subject": "Hi", "from_email": "shop@example.com", "to": ["ann@example.com"]}
    message = AnymailMessage(**{**defaults, **kwargs})
    message.send()
    return message


def failure(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The text with which an assertion fails."""
    try:
        function(*args, **kwargs)
    except AssertionError as err:
        return str(err)
    raise RuntimeError(f"{function.__name__} did not fail")


class RecordedTestCase(SimpleTestCase):
    def setUp(self) -> None:
        recording = use_backend(TEST_BACKEND)
        recording.enable()
        self.addCleanup(recording.disable)
        mail.outbox = []

    def assert_holds(self, **conditions: Any) -> None:
        assert_sent(**conditions)

    def assert_fails(self, **conditions: Any) -> None:
        assert_not_sent(**conditions)


class ConditionTests(RecordedTestCase):
    def test_the_message_is_returned(self):
        send(subject="First")
        message = send(subject="Second")
        self.assertIs(assert_sent(subject="Second"), message)

    def test_of_several_messages_the_first_is_returned(self):
        message = send()
        send()
        self.assertIs(assert_sent(to="ann@example.com"), message)

    def test_all_conditions_have_to_hold_for_one_message(self):
        send(to=["ann@example.com"], subject="A")
        send(to=["bob@example.com"], subject="B")
        self.assert_holds(to="ann@example.com", subject="A")
        self.assert_fails(to="ann@example.com", subject="B")

    def test_a_string_is_one_address_among_others_and_a_list_is_all(self):
        for name in ("to", "cc", "bcc", "reply_to"):
            with self.subTest(name):
                mail.outbox.clear()
                send(**{name: ["ann@example.com", "bob@example.com"]})
                self.assert_holds(**{name: "bob@example.com"})
                self.assert_holds(**{name: ["bob@example.com", "ann@example.com"]})
                self.assert_fails(**{name: ["bob@example.com"]})
                self.assert_fails(**{name: "carl@example.com"})

    def test_an_empty_list_or_none_is_nobody(self):
        send()
        self.assert_holds(cc=[])
        self.assert_holds(cc=None)
        self.assert_fails(to=[])

    def test_display_names_count_only_if_one_is_given(self):
        send(to=["Ann <ann@example.com>"], from_email="Shop <shop@example.com>")
        self.assert_holds(to="ann@example.com", from_email="shop@example.com")
        self.assert_holds(to="Ann <ann@example.com>", from_email="Shop <shop@example.com>")
        self.assert_fails(to="Bob <ann@example.com>")

    def test_case_counts_before_the_at_only(self):
        send(to=["Ann@Example.com"])
        self.assert_holds(to="Ann@eXAMPLE.COM")
        self.assert_fails(to="ann@example.com")

    def test_the_subject_is_equal_or_matches_a_regular_expression(self):
        send(subject="Your order 1042")
        self.assert_holds(subject="Your order 1042")
        self.assert_holds(subject=re.compile(r"order \d+$"))
        self.assert_fails(subject="Your order")
        self.assert_fails(subject=re.compile(r"^order"))

    def test_lazy_texts_are_compared_as_text(self):
        send(subject=gettext_lazy("Yes"), body="yseY")  # the same letters
        self.assert_holds(subject="Yes")
        self.assert_holds(subject=gettext_lazy("Yes"))
        self.assert_fails(contains=gettext_lazy("Yes"))
        self.assert_fails(contains=[gettext_lazy("Yes")])

    def test_tags_in_any_order(self):
        send(tags=["a", "b"])
        self.assert_holds(tags=["b", "a"])
        self.assert_holds(tags="b")
        self.assert_fails(tags=["a"])
        self.assert_fails(tags=None)

    def test_the_items_of_a_dict_are_among_others(self):
        send(metadata={"order": 1042, "env": "test"}, headers={"X-One": "1", "X-Two": "2"})
        self.assert_holds(metadata={"order": 1042}, headers={"x-one": "1"})
        self.assert_fails(metadata={"order": 1043})
        self.assert_fails(metadata={"customer": 1})
        self.assert_fails(headers={"X-One": "2"})

    def test_none_is_a_message_without(self):
        send()
        self.assert_holds(template_id=None, metadata=None, contains=None)
        mail.outbox.clear()
        send(template_id="welcome", metadata={"a": 1})
        self.assert_holds(subject="Hi")
        self.assert_fails(template_id=None)
        self.assert_fails(metadata=None)
        self.assert_fails(subject=None)
        mail.outbox.clear()
        send(subject="", body="Order 1042")
        self.assert_holds(subject=None)
        text = failure(assert_sent, contains=None)
        self.assertIn("contains: has the text body 'Order 1042'", text)

    def test_send_defaults_count(self):
        with override_settings(ANYMAIL={"SEND_DEFAULTS": {"tags": ["app"]}}):
            send(tags=["welcome"])
        self.assert_holds(tags=["app", "welcome"])

    def test_the_tenant_of_the_setting_counts(self):
        with override_settings(ANYMAIL={"AMAZON_SES_TENANT": lambda message: "acme"}):
            send()
        self.assert_holds(tenant="acme")

    def test_names_of_attachments(self):
        message = AnymailMessage(to=["ann@example.com"])
        message.attach("invoice.pdf", b"%PDF-", "application/pdf")
        message.send()
        self.assert_holds(attachments=["invoice.pdf"])
        self.assert_fails(attachments=[])

    def test_other_attributes(self):
        send(
            template_id="welcome",
            merge_global_data={"shop": "S", "x": 1},
            esp_extra={"ConfigurationSetName": "news"},
            envelope_sender="bounces@example.com",
        )
        self.assert_holds(
            template_id="welcome",
            merge_global_data={"shop": "S"},
            esp_extra={"ConfigurationSetName": "news"},
            envelope_sender="bounces@example.com",
        )
        self.assert_fails(esp_extra={"ConfigurationSetName": "other"})

    def test_every_attribute_is_a_condition(self):
        self.assertLessEqual(set(FEATURES), Conditions.__annotations__.keys())

    def test_an_unknown_condition_is_a_type_error(self):
        for function in (assert_sent, assert_not_sent, sent_messages):
            with self.subTest(function), self.assertRaisesRegex(TypeError, "'tag' is not"):
                function(tag="welcome")

    def test_what_no_message_can_have_is_a_type_error(self):
        for name, value, kind in (
            *(("contains", 1042, "int"), ("contains", ["Order", 1042], "int")),
            *(("contains", b"Order", "bytes"), ("contains", ["Order", None], "NoneType")),
            *(("tags", 7, "int"), ("attachments", [b"a.pdf"], "bytes"), ("headers", "X: 1", "str")),
        ):
            text = f"The condition {name} must be a .*, not {kind}: "
            with self.subTest(name, value=value), self.assertRaisesRegex(TypeError, text):
                assert_not_sent(**{name: value})

    def test_the_messages_are_found_in_their_order(self):
        first, _, third = send(), send(to=["bob@example.com"]), send()
        self.assertEqual(sent_messages(to="ann@example.com"), [first, third])

    def test_count_is_exact(self):
        send()
        send()
        assert_sent(to="ann@example.com", count=2)
        for count in (1, 3):
            with self.assertRaises(AssertionError):
                assert_sent(to="ann@example.com", count=count)
        with self.assertRaisesRegex(ValueError, "assert_not_sent"):
            assert_sent(count=0)

    def test_nothing_sent(self):
        assert_nothing_sent()
        assert_not_sent(to="ann@example.com")
        send()
        with self.assertRaises(AssertionError):
            assert_nothing_sent()


class ContainsTests(RecordedTestCase):
    def send_both(self, text: str, html: str) -> None:
        message = EmailMultiAlternatives("Hi", text, "shop@example.com", ["ann@example.com"])
        message.attach_alternative(html, "text/html")
        message.send()

    def test_every_body_has_the_text(self):
        self.send_both("Order 1042 is on its way", "<p>Order <b>1042</b> is on its way</p>")
        self.assert_holds(contains="Order 1042")
        self.assert_holds(contains=["1042", "way"])
        self.assert_fails(contains=["1042", "lost"])
        mail.outbox.clear()
        self.send_both("Order 1042", "<p>Your order</p>")
        self.assert_fails(contains="1042")

    def test_html_is_searched_in_its_source_and_as_people_see_it(self):
        link = "https://example.com/?a=1&b=2"
        self.send_both(
            f"Tom & Jerry: {link}", f'<p>Tom &amp; Jerry: <a href="{link.replace("&", "&amp;")}">'
        )
        self.assert_holds(contains="Tom & Jerry")
        self.assert_holds(contains=link)

    def test_what_nobody_sees_is_no_visible_text(self):
        self.send_both("big red", "<style>p { color: big red }</style><p>small</p>")
        text = failure(assert_sent, contains=re.compile("^big"))
        self.assertIn("is not in the HTML body: 'small'", text)

    def test_html_without_any_visible_text_is_a_body(self):
        self.send_both("logo.png", '<img src="other.png">')
        self.assert_fails(contains="logo.png")

    def test_white_space_is_the_same(self):
        self.send_both("It is on\nits way.", "<p>It is on</p>\n<p>its   way.</p>")
        self.assert_holds(contains="on its way")

    def test_a_regular_expression(self):
        send(body="Order 1042")
        self.assert_holds(contains=re.compile(r"\d{4}"))
        self.assert_fails(contains=re.compile(r"\d{5}"))

    def test_html_without_text(self):
        message = EmailMessage("Hi", "<p>Order 1042</p>", to=["ann@example.com"])
        message.content_subtype = "html"
        message.send()
        self.assert_holds(contains="Order 1042")

    def test_a_template_has_no_body(self):
        send(template_id="welcome")
        self.assertIn("contains: the message has no body", failure(assert_sent, contains="Welcome"))


class DjangosBackendTests(SimpleTestCase):
    """With the backend that the test runner of Django sets."""

    def test_djangos_attributes_are_known(self):
        send_mail("Hi", "Order 1042", "Shop <shop@example.com>", ["ann@example.com"])
        message = assert_sent(
            to="ann@example.com", from_email="shop@example.com", subject="Hi", contains="1042"
        )
        self.assertIs(message, mail.outbox[0])

    def test_what_a_message_itself_has_is_known(self):
        send(tags=["welcome"], metadata={"a": 1})
        assert_sent(tags=["welcome"], metadata={"a": 1})

    def test_addresses_that_amazon_would_not_take_do_not_matter(self):
        mail.outbox.append(EmailMessage("Odd", "x", "webmaster", ["root"]))
        send()
        assert_sent(subject="Odd", contains="x")
        assert_sent(to="ann@example.com")

    def test_without_an_outbox_nothing_was_sent(self):
        del mail.outbox
        assert_nothing_sent()
        mail.outbox = []


class MailerTests(RecordedTestCase):
    def test_the_mailer_is_a_condition(self):
        if django.VERSION < (6, 1):
            self.skipTest("MAILERS is new in Django 6.1")
        mailers = {"default": {"BACKEND": TEST_BACKEND}, "news": {"BACKEND": TEST_BACKEND}}
        with override_settings(MAILERS=mailers):
            send_mail("Hi", "", None, ["ann@example.com"], using="news")
        self.assert_holds(using="news")
        self.assert_fails(using="default")


class FailureTests(RecordedTestCase):
    maxDiff = None

    def test_it_says_what_was_sent_instead_the_closest_first(self):
        send(to=["bob@example.com"], subject="Password", tags=["password"])
        send(subject="Welcome", tags=["greeting"])
        self.assertEqual(
            failure(assert_sent, to="ann@example.com", subject="Welcome", tags=["welcome"]),
            "No message was sent with\n"
            "    to = 'ann@example.com'\n"
            "    subject = 'Welcome'\n"
            "    tags = ['welcome']\n"
            "Sent instead, the closest first:\n"
            "  mail.outbox[1]: 'Welcome' to ann@example.com\n"
            "    tags: has ['greeting']\n"
            "  mail.outbox[0]: 'Password' to bob@example.com\n"
            "    to: has bob@example.com\n"
            "    subject: has 'Password'\n"
            "    tags: has ['password']",
        )

    def test_it_says_what_a_message_does_not_have(self):
        send(metadata={"order": 1})
        text = failure(assert_sent, tags="a", metadata={"customer": 1}, template_id="t")
        self.assertIn("tags: has none\n", text)
        self.assertIn("metadata: has no 'customer': {'order': 1}", text)
        self.assertIn("template_id: has none", text)

    def test_parameters_that_are_not_there_are_named_without_all_others(self):
        send(esp_extra={"A": 1})
        text = failure(assert_sent, esp_extra={"A": 1, "B": 2})
        self.assertTrue(text.endswith("esp_extra: has no 'B'"), text)

    def test_nothing_sent_at_all_has_a_hint(self):
        text = failure(assert_sent, to="ann@example.com")
        self.assertIn("The outbox is empty.", text)
        self.assertIn("captureOnCommitCallbacks(execute=True)", text)

    def test_the_wrong_number(self):
        send()
        send()
        text = failure(assert_sent, to="ann@example.com", count=3)
        self.assertEqual(
            text,
            "2 messages were sent instead of 3 with\n"
            "    to = 'ann@example.com'\n"
            "  mail.outbox[0]: 'Hi' to ann@example.com\n"
            "  mail.outbox[1]: 'Hi' to ann@example.com",
        )

    def test_too_few_are_listed_before_the_others(self):
        send(to=["bob@example.com"])
        send()
        self.assertEqual(
            failure(assert_sent, to="ann@example.com", count=2),
            "1 message was sent instead of 2 with\n"
            "    to = 'ann@example.com'\n"
            "  mail.outbox[1]: 'Hi' to ann@example.com\n"
            "Sent instead, the closest first:\n"
            "  mail.outbox[0]: 'Hi' to bob@example.com\n"
            "    to: has bob@example.com",
        )

    def test_hidden_recipients_are_shown_if_there_are_no_others(self):
        send(to=[], bcc=["bob@example.com"])
        self.assertIn("'Hi' to bob@example.com", failure(assert_nothing_sent))

    def test_what_should_not_have_been_sent(self):
        send()
        self.assertEqual(
            failure(assert_not_sent, to="ann@example.com"),
            "1 message was sent with\n"
            "    to = 'ann@example.com'\n"
            "  mail.outbox[0]: 'Hi' to ann@example.com",
        )
        self.assertEqual(
            failure(assert_nothing_sent),
            "1 message was sent\n  mail.outbox[0]: 'Hi' to ann@example.com",
        )

    def test_long_values_and_many_messages_are_cut(self):
        for _ in range(50):
            to = [f"to{n}@example.com" for n in range(500)]
            send(body="x" * 5000, subject="s" * 5000, to=to)
        text = failure(assert_sent, to="ann@example.com", contains="1042")
        self.assertIn("  … and 45 more", text)
        self.assertLess(len(text), 8000)

    def test_a_traceback_ends_in_the_test(self):
        class Case(SimpleTestCase):
            def test(self) -> None:
                assert_sent(to="ann@example.com")

        case = Case("test")
        result = case.defaultTestResult()
        case.run(result)
        [(_, text)] = result.failures
        self.assertIn("in test\n", text)
        self.assertNotIn("testing/sent.py", text)

    def test_a_traceback_of_pytest_ends_in_the_test(self):
        send()
        for function, conditions in (
            (assert_sent, {"to": "bob@example.com"}),
            (assert_not_sent, {"to": "ann@example.com"}),
            (assert_nothing_sent, {}),
        ):
            with self.subTest(function):
                try:
                    function(**conditions)
                except AssertionError as err:
                    frames = [frame for frame, _ in traceback.walk_tb(err.__traceback__)]
                hidden = [frame.f_locals.get("__tracebackhide__", False) for frame in frames]
                self.assertEqual(hidden, [False, *[True] * (len(frames) - 1)])


class PytestTests(SimpleTestCase):
    def test_it_works_without_a_test_case(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "test_mail.py").write_text(
                textwrap.dedent("""
                    from django.core import mail
                    from django.core.mail import send_mail
                    from django.test.utils import setup_test_environment

                    from anymail.testing import assert_sent

                    setup_test_environment()

                    def test_mail():
                        send_mail("Hi", "", "a@example.com", ["ann@example.com"])
                        assert assert_sent(to="ann@example.com").subject == "Hi"

                    def test_failure():
                        assert_sent(to="bob@example.com")
                """)
            )
            Path(folder, "conftest.py").write_text(
                "import django\nfrom django.conf import settings\nsettings.configure()\n"
                "django.setup()\n"
            )
            try:
                import pytest  # noqa: F401
            except ImportError:
                self.skipTest("pytest is not installed")
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
        self.assertIn("1 failed, 1 passed", done.stdout)
        self.assertIn("to: has ann@example.com", done.stdout)
        self.assertNotIn("raise AssertionError", done.stdout)
