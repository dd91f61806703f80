"""The sandbox's Django site: settings made in memory, and a web server."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Any

import django
from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

BACKEND = "anymail.backends.amazon_ses.EmailBackend"
TRACKING_PATH = "/anymail/amazon_ses/tracking/"
INBOUND_PATH = "/anymail/amazon_ses/inbound/"


def configure(anymail: Mapping[str, Any]) -> None:
    """Set Django up. This works once in a process.

    :param anymail: the ``ANYMAIL`` setting.
    """
    mail: dict[str, Any] = {"EMAIL_BACKEND": BACKEND}
    if django.VERSION >= (6, 1):
        mail = {"MAILERS": {"default": {"BACKEND": BACKEND}}}
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        ANYMAIL=dict(anymail),
        INSTALLED_APPS=["anymail"],
        LOGGING_CONFIG=None,
        ROOT_URLCONF="anymail.sandbox.urls",
        SECRET_KEY=secrets.token_hex(),
        USE_TZ=True,
        **mail,
    )
    # Errors of the webhooks belong on the screen, their warnings (401: SNS asks twice) do not.
    logging.basicConfig(level=logging.ERROR)
    django.setup()


class QuietHandler(WSGIRequestHandler):
    """Does not log each request."""

    def log_message(self, format: str, *args: Any) -> None:
        """Do nothing."""


@contextmanager
def serve(application: Callable[..., Any]) -> Iterator[str]:
    """Run a WSGI application on a free port for the length of a ``with`` block; gives its URL."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietHandler)
    server.set_app(application)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
