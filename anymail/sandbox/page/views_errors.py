"""Pages for what went wrong, and for what is not there."""

from __future__ import annotations

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static

from .rendering import page

TEXTS = {
    400: ("That request made no sense", "Go back, reload the page and try again."),
    403: ("That request was refused", "Go back, reload the page and try again."),
    404: ("There is nothing here", "It may have been here before: only the last mails are kept."),
    500: ("Something broke", "This is a bug in the sandbox: what it was is in the terminal."),
}
TOO_BIG = "It holds more than the sandbox takes. Choose a file instead of pasting."


def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for it on pages that name no icon, such as the admin's."""
    return redirect(static("anymail_sandbox/favicon.svg"))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Status 400."""
    return _error(request, 400, TOO_BIG if isinstance(exception, RequestDataTooBig) else "")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Status 403."""
    return _error(request, 403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from this site: the setting ``CSRF_FAILURE_VIEW``."""
    return _error(request, 403, "The form was too old, or came from somewhere else. Reload it.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Status 404."""
    said = exception.args[0] if exception and exception.args else ""
    return _error(request, 404, said if isinstance(said, str) else "")


def server_error(request: HttpRequest) -> HttpResponse:
    """Status 500."""
    return _error(request, 500)


def _error(request: HttpRequest, status: int, text: str = "") -> HttpResponse:
    title, usual = TEXTS[status]
    return page(request, "error", status=status, code=status, title=title, text=text or usual)
