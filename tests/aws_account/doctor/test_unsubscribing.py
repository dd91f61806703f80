"""Unsubscribing with one click: D29."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.test import TestCase

from anymail.aws_account.doctor.checks.unsubscribing import one_click
from anymail.aws_account.doctor.context import Context, Options
from anymail.aws_account.doctor.findings import Finding, Status
from anymail.conf import AmazonSESSettings
from anymail.message import AnymailMessage
from anymail.outbox import send_many

from ...outbox import use_outbox

HEADERS = {
    "List-Unsubscribe": "<https://example.com/u/1>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


@contextmanager
def site(status: int, **headers: str) -> Iterator[tuple[str, list[Any]]]:
    """A site that answers each POST in this way; gives its URL, and the requests."""
    requests: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.path, dict(self.headers), body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/u/secret-of-ann", requests
        server.shutdown()


def check(url: str | None = None) -> list[Finding]:
    options = Options(unsubscribe_url=url)
    return list(one_click(Context(settings=AmazonSESSettings.load(), options=options)))


class PostTests(TestCase):
    def test_a_post_as_a_mailbox_provider_makes_it(self):
        with site(200) as (url, requests):
            _, posted = check(url)
        self.assertEqual(posted.status, Status.OK)
        [(path, headers, body)] = requests
        self.assertEqual((path, body), ("/u/secret-of-ann", b"List-Unsubscribe=One-Click"))
        self.assertEqual(headers["Content-Type"], "application/x-www-form-urlencoded")
        self.assertNotIn("Cookie", headers)

    def test_http_without_tls(self):
        with site(200) as (url, _):
            first, _ = check(url)
        self.assertEqual(first.status, Status.ERROR)
        self.assertIn("does not begin with https://", first.text)

    def test_a_refusal_and_a_redirect(self):
        for status, headers in ((403, {}), (302, {"Location": "/login"}), (500, {})):
            with self.subTest(status=status), site(status, **headers) as (url, requests):
                _, posted = check(url)
                self.assertEqual(posted.status, Status.ERROR)
                self.assertIn(str(status), posted.text)
                self.assertEqual(len(requests), 1)

    def test_no_server(self):
        with site(200) as (url, _):
            pass
        _, posted = check(url)
        self.assertEqual(posted.status, Status.ERROR)
        self.assertIn("cannot be reached", posted.text)

    def test_the_path_names_somebody_and_is_not_printed(self):
        with site(403) as (url, _):
            text = str(check(url))
        self.assertNotIn("secret-of-ann", text)


class LastBatchTests(TestCase):
    def send(self, name: str, **headers: str) -> None:
        message = AnymailMessage("News", "Hello", "shop@example.com", headers=headers)
        with use_outbox():
            send_many(message, ["ann@example.com"], name=name)

    def test_no_batch(self):
        [found] = check()
        self.assertEqual(found.status, Status.NOT_USED)

    def test_the_last_one_counts(self):
        self.send("first")
        [found] = check()
        self.assertEqual(found.status, Status.WARNING)
        self.assertIn("no List-Unsubscribe and List-Unsubscribe-Post", found.text)
        self.send("second", **HEADERS)
        [found] = check()
        self.assertEqual(found.status, Status.OK)
