"""Amazon SES on loopback, in a process of its own: it notes what it accepts, throttles as SES does,
and fails as it is told.

Sources: Amazon SES API Reference and API v2 Reference, the pages of the actions that send,
``GetSendQuota`` and ``GetAccount``, and "Common errors"; Developer Guide, "Service quotas".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl
from urllib.request import urlopen

from ..http_process import Answer, http_process

#: Errors by the names that tests give them: code in v1, code in v2, HTTP status, text.
ERRORS: dict[str, tuple[str, str, int, str]] = {
    "throttled": ("Throttling", "TooManyRequestsException", 429, "Maximum sending rate exceeded."),
    "quota": ("Throttling", "TooManyRequestsException", 429, "Daily message quota exceeded."),
    "refused": ("MessageRejected", "MessageRejected", 400, "Local address contains spam."),
    "unverified": (
        "MessageRejected",
        "MessageRejected",
        400,
        "Email address is not verified. The following identities failed the check in region "
        "US-EAST-1: from@example.com",
    ),
    "paused": (
        "AccountSendingPausedException",
        "SendingPausedException",
        400,
        "Email sending is disabled for your account.",
    ),
    "503": ("ServiceUnavailable", "ServiceUnavailableException", 503, "Unavailable."),
    "500": ("InternalFailure", "InternalFailure", 500, "Internal failure."),
}
NAMESPACE = "http://ses.amazonaws.com/doc/2010-12-01/"
#: Seconds; longer than any test.
FOREVER = 3600


@dataclass(kw_only=True)
class Behaviour:
    """How the server behaves.

    :param latency: seconds that a call takes, half of them before it is accepted.
    :param jitter: seconds that it may take longer.
    :param rate: recipients per second; 0 for no limit.
    :param granted: the rate that it reports, if that is not ``rate``.
    :param daily: the quota for a day, in recipients; -1 for none.
    :param sent_before: recipients of today besides those it accepted.
    :param quota_latency: seconds that it takes to report that.
    :param error: all calls that send fail with this one of :data:`ERRORS`.
    :param faults: by address of a recipient, what becomes of calls to it, one after the other:
        one of :data:`ERRORS`; ``"close"``, ``"hang"``: it is not accepted; ``"accept close"``,
        ``"accept hang"``, ``"accept 500"``: it is; ``"ok"``.
    """

    latency: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    granted: float = 0.0
    daily: float = -1.0
    sent_before: float = 0.0
    quota_latency: float = 0.0
    error: str = ""
    faults: dict[str, list[str]] = field(default_factory=dict)


class Mail(NamedTuple):
    """What one recipient's mail server would get; a call that is no template makes one for all.

    :param to: the addresses.
    :param tags: the message tags.
    """

    to: list[str]
    tags: dict[str, str]


class Accepted(NamedTuple):
    """What was accepted.

    :param at: seconds since 1970.
    """

    id: str
    at: float
    to: list[str]
    tags: dict[str, str]


class Server:
    """Its state."""

    def __init__(self) -> None:
        self.behave(Behaviour())
        self.accepted: list[Accepted] = []
        self.errors: Counter[str] = Counter()
        self.calls = self.recipients = 0

    def behave(self, behaviour: Behaviour) -> None:
        """Change how it behaves."""
        self.behaviour = behaviour
        self.tokens, self.refilled_at = behaviour.rate, time.monotonic()

    async def __call__(self, method: bytes, path: str, body: bytes) -> tuple[int, bytes] | None:
        """Answer a request."""
        if path.startswith("/control"):
            return 200, self._control(method, path, body)
        if b"Action=GetSendQuota" in body[:64]:
            await asyncio.sleep(self.behaviour.quota_latency)
            quota = "".join(f"<{name}>{value}</{name}>" for name, value in self._quota.items())
            return 200, v1_answer("GetSendQuota", quota)
        if path == "/v2/email/account":
            await asyncio.sleep(self.behaviour.quota_latency)
            return 200, json.dumps({"SendQuota": self._quota}).encode()
        await self._pass_time()
        answer = await self._send(path, body)
        await self._pass_time()
        return answer

    @property
    def _quota(self) -> dict[str, float]:
        return {
            "MaxSendRate": self.behaviour.granted or self.behaviour.rate,
            "Max24HourSend": self.behaviour.daily,
            "SentLast24Hours": self.behaviour.sent_before + self.recipients,
        }

    async def _pass_time(self) -> None:
        seconds = self.behaviour.latency / 2 + random.uniform(0, self.behaviour.jitter / 2)
        if seconds:
            await asyncio.sleep(seconds)

    async def _send(self, path: str, body: bytes) -> tuple[int, bytes] | None:
        self.calls += 1
        is_v1 = path == "/"
        mails, is_bulk = v1_mails(body) if is_v1 else v2_mails(path, body)
        fault = self._fault(mails)
        then = fault.removeprefix("accept ")
        is_accepted = not fault or then != fault
        ids = [self._accept(mail) for mail in mails] if is_accepted else []
        if then == "hang":
            await asyncio.sleep(FOREVER)
        if then == "close":
            return None
        if then:
            self.errors[then] += 1
            return error_answer(then, is_v1)
        return 200, success(ids, is_v1, is_bulk)

    def _fault(self, mails: Sequence[Mail]) -> str:
        for mail in mails:
            for address in mail.to:
                if left := self.behaviour.faults.get(address):
                    fault = left.pop(0)
                    return "" if fault == "ok" else fault
        if self.behaviour.error:
            return self.behaviour.error
        recipients = sum(len(mail.to) for mail in mails)
        sent = self.behaviour.sent_before + self.recipients
        if 0 <= self.behaviour.daily < sent + recipients:
            return "quota"
        return "" if self._take(recipients) else "throttled"

    def _take(self, recipients: int) -> bool:
        """Whether that many recipients may be sent to now."""
        rate = self.behaviour.rate
        if not rate:
            return True
        now = time.monotonic()
        self.tokens = min(rate, self.tokens + (now - self.refilled_at) * rate)
        self.refilled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= recipients
        return True

    def _accept(self, mail: Mail) -> str:
        self.recipients += len(mail.to)
        number = f"0100000000000000-{len(self.accepted):012}-000000"
        self.accepted.append(Accepted(number, time.time(), mail.to, mail.tags))
        return number

    def _control(self, method: bytes, path: str, body: bytes) -> bytes:
        if method == b"POST":
            self.behave(Behaviour(**json.loads(body)))
            return b""
        after = int(parse_qs(path.partition("?")[2]).get("after", ["0"])[0])
        seen = {
            "accepted": self.accepted[after:],
            "count": len(self.accepted),
            "errors": self.errors,
            "calls": self.calls,
        }
        return json.dumps(seen).encode()


def v1_mails(body: bytes) -> tuple[list[Mail], bool]:
    """What a call of the API v1 sends, and whether it is a bulk call."""
    params = dict(parse_qsl(body.decode()))
    common = _v1_tags(params, "Tags.") | _v1_tags(params, "DefaultTags.")
    if params["Action"] != "SendBulkTemplatedEmail":
        return [Mail(_values(params, "Destinations."), common)], False
    found = []
    for number in range(1, 51):
        prefix = f"Destinations.member.{number}."
        if not (to := _values(params, f"{prefix}Destination.")):
            break
        found.append(Mail(to, common | _v1_tags(params, f"{prefix}ReplacementTags.")))
    return found, True


def _values(params: Mapping[str, str], prefix: str) -> list[str]:
    return [value for name, value in params.items() if name.startswith(prefix)]


def _v1_tags(params: Mapping[str, str], prefix: str) -> dict[str, str]:
    names = [name for name in params if name.startswith(prefix) and name.endswith(".Name")]
    return {params[name]: params[f"{name.removesuffix('Name')}Value"] for name in names}


def v2_mails(path: str, body: bytes) -> tuple[list[Mail], bool]:
    """What a call of the API v2 sends, and whether it is a bulk call."""
    params = json.loads(body)
    if "bulk" not in path:
        return [Mail(_addresses(params), _v2_tags(params, "EmailTags"))], False
    common = _v2_tags(params, "DefaultEmailTags")
    entries = params["BulkEmailEntries"]
    return [
        Mail(_addresses(one), common | _v2_tags(one, "ReplacementTags")) for one in entries
    ], True


def _addresses(params: Mapping[str, Any]) -> list[str]:
    return [address for some in params["Destination"].values() for address in some]


def _v2_tags(params: Mapping[str, Any], name: str) -> dict[str, str]:
    return {tag["Name"]: tag["Value"] for tag in params.get(name, ())}


def success(ids: Sequence[str], is_v1: bool, is_bulk: bool) -> bytes:
    """The answer to a call that was accepted."""
    if not is_v1:
        results = [{"Status": "SUCCESS", "MessageId": one} for one in ids]
        answer = {"BulkEmailEntryResults": results} if is_bulk else {"MessageId": ids[0]}
        return json.dumps(answer).encode()
    if not is_bulk:
        return v1_answer("SendRawEmail", f"<MessageId>{ids[0]}</MessageId>")
    member = "<member><Status>Success</Status><MessageId>{}</MessageId></member>"
    members = "".join(member.format(one) for one in ids)
    return v1_answer("SendBulkTemplatedEmail", f"<Status>{members}</Status>")


def v1_answer(action: str, result: str) -> bytes:
    """XML."""
    return (
        f'<{action}Response xmlns="{NAMESPACE}"><{action}Result>{result}</{action}Result>'
        f"</{action}Response>"
    ).encode()


def error_answer(error: str, is_v1: bool) -> tuple[int, bytes]:
    """HTTP status and body for one of :data:`ERRORS`."""
    code, code_v2, status, text = ERRORS[error]
    if not is_v1:
        return status, json.dumps({"__type": code_v2, "message": text}).encode()
    xml = (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{text}</Message></Error></ErrorResponse>"
    )
    return 400 if status == 429 else status, xml.encode()


@dataclass(frozen=True, kw_only=True)
class SES:
    """A running server."""

    url: str

    def behave(self, **behaviour: Any) -> None:
        """Change how it behaves.

        :param behaviour: of :class:`Behaviour`; the rest is as usual.
        """
        body = json.dumps(asdict(Behaviour(**behaviour))).encode()
        urlopen(f"{self.url}/control", body).read()

    def accepted(self, after: int = 0) -> list[Accepted]:
        """What it has accepted.

        :param after: without so many, the first ones.
        """
        return [Accepted(*one) for one in self._seen(after)["accepted"]]

    def count(self) -> int:
        """How much it has accepted."""
        return int(self._seen(1 << 60)["count"])

    def errors(self) -> Counter[str]:
        """How often it answered with which of :data:`ERRORS`."""
        return Counter(self._seen(1 << 60)["errors"])

    def _seen(self, after: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(urlopen(f"{self.url}/control?after={after}").read())
        return found


@contextlib.contextmanager
def ses_process(**behaviour: Any) -> Iterator[SES]:
    """Run one.

    :param behaviour: of :class:`Behaviour`.
    """
    with http_process(make_answer) as url:
        ses = SES(url=url)
        ses.behave(**behaviour)
        yield ses


def make_answer() -> Answer:
    """For the new process."""
    return Server()
