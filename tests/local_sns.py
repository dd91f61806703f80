"""For tests of the sandbox's SNS: a small Amazon, this project's site, and webhooks of any kind."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from django.core.handlers.wsgi import WSGIHandler
from django.dispatch import Signal
from django.test import override_settings
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from anymail.sandbox.aws.defaults import CREDENTIALS
from anymail.sandbox.servers import serve

#: Enough for a slow machine.
PATIENCE = 60.0
SECRET = "sns:s3cr3t"


def wait_until(condition: Callable[[], Any], patience: float = PATIENCE) -> None:
    """Wait for something that happens in another thread."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("It did not happen in time.")
        time.sleep(0.005)


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port on which nothing listens, and that the system gives to nobody else meanwhile.

    Who asks for it by its number gets it, if he allows to reuse addresses.
    """
    with socket.socket() as holding:
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holding.bind(("127.0.0.1", 0))
        port = holding.getsockname()[1]
        if sys.platform != "linux":  # other systems give it to one at a time
            holding.close()
        yield port


class SmallAmazon(DomainDispatcherApplication):
    """Whatever moto has, and the SNS that was made last: a WSGI application."""

    url = ""

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A boto3 client."""
        if service not in self._clients:
            session = boto3.session.Session(**CREDENTIALS)
            self._clients[service] = session.client(service, endpoint_url=self.url)
        return self._clients[service]

    def create_topic(self, **attributes: str) -> str:
        """A topic of its own; gives its ARN."""
        name = f"topic-{uuid.uuid4()}"
        return self.client("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]


@contextmanager
def small_amazon() -> Iterator[SmallAmazon]:
    """Run such an Amazon."""
    made = SmallAmazon()
    with serve(made, "127.0.0.1", 0) as made.url:
        yield made


@contextmanager
def project(
    amazon: str, certificates: dict[str, str], *, port: int = 0, **anymail: Any
) -> Iterator[str]:
    """This project's site over HTTP, which uses a small Amazon; gives the URL with credentials.

    :param certificates: those whose signatures count.
    """
    settings = {
        "AMAZON_SES_SESSION_PARAMS": CREDENTIALS,
        "AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": amazon},
        "AMAZON_SES_SNS_CERTIFICATES": certificates,
        "WEBHOOK_SECRET": SECRET,
        **anymail,
    }
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    logging.getLogger("django.security").setLevel(logging.CRITICAL)
    try:
        with override_settings(ANYMAIL=settings), serve(WSGIHandler(), "127.0.0.1", port) as url:
            yield url.replace("//", f"//{SECRET}@")
    finally:
        logging.getLogger("django.request").setLevel(logging.NOTSET)
        logging.getLogger("django.security").setLevel(logging.NOTSET)


@contextmanager
def heard(signal: Signal, fail: Callable[[], bool] = bool) -> Iterator[list[Any]]:
    """The events that a signal brings.

    :param fail: whether the receiver is to raise an exception.
    """
    events: list[Any] = []

    def receiver(event: Any, **_kwargs: Any) -> None:
        events.append(event)
        if fail():
            raise RuntimeError("a bug in somebody's receiver")

    signal.connect(receiver, weak=False)
    try:
        yield events
    finally:
        signal.disconnect(receiver)


@dataclass(kw_only=True)
class Webhook:
    """A webhook that answers as it is told, and keeps what it got.

    :param answers: what comes first: a status, or a status and headers. Then it is always 200.
    :param before: called with each request's number before it is answered.
    """

    url: str = ""
    answers: list[int | tuple[int, dict[str, str]]] = field(default_factory=list)
    before: Callable[[int], None] = field(default=lambda number: None)
    requests: list[dict[str, Any]] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        with self.lock:
            answer = self.answers.pop(0) if self.answers else 200
            self.requests.append({"body": body, "at": time.monotonic(), **environ})
            number = len(self.requests)
        self.before(number)
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        start_response(f"{status} X", list(headers.items()))
        return [b"?"]


@contextmanager
def webhook(*answers: Any, **kwargs: Any) -> Iterator[Webhook]:
    """Run such a webhook."""
    made = Webhook(answers=list(answers), **kwargs)
    with serve(made, "127.0.0.1", 0) as url:
        made.url = url
        yield made
