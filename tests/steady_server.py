"""One URL in a process for the Amazons of all its tests, so that they can share boto3's clients.

Making one takes 40 to 200 ms of processor time: botocore parses the model of the service.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from django.core.signals import setting_changed
from werkzeug.wrappers import Response

from anymail.amazon_ses.aws import clear_clients
from anymail.amazon_ses.process_local import ProcessLocal
from anymail.sandbox.aws.defaults import CREDENTIALS
from anymail.sandbox.servers import serve

RECEIVER = "anymail.amazon_ses.aws.clear_clients"


class SteadyServer:
    """A server on loopback until the process ends; what answers there changes."""

    def __init__(self) -> None:
        self.application: Callable[..., Any] = Response("Nobody is here.", 503)
        self._server = serve(self._answer, "127.0.0.1", 0)
        self.url = self._server.__enter__()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        return self.application(environ, start_response)

    @contextmanager
    def serving(self, application: Callable[..., Any]) -> Iterator[str]:
        """Have a WSGI application answer for the length of a ``with`` block; gives the URL."""
        before, self.application = self.application, application
        try:
            yield self.url
        finally:
            self.application = before


steady_server = ProcessLocal(SteadyServer)


@functools.lru_cache(maxsize=64)
def steady_client(url: str, service: str, region: str) -> Any:
    """A boto3 client that does not retry."""
    session = boto3.session.Session(**{**CREDENTIALS, "region_name": region})
    config = Config(retries={"total_max_attempts": 1})
    return session.client(service, endpoint_url=url, config=config)


@contextmanager
def kept_clients() -> Iterator[None]:
    """The package keeps its clients when settings change; the parameters are in their keys."""
    setting_changed.disconnect(dispatch_uid=RECEIVER)
    try:
        yield
    finally:
        setting_changed.connect(clear_clients, dispatch_uid=RECEIVER)
