"""The admin's page of an address: what became of every mail to it, and whether it is suppressed."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from ...admin_lists.changelist import AnyModelAdmin
from .address_page import Reader, address_context


class AddressAdmin(AnyModelAdmin):
    """A page that finds an address: there is no list, since there may be millions of them."""

    class Media:
        """The styles of our templates."""

        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("anymail_outbox/admin.css",)}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: an address is there when mail is sent to it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: what was sent does not change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: messages are deleted as a whole."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """That of the page: addresses have none of their own."""
        view = self.admin_site.admin_view(self.changelist_view)
        return [path("", view, name="anymail_outbox_address_changelist")]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of the address in the query ``?q=``.

        :raises PermissionDenied: the user may not see addresses.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        found = address_context(Reader(site=self.admin_site, request=request))
        context = {
            **self.admin_site.each_context(request),
            "title": found.get("address") or _("Addresses"),
            "opts": self.opts,
            "media": self.media,
            **found,
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/anymail_outbox/address/page.html", context)
