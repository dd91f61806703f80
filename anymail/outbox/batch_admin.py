"""The admin's list of batches, and what people can do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from ..admin_lists.changelist import AnyModelAdmin
from . import asking
from .batches.figures import figures
from .batches.interventions import INTERVENTIONS
from .batches.page import batch_context
from .models import Batch

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class BatchAdmin(AnyModelAdmin):
    """Batches: read-only, but for the things that people can do with them."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering: ClassVar[tuple[str, ...]] = ("-created_at",)
    list_display: tuple[str, ...] = (
        "name",
        "state",
        "progress",
        "recipients_shown",
        "sent_shown",
        "waiting_shown",
        "bounced_shown",
        "complained_shown",
        "mailer",
        "created_at",
    )
    sortable_by: ClassVar[tuple[str, ...]] = ("created_at",)
    list_filter: ClassVar[tuple[Any, ...]] = ("state",)
    search_fields: ClassVar[tuple[str, ...]] = ("name", "subject")
    search_help_text: ClassVar[StrOrPromise | None] = _("A part of the name, or of the subject.")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("name", "state", "reason", "by", "subject", "mailer", "lane")}),
        (
            _("What happened"),
            {
                "fields": (
                    ("created_at", "stored_at", "done_at"),
                    ("chunks", "repeated", "invalid"),
                    ("priority", "counted_at"),
                )
            },
        ),
    )
    actions: tuple[str, ...] = ("pause", "resume", "cancel")

    class Media:
        """The styles of our templates."""

        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("anymail_outbox/admin.css",)}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: applications store batches."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: it is paused, resumed or cancelled instead."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: ``anymail_prune`` deletes a batch after its messages."""
        return False

    def has_pause_permission(self, request: HttpRequest) -> bool:
        """Whether the user may pause batches."""
        return request.user.has_perm("anymail_outbox.pause_batch")

    def has_resume_permission(self, request: HttpRequest) -> bool:
        """Whether the user may resume batches."""
        return request.user.has_perm("anymail_outbox.resume_batch")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whether the user may cancel batches."""
        return request.user.has_perm("anymail_outbox.cancel_batch")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The batches without their content."""
        rows: QuerySet[Any] = super().get_queryset(request).defer("content")
        return rows

    def get_urls(self) -> list[URLPattern]:
        """Those of Django, and one for what people do with chosen batches."""
        view = self.admin_site.admin_view(self.intervene)
        name = "anymail_outbox_batch_intervene"
        return [path("<slug:name>/chosen/", view, name=name), *super().get_urls()]

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """The page of a batch, with its numbers."""
        context.update(batch_context(self.admin_site, request, obj))
        response: HttpResponse = super().render_change_form(
            request, context, add, change, form_url, obj
        )
        return response

    @admin.display(description=_("Progress"))
    def progress(self, row: Batch) -> str:
        """A bar, and how much it shows."""
        its = figures(row)
        bar = '<progress max="{}" value="{}" aria-label="{}"></progress> {}'
        return format_html(bar, max(its.total, 1), its.done, row.name, its.percent)

    @admin.display(description=_("Recipients"))
    def recipients_shown(self, row: Batch) -> str:
        """How many it has."""
        return _grouped(row.recipients_count)

    @admin.display(description=_("Sent"))
    def sent_shown(self, row: Batch) -> str:
        """How many got it."""
        return _grouped(row.sent)

    @admin.display(description=_("Waiting"))
    def waiting_shown(self, row: Batch) -> str:
        """Of how many nothing is known yet."""
        return _grouped(row.waiting)

    @admin.display(description=_("Bounced"))
    def bounced_shown(self, row: Batch) -> str:
        """How many do not exist."""
        return _grouped(row.bounced)

    @admin.display(description=_("Complained"))
    def complained_shown(self, row: Batch) -> str:
        """How many did not want it."""
        return _grouped(row.complained)

    @admin.action(description=INTERVENTIONS["pause"].verb, permissions=["pause"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Post no more of the chosen batches, after asking."""
        return asking.ask_for_list(self, request, INTERVENTIONS["pause"], queryset)

    @admin.action(description=INTERVENTIONS["resume"].verb, permissions=["resume"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Let the chosen batches go on, after asking."""
        return asking.ask_for_list(self, request, INTERVENTIONS["resume"], queryset)

    @admin.action(description=INTERVENTIONS["cancel"].verb, permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Do not send what waits of the chosen batches, after asking."""
        return asking.ask_for_list(self, request, INTERVENTIONS["cancel"], queryset)

    def intervene(self, request: HttpRequest, name: str) -> HttpResponse:
        """Ask, and then do something with chosen batches: see :func:`.asking.intervene`.

        :param name: of the intervention.
        """
        return asking.intervene(self, request, INTERVENTIONS.get(name), int)


def _grouped(number: int) -> str:
    """``"1,000,000"``, as the user's language writes it."""
    return number_format(number, force_grouping=True)
