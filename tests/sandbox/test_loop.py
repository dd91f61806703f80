"""The whole loop: a message goes to the sandbox, and a signal comes to a site of another process.

The sandbox runs as people start it; the site is this package's webhooks, which check signatures,
topics and the shared secret. In between there is nothing but HTTP.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from django.core.handlers.wsgi import WSGIHandler
from django.dispatch import Signal
from django.test import SimpleTestCase, override_settings

from anymail.backends.amazon_ses import EmailBackend
from anymail.backends.amazon_sesv2 import EmailBackend as EmailBackendV2
from anymail.message import AnymailMessage
from anymail.sandbox.aws.local_aws import LocalAws
from anymail.sandbox.servers import serve
from anymail.signals import inbound, tracking

from ..local_sns import PATIENCE, wait_until
from . import running_sandbox

SIMULATOR = "simulator.amazonses.com"
MAIL = (
    "From: Bob <bob@example.net>\r\nTo: support@tea.example\r\nSubject: {0}\r\n"
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n"
    "--b\r\nContent-Type: application/pdf\r\n"
    'Content-Disposition: attachment; filename="prices.pdf"\r\n'
    "Content-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n"
)
#: What becomes of a message to each address of the simulator: event type and a detail of the event.
FATES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "success": [("sent", {}), ("delivered", {})],
    "bounce": [
        ("sent", {}),
        ("bounced", {"bounce_type": "Permanent", "is_hard_bounce": True, "smtp_status": "5.1.1"}),
    ],
    "ooto": [("sent", {}), ("delivered", {}), ("bounced", {"bounce_type": "Transient"})],
    "complaint": [("sent", {}), ("delivered", {}), ("complained", {"complaint_type": "abuse"})],
    "suppressionlist": [
        ("sent", {}),
        ("bounced", {"bounce_subtype": "Suppressed", "is_suppressed": True}),
    ],
    "delay": [("sent", {}), ("deferred", {}), ("delivered", {})],
    "open": [("sent", {}), ("delivered", {}), ("opened", {})],
    "click": [
        ("sent", {}),
        ("delivered", {}),
        ("clicked", {"click_url": "https://example.com/tea"}),
    ],
    "reject": [("rejected", {"description": "Bad content"})],
    "somebody": [("sent", {}), ("delivered", {})],
}


@dataclass
class Request:
    """What was asked of the webhooks.

    :param status: None until it is answered.
    """

    is_authorized: bool
    status: int | None = None


class Site:
    """The webhooks, behind something that can fail and remembers how it was asked."""

    def __init__(self) -> None:
        self.application = WSGIHandler()
        self.is_set_up = False
        self.failures = 0
        self.requests: list[Request] = []
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(is_authorized="HTTP_AUTHORIZATION" in environ)

        def answer(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            request.status = int(status[:3])
            return start_response(status, headers, *rest)

        with self._lock:
            fails = not self.is_set_up or self.failures > 0
            self.failures -= self.is_set_up and fails
            self.requests.append(request)
        if fails:
            answer("503 Service Unavailable", [])
            return [b""]
        return self.application(environ, answer)


class LoopTests(SimpleTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        with ExitStack() as stack:
            cls.site = Site()
            url = stack.enter_context(serve(cls.site, "127.0.0.1", 0))
            sandbox = stack.enter_context(running_sandbox(f"--site={url}"))
            cls.page = sandbox.page
            anymail = sandbox.ready["anymail"]
            stack.enter_context(override_settings(ANYMAIL=anymail, ALLOWED_HOSTS=["127.0.0.1"]))
            cls.amazon = LocalAws(url=sandbox.ready["amazon"], journal=None, faults=None, sns=None)
            cls.site.is_set_up = True
            wait_until(cls.is_subscribed)
            cls.addClassCleanup(stack.pop_all().close)

    @classmethod
    def is_subscribed(cls) -> bool:
        found = cls.amazon.client("sns").list_subscriptions()["Subscriptions"]
        arns = [one["SubscriptionArn"] for one in found if one["Protocol"] != "sqs"]
        return len(arns) == 2 and "PendingConfirmation" not in arns

    def send(self, backend: type = EmailBackend, **fields: Any) -> AnymailMessage:
        defaults = {"subject": "Tea", "body": "Green.", "from_email": "orders@tea.example"}
        message = AnymailMessage(**{**defaults, **fields})
        backend().send_messages([message])
        return message

    def test_every_address_of_the_simulator(self):
        for name, fate in FATES.items():
            domain = SIMULATOR if name != "somebody" else "example.org"
            recipient = f"{name}+label@{domain}"
            with self.subTest(name), heard(tracking) as events:
                message = AnymailMessage(
                    "Tea", "Green.", "orders@tea.example", [recipient], metadata={"order": 7}
                )
                message.attach_alternative('<a href="https://example.com/tea">x</a>', "text/html")
                EmailBackend().send_messages([message])
                wait_until(lambda: len(events) >= len(fate))  # noqa: B023
                time.sleep(0.2)  # and nothing else
                self.assertEqual(
                    Counter(event.event_type for event in events), Counter(word for word, _ in fate)
                )
                for event in events:
                    self.assertEqual(event.recipient, recipient)
                    self.assertEqual(event.message_id, message.anymail_status.message_id)
                    # SES leaves the headers out there.
                    metadata = {} if event.event_type == "deferred" else {"order": 7}
                    self.assertEqual(event.metadata, metadata)
                    for field, value in dict(fate)[event.event_type].items():
                        self.assertEqual(getattr(event, field), value, field)

    def test_a_template_with_a_variable_without_a_value(self):
        self.store_template("greeting", "Hello {{name}}")
        for backend in (EmailBackend, EmailBackendV2):
            with self.subTest(backend.__module__), heard(tracking) as events:
                message = self.send(
                    backend,
                    template_id="greeting",
                    subject=None,
                    body="",
                    to=["zoe@example.net"],
                    merge_data={"zoe@example.net": {"nickname": "Zoë"}},
                )
                self.assertEqual(message.anymail_status.status, {"queued"})
                wait_until(lambda: [e for e in events if e.event_type == "failed"])
                [failed] = [event for event in events if event.event_type == "failed"]
                self.assertIn("name", failed.description)
                self.assertEqual(failed.recipient, "zoe@example.net")

    def test_a_bulk_send_over_v2(self):
        self.store_template("news", "Hello {{name}}")
        people = {f"reader{number}@example.net": {"name": str(number)} for number in range(60)}
        with heard(tracking) as events:
            message = self.send(
                EmailBackendV2,
                template_id="news",
                subject=None,
                body="",
                to=list(people),
                merge_data=people,
            )
            self.assertEqual(len(message.anymail_status.message_id), 60)
            wait_until(lambda: len(delivered(events)) == 60)
        statuses = message.anymail_status.recipients
        self.assertEqual(
            {event.recipient: event.message_id for event in delivered(events)},
            {address: status.message_id for address, status in statuses.items()},
        )

    def test_mail_arrives_by_every_action(self):
        for rule in ("sns", "s3", "s3-encrypted"):
            with self.subTest(rule), heard(inbound) as events:
                self.receive(MAIL.format(f"By {rule}"), rule)
                wait_until(lambda: events)
                [event] = events
                self.assertEqual(event.message.subject, f"By {rule}")
                [attachment] = event.message.attachments
                self.assertEqual(
                    (attachment.get_filename(), attachment.get_content_bytes()),
                    ("prices.pdf", b"%PDF"),
                )
                self.assertEqual(event.message.envelope_recipient, "support@tea.example")
                self.assertIs(event.message.spam_detected, False)

    def test_what_is_sent_to_a_domain_of_ours_arrives(self):
        with heard(inbound) as events, heard(tracking) as others:
            self.send(to=["support@tea.example"], subject="To ourselves")
            wait_until(lambda: events and len(others) == 2)
            self.assertEqual(events[0].message.subject, "To ourselves")

    def test_what_the_site_could_not_take_comes_again_and_once(self):
        self.site.failures = 2
        before = len(self.site.requests)
        with heard(tracking) as events:
            self.send(to=[f"success+again@{SIMULATOR}"])
            wait_until(lambda: {event.event_type for event in events} == {"sent", "delivered"})
        statuses = [request.status for request in self.site.requests[before:]]
        self.assertEqual(statuses.count(503), 2)
        self.assertEqual(len({event.event_id for event in events}), len(events))

    def test_sns_shows_the_secret_only_when_it_is_asked(self):
        before = len(self.site.requests)
        with heard(tracking) as events:
            self.send(to=[f"success+ask@{SIMULATOR}"])
            wait_until(lambda: len(events) == 2)
        requests = self.site.requests[before:]
        wait_until(lambda: all(request.status for request in requests))
        asked = [(request.is_authorized, request.status) for request in requests]
        self.assertEqual(asked, [(False, 401), (True, 200)] * 2)

    def test_both_webhooks_are_the_products_own_with_signature_checking_on(self):
        forged = requests.post(
            f"{self.page}anymail/amazon_ses/tracking/",
            data='{"Type": "Notification", "Message": "{}"}',
            headers={"x-amz-sns-message-type": "Notification"},
            timeout=PATIENCE,
        )
        self.assertEqual(forged.status_code, 401)

    def store_template(self, name: str, text: str) -> None:
        self.amazon.client("sesv2").create_email_template(
            TemplateName=name, TemplateContent={"Subject": text, "Text": text}
        )

    def receive(self, mail: str, rule: str) -> None:
        """Let a mail arrive, with the page's form."""
        session = requests.Session()
        session.trust_env = False
        address = f"{self.page}inbox/receive/?how=source"
        form = session.get(address, timeout=PATIENCE).text
        token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', form)[1]
        answer = session.post(
            address,
            data={"csrfmiddlewaretoken": token, "source": mail, "rule": rule},
            headers={"Referer": self.page},
            timeout=PATIENCE,
        )
        self.assertIn("Timeline", answer.text)


def delivered(events: list[Any]) -> list[Any]:
    return [event for event in events if event.event_type == "delivered"]


@contextmanager
def heard(signal: Signal) -> Iterator[list[Any]]:
    """The events that a signal brings during a ``with`` block."""
    found: list[Any] = []

    def receiver(event: Any, **_kwargs: Any) -> None:
        found.append(event)

    signal.connect(receiver, weak=False)
    try:
        yield found
    finally:
        signal.disconnect(receiver)
