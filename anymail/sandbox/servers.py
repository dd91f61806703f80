"""Web servers on this machine: on the port that was asked for, or the next free one."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, create_server, getaddrinfo, socket
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from . import SandboxError

#: How many ports are tried before any free one is taken.
TRIES = 20
#: Addresses that stand for all of a machine's, and what to connect to instead.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def check_listener(host: str, *, allow_remote: bool) -> None:
    """Raise SandboxError if other machines could reach a server, unless they may."""
    if not (_is_local(host) or allow_remote):
        raise SandboxError(
            f"Other machines can reach {host!r}, and the sandbox has no passwords: "
            "they could read all mail in it. If that is what you want, add --allow-remote."
        )


def check_site(url: str, *, allow_remote: bool) -> None:
    """Raise SandboxError if a site is on another machine, unless it may be."""
    host = host_of(url)
    if not (_is_local(host) or allow_remote):
        raise SandboxError(
            f"The site {host!r} is on another machine, to which the sandbox would post what is in "
            "your mail. If that is what you want, add --allow-remote."
        )


def is_loopback(host: str) -> bool:
    """Whether a host name or an address leads to this machine, and nobody else can reach it."""
    try:
        return _is_local(host)
    except SandboxError:
        return False


def _is_local(host: str) -> bool:
    try:
        found = getaddrinfo(host.strip("[]"), None)
    except (OSError, UnicodeError) as err:
        raise SandboxError(f"The host {host!r} cannot be found.") from err
    return all(ip_address(address[0]).is_loopback for *_, address in found)


def host_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SandboxError(f"{url.rpartition('@')[2]!r} is not a URL like http://127.0.0.1:8000.")
    return parts.hostname


def without_credentials(url: str) -> str:
    """A URL without user name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def url_of(bind: str, port: int) -> str:
    """The URL of a server on this machine that listens on an address."""
    return f"http://{_in_url(EVERYWHERE.get(bind, bind))}:{port}"


def local_hosts(bind: str) -> list[str]:
    """This machine's own names, as in Django's ``ALLOWED_HOSTS``.

    Any other could be the name of a web site elsewhere, whose DNS says that it is here
    (DNS rebinding).
    """
    return ["127.0.0.1", "[::1]", ".localhost", _in_url(bind)]


@contextmanager
def serve(application: Callable[..., Any], host: str, port: int) -> Iterator[str]:
    """Serve a WSGI application for the length of a ``with`` block; gives its URL.

    :param port: the first to try; 0 for any.
    """
    from werkzeug.serving import make_server

    from .request_handler import RequestHandler

    kind: dict[str, Any] = {"threaded": True, "request_handler": RequestHandler}
    with _first_free(host, port) as listening:
        server = make_server(host, port, application, fd=listening.fileno(), **kind)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield url_of(host, server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _first_free(host: str, port: int) -> socket:
    family = AF_INET6 if ":" in host else AF_INET
    for candidate in (*range(port, min(port + TRIES, 65_536)), 0):
        try:
            return create_server((host, candidate), family=family)
        except OSError as err:
            if err.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise SandboxError(f"Cannot listen on {host}: {err.strerror}.") from err
    raise SandboxError("No port is free.")


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
