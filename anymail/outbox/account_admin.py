"""The page of the account at Amazon, in the admin."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst

from ..admin_lists.changelist import AnyModelAdmin
from .account.page import account_context


class AccountAdmin(AnyModelAdmin):
    """A page in place of a list: nothing can be added, changed or deleted."""

    class Media:
        """The styles of our templates."""

        css: ClassVar[dict[str, tuple[str, ...]]] = {
            "all": ("anymail_outbox/admin.css", "anymail_outbox/account.css")
        }

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
        return [path("", view, name="anymail_outbox_account_changelist")]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page.

        :raises PermissionDenied: the user may not see it; then nobody is asked anything.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": capfirst(self.opts.verbose_name_plural),
            "opts": self.opts,
            "media": self.media,
            **account_context(request),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/anymail_outbox/account/page.html", context)
