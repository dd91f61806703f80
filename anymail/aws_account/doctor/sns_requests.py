"""Requests as SNS makes them: without cookies, redirects and patience.

Source: Amazon SNS Developer Guide, "Amazon SNS message delivery retries".
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

import requests
from requests.auth import HTTPBasicAuth

from ...amazon_ses.https import new_session

#: Seconds: how long SNS waits for an answer.
PATIENCE = 15.0
#: Of an answer, this much is read.
MAX_SIZE = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server answers.

    :param status: of HTTP.
    :param headers: with lower-case names.
    :param seconds: how long it took.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    seconds: float = 0.0


class NoAnswer(Exception):
    """There is none; the text says why, in a few words."""


def request(method: str, url: str, *, body: bytes | None = None, secret: str = "") -> Answer:
    """Make a request as SNS does: no redirects, no cookies, 15 seconds.

    :param secret: ``user:password``; none is sent without it.
    :raises NoAnswer: there is none.
    """
    user, _, password = secret.partition(":")
    auth = HTTPBasicAuth(user, password) if secret else (lambda prepared: prepared)
    begin = time.monotonic()
    try:
        with (
            new_session() as session,
            session.request(
                method,
                url,
                data=body,
                timeout=PATIENCE,
                allow_redirects=False,
                stream=True,
                auth=auth,
                headers={"Content-Type": "text/plain; charset=UTF-8"},
            ) as found,
        ):
            text = next(found.iter_content(MAX_SIZE), b"").decode("utf-8", "replace")
            headers = {name.lower(): value for name, value in found.headers.items()}
            seconds = time.monotonic() - begin
            return Answer(status=found.status_code, headers=headers, body=text, seconds=seconds)
    except requests.exceptions.SSLError as err:
        raise NoAnswer(f"its TLS certificate is not valid: {_reason(err)}") from err
    except requests.exceptions.Timeout as err:
        raise NoAnswer(f"it does not answer within {PATIENCE:.0f} s") from err
    except (OSError, ValueError) as err:  # requests' errors are OSErrors
        raise NoAnswer(f"it cannot be reached ({type(err).__name__})") from err


def _reason(err: Exception) -> str:
    found = re.search(r"certificate verify failed: ([^(\")]+)", str(err))
    return found[1].strip() if found else "no TLS"
