"""What goes over the wire is what botocore itself would send, at any size."""

from __future__ import annotations

import os
from base64 import b64decode
from email import message_from_bytes
from email.mime.application import MIMEApplication
from typing import Any
from unittest import mock

import boto3
from django.core.mail import EmailMessage
from django.test import SimpleTestCase

from anymail.amazon_ses import request_bodies
from anymail.backends.amazon_ses import EmailBackend as V1Backend
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.calls import ApiCall
from anymail.mime.streaming import StreamedFile

from ..docs_pages import DOCS, blocks
from ..ses import CREDENTIALS, loopback_server, parse, send, simple_message, v1_success

TAGS = [{"Name": "a&b", "Value": "c=d"}]


def captured(service: str, register: bool, **params: Any) -> Any:
    """The request that a client makes."""

    def answer(request: Any, number: int) -> tuple[int, bytes]:
        return 200, v1_success() if service == "ses" else b'{"MessageId": "m"}'

    with loopback_server(answer) as server:
        client = boto3.session.Session().client(service, endpoint_url=server.url, **CREDENTIALS)
        if register:
            request_bodies.register(client)
        method = client.send_raw_email if service == "ses" else client.send_email
        method(**params)
        (request,) = server.requests
        return request


class OracleTests(SimpleTestCase):
    """botocore's own output is the measure."""

    CONTENTS = (b"", b"a", b"ab", b"abc", bytes(range(256)) * 9, os.urandom(70_000))

    def params(self, service: str, data: Any) -> dict[str, Any]:
        if service == "ses":
            return {
                "Source": "from@example.com",
                "Destinations": ["Tö <to@example.com>", "x+y@example.com"],
                "RawMessage": {"Data": data},
                "Tags": TAGS,
                "ConfigurationSetName": "set",
            }
        return {
            "Destination": {"ToAddresses": ["to@example.com"]},
            "Content": {"Raw": {"Data": data}},
            "EmailTags": TAGS,
        }

    def test_bytes_make_the_same_body(self) -> None:
        for service in ("ses", "sesv2"):
            for content in self.CONTENTS:
                with self.subTest(service=service, size=len(content)):
                    theirs = captured(service, False, **self.params(service, content))
                    ours = captured(service, True, **self.params(service, content))
                    self.assertEqual(ours.body, theirs.body)

    def test_files_make_the_same_body(self) -> None:
        for service in ("ses", "sesv2"):
            for content in self.CONTENTS:
                chunks = [content[i : i + 999] for i in range(0, len(content), 999)]
                file = StreamedFile(lambda chunks=chunks: iter(chunks), len(content))
                with self.subTest(service=service, size=len(content)):
                    theirs = captured(service, False, **self.params(service, content))
                    ours = captured(service, True, **self.params(service, file))
                    self.assertEqual(ours.body, theirs.body)
                    self.assertEqual(ours.headers["Content-Length"], str(len(ours.body)))

    def test_the_callers_parameters_are_left_alone(self) -> None:
        file = StreamedFile(lambda: iter([b"abc"]), 3)
        params = self.params("ses", file)
        captured("ses", True, **params)
        self.assertIs(params["RawMessage"]["Data"], file)

    def test_the_hash_is_that_of_the_body(self) -> None:
        import hashlib

        file = StreamedFile(lambda: iter([b"abc"]), 3)
        request = captured("ses", True, **self.params("ses", file))
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.assertEqual(headers["x-amz-content-sha256"], hashlib.sha256(request.body).hexdigest())


def accept(request: Any, number: int) -> tuple[int, bytes]:
    return 200, v1_success()


class LargeMessageTests(SimpleTestCase):
    def large(self, **kwargs: Any) -> tuple[Any, list[bytes]]:
        contents = [os.urandom(1_200_000), os.urandom(40_000), b"small"]
        message = simple_message(**kwargs)
        for number, content in enumerate(contents):
            message.attach(f"{number}.bin", content, "application/octet-stream")
        return message, contents

    def test_attachments_arrive_through_both_apis(self) -> None:
        for backend in (V1Backend, V2Backend):
            message, contents = self.large(body="Text ü")
            with self.subTest(backend):
                received = send(message, backend).mime
                attachments = [part.get_content() for part in received.iter_attachments()]
                self.assertEqual(attachments, contents)
                self.assertEqual([a[1] for a in message.attachments], contents)

    def test_the_message_is_the_one_that_django_would_build(self) -> None:
        message, _ = self.large()
        message.extra_headers = {"Message-ID": "<id@example.com>", "Date": "now"}
        with mock.patch("anymail.mime.attachments.LARGE_ATTACHMENT", 10**9):
            whole = send(message).raw
        streamed = send(message).raw
        boundary = message_from_bytes(whole).get_boundary() or ""
        other = message_from_bytes(streamed).get_boundary() or ""
        self.assertEqual(streamed.replace(other.encode(), boundary.encode()), whole)

    def test_over_the_wire(self) -> None:
        message, contents = self.large()
        with loopback_server(accept) as server:
            V1Backend(
                session_params=CREDENTIALS, client_params={"endpoint_url": server.url}
            ).send_messages([message])
            (request,) = server.requests
        received = parse(b64decode(request.form["RawMessage.Data"]))
        self.assertEqual([p.get_content() for p in received.iter_attachments()], contents)

    def test_up_to_a_megabyte_a_patched_client_sees_bytes(self) -> None:
        for size, kind in ((100_000, bytes), (900_000, StreamedFile)):
            message = simple_message()
            message.attach("a.bin", os.urandom(size), "application/octet-stream")
            with mock.patch("anymail.backends.amazon_ses.boto3.session.Session") as session:
                client = session.return_value.client.return_value
                client.send_raw_email.return_value = {"MessageId": "m"}
                V1Backend().send_messages([message])
            data = client.send_raw_email.call_args.kwargs["RawMessage"]["Data"]
            self.assertIsInstance(data, kind)
            raw = data if isinstance(data, bytes) else data.read()
            self.assertIn(b"Subject: Subject", raw)

    def test_who_looks_into_it_as_documented_sees_all_of_it(self) -> None:
        """And what they have read is sent all the same."""
        [code] = [b.text for b in blocks(DOCS / "sending.rst") if "def content(" in b.text]
        names: dict[str, Any] = {}
        exec(code, names)
        seen: list[bytes] = []

        class LookingBackend(V1Backend):
            def run(self, call: ApiCall) -> Any:
                seen.append(names["content"](call.params["RawMessage"]["Data"]))
                return super().run(call)

        def client_with_handler(service: str, session: Any, client: Any) -> Any:
            made = boto3.session.Session(**session).client(service, **client)
            made.meta.events.register("provide-client-params.ses.SendRawEmail", look)
            return made

        def look(params: dict[str, Any], **_kwargs: Any) -> None:
            seen.append(names["content"](params["RawMessage"]["Data"]))

        for backend, options in (
            (LookingBackend, {}),
            (V1Backend, {"client_factory": client_with_handler}),
        ):
            for size in (1000, 1_200_000):
                message = simple_message()
                message.attach("a.bin", os.urandom(size), "application/octet-stream")
                with self.subTest(backend, size=size), loopback_server(accept) as server:
                    client_params = {"endpoint_url": server.url}
                    backend(
                        session_params=CREDENTIALS, client_params=client_params, **options
                    ).send_messages([message])
                    [request] = server.requests
                    self.assertEqual(seen.pop(), b64decode(request.form["RawMessage.Data"]))

    def test_a_class_that_builds_its_own_mime_sees_the_real_content(self) -> None:
        seen = []

        class Signing(EmailMessage):
            def message(self, **kwargs: Any) -> Any:
                seen.append(self.attachments[0][1])
                return super().message(**kwargs)

        content = os.urandom(50_000)
        message = Signing("s", "b", "from@example.com", ["to@example.com"])
        message.attach("a.bin", content, "application/octet-stream")
        send(message)
        self.assertEqual(seen, [content])

    def test_a_large_part_made_by_the_user_is_sent_as_it_is(self) -> None:
        content = os.urandom(50_000)
        part: Any = MIMEApplication(content)
        import django

        if django.VERSION >= (6, 0):
            from email.message import MIMEPart

            part = MIMEPart()
            part.set_content(content, maintype="application", subtype="octet-stream")
        message = simple_message()
        message.attach(part)
        received = send(message).mime
        self.assertEqual([p.get_payload(decode=True) for p in received.walk()][-1], content)

    def test_large_text_arrives(self) -> None:
        message = simple_message()
        message.attach("a.csv", "a;ü\r\n" * 100_000, "text/csv")
        (part,) = send(message).mime.iter_attachments()
        self.assertEqual(part.get_content().replace("\r\n", "\n"), "a;ü\n" * 100_000)
