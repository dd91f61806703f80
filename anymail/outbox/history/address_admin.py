"""The admin's page of an address: what became of every mail to it, and whether it is suppressed."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest

from ..page_admin import PageAdmin
from .address_page import Reader, address_context


class AddressAdmin(PageAdmin):
    """A page that finds an address: there is no list, since there may be millions of them."""

    page_template: ClassVar[str] = "admin/anymail_outbox/address/page.html"

    class Media:
        """The styles of our templates."""

        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("anymail_outbox/admin.css",)}

    def page_context(self, request: HttpRequest) -> dict[str, Any]:
        """What the page shows for the address in the query ``?q=``."""
        found = address_context(Reader(site=self.admin_site, request=request))
        return {**found, **({"title": found["address"]} if found.get("address") else {})}
