"""Who may call: programs on this machine, but no web page in a browser.

A browser sends a page's forms to any address without asking, and AWS's APIs take forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http.request import split_domain_port, validate_host

from .api import ApiError


def refuse_browsers(environ: Mapping[str, Any], hosts: Sequence[str]) -> None:
    """Refuse requests that a web page makes, and requests for another host name than ours.

    :param hosts: our names, as in Django's ``ALLOWED_HOSTS``.
    :raises ApiError: it is refused.
    """
    # Fetch Standard, "Origin header"; Fetch Metadata Request Headers, "Sec-Fetch-Site": a browser
    # says "none" when its user typed the address.
    if "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE", "none") != "none":
        raise ApiError("AccessDenied", "The sandbox answers programs, not web pages.", 403)
    host, _ = split_domain_port(environ.get("HTTP_HOST", ""))
    if not validate_host(host, list(hosts)):
        text = "The sandbox has another name than the one in Host, unless started --allow-remote."
        raise ApiError("AccessDenied", text, 403)
