"""An SES on loopback that does what a test says, and workers that are driven step by step."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from anymail import outbox, testing
from anymail.message import AnymailMessage
from anymail.outbox import leases
from anymail.outbox.channel import Channel, Limits
from anymail.outbox.ids import TAG
from anymail.outbox.ledger import entries, recipients
from anymail.outbox.models import Entry
from anymail.outbox.reaping import reap

from ..ses import CREDENTIALS, Request, loopback_server, v1_error, v1_success
from ..sns_samples import TRACKING_URL
from . import OutboxTransactionTestCase, use_outbox

#: No test has less patience.
PATIENCE = 30.0
LEASE = 60.0
LIMITS = Limits(lease=LEASE, max_attempts=3, keep_content=0)
_DESTINATION = re.compile(r"Destinations\.member\.(\d+)(\.Destination\.ToAddresses\.member\.1)?")
_BULK = (
    '<SendBulkTemplatedEmailResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/">'
    "<SendBulkTemplatedEmailResult><Status>%s</Status></SendBulkTemplatedEmailResult>"
    "</SendBulkTemplatedEmailResponse>"
)
_MEMBER = "<member><Status>%s</Status>%s</member>"


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call as SES gets it.

    :param to: the recipients.
    :param tag: the value of the outbox's message tag.
    """

    id: str
    to: list[str]
    tag: str
    form: dict[str, str]
    is_v2: bool = False

    @property
    def is_bulk(self) -> bool:
        """Whether each recipient has a status of its own."""
        return self.form["Action"] in ("SendBulkTemplatedEmail", "SendBulkEmail")


Answer = tuple[int, bytes] | None


@dataclass(kw_only=True)
class Ses:
    """What is known on the side of SES.

    :param answer: what SES answers; by default it accepts.
    :param quota: what it answers to the question for the quota; by default, that nobody may ask.
    """

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    accepted: list[Call] = field(default_factory=list)
    answer: Callable[[Call], Answer] = field(init=False)
    quota: Callable[[], Answer] = field(
        default=lambda: (400, v1_error("AccessDenied", "no permission"))
    )

    def __post_init__(self) -> None:
        self.answer = self.accept

    def accept(self, call: Call) -> Answer:
        """Take a message."""
        self.accepted.append(call)
        if call.is_bulk:
            return bulk_answer(call, {})
        if call.is_v2:
            return 200, json.dumps({"MessageId": call.id}).encode()
        return 200, v1_success(call.id)

    def accept_and(self, then: Answer) -> Callable[[Call], Answer]:
        """Take messages, but answer something else."""

        def answer(call: Call) -> Answer:
            self.accept(call)
            return then

        return answer

    @property
    def got(self) -> Counter[str]:
        """How many mails each address has got."""
        return Counter(address for call in self.accepted for address in call.to)

    def handle(self, request: Request, number: int) -> Answer:
        """Answer a request."""
        if request.path != "/":
            call = _call_of_v2(request, f"m-{number}")
        elif request.form["Action"] == "GetSendQuota":
            return self.quota()
        else:
            call = _call_of_v1(request.form, f"m-{number}")
        self.calls.append(call)
        return self.answer(call)


def quota_answer(*, rate: float = 10_000.0, daily: float = -1.0, sent: float = 0.0) -> Answer:
    """What SES grants (Amazon SES API Reference, "GetSendQuota")."""
    found = {"MaxSendRate": rate, "Max24HourSend": daily, "SentLast24Hours": sent}
    result = "".join(f"<{name}>{value}</{name}>" for name, value in found.items())
    return 200, (
        f'<GetSendQuotaResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/">'
        f"<GetSendQuotaResult>{result}</GetSendQuotaResult></GetSendQuotaResponse>"
    ).encode()


def _call_of_v1(form: dict[str, str], message_id: str) -> Call:
    found = {
        int(match[1]): value
        for name, value in form.items()
        if (match := _DESTINATION.fullmatch(name)) and "@" in value
    }
    tags = {
        form[name]: form[name.removesuffix("Name") + "Value"]
        for name in form
        if re.fullmatch(r"(Default)?Tags\.member\.\d+\.Name", name)
    }
    to = [found[position] for position in sorted(found)]
    return Call(id=message_id, to=to, tag=tags.get(TAG, ""), form=form)


def _call_of_v2(request: Request, message_id: str) -> Call:
    body = request.json
    if "BulkEmailEntries" in body:
        return _bulk_call_of_v2(body, message_id)
    to = [address for some in body["Destination"].values() for address in some]
    tags = {tag["Name"]: tag["Value"] for tag in body.get("EmailTags", ())}
    form = {"Action": "SendEmail", "TenantName": body.get("TenantName", "")}
    return Call(id=message_id, to=to, tag=tags.get(TAG, ""), form=form, is_v2=True)


def _bulk_call_of_v2(body: dict[str, Any], message_id: str) -> Call:
    found = [one["Destination"]["ToAddresses"] for one in body["BulkEmailEntries"]]
    tags = {tag["Name"]: tag["Value"] for tag in body.get("DefaultEmailTags", ())}
    return Call(
        id=message_id,
        to=[address for some in found for address in some],
        tag=tags.get(TAG, ""),
        form={"Action": "SendBulkEmail", "Body": json.dumps(body)},
        is_v2=True,
    )


def bulk_answer(call: Call, failed: dict[str, str]) -> Answer:
    """The answer to a bulk call.

    :param failed: the status of those that are not accepted, by address.
    """
    if call.is_v2:
        return _bulk_answer_of_v2(call, failed)
    members = [
        _MEMBER % (failed[address], "")
        if address in failed
        else _MEMBER % ("Success", f"<MessageId>{call.id}-{position}</MessageId>")
        for position, address in enumerate(call.to)
    ]
    return 200, (_BULK % "".join(members)).encode()


def _bulk_answer_of_v2(call: Call, failed: dict[str, str]) -> Answer:
    results = [
        {"Status": failed[address]}
        if address in failed
        else {"Status": "SUCCESS", "MessageId": f"{call.id}-{position}"}
        for position, address in enumerate(call.to)
    ]
    return 200, json.dumps({"BulkEmailEntryResults": results}).encode()


def refusing(code: str, text: str = "No.", status: int = 400) -> Callable[[Call], Answer]:
    """SES answers every call with an error."""
    return lambda call: (status, v1_error(code, text))


class Held:
    """Answers that wait until the test says so."""

    def __init__(self, ses: Ses, then: Callable[[Call], Answer] | None = None) -> None:
        self._ses, self._then = ses, then or ses.accept
        self.released = threading.Event()

    def __call__(self, call: Call) -> Answer:
        answer = self._then(call)
        self.released.wait(PATIENCE)
        return answer


@contextmanager
def loopback_ses() -> Iterator[Ses]:
    """Run an SES."""
    ses = Ses()
    with loopback_server(ses.handle) as server:
        ses.url = server.url
        yield ses


class Clock:
    """The time of the database's rows and of leases; tests move it.

    :param is_frozen: it stands still otherwise.
    """

    def __init__(self, *, is_frozen: bool = False) -> None:
        self._began = (_real_now(), time.time(), time.monotonic()) if is_frozen else None
        self.offset = 0.0
        #: Of the clock that only machines know, which nobody sets.
        self.passed = 0.0

    def now(self) -> datetime:
        now = self._began[0] if self._began else _real_now()
        return now + timedelta(seconds=self.offset)

    def time(self) -> float:
        return (self._began[1] if self._began else time.time()) + self.offset

    def clock_gettime(self, _clock: int) -> float:
        return (self._began[2] if self._began else time.monotonic()) + self.passed

    def monotonic(self) -> float:
        return self.clock_gettime(0) if self._began else time.monotonic()

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.offset += seconds
        self.passed += seconds

    @contextmanager
    def in_use(self) -> Iterator[None]:
        with (
            mock.patch.object(timezone, "now", self.now),
            mock.patch.object(leases, "time", self),
        ):
            yield


_real_now = timezone.now


class FaultTestCase(OutboxTransactionTestCase):
    """With an SES on loopback, a clock that the test moves, and real commits."""

    #: What is in ``ANYMAIL`` beside the usual.
    anymail: dict[str, Any] = {}
    path = "anymail.backends.amazon_ses.EmailBackend"

    def setUp(self) -> None:
        super().setUp()
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.ses = stack.enter_context(loopback_ses())
        self.clock = Clock()
        stack.enter_context(self.clock.in_use())
        stack.enter_context(testing.trusted_sns())
        params = {"endpoint_url": self.ses.url, **CREDENTIALS}
        stack.enter_context(
            use_outbox(
                self.path,
                **{
                    "WEBHOOK_SECRET": "sns:secret",
                    "AMAZON_SES_CLIENT_PARAMS": params,
                    "AMAZON_SES_MAX_SEND_RATE": 10_000,
                    "OUTBOX_MAX_ATTEMPTS": LIMITS.max_attempts,
                    **self.anymail,
                },
            )
        )

    # Send

    def send(self, *to: str, **kwargs: Any) -> UUID:
        """Store a message; gives its id."""
        to = to or ("to@example.com",)
        defaults: dict[str, Any] = {
            **({} if "template_id" in kwargs else {"subject": "Hello", "body": "Text"}),
            "from_email": "from@example.com",
        }
        message: Any = AnymailMessage(to=list(to), **{**defaults, **kwargs})
        message.send()
        found: UUID = message.outbox_id
        return found

    @staticmethod
    def with_anymail(**changes: Any) -> dict[str, Any]:
        """``ANYMAIL`` with changes."""
        return {**settings.ANYMAIL, **changes}

    # Work

    def deliver(self) -> outbox.Counts:
        """Do what is due."""
        return outbox.deliver(until_empty=True)

    def mailer(self) -> str:
        """Who delivers."""
        name: str = Entry._default_manager.values_list("mailer", flat=True)[0]
        return name

    def channel(self, name: str = "worker", limits: Limits = LIMITS) -> Channel:
        """A worker to be driven by hand."""
        channel = Channel(self.mailer(), name, limits, lambda: None)
        self.addCleanup(channel.close)
        return channel

    def claimed(self, **kwargs: Any) -> Channel:
        """A worker that has claimed what is due."""
        channel = self.channel(**kwargs)
        channel.step(may_claim=True)
        return channel

    def posted(self, **kwargs: Any) -> Channel:
        """A worker that has posted, and got its answers, but not written them down."""
        channel = self.claimed(**kwargs)
        before = len(self.ses.calls)
        channel.step(may_claim=False)
        self.wait_until(lambda: len(self.ses.calls) > before and not channel.posted)
        return channel

    def work(self, channel: Channel, *, may_claim: bool = True) -> None:
        """Let a worker do everything that it has, and what is due."""
        deadline = time.monotonic() + PATIENCE
        while channel.step(may_claim=may_claim) or not channel.is_idle:
            assert time.monotonic() < deadline, "The worker does not end."
            time.sleep(0.005)

    def reap(self) -> outbox.Counts:
        """Take from dead workers what they had."""
        return reap(lease=LEASE, max_attempts=LIMITS.max_attempts)

    def lease_is_over(self) -> None:
        """Let the lease of all workers be over, and find out."""
        self.clock.pass_by(LEASE + 1)
        self.reap()

    def doubt(self) -> None:
        """The same; messages were being posted."""
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.lease_is_over()

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait for other threads."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < deadline, "It does not happen."
            time.sleep(0.005)

    # SES's events

    def post_event(self, call: Call, kind: str = "send", to: list[str] | None = None) -> None:
        """SES tells the webhook about an accepted message."""
        request = testing.sns_notification(
            kind,
            recipient=to or call.to,
            message_id=call.id,
            message_tags={TAG: [call.tag]},
        )
        self.assertEqual(self.client.post(TRACKING_URL, **request).status_code, 200)

    # Look

    def state(self, entry_id: UUID | None = None) -> str:
        """The state of a message, or of the only one."""
        rows = entries() if entry_id is None else entries().filter(pk=entry_id)
        return rows.values_list("state", flat=True).get()

    def statuses(self) -> dict[str, str]:
        """The statuses of all recipients."""
        return dict(recipients().values_list("address", "status"))

    def message_ids(self) -> dict[str, str]:
        """The message ids of all recipients."""
        return dict(recipients().values_list("address", "message_id"))


class Broken:
    """An e-mail backend that cannot be made."""

    def __init__(self, **kwargs: Any) -> None:
        raise ZeroDivisionError("in the project's own code")
