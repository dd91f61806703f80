"""What keeps a stranger's mail and web sites elsewhere harmless, and logs the visitor in."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

GetResponse = Callable[[HttpRequest], HttpResponse]

#: The user that everybody is in the admin.
USERNAME = "sandbox"
#: What a response has, besides Django's own headers, unless it has set others.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
}


def strict_headers(get_response: GetResponse) -> GetResponse:
    """Set :data:`HEADERS`, and read forms as UTF-8: Django fails at other encodings."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.encoding = "utf-8"
        response = get_response(request)
        for name, value in HEADERS.items():
            response.setdefault(name, value)
        return response

    return middleware


def visitor(get_response: GetResponse) -> GetResponse:
    """Log everybody in as the superuser: for a site on this machine only.

    It belongs after Django's AuthenticationMiddleware.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        users = get_user_model()._default_manager
        request.user = SimpleLazyObject(lambda: users.get_by_natural_key(USERNAME))  # type: ignore[assignment]
        return get_response(request)

    return middleware


def is_from_elsewhere(request: HttpRequest) -> bool:
    """Whether a web site elsewhere made a browser ask; programs send neither header.

    Sources: Fetch Metadata Request Headers, "Sec-Fetch-Site"; Fetch Standard, "Origin header".
    """
    origin = request.headers.get("Origin", here := f"{request.scheme}://{request.get_host()}")
    fetch_site = request.headers.get("Sec-Fetch-Site", "none")
    return fetch_site not in ("none", "same-origin") or origin != here
