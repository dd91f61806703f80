"""The same message has the same fingerprint, whenever and wherever it is built."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

from django.core.mail import EmailMessage
from django.test import SimpleTestCase

from anymail.message import AnymailMessage
from anymail.outbox.fingerprint import fingerprint
from anymail.outbox.freezing import freeze
from anymail.outbox.thawing import thaw

from ..ses import simple_message

GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
ROOT = Path(__file__).parent.parent.parent


def with_images(*contents: bytes, **kwargs: Any) -> AnymailMessage:
    message = simple_message(**kwargs)
    ids = [message.attach_inline_image(content, "a.gif") for content in contents]
    html = "".join(f'<img src="cid:{cid}">' for cid in ids)
    message.attach_alternative(html, "text/html")
    return message


def everything() -> AnymailMessage:
    """Something of each kind."""
    message = with_images(GIF, GIF * 5000, tags={"a", "b", "c"}, metadata={"a": 1, "b": 2})
    message.attach("a.txt", "ü" * 40_000)
    message.attach("a.eml", EmailMessage("Inner", "x", "a@example.com"), "message/rfc822")
    return message


class Signed(AnymailMessage):
    """Builds its MIME in a way of its own, another one each time."""

    def message(self, **kwargs: Any) -> Any:
        part = MIMEText(self.body)
        part["X-Signature"] = os.urandom(8).hex()
        return part


class SameTests(SimpleTestCase):
    def test_of_a_stored_key(self):
        """Another version of this package, Django or Python must find the same."""
        self.assertEqual(
            fingerprint(everything()),
            "4a9a7b574885c77ccb1595ea1b78a7affdaae5962475eb558957eeef49c419df",
        )

    def test_in_other_processes(self):
        code = (
            "import django; django.setup()\n"
            "from tests.outbox.test_fingerprint import everything, fingerprint\n"
            "print(fingerprint(everything()))"
        )
        for seed in ("1", "2"):
            env = {
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "PYTHONHASHSEED": seed,
            }
            done = subprocess.run(
                [sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True
            )
            self.assertEqual(done.stdout.strip(), fingerprint(everything()), done.stderr)

    def test_content_ids_that_were_made_do_not_count(self):
        self.assertEqual(fingerprint(with_images(GIF)), fingerprint(with_images(GIF)))

    def test_nor_if_they_are_quoted_in_the_url(self):
        prints = set()
        for _ in range(2):
            message = simple_message()
            cid = message.attach_inline_image(GIF).replace("@", "%40")
            message.attach_alternative(f'<img src="cid:{cid}">', "text/html")
            prints.add(fingerprint(message))
        self.assertEqual(len(prints), 1)

    def test_one_content_id_may_begin_like_another(self):
        prints = set()
        for number in (1, 7):
            message = simple_message()
            ids = [f"{number}.2.3@inline", f"{number}.2.3@inline.example"]
            for cid in ids:
                message.attach_inline_image(GIF)
                _set_content_id(message.attachments[-1], cid)
            message.body = " ".join(ids)
            prints.add(fingerprint(message))
        self.assertEqual(len(prints), 1)

    def test_boundaries_and_dates_of_attached_messages_do_not_count(self):
        prints = set()
        for _ in range(2):
            inner = AnymailMessage("Inner", "x", "a@example.com")
            inner.attach("a.bin", b"x")
            built: Any = inner.message()
            built.as_bytes()  # it has a boundary from now on
            message = simple_message()
            message.attach("a.eml", built, "message/rfc822")
            prints.add(fingerprint(message))
        self.assertEqual(len(prints), 1)

    def test_signatures_do_not_count(self):
        self.assertEqual(fingerprint(Signed("a", "b")), fingerprint(Signed("a", "b")))
        self.assertNotEqual(fingerprint(Signed("a", "b")), fingerprint(Signed("a", "c")))

    def test_signatures_of_attached_messages_neither(self):
        prints = {
            fingerprint(simple_message(attachments=[("a", Signed("a", "b"), "message/rfc822")]))
            for _ in range(2)
        }
        self.assertEqual(len(prints), 1)

    def test_date_and_message_id_do_not_count(self):
        one, two = (simple_message(headers={"Message-ID": n, "Date": n}) for n in ("1", "2"))
        self.assertEqual(fingerprint(one), fingerprint(two))

    def test_columns_do_not_count(self):
        self.assertEqual(fingerprint(simple_message(send_at=1)), fingerprint(simple_message()))

    def test_of_a_thawed_message(self):
        frozen = freeze(everything())
        data = json.loads(frozen.as_json(["name"] * len(frozen.parts)))
        thawed = thaw(data, lambda index: b"".join(frozen.parts[index].chunks()))
        self.assertEqual(fingerprint(thawed), fingerprint(everything()))

    def test_the_order_of_keys_does_not_count(self):
        one = simple_message(headers={"X-A": "1", "X-B": "2"}, metadata={"a": 1, "b": 2})
        two = simple_message(headers={"X-B": "2", "X-A": "1"}, metadata={"b": 2, "a": 1})
        self.assertEqual(fingerprint(one), fingerprint(two))

    def test_nothing_of_it_is_shown(self):
        self.assertRegex(fingerprint(everything()), r"\A[0-9a-f]{64}\Z")


class OtherTests(SimpleTestCase):
    def test_whatever_a_message_says_counts(self):
        large = b"x" * 40_000
        messages = [
            simple_message(),
            simple_message(subject="other"),
            simple_message(body="other"),
            simple_message(from_email="other@example.com"),
            simple_message(to=["other@example.com"]),
            simple_message(cc=["to@example.com"]),
            simple_message(bcc=["to@example.com"]),
            simple_message(reply_to=["to@example.com"]),
            simple_message(headers={"X-Own": "1"}),
            simple_message(alternatives=[("<p>", "text/html")]),
            simple_message(alternatives=[("<p>", "text/x-own")]),
            simple_message(alternatives=[("<b>", "text/html")]),
            simple_message(attachments=[("a", b"x")]),
            simple_message(attachments=[("b", b"x")]),
            simple_message(attachments=[("a", b"y")]),
            simple_message(attachments=[("a", b"x", "image/gif")]),
            simple_message(attachments=[("a", large)]),
            simple_message(attachments=[("a", large + b"y")]),
            simple_message(tags=["a"]),
            simple_message(tags=None),
            simple_message(metadata={"a": 1}),
            simple_message(metadata={"a": "1"}),
            simple_message(template_id="a"),
            simple_message(merge_data={"to@example.com": {"a": 1}}),
            simple_message(tenant="a"),
            with_images(GIF),
            with_images(GIF + b"x"),
            with_images(GIF, GIF),
        ]
        prints = [fingerprint(message) for message in messages]
        for n, found in enumerate(prints):
            self.assertEqual(prints.index(found), n)

    def test_which_image_is_where(self):
        prints = set()
        for order in ((0, 1), (1, 0)):
            message = simple_message()
            ids = [message.attach_inline_image(GIF), message.attach_inline_image(GIF + b"x")]
            message.body = " ".join(ids[n] for n in order)
            prints.add(fingerprint(message))
        self.assertEqual(len(prints), 2)

    def test_content_ids_that_were_chosen(self):
        prints = set()
        for cid in ("logo", "photo"):
            message = simple_message()
            message.attach_inline_image(GIF)
            _set_content_id(message.attachments[0], cid)
            prints.add(fingerprint(message))
        self.assertEqual(len(prints), 2)


def _set_content_id(part: Any, cid: str) -> None:
    del part["Content-ID"]
    part["Content-ID"] = f"<{cid}>"
