"""A site that sends a message while it is loaded, before its server forks, and one per request.

For :mod:`tests.test_forking_servers`. ``SES_URL`` in the environment is where SES is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import django
from django.conf import settings

settings.configure(
    ANYMAIL={
        "AMAZON_SES_SESSION_PARAMS": {
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "region_name": "us-east-1",
        },
        "AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": os.environ["SES_URL"]},
        "AMAZON_SES_MAX_SEND_RATE": 10_000,
    },
)
django.setup()

from anymail.backends.amazon_ses import EmailBackend  # noqa: E402
from anymail.message import AnymailMessage  # noqa: E402


def send(subject: str) -> str:
    """Send a message, and return its id."""
    message = AnymailMessage(subject, "Body", "from@example.com", ["to@example.com"])
    EmailBackend().send_messages([message])
    return str(message.anymail_status.message_id)


for number in range(20):
    send(f"loaded-{number}")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Send a message with the query string as its subject; answer with its id."""
    found = send(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {found}".encode()]
