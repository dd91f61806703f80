"""HTTPS to addresses that others have given us, and sessions for many short connections."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH


def new_session() -> requests.Session:
    """A session whose connections share what is read of the certificate authorities.

    Otherwise each reads the whole file: 30 ms of CPU, where the rest of a request takes 4.
    """
    session = requests.Session()
    session.mount("https://", SharedContextAdapter())
    return session


@contextmanager
def get(
    url: str, *, timeout: Any, headers: dict[str, str] | None = None
) -> Iterator[requests.Response]:
    """The answer to a GET without redirects, credentials or cookies; its body is not read yet.

    :param timeout: seconds for a connection, and for each wait for more, as requests has them.
    :raises OSError: of requests; its text may have the URL.
    """
    with (
        new_session() as session,
        session.get(
            url,
            timeout=timeout,
            headers=headers,
            allow_redirects=False,
            stream=True,
            auth=lambda request: request,  # else requests looks for credentials in ~/.netrc
        ) as response,
    ):
        yield response


class SharedContextAdapter(HTTPAdapter):
    """Gives its connections the TLS context of the authorities that requests would read."""

    def build_connection_pool_key_attributes(
        self, request: Any, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:
        """What a connection is found by and made from, the context included."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        path = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
        context = tls_context(path, Path(path).stat().st_mtime_ns)
        without = {"ca_certs", "ca_cert_dir"}
        options = {name: value for name, value in pool.items() if name not in without}
        return host, {**options, "ssl_context": context}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing: the context has the authorities already."""


@lru_cache(maxsize=4)
def tls_context(path: str, changed: int) -> ssl.SSLContext:
    """The context that trusts the certificate authorities in a file or folder.

    :param path: of PEM files.
    :param changed: when that last changed, so that new files are read.
    """
    if Path(path).is_dir():
        return ssl.create_default_context(capath=path)
    return ssl.create_default_context(cafile=path)
