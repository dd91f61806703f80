"""Who may call: programs on this machine, and no web page in its browser.

A browser sends a page's forms to any address without asking there, and Amazon's APIs take forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http.request import split_domain_port, validate_host

from .protocols.wire import ApiError

#: What a browser says of what the person at it asked for, and of what is no browser.
NOT_A_PAGE = ("", "none")


def check_caller(environ: Mapping[str, Any], hosts: Sequence[str]) -> None:
    """Refuse what a web page asks for, and what is addressed to a name that is not ours.

    :param hosts: our names, as in Django's ``ALLOWED_HOSTS``.
    :raises ApiError: it is refused.
    """
    # Fetch Standard, "Origin header"; Fetch Metadata Request Headers, "Sec-Fetch-Site".
    if "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE", "") not in NOT_A_PAGE:
        raise ApiError("AccessDenied", "The sandbox answers programs, not web pages.", 403)
    host, _ = split_domain_port(environ.get("HTTP_HOST", ""))
    if not validate_host(host, list(hosts)):
        text = "The sandbox has another name than the one in Host, unless started --allow-remote."
        raise ApiError("AccessDenied", text, 403)
