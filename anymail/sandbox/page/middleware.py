"""Headers that keep a stranger's mail harmless, and the visitor's log-in."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

GetResponse = Callable[[HttpRequest], HttpResponse]

#: Whose name the visitor has in the admin.
USERNAME = "sandbox"
#: Everything comes from here, in files of its own; nobody puts these pages into frames.
POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def strict_headers(get_response: GetResponse) -> GetResponse:
    """The middleware that sets what a response has not set for itself."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for name, value in HEADERS.items():
            response.setdefault(name, value)
        return response

    return middleware


def visitor(get_response: GetResponse) -> GetResponse:
    """The middleware that takes everybody for the sandbox's superuser.

    For a site on this machine only. It belongs after Django's AuthenticationMiddleware.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        request.user = SimpleLazyObject(_superuser)  # type: ignore[assignment]
        return get_response(request)

    return middleware


def _superuser() -> object:
    return get_user_model()._default_manager.get_by_natural_key(USERNAME)
