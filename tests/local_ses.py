"""For tests of the sandbox's SES: all of its Amazon side on loopback, and boto3 clients for it."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

from botocore.exceptions import ClientError
from django.test import SimpleTestCase

from anymail.sandbox.aws.defaults import CREDENTIALS
from anymail.sandbox.aws.dns.server import serve_dns
from anymail.sandbox.aws.dns.zone import Dns
from anymail.sandbox.aws.endpoint import AwsEndpoint
from anymail.sandbox.aws.events.publish import Publisher
from anymail.sandbox.aws.faults import Faults
from anymail.sandbox.aws.identities import Identities, Identity
from anymail.sandbox.aws.receive.receive import receive
from anymail.sandbox.aws.ses.context import SesContext
from anymail.sandbox.aws.sns.local_sns import LocalSns
from anymail.sandbox.aws.sns.signing_key import SigningKey
from anymail.sandbox.aws.suppression import SuppressionLists
from anymail.sandbox.journal import Journal, SentMail
from anymail.sandbox.servers import local_hosts

from .class_context import enter_class_context
from .local_sns import PATIENCE, wait_until
from .steady_server import steady_client, steady_server

KEY = SigningKey.generate()
ALL_TYPES = [
    "SEND",
    "REJECT",
    "BOUNCE",
    "COMPLAINT",
    "DELIVERY",
    "OPEN",
    "CLICK",
    "RENDERING_FAILURE",
    "DELIVERY_DELAY",
]
SENDER = "shop@example.com"
CUSTOMER = "ann@example.net"
RAW = b"From: shop@example.com\r\nTo: ann@example.net\r\nSubject: Hello\r\n\r\nHello!\r\n"


def unique(word: str) -> str:
    """A name that no other test has: moto's memory is that of the process."""
    return f"{word}-{uuid.uuid4().hex[:12]}"


@dataclass(kw_only=True)
class LocalSes:
    """Amazon, in this process."""

    url: str
    journal: Journal
    faults: Faults
    publisher: Publisher
    state: SesContext

    def client(self, service: str, region: str = CREDENTIALS["region_name"]) -> Any:
        """A boto3 client that does not retry."""
        return steady_client(self.url, service, region)

    def mail(self, message_id: str) -> SentMail:
        """A message that was accepted."""
        found = self.journal.sent_mail(message_id)
        assert found is not None, f"{message_id} was not accepted"
        return found

    def wait_for(self, message_id: str, *kinds: str) -> SentMail:
        """The message, when just this has happened to it, in this order."""
        mail = self.mail(message_id)
        wait_until(lambda: len(mail.events) >= len(kinds))
        found = [event.kind for event in mail.events]
        assert found == list(kinds), f"{found} instead of {list(kinds)}"
        return mail

    def identity(self, name: str, region: str = CREDENTIALS["region_name"]) -> Identity:
        """An identity as it is inside of SES, where it can be changed; new if there is none."""
        identities = self.state.identities
        if identities.find(region, name) is None:
            self.client("sesv2", region).create_email_identity(EmailIdentity=name)
        return identities.known[region, name.lower()]

    @property
    def account(self) -> dict[str, Any]:
        """What ``GetAccount`` says in the default region; it can be changed."""
        return self.state.accounts[CREDENTIALS["region_name"]]

    @property
    def dns(self) -> Dns:
        """What the DNS says."""
        return self.state.identities.dns

    @contextmanager
    def nameserver(self) -> Iterator[str]:
        """``host:port`` of a DNS server that says so."""
        with serve_dns(self.dns, "127.0.0.1", 0) as port:
            yield f"127.0.0.1:{port}"

    def topic(self) -> Topic:
        """A topic of SNS, and a queue that gets what is published there."""
        name = unique("topic")
        topic_arn = self.client("sns").create_topic(Name=name)["TopicArn"]
        queue = self.client("sqs").create_queue(QueueName=name)["QueueUrl"]
        self.client("sns").subscribe(
            TopicArn=topic_arn, Protocol="sqs", Endpoint=topic_arn.replace(":sns:", ":sqs:")
        )
        return Topic(arn=topic_arn, queue=queue, sqs=self.client("sqs"))

    def configuration_set(self, topic: Topic | None = None, types: Any = ALL_TYPES) -> str:
        """A new configuration set; what its destination published first is taken away."""
        name = unique("set")
        self.client("sesv2").create_configuration_set(ConfigurationSetName=name)
        if topic is not None:
            self.client("sesv2").create_configuration_set_event_destination(
                ConfigurationSetName=name,
                EventDestinationName="sns",
                EventDestination={
                    "Enabled": True,
                    "MatchingEventTypes": types,
                    "SnsDestination": {"TopicArn": topic.arn},
                },
            )
            topic.published()
        return name

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Post something odd; gives status, headers and body of the answer."""
        return self.request("POST", path, body, **headers)

    def request(
        self, method: str, path: str, body: bytes | None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """The same with any method."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=PATIENCE)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, names)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()
        finally:
            connection.close()


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A topic, and the queue behind it."""

    arn: str
    queue: str
    sqs: Any

    def published(self) -> list[dict[str, Any]]:
        """The SNS envelopes since the last time."""
        found: list[dict[str, Any]] = []
        while answer := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in answer:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def documents(self) -> list[dict[str, Any]]:
        """What SES published since the last time."""
        return [json.loads(envelope["Message"]) for envelope in self.published()]


@contextmanager
def local_ses(**faults: Any) -> Iterator[LocalSes]:
    """All of the Amazon side for the length of a ``with`` block."""
    journal, settings = Journal(), Faults(**faults)
    sns = LocalSns(journal, KEY, retry_pause=0.01, timeout=PATIENCE)
    identities = Identities(dns=Dns(), faults=settings)
    incoming = partial(receive, sns=sns, journal=journal)
    suppression = SuppressionLists()
    publisher = Publisher(journal, sns, incoming, identities, suppression, pace=0.01)
    ses = SesContext(
        publisher=publisher,
        sns=sns,
        faults=settings,
        identities=identities,
        suppression=suppression,
    )
    with ExitStack() as stack:
        stack.callback(sns.close)
        stack.callback(publisher.close)
        endpoint = AwsEndpoint(ses, hosts=local_hosts("127.0.0.1"))
        url = stack.enter_context(steady_server.get().serving(endpoint))
        yield LocalSes(url=url, journal=journal, faults=settings, publisher=publisher, state=ses)


class LocalSesTestCase(SimpleTestCase):
    """Tests with an Amazon of their own; the faults are as they were after each of them."""

    amazon: LocalSes

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.amazon = enter_class_context(cls, local_ses())
        cls.ses = cls.amazon.client("ses")
        cls.sesv2 = cls.amazon.client("sesv2")

    def tearDown(self) -> None:
        faults = self.amazon.faults
        faults.latency, faults.rate, faults.verified_only = 0.0, None, False
        faults._full_at, faults.is_paused, faults.asks_in_vain = 0.0, False, False
        faults.denied.clear()

    def stop_the_clock(self) -> None:
        """A send rate grants nothing more to who waits, or is slow."""
        patch = mock.patch.object(self.amazon.faults, "clock", return_value=0.0)
        patch.start()
        self.addCleanup(patch.stop)

    def refusal(self, call: Any, *args: Any, **kwargs: Any) -> tuple[str, int, str]:
        """The code, HTTP status and text of the error that a call raises."""
        with self.assertRaises(ClientError) as raised:
            call(*args, **kwargs)
        response = raised.exception.response
        error, status = response["Error"], response["ResponseMetadata"]["HTTPStatusCode"]
        return error["Code"], status, error["Message"]

    def send_raw(self, raw: bytes = RAW, **params: Any) -> str:
        """Send with v1; gives the ``MessageId``."""
        return self.ses.send_raw_email(RawMessage={"Data": raw}, **params)["MessageId"]

    def send_raw_v2(self, raw: bytes = RAW, **params: Any) -> str:
        """Send with v2; gives the ``MessageId``."""
        return self.sesv2.send_email(Content={"Raw": {"Data": raw}}, **params)["MessageId"]

    def send_simple(self, *to: str, text: str = "Hello!", **params: Any) -> str:
        """Send a message that SES composes, with v2."""
        return self.sesv2.send_email(
            FromEmailAddress=SENDER,
            Destination={"ToAddresses": list(to)},
            Content={
                "Simple": {
                    "Subject": {"Data": "Hello"},
                    "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
                }
            },
            **params,
        )["MessageId"]

    def create_template(self, subject: str = "Hello {{name}}", **parts: str) -> str:
        """A stored template."""
        name = unique("template")
        content = {"Subject": subject, **(parts or {"Text": "Dear {{name}}"})}
        self.sesv2.create_email_template(TemplateName=name, TemplateContent=content)
        return name
