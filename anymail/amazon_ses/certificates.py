"""Fetch and cache the certificates that SNS signs with.

Callers must have checked the URL (:func:`.trust.check_certificate_url`).
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.signals import setting_changed

from ..exceptions import AnymailAPIError
from .host_slots import HostSlots
from .process_local import ProcessLocal
from .timestamps import utc_now
from .x509 import load_certificate

logger: logging.Logger = logging.getLogger(__name__)

#: Seconds for the connection, for each wait, and for the whole file. SNS waits 15 in all.
TIMEOUT = 3.0
#: A certificate has about 2 KB.
MAX_SIZE = 64 * 1024
MAX_CACHE_SECONDS = 7 * 86_400
MAX_IN_PROCESS = 32
#: How long not to try again what failed.
FAILURE_SECONDS = 10.0
#: How many are fetched at once; the others wait, each as long as a fetch may take.
MAX_CONCURRENCY = 16


@dataclass
class KnownCertificates:
    """The certificates that a process has fetched, and its failures.

    :param fetched: URL to PEM text.
    :param failed: URL to the time (of the monotonic clock) until which it is not tried again; the
        earliest first.
    :param lock: protects both.
    :param slots: for further fetches.
    """

    fetched: OrderedDict[str, str] = field(default_factory=OrderedDict)
    failed: OrderedDict[str, float] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    slots: HostSlots = field(default_factory=lambda: HostSlots(MAX_CONCURRENCY))


_known = ProcessLocal(KnownCertificates)


def fetch_certificate(url: str, cache_alias: str) -> str:
    """The PEM text of the certificate at a URL: from this process, the cache, or the network.

    :param url: :func:`.trust.check_certificate_url` let it pass.
    :param cache_alias: the Django cache that processes share it through: a key of ``CACHES``.
    :raises AnymailAPIError: it cannot be fetched at present; ``is_transient`` is true.
    """
    known = _known.get()
    if (pem := known.fetched.get(url)) is not None:
        return pem
    cache, key = caches[cache_alias], cache_key(url)
    if (pem := _from_cache(cache, key)) is None:
        pem = _from_network(url, known)
        _to_cache(cache, key, pem)
    _keep(url, pem, known)
    return pem


def cache_key(url: str) -> str:
    """The key in the Django cache; short and plain enough for memcached."""
    return f"anymail.sns_certificate.{hashlib.sha256(url.encode()).hexdigest()}"


def clear(**_kwargs: Any) -> None:
    """Forget what this process knows, failures included."""
    known = _known.get()
    with known.lock:
        known.fetched.clear()
        known.failed.clear()


def download(url: str) -> str:
    """Get a certificate over TLS, without redirects, credentials or cookies.

    :raises AnymailAPIError: there is no certificate, or not in time.
    """
    from .https import get

    try:
        # Not compressed, so that MAX_SIZE is the size.
        headers = {"Accept-Encoding": "identity"}
        with get(url, timeout=TIMEOUT, headers=headers) as response:
            if response.status_code != 200:
                raise unavailable(url, f"the HTTP status is {response.status_code}")
            pem = _read(response, url).decode("ascii")
        load_certificate(pem)
    except (OSError, ValueError) as err:  # requests' errors are OSErrors
        raise unavailable(url, f"{type(err).__name__}: {err}") from err
    return pem


def unavailable(url: str, reason: str) -> AnymailAPIError:
    """The error for a certificate that cannot be fetched at present.

    :param reason: what happened.
    """
    return AnymailAPIError(
        f"The SNS signing certificate {url} cannot be fetched: {reason}",
        error_code="CertificateUnavailable",
        is_transient=True,
    )


def _from_network(url: str, known: KnownCertificates) -> str:
    _check_failed(url, known)
    host = urlsplit(url).netloc
    if not known.slots.acquire(host, TIMEOUT):
        if (pem := known.fetched.get(url)) is not None:  # a later request for it went first
            return pem
        raise unavailable(url, "too many are being fetched")
    try:
        if (pem := known.fetched.get(url)) is None:  # another thread may have fetched it by now
            _check_failed(url, known)
            pem = _try(url, known)
    finally:
        known.slots.release(host)
    return pem


def _check_failed(url: str, known: KnownCertificates) -> None:
    now = time.monotonic()
    with known.lock:
        while known.failed and next(iter(known.failed.values())) <= now:
            known.failed.popitem(last=False)
        if url in known.failed:
            raise unavailable(url, f"it failed less than {FAILURE_SECONDS:.0f} seconds ago")


def _try(url: str, known: KnownCertificates) -> str:
    try:
        pem = download(url)
    except AnymailAPIError:
        with known.lock:
            known.failed[url] = time.monotonic() + FAILURE_SECONDS
            known.failed.move_to_end(url)
        raise
    _keep(url, pem, known)
    logger.info(
        "Fetched the SNS signing certificate %s", url, extra={"anymail_certificate_url": url}
    )
    return pem


def _keep(url: str, pem: str, known: KnownCertificates) -> None:
    with known.lock:
        known.fetched[url] = pem
        while len(known.fetched) > MAX_IN_PROCESS:
            known.fetched.popitem(last=False)


def _read(response: Any, url: str) -> bytes:
    deadline = time.monotonic() + TIMEOUT
    content = bytearray()
    # Byte by byte: the time limit of requests is for each wait, so a server that sends slowly could
    # keep us waiting for a longer piece for hours.
    for piece in response.iter_content(chunk_size=1):
        content += piece
        if len(content) > MAX_SIZE:
            raise unavailable(url, "it is too large")
        if time.monotonic() > deadline:
            raise unavailable(url, "it takes too long")
    return bytes(content)


def _from_cache(cache: BaseCache, key: str) -> str | None:
    try:
        pem = cache.get(key)
        if isinstance(pem, str):
            load_certificate(pem)
            return pem
    except Exception as err:
        # Whatever is wrong with the cache or its content, there is still the network.
        _warn_of_cache(err)
    return None


def _to_cache(cache: BaseCache, key: str, pem: str) -> None:
    left = (load_certificate(pem).not_after - utc_now()).total_seconds()
    if left <= 0:
        return
    try:
        cache.set(key, pem, timeout=int(min(left, MAX_CACHE_SECONDS)))
    except Exception as err:
        _warn_of_cache(err)


def _warn_of_cache(err: Exception) -> None:
    name = type(err).__name__
    logger.warning(
        "The cache of SNS signing certificates fails: %s",
        name,
        extra={"anymail_error_code": name},
    )


setting_changed.connect(clear, dispatch_uid="anymail.amazon_ses.certificates.clear")
