"""The page of the account at Amazon, in the admin."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest

from .account.page import account_context
from .page_admin import PageAdmin


class AccountAdmin(PageAdmin):
    """What Amazon says of the account, and how much mail there is."""

    page_template: ClassVar[str] = "admin/anymail_outbox/account/page.html"

    class Media:
        """The styles of our templates."""

        css: ClassVar[dict[str, tuple[str, ...]]] = {
            "all": ("anymail_outbox/admin.css", "anymail_outbox/account.css")
        }

    def page_context(self, request: HttpRequest) -> dict[str, Any]:
        """What the page shows; Amazon is asked for it."""
        return account_context(request)
