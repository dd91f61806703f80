"""The base of the admin's lists: searching, links between rows, and limits for large tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..admin_lists.changelist import (
    AnyModelAdmin,
    CappedPaginator,
    ExclusiveFiltersChangeList,
    with_date_span,
)
from ..admin_lists.details import indented_json, list_link
from ..admin_lists.exporting import export, export_list, export_url
from ..database.columns import address_key, storable_text
from .models import Bounce, Complaint, Delivery, MailEvent, Record, Suppression
from .table import table

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class ListAdmin(AnyModelAdmin):
    """A read-only list that may have millions of rows.

    Users with Django's permission can delete rows.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    date_hierarchy: ClassVar[str | None] = "created_at"
    ordering: ClassVar[tuple[str, ...]] = ("-created_at",)
    list_display_links: Any = ("address",)
    sortable_by: ClassVar[tuple[str, ...]] = ("created_at",)
    search_fields: ClassVar[tuple[str, ...]] = ("address",)
    search_help_text: ClassVar[StrOrPromise | None] = _(
        "A whole address, or the id of a message or notification."
    )
    #: The fields of this model that the others do not have.
    own_fields: ClassVar[tuple[str, ...]] = ()
    #: The filters that are not combined with others.
    exclusive_filters: ClassVar[tuple[str, ...]] = ()
    #: Fields that are too large for lists.
    deferred: ClassVar[tuple[str, ...]] = ("event",)
    actions: tuple[str, ...] = ("export",)

    class Media:
        """The styles of our templates."""

        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("anymail_feedback/admin.css",)}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: only SES reports events."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: events do not change."""
        return False

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whether the user may export lists."""
        return request.user.has_perm("anymail_feedback.export_feedback")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The class whose links keep exclusive filters apart."""
        return ExclusiveFiltersChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows, without the ``deferred`` fields."""
        usual: QuerySet[Any] = super().get_queryset(request)
        rows: QuerySet[Any] = with_date_span(usual).defer(*self.deferred)
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The rows with exactly this address, message id or notification id."""
        term = storable_text(search_term.strip())
        if not term:
            return queryset, False
        if "@" in term:
            return queryset.filter(address_key=address_key(term)), False
        # One index or the other: databases are bad at "or".
        if queryset.filter(mail_id=term).exists():
            return queryset.filter(mail_id=term), False
        return queryset.filter(sns_messageid=term), False

    def get_urls(self) -> list[URLPattern]:
        """Those of Django, and that of the export."""
        view = self.admin_site.admin_view(self.export_all)
        name = f"anymail_feedback_{self.opts.model_name}_export"
        return [path("export/", view, name=name), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with a button for the export."""
        url = export_url(self) if self.has_export_permission(request) else ""
        context = {"export_url": url, **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    @admin.action(description=_("Export as CSV"), permissions=["export"])
    def export(self, request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:
        """A file of the chosen rows."""
        return export(self, request, queryset, table(self.model))

    def export_all(self, request: HttpRequest) -> HttpResponseBase:
        """A file of all rows that the list has."""
        is_allowed = self.has_export_permission(request)
        return export_list(self, request, table(self.model), is_allowed=is_allowed)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """All fields of a row, and links to related rows."""
        return [
            "address",
            "known",
            "recipient_uncertain",
            *self.own_fields,
            "mail_from",
            "mail_id",
            "mail_timestamp",
            "sns_topic",
            "sns_messageid",
            "created_at",
            "document",
        ]

    @admin.display(description=_("Everything known"))
    def known(self, row: Any) -> SafeString:
        """Links to the rows about the same address, and about the same message."""
        return format_html_join(
            SafeString("<br>"),
            "{}: {}",
            [
                (_("of this address"), self.links(row.address, address_key=row.address_key)),
                (_("of this message"), self.links(row.mail_id, mail_id=row.mail_id)),
            ],
        )

    def links(self, term: str, **lookup: str) -> SafeString:
        """Links to the lists of all models, with the number of rows that match.

        :param term: to search for in these lists.
        :param lookup: ``address_key`` or ``mail_id``.
        """
        if not term:
            return SafeString("-")
        found: list[QuerySet[Any]] = [
            model._default_manager.filter(**lookup)
            for model in (Bounce, Complaint, Delivery, MailEvent)
        ]
        if "address_key" in lookup:
            found.append(Suppression.objects.filter(address=lookup["address_key"]))
        links = ((list_link(self.admin_site, rows, term),) for rows in found)
        return format_html_join(" · ", "{}", links)

    @admin.display(description=_("SES event"))
    def document(self, row: Record) -> SafeString:
        """The document of SES as indented JSON."""
        return indented_json(row.event)
