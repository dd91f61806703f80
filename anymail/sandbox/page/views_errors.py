"""Pages for errors."""

from __future__ import annotations

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse

from .rendering import page

TEXTS = {
    400: ("Bad request", "Go back, reload the page and try again."),
    403: ("That request was refused", "Go back, reload the page and try again."),
    404: ("There is nothing here", "It may have been here before: only the last mails are kept."),
    500: ("Something broke", "This is a bug in the sandbox: what it was is in the terminal."),
}
TOO_BIG = "It holds more than the sandbox takes. Choose a file instead of pasting."


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 400, TOO_BIG if isinstance(exception, RequestDataTooBig) else "")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _error(request, 403, "The form was too old, or came from somewhere else. Reload it.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    said = exception.args[0] if exception and exception.args else ""
    return _error(request, 404, said if isinstance(said, str) else "")


def server_error(request: HttpRequest) -> HttpResponse:
    return _error(request, 500)


def _error(request: HttpRequest, status: int, text: str = "") -> HttpResponse:
    title, usual = TEXTS[status]
    return page(request, "error", status=status, code=status, title=title, text=text or usual)
