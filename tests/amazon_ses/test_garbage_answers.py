"""Answers that no Amazon SES gives: a proxy's, a captive portal's, a broken load balancer's."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any
from unittest import mock

from django.test import SimpleTestCase, tag

from anymail.amazon_ses import delivery
from anymail.backends.amazon_sesv1 import EmailBackend as V1Backend
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.exceptions import AnymailAPIError

from ..ses import CREDENTIALS, Answer, loopback_server, simple_message, v1_error, v1_success

XHTML = b"""<?xml version="1.0"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml">
<head><title>Sign in</title></head><body><p>Welcome to our Wi-Fi</p></body></html>"""
NAMED = {
    "an XHTML page": (200, XHTML),
    "an HTML page": (200, b"<html><p>Sign in<br></html>"),
    "an error without a text": (500, v1_error("x", "").replace(b"></Message>", b"/>")),
    "an empty message": (500, b"<ErrorResponse><Error><Message/></Error></ErrorResponse>"),
    "nothing": (200, b""),
    "a JSON list": (200, b"[1, 2]"),
    "a JSON string": (200, b'"ok"'),
    "an id that is a number": (200, b'{"MessageId": 1}'),
    "an id that is a list": (200, b'{"MessageId": ["m"]}'),
    "an empty id": (200, b'{"MessageId": ""}'),
    "latin-1": (200, '{"MessageId": "Grüße"'.encode("latin-1")),
    "latin-1 that fails": (500, '{"message": "Grüße"}'.encode("latin-1")),
    "deep JSON": (200, b"[" * 100_000),
    "deep JSON in an object": (200, b'{"a":' * 100_000),
    "deep XML": (200, b"<a>" * 50_000),
    "a JSON list that fails": (502, b"[]"),
    "a redirect": (302, XHTML),
    "no content": (204, b""),
}
WORDS = [
    *(
        b"<",
        b">",
        b"</",
        b"/>",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b":",
        b",",
        b"null",
        b"1e999",
        b"\\ud800",
    ),
    *(
        b"MessageId",
        b"Error",
        b"Code",
        b"Message",
        b"__type",
        b"SendRawEmailResponse",
        b"<Message/>",
    ),
    *(
        b"<Errors><Error/></Errors>",
        b"ResponseMetadata",
        b"\xff\xfe",
        b"\x00",
        "ü".encode(),
        b"&#0;",
    ),
    *(b"<![CDATA[", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"xmlns='", b"{}", b'{"Error": null}'),
]
STATUSES = [200, 200, 200, 201, 204, 206, 300, 302, 400, 403, 404, 429, 500, 502, 503, 504]


def garbage(rng: random.Random, success: bytes, error: bytes) -> Answer:
    """An answer by chance: words in any order, or a real answer that was damaged."""
    if rng.random() < 0.4:
        body = b"".join(rng.choice(WORDS) for _ in range(rng.randrange(30)))
    else:
        body = bytearray(rng.choice([success, error, XHTML]))
        for _ in range(rng.randrange(1, 6)):
            start = rng.randrange(len(body) + 1)
            body[start : start + rng.randrange(20)] = rng.choice([b"", rng.choice(WORDS)])
    status = rng.choice(STATUSES)
    return status, b"" if status == 204 else bytes(body)


class GarbageTestCase(SimpleTestCase):
    def setUp(self) -> None:
        patch = mock.patch.object(delivery, "FIRST_PAUSE", 0.0001)
        patch.start()
        self.addCleanup(patch.stop)

    def check(self, backend: Callable[..., Any], answers: dict[str, Answer]) -> None:
        """Send a message for each answer: it is accepted, or there is an ``AnymailAPIError``."""
        answer: Answer = (200, b"")
        with loopback_server(lambda request, number: answer) as server:
            sender = backend(
                session_params=CREDENTIALS,
                client_params={"endpoint_url": server.url},
                throttle_timeout=0,
            )
            sender.open()
            for name, answer in answers.items():
                with self.subTest(name, answer=answer[1][:200], status=answer[0]):
                    self.check_outcome(sender, answer[0])

    def check_outcome(self, sender: Any, http_status: int) -> None:
        message = simple_message()
        try:
            sender.send_messages([message])
        except AnymailAPIError as err:
            refused = 300 <= http_status < 500 or http_status == 503 or err.is_throttled
            self.assertLessEqual(err.is_unsent, refused)  # a 400 that cannot be read: who knows
            expected = None if err.is_unsent else {"unknown"}
            self.assertEqual(message.anymail_status.status, expected)
        else:
            self.assertEqual(message.anymail_status.status, {"queued"})
            self.assertIsInstance(message.anymail_status.message_id, str)


class NamedAnswersTests(GarbageTestCase):
    def test_they_are_errors_after_which_it_may_have_arrived(self) -> None:
        for backend in (V1Backend, V2Backend):
            self.check(backend, NAMED)

    def test_fail_silently_is_silent_and_the_status_tells(self) -> None:
        for backend in (V1Backend, V2Backend):
            for name in ("an XHTML page", "a JSON list", "an empty message"):
                with (
                    self.subTest(name, backend=backend),
                    loopback_server(lambda request, n, name=name: NAMED[name]) as server,
                ):
                    message = simple_message()
                    sent = backend(
                        session_params=CREDENTIALS,
                        client_params={"endpoint_url": server.url},
                        fail_silently=True,
                    ).send_messages([message])
                    self.assertEqual(sent, 0)
                    self.assertEqual(message.anymail_status.status, {"unknown"})

    def test_entries_of_a_template_that_make_no_sense_leave_their_recipients_unknown(self) -> None:
        results = [{"Status": 1}, None, {"Status": "SUCCESS", "MessageId": 5}, "text"]
        answer = json.dumps({"BulkEmailEntryResults": results}).encode()
        message = simple_message(
            subject="", body="", template_id="t", to=[f"to{n}@example.com" for n in range(4)]
        )
        with loopback_server(lambda request, n: (200, answer)) as server:
            V2Backend(
                session_params=CREDENTIALS,
                client_params={"endpoint_url": server.url},
                fail_silently=True,
            ).send_messages([message])
        statuses = [r.status for r in message.anymail_status.recipients.values()]
        self.assertEqual(len(statuses), 4)
        self.assertNotIn(None, statuses)


@tag("fuzz")
class FuzzTests(GarbageTestCase):
    COUNT = 1000

    def answers(self, seed: int, success: bytes, error: bytes) -> dict[str, Answer]:
        rng = random.Random(seed)
        return {f"{seed}/{n}": garbage(rng, success, error) for n in range(self.COUNT)}

    def test_v1(self) -> None:
        answers = self.answers(1, v1_success(), v1_error("Throttling", "Rate exceeded"))
        self.check(V1Backend, answers)

    def test_v2(self) -> None:
        success, error = b'{"MessageId": "m-1"}', b'{"__type": "X", "message": "text"}'
        self.check(V2Backend, self.answers(2, success, error))
