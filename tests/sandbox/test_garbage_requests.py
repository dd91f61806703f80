"""anymail.sandbox.aws: every operation, with parameters that have its shape but make no sense."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from django.test import tag
from moto.core.utils import get_service_model
from moto.ses.models import ses_backends
from moto.sesv2.models import sesv2_backends
from moto.sns.models import sns_backends

from anymail.sandbox.aws.defaults import ACCOUNT

from ..local_ses import RAW, LocalSesTestCase

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=key/20250304/us-east-1/{}/aws4_request, SignedHeaders=host, "
    "Signature=0"
)
TEXTS = [
    *("", "x", "a@b.c", "<", "é", "null", "[]", "9" * 30, "../..", "a\r\nb", "\x00", "=?utf-8?q?="),
    *("{{#if a}}", "{{/}}", "{{a", "{}", '{"a": 1}', "\ud800", "bounce@simulator.amazonses.com"),
]


@tag("fuzz")
class GarbageRequestTests(LocalSesTestCase):
    COUNT = 1500

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # moto's memory is that of the process, and other tests list what is in it.
        for backends in (ses_backends, sesv2_backends, sns_backends):
            cls.addClassCleanup(backends[ACCOUNT].clear)

    def check(self, service: str, method: str, path: str, body: bytes, **headers: str) -> None:
        authorization = AUTHORIZATION.format(service)
        status, _, answer = self.amazon.request(
            method, path, body, Authorization=authorization, **headers
        )
        self.assertLess(status, 500, (method, path, body, answer))

    def test_forms(self) -> None:
        for service in ("ses", "sts", "sns"):
            model, rng = get_service_model(service), random.Random(service)
            for _ in range(self.COUNT):
                name = rng.choice(model.operation_names)
                params = garbage(rng, model.operation_model(name).input_shape)
                form = [("Action", name), *fields("", params)]
                body = urlencode(form, errors="replace").encode()
                headers = {"Content_Type": "application/x-www-form-urlencoded"}
                self.check(service, "POST", "/", body, **headers)

    def test_json(self) -> None:
        model, rng = get_service_model("sesv2"), random.Random(2)
        for _ in range(self.COUNT):
            operation = model.operation_model(rng.choice(model.operation_names))
            body = json.dumps(garbage(rng, operation.input_shape)).encode()
            path = re.sub(
                r"\{.*?\}", quote(rng.choice(["x", "{", "%", "é"])), operation.http["requestUri"]
            )
            self.check("ses", operation.http["method"], path, body[: rng.choice([None, -1])])


def garbage(rng: random.Random, shape: Any, depth: int = 0) -> Any:
    """A value for a parameter, now and then of another type."""
    kind = shape.type_name if shape else ""
    if rng.random() < 0.1 and depth:
        return rng.choice([None, 1, [], {}, True, 1.5, *TEXTS])
    if kind == "structure":
        kept = [name for name in shape.members if rng.random() < 0.7]
        return {name: garbage(rng, shape.members[name], depth + 1) for name in kept}
    if kind == "list":
        return [garbage(rng, shape.member, depth + 1) for _ in range(rng.randrange(4))]
    if kind == "blob":
        return base64.b64encode(rng.choice([RAW, b"", rng.randbytes(60)])).decode()
    if kind in ("boolean", "integer", "long"):
        return rng.choice([True, False] if kind == "boolean" else [0, 1, -1, 10**20])
    return rng.choice([*TEXTS, *(getattr(shape, "enum", None) or ())]) if depth else {}


def fields(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    """The fields of a form for a value."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from fields(f"{prefix}.{name}".strip("."), item)
    elif isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from fields(f"{prefix}.member.{number}", item)
    else:
        yield prefix, str(value)
