"""Who asks: the page itself or a program on this machine, and not a web site elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

View = Callable[..., HttpResponse]

#: What a browser says of what its user asked for, or this site; programs say nothing.
OURS = (None, "none", "same-origin")


def is_from_elsewhere(request: HttpRequest) -> bool:
    """Whether a web site elsewhere made a browser ask.

    Sources: Fetch Metadata Request Headers, "Sec-Fetch-Site"; Fetch Standard, "Origin header".
    """
    origin = request.headers.get("Origin")
    here = f"{request.scheme}://{request.get_host()}"
    return request.headers.get("Sec-Fetch-Site") not in OURS or origin not in (None, here)


def for_programs(view: View) -> View:
    """For what programs call, which have no token; web sites elsewhere are refused."""

    @csrf_exempt
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_from_elsewhere(request):
            error = "The sandbox answers programs and its own page, not web sites elsewhere."
            return JsonResponse({"error": error}, status=403)
        response = view(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response

    return answer
