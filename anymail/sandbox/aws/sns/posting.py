"""Post to a webhook as SNS does.

Source: Amazon SNS Developer Guide, "Prerequisites for HTTP/S endpoints".
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from time import monotonic
from typing import Any

import requests
from requests.utils import get_auth_from_url
from urllib3.exceptions import NewConnectionError

from ...journal import Attempt
from ...servers import without_credentials

#: At most this much of a response's body is read.
MAX_RESPONSE = 64 * 1024


def post_to_webhook(url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Attempt:
    """Post without user name and password, and again with them if the webhook asks for them.

    :param url: with both, if the webhook has them.
    :param timeout: seconds that the webhook has to respond.
    """
    user, password = get_auth_from_url(url)
    options: dict[str, Any] = {"headers": dict(headers), "data": body, "timeout": timeout}
    challenged = False
    try:
        response = _exchange(url, **options)
        challenge = response.headers.get("WWW-Authenticate", "").lower()
        challenged = response.status_code == 401 and challenge.startswith("basic")
        if challenged and user:
            response = _exchange(url, auth=(user.encode(), password.encode()), **options)
    except Exception as err:  # whatever a URL or a webhook leads to: others must not wait
        return Attempt(status=None, error=_reason(err, timeout), challenged=challenged)
    return Attempt(status=response.status_code, challenged=challenged)


def _exchange(url: str, *, timeout: float, **options: Any) -> requests.Response:
    end = monotonic() + timeout
    with requests.Session() as session:
        session.trust_env = False  # no proxies, no ~/.netrc
        response = session.post(
            without_credentials(url), allow_redirects=False, stream=True, timeout=timeout, **options
        )
        # The timeout of requests is for each read: it takes single bytes to see that time is over.
        for _ in islice(response.iter_content(1), MAX_RESPONSE):
            if monotonic() > end:
                raise requests.Timeout
        return response


def _reason(err: Exception, timeout: float) -> str:
    cause: Any = err.args[0] if err.args else None
    if isinstance(err, requests.Timeout):
        return f"No answer within {timeout:g} seconds."
    if isinstance(getattr(cause, "reason", None), NewConnectionError):
        return "Nothing listens there."
    return f"{type(err).__name__}: {err}"
