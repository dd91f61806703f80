"""What receiving mail costs: ``python -m tests.benchmarks.inbound``.

Compares, in one run, the whole S3 view (signed notification, S3 server in another process, warm
client, one receiver that reads the attachment) with the bare standard library: the modern policy,
parsing a local file and decoding the attachment. Then hostile mail: many parts, long headers, and
all that the tests have, against plain mail of the same size.
"""

from __future__ import annotations

import base64
import functools
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from email import message_from_binary_file, message_from_bytes, policy
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.benchmarks.webhook_settings")
import django

django.setup()

import boto3  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402

from anymail.amazon_ses import aws  # noqa: E402
from anymail.inbound import AnymailInboundMessage  # noqa: E402
from anymail.signals import inbound  # noqa: E402
from anymail.testing import sns_notification, trusted_sns  # noqa: E402
from anymail.webhooks.amazon_ses import AmazonSESInboundWebhookView  # noqa: E402

from ..encrypted_mail import encrypt  # noqa: E402
from ..hostile_mail_costs import MAILS, PLAIN, read_everything  # noqa: E402

BUCKET = "mail"
#: Of a part: there may be one for each 1,024 characters of a mail.
TEXT = b"words " * 200
TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
KEYS = {
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
    "region_name": "us-east-1",
}
SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print("http://%s:%s" % server.get_host_and_port(), flush=True)
sys.stdin.read()
"""
HEADERS = [
    "From: Ann Example <ann@example.net>",
    "To: Support <support@inbound.example.com>",
    "Subject: A large mail",
    "Date: Tue, 4 Mar 2025 06:06:05 +0100",
    "Message-ID: <m1@example.net>",
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="bench"',
    "",
    "--bench",
    "Content-Type: text/plain; charset=utf-8",
    "",
    "See the attachment.",
    "--bench",
    'Content-Type: application/pdf; name="a.pdf"',
    'Content-Disposition: attachment; filename="a.pdf"',
    "Content-Transfer-Encoding: base64",
    "",
    "",
]


def large_mail(size: int) -> bytes:
    """A mail of about that many bytes, most of it a base64 attachment."""
    content = base64.encodebytes(os.urandom(size * 57 // 78)).replace(b"\n", b"\r\n")
    return "\r\n".join(HEADERS).encode() + content + b"--bench--\r\n"


def mail_of_parts(count: int) -> bytes:
    """A mail of parts that are long enough for all of them to be read."""
    part = b'--b\r\nContent-Type: text/plain; charset=utf-8; name="x"\r\n\r\n' + TEXT + b"\r\n"
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * count + b"--b--\r\n"


def notification(key: str) -> Any:
    action = {"type": "S3", "topicArn": TOPIC, "bucketName": BUCKET, "objectKey": key}
    body = {
        "notificationType": "Received",
        "mail": {"messageId": key, "source": "ann@example.net"},
        "receipt": {"recipients": ["support@inbound.example.com"], "action": action},
    }
    request = RequestFactory().post("/", **sns_notification(body, topic=TOPIC))
    assert request.body
    return request


class Receiver:
    """Reads the attachment, and tells how much memory was in use until then."""

    peak = 0
    length = 0

    def __call__(self, event: Any, **kwargs: Any) -> None:
        if tracemalloc.is_tracing():
            self.peak = tracemalloc.get_traced_memory()[1]
        self.length = len(event.message.attachments[0].get_content_bytes())


def read_with_standard_library(path: str) -> int:
    with open(path, "rb") as file:
        message = message_from_binary_file(file, policy=policy.default)
    if tracemalloc.is_tracing():
        receiver.peak = tracemalloc.get_traced_memory()[1]
    return len(next(message.iter_attachments()).get_content())


def cpu(function: Callable[[], Any]) -> float:
    gc.collect()
    start = time.process_time()
    function()
    return time.process_time() - start


def peaks(function: Callable[[], Any], size: int) -> tuple[float, float]:
    """Peak memory until the attachment is read, and in all, as multiples of the mail."""
    gc.collect()
    tracemalloc.start()
    function()
    whole = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return receiver.peak / size, whole / size


def compare_view(s3: Any, size: int, rounds: int) -> None:
    mail = large_mail(size)
    view = AmazonSESInboundWebhookView.as_view()
    plain, encrypted = f"plain-{size}", f"encrypted-{size}"
    s3.put_object(Bucket=BUCKET, Key=plain, Body=mail)
    store_encrypted(s3, encrypted, mail)
    with tempfile.NamedTemporaryFile() as file:
        file.write(mail)
        file.flush()
        sides = {
            "standard library": lambda: read_with_standard_library(file.name),
            "S3 view": functools.partial(view, notification(plain)),
            "S3 view, encrypted": functools.partial(view, notification(encrypted)),
        }
        report(sides, len(mail), rounds)


def report(sides: dict[str, Callable[[], Any]], size: int, rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in sides}
    for function in sides.values():
        function()
    for _ in range(rounds):
        for name, function in sides.items():
            times[name].append(cpu(function))
    base = statistics.median(times["standard library"])
    print(f"\n{size / 1e6:.1f} MB")
    for name, function in sides.items():
        middle = statistics.median(times[name])
        until, whole = peaks(function, size)
        print(
            f"  {name:20} {middle * 1000:7.0f} ms CPU  {middle / base:5.2f} x   "
            f"memory {until:4.2f} x until the attachment is read, {whole:4.2f} x in all"
        )


def store_encrypted(s3: Any, key: str, mail: bytes) -> None:
    body, metadata = encrypt(aws.client("kms", _settings()), key, mail)
    s3.put_object(Bucket=BUCKET, Key=key, Body=body, Metadata=metadata)


def _settings() -> Any:
    from anymail.conf import AmazonSESSettings

    return AmazonSESSettings.load()


def compare_parts() -> None:
    print("\nMany parts (parse, attachments, text), ms CPU")
    found = {}
    for count in (10_000, 20_000):
        mail = mail_of_parts(count)

        def ours(mail: bytes = mail, count: int = count) -> None:
            message = AnymailInboundMessage.parse_raw_mime_bytes(mail)
            assert len(message.attachments) == count - 1
            assert message.text == TEXT.decode()

        def bare(mail: bytes = mail) -> None:
            message = message_from_bytes(mail, policy=policy.default)
            for part in message.walk():
                part.get_content_disposition()

        found[count] = cpu(ours), cpu(bare)
        print(
            f"  {count} parts: {found[count][0] * 1000:6.0f}, standard library "
            f"{found[count][1] * 1000:6.0f}: {found[count][0] / found[count][1]:.2f} x"
        )
    print(f"  twice the parts: {found[20_000][0] / found[10_000][0]:.2f} x the time")


def measure_headers() -> None:
    print("\nA header of 1 MB (parse, and read it), ms CPU; worst of several contents")
    contents = ["a", "(", "a ", ",", "<", '"a" ', "\\", "=?utf-8?q?a?= ", "=?", "a@b.c, ", "a@b.c;"]
    for name in ("From", "To", "Subject", "Content-Type", "Content-Disposition", "Date"):
        worst = max(cpu(lambda c=content, n=name: _read_header(n, c)) for content in contents)
        print(f"  {name:20} {worst * 1000:6.0f}")


def _read_header(name: str, content: str) -> None:
    value = (content * 1_000_000)[:1_000_000]
    message = AnymailInboundMessage.parse_raw_mime(f"{name}: {value}\r\n\r\nx")
    if name in ("From", "To"):
        message.get_address_header(name)
    assert message[name] is not None


def compare_hostile_mail(size: int = 1_000_000, rounds: int = 3) -> None:
    print(f"\nHostile mail of {size / 1e6:.0f} MB (parse, and read everything), best of {rounds}")
    plain = cpu_to_read(PLAIN(size), rounds)
    found = {name: cpu_to_read(make(size), rounds) for name, make in MAILS.items()}
    print(f"  {'plain mail':46} {plain * 1000:5.0f} ms CPU")
    for name in sorted(found, key=found.__getitem__, reverse=True):
        print(f"  {name:46} {found[name] * 1000:5.0f} ms CPU  {found[name] / plain:5.1f} x")


def cpu_to_read(mail: bytes, rounds: int) -> float:
    return min(cpu(lambda: read_everything(mail)) for _ in range(rounds))


receiver = Receiver()


def main() -> None:
    warnings.simplefilter("ignore")
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout
    endpoint = server.stdout.readline().strip()
    inbound.connect(receiver)
    try:
        params = {"endpoint_url": endpoint, **KEYS}
        anymail = {"AMAZON_SES_CLIENT_PARAMS": params, "AMAZON_SES_SNS_TOPIC_ARNS": [TOPIC]}
        with override_settings(ANYMAIL=anymail), trusted_sns():
            s3 = boto3.client("s3", endpoint_url=endpoint, **KEYS)
            s3.create_bucket(Bucket=BUCKET)
            compare_view(s3, 100_000, rounds=31)
            compare_view(s3, 5_000_000, rounds=9)
            compare_view(s3, 25_000_000, rounds=3)
    finally:
        server.communicate("")
    compare_parts()
    measure_headers()
    compare_hostile_mail()


if __name__ == "__main__":
    sys.exit(main())
