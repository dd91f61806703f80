"""The static files of the sandbox's site, which has no other server for them."""

from __future__ import annotations

from django.contrib.staticfiles.views import serve
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase


def static_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """A static file of an app.

    :raises Http404: there is none, or the name leads out of the folders of static files.
    """
    try:
        return serve(request, name, insecure=True)
    except (SuspiciousOperation, ValueError) as err:
        raise Http404(f"There is no static file {name!r}.") from err
