"""Fetches the file of an export job from its pre-signed URL, which whoever has it can read.

So the URL is in no error and no log of ours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from ..amazon_ses.https import get
from ..exceptions import AnymailAPIError
from .exported_file import ExportError

#: Seconds for a connection, and for each wait for more.
TIMEOUT = (5, 30)
#: Seconds for everything: the URL is valid for five minutes (API v2 Reference,
#: "ExportDestination").
TIME_LIMIT = 240
CHUNK = 16 * 1024


@contextmanager
def download(url: str, endpoint: str) -> Iterator[Iterator[bytes]]:
    """The file, piece by piece.

    :param url: with ``https``; with ``http`` only that of a local SES, such as the sandbox.
    :param endpoint: the URL that SES itself is called at.
    :raises ExportError: the URL may not be fetched.
    :raises AnymailAPIError: there is no file, or not all of it. It can be tried again, with a new
        URL.
    """
    _check(url, endpoint)
    try:
        with get(url, timeout=TIMEOUT) as response:
            if response.status_code != 200:
                raise _unanswered(f"the HTTP status is {response.status_code}")
            yield _in_time(response.iter_content(CHUNK))
    except (OSError, ValueError) as err:  # requests' errors are OSErrors; their text has the URL
        raise _unanswered(f"the connection failed ({type(err).__name__})") from None


def _check(url: str, endpoint: str) -> None:
    try:
        given, own = urlsplit(url), urlsplit(endpoint)
        is_safe = given.scheme == "https" and bool(given.hostname)
        is_local = (given.scheme, given.netloc) == (own.scheme, own.netloc)
    except ValueError:
        is_safe = is_local = False
    if not (is_safe or is_local):
        raise ExportError("SES gave an address for the file that does not begin with https.")


def _in_time(chunks: Iterator[bytes]) -> Iterator[bytes]:
    deadline = time.monotonic() + TIME_LIMIT
    for chunk in chunks:
        yield chunk
        if time.monotonic() > deadline:
            raise _unanswered("it takes too long")


def _unanswered(reason: str) -> AnymailAPIError:
    return AnymailAPIError(
        f"The file of an export job of SES cannot be fetched: {reason}",
        error_code="ExportUnavailable",
        is_transient=True,
    )
