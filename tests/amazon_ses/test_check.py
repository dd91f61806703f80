"""Checking a message refuses what sending it refuses, and takes no MIME, client or signal."""

from __future__ import annotations

from copy import deepcopy
from email.mime.base import MIMEBase
from email.mime.image import MIMEImage
from typing import Any
from unittest import mock

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.test import SimpleTestCase
from hypothesis import given, settings
from hypothesis import strategies as st

from anymail.amazon_ses import api_v1, aws
from anymail.amazon_ses import mime as ses_mime
from anymail.backends.amazon_sesv1 import EmailBackend as V1Backend
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.exceptions import AnymailError, AnymailUnsupportedFeature
from anymail.mime.streaming import StreamedFile
from anymail.outgoing import OutgoingMessage
from anymail.signals import post_send, pre_send, recipients_resolved

from ..ses import simple_message

BACKENDS = (V1Backend, V2Backend)
TEMPLATE: dict[str, Any] = {"subject": "", "body": "", "template_id": "welcome"}
MANY = [f"to{n}@example.com" for n in range(51)]
MB = 1 << 20


def with_latin1(text: str) -> Any:
    message = simple_message(body=text)
    message.encoding = "iso-8859-1"
    return message


#: What is refused by both APIs -> the message, and options of the backend.
REFUSED: dict[str, tuple[Any, dict[str, Any]]] = {
    "feature": (simple_message(send_at=1), {}),
    "feature of templates": (simple_message(merge_data={}), {}),
    "subject of a template": (simple_message(template_id="welcome"), {}),
    "recipient": (simple_message(to=["jörg@example.com"]), {}),
    "copy of a template": (simple_message(**TEMPLATE, cc=["jörg@example.com"]), {}),
    "reply_to": (simple_message(reply_to=["jörg@example.com"]), {}),
    "return path": (simple_message(), {"return_path": "jörg@example.com"}),
    "header name": (simple_message(headers={"X A": "1"}), {}),
    "header that is written": (simple_message(headers={"MIME-Version": "1.0"}), {}),
    "header of a template": (simple_message(**TEMPLATE, headers={"Bcc": "x@example.com"}), {}),
    "bcc": (simple_message(headers={"Bcc": "x@example.com"}), {}),
    "surrogate in the subject": (simple_message(subject="\ud800"), {}),
    "surrogate in the body": (simple_message(body="\ud800"), {}),
    "charset": (with_latin1("€"), {}),
    "tag": (simple_message(tags=["\ud800"]), {}),
    "metadata": (simple_message(metadata={"a": object()}), {}),
    "merge data": (simple_message(**TEMPLATE, merge_data={"to@example.com": {"a": object()}}), {}),
    "long merge data": (simple_message(**TEMPLATE, merge_global_data={"a": "x" * 262_144}), {}),
    "message tag": (simple_message(tags=["one two"]), {"message_tag_name": "Type"}),
    "several message tags": (simple_message(tags=["a", "b"]), {"message_tag_name": "Type"}),
    "message tag of a template": (
        simple_message(**TEMPLATE, tags=["one two"]),
        {"message_tag_name": "Type"},
    ),
    "recipients": (simple_message(to=MANY), {}),
    "copies of a template": (simple_message(**TEMPLATE, cc=MANY[:50]), {}),
    "tenant": (simple_message(tenant="no tenant"), {}),
    "ARN": (simple_message(esp_extra={"FromArn": "x", "FromEmailAddressIdentityArn": "x"}), {}),
}
#: By the v2 API only.
REFUSED_BY_V2: dict[str, tuple[Any, dict[str, Any]]] = {
    "overrides": (simple_message(esp_extra={"ConfigurationOverrides": 1}), {}),
    "several From": (simple_message(from_email="a@example.com, b@example.com"), {}),
    "long header of a template": (simple_message(**TEMPLATE, headers={"X-A": "x" * 996}), {}),
    "bodies of an inline template": (
        simple_message(merge_data={}, alternatives=[("x", "text/plain")]),
        {"inline_templates": True},
    ),
}


def built(backend: Any, message: EmailMessage) -> Any:
    """The calls for a message."""
    outgoing = OutgoingMessage.from_django(message, backend.defaults_for(message))
    return backend.build_calls(outgoing)


def size_of(backend: Any, message: EmailMessage) -> int:
    """The size of its MIME."""
    [call] = built(backend, deepcopy(message))  # parts of the user are encoded in place
    data = call.params.get("RawMessage", call.params.get("Content", {}).get("Raw"))["Data"]
    return data.size if isinstance(data, StreamedFile) else len(data)


class RefusalTests(SimpleTestCase):
    def check_both(self, backend: Any, message: EmailMessage) -> None:
        with self.assertRaises((AnymailError, ValueError)) as sending:
            built(backend, message)
        with self.assertRaises((AnymailError, ValueError)) as checking:
            backend.check(message)
        self.assertEqual(type(checking.exception), type(sending.exception))
        self.assertEqual(str(checking.exception), str(sending.exception))

    def test_what_building_refuses_is_refused_in_the_same_words(self) -> None:
        for backend in BACKENDS:
            refused = REFUSED | (REFUSED_BY_V2 if backend is V2Backend else {})
            for name, (message, options) in refused.items():
                with self.subTest(name, backend=backend.__module__):
                    self.check_both(backend(**options), message)

    def test_a_multi_region_endpoint_is_refused_by_v1(self) -> None:
        self.check_both(V1Backend(endpoint_id="abcdef12.g3h"), simple_message())

    def test_an_error_names_the_message_and_the_backend(self) -> None:
        message, backend = simple_message(send_at=1), V1Backend()
        with self.assertRaises(AnymailUnsupportedFeature) as caught:
            backend.check(message)
        self.assertIs(caught.exception.email_message, message)
        self.assertIs(caught.exception.backend, backend)
        self.assertEqual(caught.exception.esp_name, "Amazon SES")

    def test_what_is_ignored_is_not_refused(self) -> None:
        for backend in BACKENDS:
            read = backend(ignore_unsupported_features=True).check(simple_message(send_at=1))
            self.assertIsNotNone(read.send_at)

    def test_a_message_without_recipients_is_only_read(self) -> None:
        read = V1Backend().check(simple_message(to=[], merge_data={}))
        self.assertEqual(read.recipients, ())


class EffectTests(SimpleTestCase):
    def test_no_mime_is_built_and_no_client_made(self) -> None:
        message = simple_message(cc=["cc@example.com"], metadata={"a": 1}, tags=["t"])
        message.attach("a.bin", b"x", "application/octet-stream")
        with (
            mock.patch.object(ses_mime, "_serialise", side_effect=AssertionError("MIME")),
            mock.patch.object(aws, "client", side_effect=AssertionError("client")),
        ):
            for backend in BACKENDS:
                read = backend().check(message)
                found = [recipient.addr_spec for recipient in read.recipients]
                self.assertEqual(found, ["to@example.com", "cc@example.com"])

    def test_no_signal_is_sent_and_the_message_is_left_alone(self) -> None:
        def receiver(**_kwargs: Any) -> None:
            raise AssertionError("signal")

        for signal in (pre_send, recipients_resolved, post_send):
            signal.connect(receiver)
            self.addCleanup(signal.disconnect, receiver)
        message = simple_message(subject="ü")
        message.attach("a.txt", "ü", "text/plain")
        before = {name: repr(value) for name, value in vars(message).items()}
        for backend in BACKENDS:
            backend().check(message)
        self.assertEqual(before, {name: repr(value) for name, value in vars(message).items()})


class Sealed(EmailMultiAlternatives):
    """Builds MIME of its own, which is smaller than its content."""

    def message(self, **kwargs: Any) -> Any:
        sealed = EmailMessage("Sealed", "sealed", self.from_email, self.to)
        return sealed.message(**kwargs)


class SizeTests(SimpleTestCase):
    def test_what_is_far_too_large_is_refused(self) -> None:
        image = MIMEImage(bytes(8 * MB), "png")
        for attachments in (
            [("a.bin", bytes(8 * MB), "application/octet-stream")],
            [("a.txt", "a" * (11 * MB), "text/plain")],
            [image],
        ):
            message = simple_message()
            message.attachments = attachments
            with self.assertRaisesMessage(
                AnymailUnsupportedFeature, "Amazon SES does not support messages larger than 10 MB"
            ):
                V1Backend().check(message)
            V2Backend().check(message)

    def test_a_class_that_builds_its_own_mime_may_be_any_size(self) -> None:
        message = Sealed("Subject", "x" * (11 * MB), "from@example.com", ["to@example.com"])
        V1Backend().check(message)
        self.assertLess(size_of(V1Backend(), message), MB)

    def test_what_becomes_smaller_when_it_is_written_is_not_refused(self) -> None:
        encoded_badly = MIMEBase("application", "pdf")
        encoded_badly["Content-Transfer-Encoding"] = "quoted-printable"
        encoded_badly.set_payload("=41" * 5000)
        for attachment in (
            encoded_badly,
            ("m.eml", b"Subject: x\r\n\r\n" + b"line\r\n" * 1000, "message/rfc822"),
            ("m.eml", "Subject: x\r\n\r\n" + "line\r\n" * 1000, "MESSAGE/rfc822"),
            ("part", b"preamble\r\n" * 1000, "multipart/mixed"),
            ("a.txt", b"line\r\n" * 1000, "text/plain"),
            ("a.pdf", bytes(10_000), "application/pdf"),
        ):
            message = simple_message()
            message.attachments = [attachment]
            with (
                self.subTest(attachment),
                mock.patch.object(api_v1, "MAX_SIZE", size_of(V1Backend(), message)),
            ):
                V1Backend().check(message)

    @settings(deadline=None, max_examples=60)
    @given(
        body=st.text(max_size=200),
        html=st.none() | st.text(max_size=200),
        attachments=st.lists(
            st.tuples(
                st.none() | st.just("a.txt"),
                st.binary(max_size=200) | st.text(max_size=200),
                st.sampled_from(
                    [
                        None,
                        "application/pdf",
                        "image/png",
                        "message/rfc822",
                        "message/delivery-status",
                        "multipart/mixed",
                        "text/calendar",
                    ]
                ),
            ),
            max_size=2,
        ),
        encoding=st.sampled_from([None, "utf-8", "iso-8859-1", "iso-2022-jp", "euc-jp", "utf-16"]),
        newline=st.sampled_from(["", "\r", "\n", "\r\n"]),
        repeated=st.integers(1, 50),
    )
    def test_what_can_be_sent_is_never_refused(
        self, body: str, html: Any, attachments: Any, encoding: Any, newline: str, repeated: int
    ) -> None:
        message = simple_message(body=(body + newline) * repeated)
        message.encoding = encoding
        message.attachments = [
            (name, content * repeated, kind) for name, content, kind in attachments
        ]
        if html is not None:
            message.attach_alternative((html + newline) * repeated, "text/html")
        for backend in BACKENDS:
            try:
                size = size_of(backend(), message)
            except Exception:  # whatever Django raises for it
                continue
            with mock.patch.object(backend().api, "MAX_SIZE", size):
                backend().check(message)

    @settings(deadline=None, max_examples=40)
    @given(st.binary(max_size=3000) | st.text(max_size=1000).map(str.encode))
    def test_parts_that_are_encoded_anew_are_not_refused(self, data: bytes) -> None:
        for encoding in ("base64", "quoted-printable", "7bit", "8bit"):
            for kind in ("application/pdf", "text/plain", "message/rfc822"):
                part = MIMEBase(*kind.split("/"))
                part["Content-Transfer-Encoding"] = encoding
                part.set_payload(data.decode("ascii", "surrogateescape"))
                message = simple_message()
                message.attachments = [part]
                size = size_of(V1Backend(), message)
                with mock.patch.object(api_v1, "MAX_SIZE", size):
                    V1Backend().check(message)
