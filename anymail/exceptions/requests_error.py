"""An error with a base class of requests, which takes 50 ms to import."""

from __future__ import annotations

from typing import Any

import requests

from . import AnymailAPIError


class AnymailRequestsAPIError(AnymailAPIError, requests.HTTPError):
    """Never raised here; kept so that ``except AnymailRequestsAPIError`` goes on working."""

    #: Always None: there is no response to take it from.
    request: Any = None

    def __init__(self, *args: object, **kwargs: Any) -> None:
        AnymailAPIError.__init__(self, *args, **kwargs)
