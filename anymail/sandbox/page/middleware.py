"""Headers that keep a stranger's mail harmless, besides Django's own, and the visitor's log-in."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

GetResponse = Callable[[HttpRequest], HttpResponse]

#: The user that everybody is in the admin.
USERNAME = "sandbox"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
}


def strict_headers(get_response: GetResponse) -> GetResponse:
    """Set these headers where a response has not set its own."""

    def middleware(request: HttpRequest) -> HttpResponse:
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
        request.user = SimpleLazyObject(_superuser)  # type: ignore[assignment]
        return get_response(request)

    return middleware


def _superuser() -> object:
    return get_user_model()._default_manager.get_by_natural_key(USERNAME)
