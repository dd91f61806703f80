"""Templates -> responses, and what all pages have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from .apps import aws, version

View = Callable[..., HttpResponse]

#: The header in which the script sends the version that it shows already.
VERSION_HEADER = "X-Sandbox-Version"
#: Where a request keeps the version it began with: what happens since is news for the next one.
VERSION_KEY = "anymail.sandbox.version"


def page(request: HttpRequest, template: str, section: str, **context: Any) -> HttpResponse:
    """A page of the sandbox.

    :param template: its name without folder and extension.
    :param section: its place in the navigation.
    """
    journal = aws().journal
    common: dict[str, Any] = {
        "section": section,
        # The script shows none, and would take them from the window they are for.
        "flashes": () if VERSION_HEADER in request.headers else get_messages(request),
        "version": request.META.get(VERSION_KEY) or version(),
        "aws": aws(),
        "sent_count": len(journal.sent()),
        "received_count": len(journal.received()),
    }
    text = render_to_string(f"anymail_sandbox/{template}.html", {**common, **context}, request)
    # Half a surrogate pair, which JSON can hold, cannot be encoded.
    response = HttpResponse(text.encode("utf-8", "replace"))
    response["Cache-Control"] = "no-cache, private"
    return response


def live(view: View) -> View:
    """For pages that the script asks for again and again: 204 while there is nothing new."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        current = request.META[VERSION_KEY] = version()
        if request.headers.get(VERSION_HEADER) == current:
            return HttpResponse(status=204)
        return view(request, *args, **kwargs)

    return wrapper
