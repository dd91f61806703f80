"""A stored message is sent as the message itself would have been."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from email import message_from_bytes, policy
from email.charset import QP, Charset
from email.message import Message, MIMEPart
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any
from unittest import skipUnless

import django
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.test import SimpleTestCase
from hypothesis import given, settings
from hypothesis import strategies as st

from anymail.backends import amazon_sesv1, amazon_sesv2
from anymail.backends import test as test_backend
from anymail.calls import ApiCall
from anymail.exceptions import AnymailError
from anymail.message import AnymailMessage, AnymailMessageMixin
from anymail.outbox.attachments import LostAttachment
from anymail.outbox.freezing import COLUMNS, MAX_INLINE, FrozenMessage, freeze
from anymail.outbox.thawing import NewerVersion, UnreadableContent, parse_stored, part_names, thaw
from anymail.outgoing import OutgoingMessage

from ..ses import parse, send, simple_message

GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
BACKENDS: list[Any] = [amazon_sesv1.EmailBackend, amazon_sesv2.EmailBackend]


def stored(frozen: FrozenMessage) -> AnymailMessage:
    """What comes back from a database and a storage."""
    data = parse_stored(frozen.as_json(["name"] * len(frozen.parts)))
    assert len(part_names(data)) == len(frozen.parts)
    return thaw(data, lambda index: b"".join(frozen.parts[index].chunks()))


def calls(message: EmailMessage, backend: Any, **options: Any) -> Any:
    """The parameters of a message's calls, without what is made anew each time; or its error."""
    try:
        outgoing = OutgoingMessage.from_django(message, {})
        built = backend(**options).build_calls(outgoing)
    except (AnymailError, ValueError, UnicodeError, AttributeError) as err:
        return type(err), str(err)
    return [(call.operation, _without_chance(_params(call))) for call in built]


def _params(call: ApiCall) -> Any:
    params = dict(call.params)
    params.pop("message", None)
    if "attachments" in params.get("test_params", ()):
        params["test_params"]["attachments"] = [
            vars(attachment) for attachment in params["test_params"]["attachments"]
        ]
    return params


def _without_chance(value: Any) -> Any:
    """Without boundaries, Message-ID and Date."""
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, dict):
        return {name: _without_chance(found) for name, found in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_chance(found) for found in value]
    if isinstance(value, bytes):
        value = re.sub(rb"(?m)^(Message-ID|Date): .*(\r?\n[ \t].*)*", b"", value)
        return re.sub(rb"={3,}\d+==", b"boundary", value)
    return value


class SignedMessage(AnymailMessage):
    """As S/MIME and PGP/MIME are built: a signature over the bytes of a part (RFC 1847)."""

    def message(self, **kwargs: Any) -> Any:
        headers = super().message(**kwargs)
        data = b"Content-Type: text/plain;\r\n\tcharset=us-ascii\r\n\r\n" + self.body.encode()
        content = message_from_bytes(data)
        signed = MIMEMultipart("signed", protocol="application/pgp-signature", micalg="pgp-sha256")
        signature = MIMEApplication(b"", "pgp-signature", lambda part: None)
        signature.set_payload(hashlib.sha256(data).hexdigest())
        signed.set_payload([content, signature])
        for name, value in headers.items():
            if not name.lower().startswith(("content-", "mime-")):
                signed[name] = str(value)
        return signed


def check_signature(raw: bytes) -> None:
    """The digest of the first part's bytes is in the second."""
    boundary = parse(raw).get_boundary()
    assert boundary
    _, content, signature, _ = re.split(
        rb"(?:\r\n)?--%s(?:--)?\r\n" % boundary.encode(), raw + b"\r\n"
    )
    assert hashlib.sha256(content).hexdigest().encode() in signature, content


class RoundTripTests(SimpleTestCase):
    def check(self, message: EmailMessage) -> None:
        frozen = freeze(message)
        thawed = stored(frozen)
        self.assertEqual(freeze(thawed).data, frozen.data)
        for backend in (*BACKENDS, test_backend.EmailBackend):
            self.assertEqual(calls(thawed, backend), calls(message, backend))

    def test_text_and_html(self):
        self.check(simple_message(body="ü" * 3000, alternatives=[("<p>ü</p>", "text/html")]))

    def test_plain_messages(self):
        self.check(EmailMessage("Hello", "Text", "a@example.com", ["b@example.com"]))
        message = EmailMessage("Hello", "<p>", None, cc=["b@example.com"], bcc=["c@example.com"])
        message.content_subtype = "html"
        self.check(message)

    def test_multi_alternatives(self):
        message = EmailMultiAlternatives("Hello", "", "a@example.com", ["b@example.com"])
        message.attach_alternative("<p>", "text/html")
        message.attach_alternative(b"BEGIN:VCALENDAR", "text/calendar; method=REQUEST")
        message.attach_alternative(b"\x00", "application/x-own")
        self.check(message)

    def test_inline_images(self):
        for name in ("a.gif", "ü.gif", "ü" * 100 + ".gif", None):
            message = simple_message(attachments=[("b.gif", GIF)])
            cid = message.attach_inline_image(GIF, name)
            message.attach_alternative(f'<img src="cid:{cid}">', "text/html")
            self.check(message)

    def test_every_form_of_attachment(self):
        inner = EmailMultiAlternatives("Inner", "ü", "a@example.com", ["b@example.com"])
        inner.attach("ü.txt", "ü")
        message = simple_message()
        message.encoding = "iso-8859-15"
        message.attachments = [
            ("a.txt", "ü€"),
            ["a.txt", b"\xfc", "text/plain"],
            ("a", b"x" * 40_000),
            ("a.bin", bytearray(b"x\0"), None),
            ("a.bin", memoryview(b"abc")[::2], "application/pdf"),
            ("large.txt", "ü\ud800" * 40_000, "application/x-own"),
            (None, b"x", ""),
            ("inner.eml", inner, "message/rfc822"),
            ("inner.eml", inner.message(), "message/rfc822"),
            ("inner.eml", inner.message().as_bytes(), "message/rfc822"),
            ("inner.eml", inner.message().as_string(), "message/rfc822"),
        ]
        self.check(message)

    def test_large_attachments(self):
        message = simple_message()
        for size in (MAX_INLINE, MAX_INLINE + 1, 1_000_000):
            message.attach(f"{size}.bin", bytes(range(256)) * (size // 256 + 1), "application/pdf")
            message.attach(f"{size}.txt", "ü" * size, "text/plain")
        self.check(message)

    def test_old_mime_parts(self):
        binary = MIMEApplication(GIF * 4000, name="a.gif")
        binary.add_header("Content-Disposition", "attachment", filename=("utf-8", "", "ü.gif"))
        text = MIMEText("ü", "plain", "utf-8")
        eight_bit = MIMEText("", "plain")
        eight_bit.replace_header("Content-Transfer-Encoding", "8bit")
        eight_bit.set_payload("ü".encode().decode("ascii", "surrogateescape"))
        related = MIMEMultipart("related", boundary="own", _subparts=[text, binary])
        related.preamble, related.epilogue = "before", "after"
        for part in (binary, text, eight_bit, related):
            part["X-Own"] = "ü" * 100
            message = simple_message()
            message.attachments = [part]
            self.check(message)

    @skipUnless(django.VERSION >= (6, 0), "refused before")
    def test_new_mime_parts(self):
        for content, options in (
            ("ü", {"filename": "ü.txt"}),
            ("a" * 2000, {"cte": "8bit"}),
            (GIF * 4000, {"maintype": "image", "subtype": "gif", "filename": "a b " * 50}),
        ):
            part = MIMEPart()
            part.set_content(content, **options)
            part["X-Own"] = "ü" * 100
            self.check(simple_message(attachments=[part]))
        message = EmailMessage("Inner", "ü", "a@example.com", ["b@example.com"]).message()
        self.check(simple_message(attachments=[message]))

    def test_bodies_in_bytes(self):
        message = simple_message()
        for body in (b"\xff\xfe", "ü".encode(), b"", b"a\0b"):
            message.body = body
            self.check(message)

    def test_a_charset(self):
        message = simple_message(body="ü" * 2000)
        message.encoding = Charset("iso-8859-1")
        message.encoding.body_encoding = QP
        self.check(message)

    def test_subtypes(self):
        """Django 6 refuses them when it builds the MIME."""
        message = simple_message(alternatives=[("<p>", "text/html")], attachments=[("a", b"b")])
        message.mixed_subtype, message.alternative_subtype = "related", "mixed"
        self.check(message)

    def test_a_thousand_recipients_with_data_of_their_own(self):
        to = [f"user{n}@example.com" for n in range(1000)]
        message = simple_message(
            to=to,
            subject="",
            body="",
            template_id="welcome",
            merge_data={address: {"name": address, "n": n} for n, address in enumerate(to)},
            merge_metadata={address: {"id": n} for n, address in enumerate(to)},
            merge_global_data={"shop": "here"},
            esp_extra={"FromEmailAddressIdentityArn": "arn:aws:ses:us-east-1:123:identity/x"},
        )
        self.check(message)

    def test_the_attributes_of_columns_are_none(self):
        thawed = stored(freeze(simple_message(send_at=1, metadata=None)))
        for name in COLUMNS:
            self.assertIsNone(getattr(thawed, name))
        self.assertIsNone(thawed.metadata)

    def test_defaults_count_when_it_is_sent(self):
        thawed = stored(freeze(simple_message(tags=["a"], metadata=None)))
        defaults = {"tags": ["d"], "metadata": {"a": 1}, "send_at": 1, "tenant": "acme"}
        outgoing = OutgoingMessage.from_django(thawed, defaults)
        self.assertEqual((outgoing.tags, outgoing.metadata), (("d", "a"), None))
        self.assertEqual((outgoing.send_at, outgoing.tenant), (None, "acme"))


# Two lone surrogates that belong together become one character in JSON.
TEXTS = st.text(st.characters(exclude_categories=("Cs",)) | st.just("\ud800"), max_size=40)
NAMES = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=8)
ADDRESSES = st.builds("{}@example.com".format, NAMES) | st.builds(
    "{} <a@example.com>".format, TEXTS
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
CONTENTS = TEXTS | st.binary(max_size=40) | st.binary(max_size=40).map(bytearray)
MEDIA_TYPES = st.sampled_from(
    ["text/plain", "text/html", "application/pdf", "message/rfc822", "image/gif", "x", None]
)
ATTACHMENTS = st.tuples(st.none() | TEXTS, CONTENTS, MEDIA_TYPES)
MESSAGES = st.builds(
    AnymailMessage,
    subject=TEXTS,
    body=TEXTS | st.binary(max_size=40),
    from_email=ADDRESSES,
    to=st.lists(ADDRESSES, min_size=1, max_size=3),
    cc=st.lists(ADDRESSES, max_size=2),
    reply_to=st.lists(ADDRESSES, max_size=2),
    headers=st.dictionaries(st.builds("X-{}".format, NAMES), TEXTS | st.integers(), max_size=3),
    alternatives=st.lists(st.tuples(CONTENTS, MEDIA_TYPES), max_size=2),
    metadata=st.none() | st.dictionaries(NAMES, JSON, max_size=3),
    tags=st.none() | st.lists(TEXTS, max_size=3),
    merge_data=st.none() | st.dictionaries(ADDRESSES, st.dictionaries(NAMES, JSON), max_size=2),
    merge_headers=st.none() | st.dictionaries(ADDRESSES, st.dictionaries(NAMES, TEXTS), max_size=2),
    template_id=st.none() | NAMES,
    track_opens=st.none() | st.booleans(),
    esp_extra=st.none() | st.dictionaries(NAMES, JSON, max_size=3),
)


class ArbitraryMessageTests(SimpleTestCase):
    """Whatever a message holds."""

    @settings(max_examples=100, deadline=None)
    @given(MESSAGES, st.lists(ATTACHMENTS, max_size=3), st.sampled_from(["utf-8", "latin-1", None]))
    def test_it_is_sent_as_the_message_itself(self, message, attachments, encoding):
        message.attachments = attachments
        message.encoding = encoding
        try:
            frozen = freeze(message)
        except AnymailError:
            for backend in BACKENDS:
                self.assertIsInstance(calls(message, backend), tuple)
            return
        thawed = stored(frozen)
        self.assertEqual(freeze(thawed).data, parse_stored(frozen.as_json()))
        for backend in (*BACKENDS, test_backend.EmailBackend):
            self.assertEqual(calls(thawed, backend), calls(message, backend))

    @settings(max_examples=200, deadline=None)
    @given(st.data())
    def test_damaged_data(self, data):
        message = simple_message(attachments=[("a", b"b"), ("c", b"d" * 40_000)], tags=["a"])
        message.attach_inline_image(GIF, "a.gif")
        frozen = freeze(message)
        damaged = parse_stored(frozen.as_json(["name"]))
        holder, key = data.draw(st.sampled_from(list(_places(damaged))))
        if data.draw(st.booleans()):
            holder[key] = data.draw(JSON | st.just({}) | st.just([]))
        else:
            del holder[key]
        try:
            thawed = thaw(damaged, lambda index: b"".join(frozen.parts[index].chunks()))
        except (UnreadableContent, NewerVersion):
            return
        self.assertIsInstance(thawed, AnymailMessageMixin)


def _places(value: Any) -> Any:
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


class FinishedTests(SimpleTestCase):
    """Classes that build their MIME in a way of their own."""

    def test_a_signature_stays_valid(self):
        for backend in BACKENDS:
            message = SignedMessage("Süße", "Signed  \r\n", "a@example.com", ["b@example.com"])
            with self.subTest(backend):
                raw = send(stored(freeze(message)), backend).raw
                check_signature(raw)
                self.assertEqual(parse(raw)["Subject"], "Süße")
                self.assertEqual(parse(raw)["To"], "b@example.com")

    def test_the_body_is_that_which_was_built(self):
        class Encrypted(AnymailMessage):
            def message(self, **kwargs: Any) -> Any:
                built = Message()
                built["Content-Type"] = "application/pkcs7-mime; smime-type=enveloped-data"
                built["Content-Transfer-Encoding"] = "base64"
                built["Subject"] = "..."
                built["From"] = self.from_email
                built.set_payload(b64encode(self.body.encode() * 20_000).decode())
                return built

        message = Encrypted("Secret", "Secret", "a@example.com", ["b@example.com"], tags=["a"])
        frozen = freeze(message)
        self.assertNotIn("body", frozen.data)
        self.assertEqual(len(frozen.parts), 1)
        # One line is too long for SMTP, so the body is encoded again.
        sent = parse(send(stored(frozen), BACKENDS[0]).raw)
        self.assertEqual(sent.get_payload(decode=True), b"Secret" * 20_000)
        self.assertEqual((sent["Subject"], sent["X-Tag"]), ("...", "a"))

    def test_its_attributes_are_there(self):
        message = SignedMessage(
            "Hello", "Text", "a@example.com", ["b@example.com"], tags=["a"], tenant="acme"
        )
        message.attach("a.txt", "a")
        thawed = stored(freeze(message))
        self.assertEqual((thawed.tags, thawed.tenant), (["a"], "acme"))
        self.assertEqual((thawed.to, thawed.subject), (["b@example.com"], "Hello"))
        self.assertEqual((thawed.body, thawed.attachments, thawed.alternatives), ("", [], []))

    def test_8_bit_parts_are_encoded(self):
        class Own(AnymailMessage):
            def message(self, **kwargs: Any) -> Any:
                return super().message(**kwargs)

        message = Own("Hello", "ü", "a@example.com", ["b@example.com"])
        message.attach("a.txt", "ü")
        thawed = stored(freeze(message))
        for backend in BACKENDS:
            self.assertEqual(calls(thawed, backend), calls(message, backend))

    def test_a_body_that_the_class_wrote_itself_is_kept(self):
        body = "--b\r\nX-Own:1\r\n\r\nText \r\n--b\r\n\r\nsignature\r\n--b--\r\n"

        class Written(AnymailMessage):
            def message(self, **kwargs: Any) -> Any:
                mime = Message()
                mime["Content-Type"] = 'multipart/signed; boundary="b"'
                mime.set_payload(body)
                return mime

        message = Written("Hello", "Text", "a@example.com", ["b@example.com"])
        raw = send(stored(freeze(message)), BACKENDS[0]).raw
        self.assertEqual(raw.partition(b"\r\n\r\n")[2], body.encode())

    def test_what_cannot_be_sent_as_it_is_is_encoded(self):
        class Own(AnymailMessage):
            def message(self, **kwargs: Any) -> Any:
                return MIMEMultipart(_subparts=[MIMEText(self.body), MIMEText("b")])

        for body in ("a" * 2000, "a\0"):
            message = Own("Hello", body, "a@example.com", ["b@example.com"])
            first, second = send(stored(freeze(message)), BACKENDS[0]).mime.iter_parts()
            self.assertEqual(first.get_content().strip(), body)
            self.assertEqual(second.get_content().strip(), "b")

    def test_a_to_header_of_its_own(self):
        message = SignedMessage(
            "Hello", "x", "a@example.com", ["b@example.com"], headers={"To": "list@example.com"}
        )
        sent = send(stored(freeze(message)), BACKENDS[0]).mime
        self.assertEqual(sent.get_all("To"), ["list@example.com"])

    def test_only_hidden_recipients(self):
        message = SignedMessage("Hello", "x\r\n", "a@example.com", bcc=["b@example.com"])
        raw = send(stored(freeze(message)), BACKENDS[0]).raw
        self.assertEqual(parse(raw)["To"], "undisclosed-recipients:;")
        check_signature(raw)

    def test_attached_to_another_message(self):
        signed = SignedMessage("Hello", "x\r\n", "a@example.com", ["b@example.com"])
        message = simple_message(attachments=[("a.eml", signed, "message/rfc822")])
        raw = send(stored(freeze(message)), BACKENDS[0]).raw
        start = raw.index(b"Content-Type: multipart/signed")
        check_signature(raw[start : raw.rindex(b"\r\n--")])

    def test_it_is_stored_again_as_it_is(self):
        frozen = freeze(SignedMessage("Hello", "x\r\n", "a@example.com", ["b@example.com"]))
        check_signature(send(stored(freeze(stored(frozen))), BACKENDS[0]).raw)

    def test_backends_of_django_send_it(self):
        message = SignedMessage("Hello", "x\r\n", "a@example.com", ["b@example.com"])
        check_signature(stored(freeze(message)).message().as_bytes(policy=policy.SMTP))


class Version1Tests(SimpleTestCase):
    """What is stored today is read by every later version, and by every version of Django."""

    data: dict[str, Any] = {
        "version": 1,
        "subject": "Süße",
        "from_email": "a@example.com",
        "content_subtype": "plain",
        "to": ["b@example.com"],
        "reply_to": None,
        "extra_headers": {"X-Own": 1},
        "encoding": "iso-8859-1",
        "anymail": {"metadata": {"order": 5}, "tags": None},
        "body": "ü",
        "alternatives": [["text/html", {"text": '<img src="cid:logo">'}]],
        "attachments": [
            {"name": "a.txt", "type": "text/plain", "content": {"text": "ä"}},
            {"name": None, "type": None, "content": {"base64": "AP8="}},
            {"name": "c.bin", "type": "video/own", "content": {"stored": 0}},
            {"name": "d.txt", "type": "text/plain", "content": {"stored_text": 1}},
            {
                "part": {
                    "headers": [
                        ["Content-Type", "image/gif", True],
                        ["Content-Transfer-Encoding", "base64", True],
                        ["Content-Disposition", 'inline; filename="ü.gif"', True],
                        ["Content-ID", "<logo>"],
                    ],
                    "content": {"text": "R0lGODlh\n"},
                }
            },
            {
                "name": "inner.eml",
                "type": "message/rfc822",
                "content": {
                    "message": {
                        "subject": "Inner",
                        "from_email": "c@example.com",
                        "content_subtype": "html",
                        "body": "<p>",
                    }
                },
            },
        ],
        "part_sizes": [3, 2],
        "part_names": ["anymail-outbox/0/0", "anymail-outbox/0/1"],
    }

    def test_everything(self):
        thawed = thaw(self.data, [b"\0\xff\0", "ö".encode()].__getitem__)
        sent = send(thawed, BACKENDS[1]).mime
        self.assertEqual((sent["Subject"], sent["X-Own"]), ("Süße", "1"))
        self.assertEqual(sent["X-Metadata"], '{"order": 5}')
        text, html, a, b, c, d, image, inner = (
            part for part in sent.walk() if not part.is_multipart()
        )
        self.assertEqual(text.get_content().strip(), "ü")
        self.assertIn("cid:logo", html.get_content())
        self.assertEqual((a.get_filename(), a.get_content().strip()), ("a.txt", "ä"))
        self.assertEqual(b.get_content(), b"\0\xff")
        self.assertEqual((c.get_content_type(), c.get_content()), ("video/own", b"\0\xff\0"))
        self.assertEqual(d.get_content().strip(), "ö")
        self.assertEqual((image.get_filename(), image.get_content()), ("ü.gif", b"GIF89a"))
        self.assertEqual(image["Content-ID"], "<logo>")
        self.assertEqual(
            (inner.get_content_type(), inner.get_content().strip()), ("text/html", "<p>")
        )

    def test_finished_mime(self):
        data = {**self.data, "mime": {"stored": 0}, "part_sizes": [30]}
        del data["body"], data["alternatives"], data["attachments"]
        data["part_names"] = ["anymail-outbox/0/0"]
        thawed = thaw(data, lambda index: b"To: b@example.com\r\n\r\nText \r\n  ")
        self.assertTrue(send(thawed).raw.endswith(b"\r\n\r\nText \r\n  "))


class UnreadableTests(SimpleTestCase):
    def test_a_newer_version(self):
        with self.assertRaises(NewerVersion) as raised:
            thaw({"version": 2}, lambda index: b"")
        self.assertEqual(
            str(raised.exception),
            "The stored message is in format 2, and this version reads 1 at most. Install the "
            "version of django-anymail-ses that stored it wherever messages are delivered.",
        )

    def test_an_attribute_of_a_newer_version_is_not_lost(self):
        data = freeze(simple_message(tags=["a"])).data
        data["anymail"]["color"] = "red"
        with self.assertRaisesRegex(NewerVersion, "has the attribute 'color'"):
            thaw(data, lambda index: b"")

    def test_text_that_is_no_json(self):
        for text in ("", "[]", "{", "null", '{"a":' * 100_000):
            with self.subTest(text[:10]), self.assertRaises(UnreadableContent):
                parse_stored(text)

    def test_what_is_no_message(self):
        for data in ({}, [], None, {"version": "1"}, {"version": 0}, {"version": 1}):
            with self.subTest(data), self.assertRaises(UnreadableContent):
                thaw(data, lambda index: b"")  # type: ignore[arg-type]

    def test_content_is_not_shown(self):
        data = freeze(simple_message(subject="secret")).data
        with self.assertRaises(UnreadableContent) as raised:
            thaw({**data, "attachments": "secret"}, lambda index: b"")
        self.assertNotIn("secret", str(raised.exception))

    def test_a_content_of_another_length(self):
        frozen = freeze(simple_message(attachments=[("a", b"x" * 40_000, None)]))
        data = parse_stored(frozen.as_json(["name"]))
        with self.assertRaisesRegex(UnreadableContent, "part 0 has 1 bytes instead of 40000"):
            thaw(data, lambda index: b"x")

    def test_errors_of_the_storage_stay_what_they_are(self):
        frozen = freeze(simple_message(attachments=[("a", b"x" * 40_000, None)]))
        data = parse_stored(frozen.as_json(["name"]))
        for error in (LostAttachment("x"), OSError(), ValueError(), KeyError()):

            def fail(index: int, error: Exception = error) -> bytes:
                raise error

            with self.subTest(error), self.assertRaises(type(error)) as raised:
                thaw(data, fail)
            self.assertIs(raised.exception, error)
