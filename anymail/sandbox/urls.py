"""The URLs of the sandbox's own site."""

from __future__ import annotations

from collections.abc import Callable
from inspect import unwrap

from django.contrib import admin
from django.contrib.staticfiles.views import serve
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path
from django.views import defaults


def static_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """A static file of an app: the site has no other server for them."""
    try:
        return serve(request, name, insecure=True)
    except (SuspiciousOperation, ValueError) as err:
        raise Http404(f"There is no static file {name!r}.") from err


handler400 = "anymail.sandbox.page.views_api.bad_request"
# Without the CSRF token, for which Django would read a form again that it could not read.
handler404: Callable[..., HttpResponse] = unwrap(defaults.page_not_found)
handler500: Callable[..., HttpResponse] = unwrap(defaults.server_error)
urlpatterns: list[URLPattern | URLResolver] = [
    path("anymail/", include("anymail.urls")),
    path("admin/", admin.site.urls),
    path("static/<path:name>", static_file),
    path("", include("anymail.sandbox.page.urls")),
]
