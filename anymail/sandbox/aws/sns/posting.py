"""Post over HTTP as SNS does.

Source: Amazon SNS Developer Guide, "Prerequisites for HTTP/S endpoints": basic authentication after
a challenge, 15 seconds to answer, no redirects.
"""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from socket import SHUT_RDWR, socket
from threading import Lock, Timer
from urllib.parse import SplitResult, unquote, urlsplit

from ...journal import Attempt

#: SNS waits this many seconds for an answer.
TIMEOUT = 15.0
#: So much of an answer's body is read; nobody looks at it.
MAX_ANSWER = 64 * 1024


class Poster:
    """Posts to webhooks, from several threads.

    :param allow_remote: post to other machines, too.
    :param timeout: how long a webhook has to answer, in seconds.
    """

    def __init__(self, *, allow_remote: bool = False, timeout: float = TIMEOUT) -> None:
        self._allow_remote = allow_remote
        self._timeout = timeout
        self._lock = Lock()
        self._open: set[socket] = set()
        self._closed = False

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Attempt:
        """Post something: first without credentials, and with them if the webhook asks for them.

        :param url: with user name and password, percent-encoded, if there are any.
        """
        parts = urlsplit(url)
        challenged = False
        try:
            status, challenge = self._exchange(parts, body, headers)
            challenged = status == 401 and challenge.lower().startswith("basic")
            if challenged and parts.username is not None:
                headers = {**headers, "Authorization": basic_authorization(parts)}
                status, _ = self._exchange(parts, body, headers)
        except (OSError, HTTPException, ValueError) as err:
            return Attempt(status=None, error=self._reason(err), challenged=challenged)
        return Attempt(status=status, challenged=challenged)

    def close(self) -> None:
        """End every post at once, also those that come later."""
        with self._lock:
            self._closed = True
            for connected in self._open:
                _shut_down(connected)

    def _exchange(
        self, parts: SplitResult, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, str]:
        """Post once.

        :return: the status, and what the webhook asks for.
        """
        with closing(self._connection(parts)) as connection:
            connection.connect()
            self._check_peer(connection.sock)
            with self._limited(connection.sock):
                connection.request("POST", _target(parts), body, dict(headers))
                response = connection.getresponse()
                response.read(MAX_ANSWER)
            return response.status, response.headers.get("WWW-Authenticate", "")

    @contextmanager
    def _limited(self, connected: socket) -> Iterator[None]:
        """A time within which a connection is used; it ends with the sandbox, too."""
        deadline = time.monotonic() + self._timeout
        # The socket's own timeout begins anew with each byte.
        timer = Timer(self._timeout, _shut_down, [connected])
        timer.daemon = True
        with self._lock:
            if self._closed:
                raise ConnectionAbortedError("The sandbox ends")
            self._open.add(connected)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._open.discard(connected)
            if time.monotonic() >= deadline:
                raise TimeoutError

    def _connection(self, parts: SplitResult) -> HTTPConnection:
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return HTTPSConnection(host, parts.port, timeout=self._timeout, context=context)
        return HTTPConnection(host, parts.port, timeout=self._timeout)

    def _check_peer(self, connected: socket) -> None:
        """Where a name leads may have changed since it was checked."""
        address = connected.getpeername()[0]
        if not (self._allow_remote or ip_address(address).is_loopback):
            raise ConnectionAbortedError(f"{address} is not on this machine")

    def _reason(self, err: Exception) -> str:
        if isinstance(err, ConnectionRefusedError):
            return "Nothing listens there."
        if isinstance(err, TimeoutError):
            return f"No answer within {self._timeout:g} seconds."
        return f"{type(err).__name__}: {err}"


def basic_authorization(parts: SplitResult) -> str:
    """The ``Authorization`` header for the credentials in a URL."""
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _shut_down(connected: socket) -> None:
    with suppress(OSError):
        connected.shutdown(SHUT_RDWR)
