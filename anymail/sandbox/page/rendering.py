"""Templates -> responses, and what all pages have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.contrib.messages import get_messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from .apps import connected, version

View = Callable[..., HttpResponse]

#: Rows of one page of a list.
PAGE_LENGTH = 100
#: The header in which the script says what it shows already.
VERSION_HEADER = "X-Sandbox-Version"
#: Where a request keeps the version it began with: what happens meanwhile is news for the next.
VERSION_KEY = "anymail.sandbox.version"
NO_CONTENT = 204


def page(
    request: HttpRequest, template: str, section: str = "", *, status: int = 200, **context: Any
) -> HttpResponse:
    """A page of the sandbox.

    :param template: its name without folder and extension.
    :param section: the place in the navigation that it belongs to.
    """
    local = connected()
    common: dict[str, Any] = {
        "section": section,
        # The script shows none, and would take them from the window they are for.
        "flashes": () if VERSION_HEADER in request.headers else get_messages(request),
        "version": request.META.get(VERSION_KEY) or (version() if local else ""),
        "amazon": local,
        "sent_count": len(local.journal.sent()) if local else 0,
        "received_count": len(local.journal.received()) if local else 0,
    }
    text = render_to_string(f"anymail_sandbox/{template}.html", {**common, **context}, request)
    # Half of a surrogate pair, which JSON can hold, is nothing that can be sent.
    response = HttpResponse(text.encode("utf-8", "replace"), status=status)
    response["Cache-Control"] = "no-cache, private"
    return response


def live(view: View) -> View:
    """For pages that the script asks for again and again: 204 while there is nothing new."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        current = request.META[VERSION_KEY] = version()
        if request.headers.get(VERSION_HEADER) == current:
            return HttpResponse(status=NO_CONTENT)
        return view(request, *args, **kwargs)

    return answer


def paged(request: HttpRequest, rows: Sequence[Any]) -> Any:
    """The rows of the page of a list that was asked for."""
    return Paginator(rows, PAGE_LENGTH).get_page(request.GET.get("page"))


def query_of(request: HttpRequest) -> str:
    """What is searched for."""
    return request.GET.get("q", "").strip()[:200]
