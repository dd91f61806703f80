"""The URLs of the sandbox's site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from .static_files import static_file

urlpatterns: list[URLPattern | URLResolver] = [
    path("anymail/", include("anymail.urls")),
    path("admin/", admin.site.urls),
    path("static/<path:name>", static_file),
    path("", include("anymail.sandbox.page.urls")),
]
handler400 = "anymail.sandbox.page.views_errors.bad_request"
handler403 = "anymail.sandbox.page.views_errors.forbidden"
handler404 = "anymail.sandbox.page.views_errors.not_found"
handler500 = "anymail.sandbox.page.views_errors.server_error"
