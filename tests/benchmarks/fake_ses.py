"""A small HTTP server that answers as both APIs of SES, in a process of its own.

It can be slow, and throttle like SES: a token bucket of recipients that holds one second's worth.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qs
from urllib.request import urlopen

from ..http_process import Answer, http_process

V1_OK = (
    b'<SendRawEmailResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><SendRawEmailResult>'
    b"<MessageId>%s</MessageId></SendRawEmailResult></SendRawEmailResponse>"
)
V1_BULK = (
    b'<SendBulkTemplatedEmailResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/">'
    b"<SendBulkTemplatedEmailResult><Status>%s</Status></SendBulkTemplatedEmailResult>"
    b"</SendBulkTemplatedEmailResponse>"
)
V1_THROTTLED = (
    b'<ErrorResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><Error><Type>Sender</Type>'
    b"<Code>Throttling</Code><Message>Maximum sending rate exceeded.</Message></Error>"
    b"</ErrorResponse>"
)


@dataclass
class State:
    """How the server behaves, and what it has seen."""

    latency: float = 0.0
    rate: float = 0.0
    tokens: float = 0.0
    refilled_at: float = field(default_factory=time.monotonic)
    accepted: int = 0
    refused: int = 0

    def take(self, recipients: int) -> bool:
        """Whether that many recipients may be sent to now."""
        if not self.rate:
            return True
        now = time.monotonic()
        self.tokens = min(self.rate, self.tokens + (now - self.refilled_at) * self.rate)
        self.refilled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= recipients
        return True


def make_answer() -> Answer:
    """For the new process."""
    return partial(_answer, State())


async def _answer(state: State, method: bytes, path: str, body: bytes) -> tuple[int, bytes]:
    if method == b"GET":
        return 200, _control(state, path)
    if state.latency:
        await asyncio.sleep(state.latency)
    is_v1 = path == "/"
    recipients = _count(body, is_v1, path)
    if not state.take(recipients):
        state.refused += 1
        if is_v1:
            return 400, V1_THROTTLED
        return 429, b'{"message": "Maximum sending rate exceeded."}'
    state.accepted += recipients
    return 200, _success(state.accepted, recipients, is_v1, path, body)


def _count(body: bytes, is_v1: bool, path: str) -> int:
    if not is_v1:
        return body.count(b'"ReplacementTemplate"') if "bulk" in path else 1
    if b"Action=SendBulkTemplatedEmail" in body[:64]:
        return body.count(b".ReplacementTemplateData=")
    return body.count(b"Destinations.member.")


def _success(number: int, recipients: int, is_v1: bool, path: str, body: bytes) -> bytes:
    if not is_v1:
        if "bulk" in path:
            one = {"Status": "SUCCESS", "MessageId": str(number)}
            return json.dumps({"BulkEmailEntryResults": [one] * recipients}).encode()
        return json.dumps({"MessageId": str(number)}).encode()
    if b"Action=SendBulkTemplatedEmail" in body[:64]:
        member = b"<member><Status>Success</Status><MessageId>%d</MessageId></member>" % number
        return V1_BULK % (member * recipients)
    return V1_OK % str(number).encode()


def _control(state: State, path: str) -> bytes:
    seen = json.dumps({"accepted": state.accepted, "refused": state.refused}).encode()
    if "?" in path:
        query = parse_qs(path.partition("?")[2])
        state.latency = float(query["latency"][0])
        state.rate = state.tokens = float(query["rate"][0])
        state.accepted = state.refused = 0
        state.refilled_at = time.monotonic()
    return seen


@dataclass
class FakeSES:
    """A running server."""

    url: str

    def set(self, latency: float = 0.0, rate: float = 0.0) -> None:
        """Change how it behaves, and forget what it has seen.

        :param latency: seconds before each answer.
        :param rate: recipients per second; 0 for no limit.
        """
        urlopen(f"{self.url}/control?latency={latency}&rate={rate}").read()

    def seen(self) -> dict[str, int]:
        """How many recipients were accepted, and how many calls refused."""
        result: dict[str, int] = json.loads(urlopen(f"{self.url}/control").read())
        return result


@contextlib.contextmanager
def fake_ses() -> Iterator[FakeSES]:
    """Run the server."""
    with http_process(make_answer) as url:
        yield FakeSES(url)
