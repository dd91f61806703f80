"""The admin's list of messages, and what people can do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..admin_lists.changelist import (
    AnyModelAdmin,
    CappedPaginator,
    ExclusiveFiltersChangeList,
    with_date_span,
)
from ..admin_lists.exporting import export, export_list, export_url
from . import asking
from .entry_filters import (
    BatchFilter,
    HappenedFilter,
    MailerFilter,
    PriorityFilter,
    SentTwiceFilter,
    TagFilter,
    what_happened,
)
from .history.table import MESSAGES
from .interventions import INTERVENTIONS
from .models import Entry, Recipient, State
from .page_context import entry_context, pause_context
from .pruning import delete_ended
from .results import ENDS
from .search_links import search_links
from .searching import find

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class EntryAdmin(AnyModelAdmin):
    """Messages: read-only, but for the things that people can do with them."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    date_hierarchy: ClassVar[str | None] = "created_at"
    ordering: ClassVar[tuple[str, ...]] = ("-created_at",)
    list_display: tuple[str, ...] = (
        "created_at",
        "titled",
        "recipients_shown",
        "state",
        "error_code",
        "due_or_done",
        "mailer",
        "priority",
    )
    list_display_links: Any = ("titled",)
    sortable_by: ClassVar[tuple[str, ...]] = ("created_at",)
    list_filter: ClassVar[tuple[Any, ...]] = (
        "state",
        ("mailer", MailerFilter),
        ("priority", PriorityFilter),
        ("batch", BatchFilter),
        ("doubled_count", SentTwiceFilter),
        TagFilter,
        HappenedFilter,
    )
    exclusive_filters: ClassVar[tuple[str, ...]] = (
        "state",
        "mailer",
        "priority",
        "batch",
        "doubled_count",
        "tag",
        "happened",
    )
    joinable_filters: ClassVar[tuple[str, ...]] = ("state", "batch", "happened")
    search_fields: ClassVar[tuple[str, ...]] = ("subject",)
    search_help_text: ClassVar[StrOrPromise | None] = _(
        "A whole address, the id of a message in the outbox or at SES, tag:NAME, or a part of the "
        "subject of one of the newest messages."
    )
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("state", "error_code", "error", "subject", "batch", "mailer", "lane")}),
        (
            _("Details"),
            {
                "fields": (
                    ("created_at", "not_before", "expires_at"),
                    ("posted_at", "done_at"),
                    ("attempt", "failures", "priority"),
                    ("worker", "lease", "on_doubt"),
                    ("id", "idempotency_key"),
                )
            },
        ),
    )
    actions: tuple[str, ...] = ("cancel", "send_again", "release", "mark_sent", "export")

    class Media:
        """The styles of our templates."""

        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("anymail_outbox/admin.css",)}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: applications send messages."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: what was sent does not change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the user has Django's permission, and the message came to an end."""
        is_over = obj is None or obj.state in ENDS
        return is_over and super().has_delete_permission(request, obj)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whether the user may cancel messages."""
        return request.user.has_perm("anymail_outbox.cancel_entry")

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        """Whether the user may send messages again."""
        return request.user.has_perm("anymail_outbox.send_again_entry")

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Whether the user may end doubts."""
        return request.user.has_perm("anymail_outbox.release_entry")

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whether the user may export messages."""
        return request.user.has_perm("anymail_outbox.export_entry")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The class whose links keep exclusive filters apart."""
        return ExclusiveFiltersChangeList

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The list; without links to dates for what is found by a search or a tag.

        Databases look for its first and last date in all messages, in the order of time.
        """
        found: ChangeList = super().get_changelist_instance(request)
        if found.query or TagFilter.parameter_name in request.GET:
            found.date_hierarchy = None
        return found

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The messages without their content, and with one of their addresses."""
        usual: QuerySet[Any] = super().get_queryset(request)
        own = Recipient._default_manager.filter(entry=OuterRef("pk")).order_by("pk")
        address = Subquery(own.values("address")[:1])
        rows: QuerySet[Any] = with_date_span(usual).defer("content").annotate(first_address=address)
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """See :func:`.searching.find`."""
        return find(what_happened(request, queryset), search_term), False

    def get_urls(self) -> list[URLPattern]:
        """Those of Django, of what people do with chosen messages, and of the export."""
        chosen = self.admin_site.admin_view(self.intervene)
        everything = self.admin_site.admin_view(self.export_all)
        return [
            path("<slug:name>/chosen/", chosen, name="anymail_outbox_entry_intervene"),
            path("export/", everything, name="anymail_outbox_entry_export"),
            *super().get_urls(),
        ]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete a message and its stored attachments."""
        delete_ended([obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete messages and their stored attachments, if they have come to an end."""
        delete_ended(list(queryset.values_list("pk", flat=True)))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list; above it, what is paused, and where a search leads to as well."""
        links = search_links(self.admin_site, request)
        context = {
            **pause_context(request),
            "search_links": links,
            "export_url": export_url(self) if self.has_export_permission(request) else "",
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """The page of a message, with its recipients and its content."""
        context.update(entry_context(self.admin_site, request, obj))
        response: HttpResponse = super().render_change_form(
            request, context, add, change, form_url, obj
        )
        return response

    @admin.display(description=_("Subject"))
    def titled(self, row: Entry) -> str:
        """The subject."""
        return row.subject or str(_("(no subject)"))

    @admin.display(description=_("Recipients"))
    def recipients_shown(self, row: Any) -> str:
        """One address, and how many others there are."""
        more = row.recipients_count - 1
        address = row.first_address or ""
        if more < 1:
            return address
        text = ngettext("%(address)s and %(more)d more", "%(address)s and %(more)d more", more)
        return text % {"address": address, "more": more}

    @admin.display(description=_("Not before, or done"), empty_value="-")
    def due_or_done(self, row: Entry) -> Any:
        """When a waiting message is due, or when one came to its end."""
        return row.not_before if row.state == State.WAITING else row.done_at or row.posted_at

    @admin.action(description=INTERVENTIONS["cancel"].verb, permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Do not send the chosen messages, after asking."""
        return asking.ask_for_list(self, request, INTERVENTIONS["cancel"], queryset)

    @admin.action(description=INTERVENTIONS["send-again"].verb, permissions=["send_again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Send the chosen messages again, after asking."""
        return asking.ask_for_list(self, request, INTERVENTIONS["send-again"], queryset)

    @admin.action(description=INTERVENTIONS["release"].verb, permissions=["release"])
    def release(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Send the chosen messages, perhaps for the second time, after asking."""
        return asking.ask_for_list(self, request, INTERVENTIONS["release"], queryset)

    @admin.action(description=INTERVENTIONS["mark-sent"].verb, permissions=["release"])
    def mark_sent(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """End the doubts about the chosen messages, after asking."""
        return asking.ask_for_list(self, request, INTERVENTIONS["mark-sent"], queryset)

    @admin.action(description=_("Export as CSV"), permissions=["export"])
    def export(self, request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:
        """A file of the chosen messages."""
        return export(self, request, queryset, MESSAGES)

    def export_all(self, request: HttpRequest) -> HttpResponseBase:
        """A file of all messages that the list has."""
        is_allowed = self.has_export_permission(request)
        return export_list(self, request, MESSAGES, is_allowed=is_allowed)

    def intervene(self, request: HttpRequest, name: str) -> HttpResponse:
        """Ask, and then do something with chosen messages: see :func:`.asking.intervene`.

        :param name: of the intervention.
        """
        return asking.intervene(self, request, INTERVENTIONS.get(name), UUID)
