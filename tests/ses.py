"""What tests of sending share: a message, a stubbed client, a loopback SES."""

from __future__ import annotations

import contextlib
import functools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage as ParsedMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl

import boto3
import django
from botocore.stub import Stubber
from django.test import override_settings

from anymail.amazon_ses import aws, request_bodies
from anymail.backends.amazon_ses import EmailBackend
from anymail.message import AnymailMessage

V1 = "anymail.backends.amazon_ses.EmailBackend"
V2 = "anymail.backends.amazon_sesv2.EmailBackend"
#: No log has it.
BODY = "The text of a message"
CREDENTIALS = {
    "aws_access_key_id": "test",
    "aws_secret_access_key": "secret-key-of-tests",
    "region_name": "us-east-1",
}


def use_backend(path: str, **options: Any) -> Any:
    """Settings under which Django sends with a backend, on every Django (the test runner has
    replaced it by locmem)."""
    if django.VERSION >= (6, 1):
        return override_settings(MAILERS={"default": {"BACKEND": path, "OPTIONS": options}})
    anymail = {f"AMAZON_SES_{name.upper()}": value for name, value in options.items()}
    return override_settings(EMAIL_BACKEND=path, **({"ANYMAIL": anymail} if anymail else {}))


def simple_message(**kwargs: Any) -> AnymailMessage:
    """A message that needs nothing special."""
    defaults: dict[str, Any] = {
        "subject": "Subject",
        "body": BODY,
        "from_email": "from@example.com",
        "to": ["to@example.com"],
    }
    return AnymailMessage(**{**defaults, **kwargs})


@functools.cache
def _session() -> Any:
    return boto3.session.Session()


@contextlib.contextmanager
def stubbed(service: str = "ses") -> Iterator[Stubber]:
    """A real boto3 client whose answers are prepared: parameters and answers are checked against
    Amazon's own model."""
    client = _session().client(service, **CREDENTIALS)
    request_bodies.register(client)
    with Stubber(client) as stub, mock.patch.object(aws, "client", return_value=client):
        yield stub


@dataclass
class Sent:
    """What a client was asked: the parameters of each call."""

    calls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def params(self) -> dict[str, Any]:
        """Of the only call."""
        (params,) = self.calls
        return params

    @property
    def raw(self) -> bytes:
        """The MIME of the only call, whichever API."""
        params = self.params
        content = params.get("RawMessage") or params["Content"]["Raw"]
        data: Any = content["Data"]
        return data if isinstance(data, bytes) else bytes(data.read())

    @property
    def mime(self) -> ParsedMessage:
        """The same, parsed back."""
        return parse(self.raw)


def parse(raw: bytes) -> ParsedMessage:
    """A message as its receiver sees it."""
    parsed: ParsedMessage = message_from_bytes(raw, policy=policy.default)  # type: ignore[assignment]
    return parsed


def send(message: Any, backend: type[EmailBackend] = EmailBackend, **options: Any) -> Sent:
    """Send one message through a backend to a stubbed client that accepts everything."""
    sent, sender = Sent(), backend(**options)
    with accepting(sent, sender.api.SERVICE):
        sender.send_messages([message])
    return sent


@contextlib.contextmanager
def accepting(sent: Sent, service: str = "ses") -> Iterator[None]:
    """A real client that validates and serialises, and answers success instead of connecting."""
    client = _session().client(service, **CREDENTIALS)
    request_bodies.register(client)
    accept_calls(client, sent)
    with mock.patch.object(aws, "client", return_value=client):
        yield


def accept_calls(client: Any, sent: Sent) -> None:
    """Have a real client answer success instead of connecting, and keep what it is asked."""

    def keep(params: dict[str, Any], **_kwargs: Any) -> None:
        sent.calls.append(dict(params))

    def answer(model: Any, **_kwargs: Any) -> tuple[Any, dict[str, Any]]:
        return mock.Mock(status_code=200), _success(model.name, sent.calls[-1], len(sent.calls))

    client.meta.events.register("provide-client-params.*.*", keep)
    client.meta.events.register("before-call.*.*", answer)


def _success(operation: str, params: dict[str, Any], number: int) -> dict[str, Any]:
    metadata = {"ResponseMetadata": {"HTTPStatusCode": 200}}
    if operation == "SendBulkTemplatedEmail":
        ids = [f"id-{number}-{n}" for n in range(len(params["Destinations"]))]
        return {"Status": [{"Status": "Success", "MessageId": i} for i in ids], **metadata}
    if operation == "SendBulkEmail":
        ids = [f"id-{number}-{n}" for n in range(len(params["BulkEmailEntries"]))]
        results = [{"Status": "SUCCESS", "MessageId": i} for i in ids]
        return {"BulkEmailEntryResults": results, **metadata}
    return {"MessageId": f"id-{number}", **metadata}


@dataclass
class Request:
    """One HTTP request that the loopback server got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The parameters of a v1 request."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        """The parameters of a v2 request."""
        return json.loads(self.body)


Answer = tuple[int, bytes] | tuple[int, bytes, dict[str, str]]


@contextlib.contextmanager
def loopback_server(
    answer: Callable[[Request, int], Answer | None], tls: SSLContext | None = None
) -> Iterator[Any]:
    """A real HTTP server on loopback.

    :param answer: takes the request and its number (from 1), and returns status, body and perhaps
        headers; None closes the connection without an answer.
    :param tls: for HTTPS.
    :return: an object with ``url`` and ``requests``.
    """
    requests: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are two packets, and the second would wait for the client's delayed ACK.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            requests.append(Request(self.path, dict(self.headers), body))
            result = answer(requests[-1], len(requests))
            if result is None:
                self.close_connection = True
                return
            status, content, *headers = result
            self.send_response(status)
            for name, value in (headers[0] if headers else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # clients that do not wait for the answer are part of the tests

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
        yield mock.Mock(url=url, requests=requests, spec_set=["url", "requests"])
    finally:
        server.shutdown()
        server.server_close()


def v1_success(message_id: str = "m-1") -> bytes:
    """The body of a SendRawEmail response."""
    return (
        '<SendRawEmailResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/">'
        f"<SendRawEmailResult><MessageId>{message_id}</MessageId></SendRawEmailResult>"
        "<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></SendRawEmailResponse>"
    ).encode()


def v1_error(code: str, text: str) -> bytes:
    """The body of an error response of the v1 API."""
    return (
        '<ErrorResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><Error>'
        f"<Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>"
        "<RequestId>r-1</RequestId></ErrorResponse>"
    ).encode()


def v2_error(status: int, code: str, text: str) -> Answer:
    """An error response of the v2 API."""
    headers = {"x-amzn-ErrorType": code, "Content-Type": "application/json"}
    return status, json.dumps({"message": text}).encode(), headers
