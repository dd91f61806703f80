"""A page of the admin in place of a list."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst

from ..admin_lists.changelist import AnyModelAdmin


class PageAdmin(AnyModelAdmin):
    """Shows a page, with the permission to view the model. Nothing can be added, changed or
    deleted."""

    #: That of the page.
    page_template: ClassVar[str]

    def page_context(self, request: HttpRequest) -> dict[str, Any]:
        """What the page shows. It is asked for only if the user may see it."""
        raise NotImplementedError

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: there is nothing to add."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: there is nothing to change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: there is nothing to delete."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """That of the page only."""
        view = self.admin_site.admin_view(self.changelist_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        return [path("", view, name=name)]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page.

        :raises PermissionDenied: the user may not see it.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": capfirst(self.opts.verbose_name_plural),
            "opts": self.opts,
            "media": self.media,
            **self.page_context(request),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.page_template, context)
