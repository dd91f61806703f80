"""For tests of the consumer: an SQS on loopback (moto's), which fails as it is told."""

from __future__ import annotations

import io
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sqs.models import sqs_backends

from anymail.amazon_ses import sqs
from anymail.amazon_ses.sqs import Queue
from anymail.conf import AmazonSESSettings
from anymail.sandbox.aws.defaults import ACCOUNT, CREDENTIALS, REGION
from anymail.sandbox.servers import serve

#: An error, (HTTP status, code), or None to let SQS answer.
Fault = Callable[[str, dict[str, Any]], tuple[int, str] | dict[str, Any] | None]


@dataclass(kw_only=True)
class Call:
    """A request that SQS got."""

    operation: str
    parameters: dict[str, Any]
    at: float


@dataclass
class LocalSqs:
    """moto behind a WSGI application that makes it safe for threads, and counts and fails.

    :param fault: decides about each request.
    """

    url: str = ""
    fault: Fault = field(default=lambda operation, parameters: None)
    calls: list[Call] = field(default_factory=list)
    keeps_calls: bool = True
    lock: Any = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._clients: dict[str, Any] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        parameters = json.loads(body) if operation else {}
        if self.keeps_calls:
            call = Call(operation=operation, parameters=parameters, at=time.monotonic())
            self.calls.append(call)
        answer = self.fault(operation, parameters)
        if answer is None and operation == "StartMessageMoveTask":
            with self.lock:
                answer = move_dead_letters(parameters["SourceArn"])
        if answer is not None:
            return _answer(answer, start_response)
        if parameters.get("WaitTimeSeconds"):  # it may take that long
            return list(self._moto(environ, start_response))
        with self.lock:  # moto loses messages where two change a queue at the same time
            return list(self._moto(environ, start_response))

    def client(self, service: str = "sqs") -> Any:
        """A boto3 client."""
        if service not in self._clients:
            session = boto3.session.Session(**CREDENTIALS)
            self._clients[service] = session.client(service, endpoint_url=self.url)
        return self._clients[service]

    def settings(self, **settings: Any) -> dict[str, Any]:
        """``ANYMAIL``, to use it."""
        return {
            "AMAZON_SES_SESSION_PARAMS": CREDENTIALS,
            "AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": self.url},
            **settings,
        }

    def create_queue(
        self,
        name: str = "",
        *,
        visibility: int = 30,
        max_receives: int | None = None,
        dead_letters: str = "",
    ) -> str:
        """Create a queue, with a dead-letter queue if messages go there; gives its name.

        :param dead_letters: the name of that; by default its own, with ``-dead`` at the end.
        """
        name = name or f"events-{uuid.uuid4().hex[:12]}"
        attributes = {"VisibilityTimeout": str(visibility)}
        if max_receives is not None:
            dead_letters = dead_letters or f"{name}-dead"
            self.client().create_queue(QueueName=dead_letters)
            target = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{dead_letters}"
            policy = {"deadLetterTargetArn": target, "maxReceiveCount": max_receives}
            attributes["RedrivePolicy"] = json.dumps(policy)
        self.client().create_queue(QueueName=name, Attributes=attributes)
        return name

    def queue(self, name: str) -> Queue:
        """A queue, as the consumer wants it."""
        return sqs.find_queue(
            name,
            AmazonSESSettings(session_params=CREDENTIALS, client_params={"endpoint_url": self.url}),
        )

    def send(self, name: str, *bodies: str) -> list[str]:
        """Put messages into a queue; gives their ids."""
        url, ids = self.url_of(name), []
        for batch in sqs.batches(bodies):
            if sum(map(len, batch)) > 200_000:
                answers = [self.client().send_message(QueueUrl=url, MessageBody=b) for b in batch]
            else:
                entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(batch)]
                sent = self.client().send_message_batch(QueueUrl=url, Entries=entries)
                answers = sent["Successful"]
            ids += [answer["MessageId"] for answer in answers]
        return ids

    def url_of(self, name: str) -> str:
        """The URL of a queue."""
        return f"{self.url}/{ACCOUNT}/{name}"

    def count(self, name: str) -> int:
        """How many messages are in a queue, hidden ones included."""
        return len(stored_messages(name))

    def operations(self) -> list[str]:
        """The requests that came, in order."""
        return [call.operation for call in self.calls]


def stored_messages(name: str) -> list[Any]:
    """What moto has in a queue, in this process."""
    messages: list[Any] = list(sqs_backends[ACCOUNT][REGION].queues[name]._messages)
    return messages


def bodies(name: str) -> list[str]:
    """The bodies of what is in a queue, in this process."""
    return [message.body for message in stored_messages(name)]


def move_dead_letters(source_arn: str) -> dict[str, str]:
    """What moto does not have: move messages back to the queue that they came from."""
    queues = sqs_backends[ACCOUNT][REGION].queues
    dead = queues[source_arn.rpartition(":")[2]]
    [target] = [queue for queue in queues.values() if queue.dead_letter_queue is dead]
    for message in list(dead._messages):
        dead._messages.remove(message)
        message.approximate_receive_count = 0
        target.add_message(message)
    return {"TaskHandle": "task"}


@contextmanager
def local_sqs() -> Iterator[LocalSqs]:
    """Run it."""
    made = LocalSqs()
    with serve(made, "127.0.0.1", 0) as made.url:
        yield made


def _answer(answer: tuple[int, str] | dict[str, Any], start_response: Any) -> list[bytes]:
    status, content = 200, answer
    headers = [("Content-Type", "application/x-amz-json-1.0")]
    if isinstance(answer, tuple):
        status, code = answer
        content = {"__type": f"com.amazonaws.sqs#{code}", "message": "as the test wants it"}
    start_response(f"{status} X", headers)
    return [json.dumps(content).encode()]
