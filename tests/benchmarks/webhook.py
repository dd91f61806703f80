"""What the tracking webhook costs: ``python -m tests.benchmarks.webhook``.

Compares, in one run and with the same request, the real view (signature checking on, certificate
cached, one receiver) with a floor: a view that only parses both JSON layers, verifies the same
signature and answers 200. Both are called as views, with a prepared ``HttpRequest``.
CPU time counts, so that other work on the machine disturbs little.
"""

from __future__ import annotations

import base64
import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.benchmarks.webhook_settings")

import django

django.setup()

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding  # noqa: E402
from django.core.cache import caches  # noqa: E402
from django.core.handlers.wsgi import WSGIRequest  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django.views.generic import View  # noqa: E402

from anymail import testing  # noqa: E402
from anymail.amazon_ses import certificates  # noqa: E402
from anymail.signals import tracking  # noqa: E402
from anymail.testing.requests import CERTIFICATE_URL, signing_key  # noqa: E402
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView  # noqa: E402

PAYLOAD = Path(__file__).parents[1] / "payloads" / "events" / "p-delivery.json"
ROUNDS = 200
CALLS = 40

SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")


def make_floor(pem: str):
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    scheme = padding.PKCS1v15(), hashes.SHA256()

    class Floor(View):
        def post(self, request):
            return floor(request)

    def floor(request):
        envelope = json.loads(request.body)
        text = "".join(f"{name}\n{envelope[name]}\n" for name in SIGNED).encode()
        key.verify(base64.b64decode(envelope["Signature"]), text, *scheme)
        json.loads(envelope["Message"])
        return HttpResponse()

    return Floor.as_view()


def prepared_request() -> WSGIRequest:
    document = json.loads(PAYLOAD.read_text())
    request = RequestFactory().post("/", **testing.sns_notification(document))
    assert request.body
    return request


def receive(event, **kwargs):
    assert event.event_type == "delivered"


def microseconds(view, request) -> float:
    start = time.process_time()
    for _ in range(CALLS):
        assert view(request).status_code == 200
    return (time.process_time() - start) / CALLS * 1e6


def main() -> None:
    pem = signing_key()[1]
    caches["default"].set(certificates.cache_key(CERTIFICATE_URL), pem)
    tracking.connect(receive)
    request = prepared_request()
    views = {"floor": make_floor(pem), "webhook": AmazonSESTrackingWebhookView.as_view()}
    times: dict[str, list[float]] = {name: [] for name in views}
    for _ in range(ROUNDS):
        for name, view in views.items():
            times[name].append(microseconds(view, request))
    for name, found in times.items():
        low, middle = min(found), statistics.median(found)
        print(f"{name:8} {low:7.1f} µs at best, {middle:7.1f} µs median")
    ratios = [webhook / floor for floor, webhook in zip(*times.values(), strict=True)]
    print(
        f"ratio    {min(times['webhook']) / min(times['floor']):7.2f}    at best, "
        f"{statistics.median(ratios):7.2f}    median (target: 1.6)"
    )


if __name__ == "__main__":
    sys.exit(main())
