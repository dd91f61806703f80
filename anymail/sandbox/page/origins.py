"""Requests of the page itself and of programs on this machine, and not of web sites elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

View = Callable[..., HttpResponse]


def is_from_elsewhere(request: HttpRequest) -> bool:
    """Whether a web site elsewhere made a browser ask; programs send neither header.

    Sources: Fetch Metadata Request Headers, "Sec-Fetch-Site"; Fetch Standard, "Origin header".
    """
    origin = request.headers.get("Origin", here := f"{request.scheme}://{request.get_host()}")
    fetch_site = request.headers.get("Sec-Fetch-Site", "none")
    return fetch_site not in ("none", "same-origin") or origin != here


def for_programs(view: View) -> View:
    """Let programs, which have no CSRF token, call a view; refuse web sites elsewhere."""

    @csrf_exempt
    @never_cache
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_from_elsewhere(request):
            error = "The sandbox answers programs and its own page, not web sites elsewhere."
            return JsonResponse({"error": error}, status=403)
        return view(request, *args, **kwargs)

    return wrapper
