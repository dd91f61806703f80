"""Lists of what happened, and of who gets no more mail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .changelist import (
    AnyModelAdmin,
    CappedPaginator,
    LoneFiltersChangeList,
    SpanQuerySet,
    WordsFilter,
    capped_count,
)
from .columns import address_key, text
from .forms import LiftForm, SuppressionForm
from .models import Bounce, Complaint, Delivery, MailEvent, Record, Suppression

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: What the links count to.
MAX_KNOWN = 1_000
#: How many addresses the question before lifting names.
MAX_NAMED = 20


class ListAdmin(AnyModelAdmin):
    """A list that may have millions of rows, to look at.

    Rows can be deleted by whoever has the permission.
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
    #: What a model has more than the others.
    own_fields: ClassVar[tuple[str, ...]] = ()
    #: The filters that are not combined with others.
    lone_filters: ClassVar[tuple[str, ...]] = ()
    #: What is too large for lists.
    deferred: ClassVar[tuple[str, ...]] = ("event",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: SES reports what happened."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: what happened has happened."""
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """What makes the links of the list."""
        return LoneFiltersChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows, without what is too large for lists."""
        usual: QuerySet[Any] = super().get_queryset(request)
        rows: QuerySet[Any] = SpanQuerySet(self.model, usual.query, usual.db).defer(*self.deferred)
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The rows with exactly this address, message id or notification id."""
        term = text(search_term.strip())
        if not term:
            return queryset, False
        if "@" in term:
            return queryset.filter(address_key=address_key(term)), False
        # One index or the other: databases are bad at "or".
        if queryset.filter(mail_id=term).exists():
            return queryset.filter(mail_id=term), False
        return queryset.filter(sns_messageid=term), False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Everything of a row, and links to what belongs to it."""
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
                (_("of this address"), self._links(row.address, address_key=row.address_key)),
                (_("of this message"), self._links(row.mail_id, mail_id=row.mail_id)),
            ],
        )

    def _links(self, term: str, **lookup: str) -> SafeString:
        if not term:
            return SafeString("-")
        found: list[tuple[str, Any, str]] = []
        for model in (Bounce, Complaint, Delivery, MailEvent):
            rows = model._default_manager.filter(**lookup)
            found.append((_changelist_url(self.admin_site, model, term), *_counted(model, rows)))
        if "address_key" in lookup:
            entries = Suppression.objects.filter(address=lookup["address_key"])
            url = _changelist_url(self.admin_site, Suppression, term)
            found.append((url, *_counted(Suppression, entries)))
        return format_html_join(" · ", '<a href="{}">{} ({})</a>', found)

    @admin.display(description=_("SES event"))
    def document(self, row: Record) -> SafeString:
        """What SES sent, as indented JSON."""
        document = json.dumps(row.event, indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", document)


@admin.register(Bounce)
class BounceAdmin(ListAdmin):
    """The bounces."""

    list_display: tuple[str, ...] = (
        "created_at",
        "address",
        "recipient_uncertain",
        "bounce_type",
        "bounce_subtype",
        "status",
        "mail_from",
    )
    list_filter: ClassVar[tuple[Any, ...]] = (
        "hard",
        ("bounce_type", WordsFilter),
        ("bounce_subtype", WordsFilter),
        ("action", WordsFilter),
    )
    lone_filters: ClassVar[tuple[str, ...]] = ("hard", "action")
    own_fields: ClassVar[tuple[str, ...]] = (
        "hard",
        "bounce_type",
        "bounce_subtype",
        "action",
        "status",
        "diagnostic_code",
        "reporting_mta",
        "feedback_timestamp",
        "feedback_id",
    )


@admin.register(Complaint)
class ComplaintAdmin(ListAdmin):
    """The complaints."""

    list_display: tuple[str, ...] = (
        "created_at",
        "address",
        "recipient_uncertain",
        "feedback_type",
        "mail_from",
    )
    list_filter: ClassVar[tuple[Any, ...]] = (("feedback_type", WordsFilter),)
    own_fields: ClassVar[tuple[str, ...]] = (
        "feedback_type",
        "useragent",
        "arrival_date",
        "feedback_timestamp",
        "feedback_id",
    )


@admin.register(Delivery)
class DeliveryAdmin(ListAdmin):
    """The deliveries."""

    list_display: tuple[str, ...] = ("created_at", "address", "mail_from")
    own_fields: ClassVar[tuple[str, ...]] = ("delivered_time", "processing_time", "smtp_response")


@admin.register(MailEvent)
class MailEventAdmin(ListAdmin):
    """The other events: rejects, rendering failures and delays."""

    list_display: tuple[str, ...] = (
        "created_at",
        "address",
        "event_type",
        "description",
        "mail_from",
    )
    list_filter: ClassVar[tuple[Any, ...]] = ("event_type",)
    own_fields: ClassVar[tuple[str, ...]] = (
        "event_type",
        "occurred_at",
        "description",
        "reject_reason",
        "mta_response",
    )


@admin.register(Suppression)
class SuppressionAdmin(ListAdmin):
    """The suppression list: add by hand, change expiry and note, lift."""

    list_display: tuple[str, ...] = (
        "created_at",
        "address",
        "reason",
        "expires_at",
        "note",
    )
    list_filter: ClassVar[tuple[Any, ...]] = ("reason",)
    search_help_text: ClassVar[StrOrPromise | None] = _("A whole address.")
    deferred: ClassVar[tuple[str, ...]] = ()
    form: type[SuppressionForm] = SuppressionForm
    actions: tuple[str, ...] = ("lift",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever has Django's permission to add."""
        return AnyModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever has Django's permission to change."""
        return AnyModelAdmin.has_change_permission(self, request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever has Django's permission to delete, and that to lift: it is the same."""
        return self.has_lift_permission(request) and AnyModelAdmin.has_delete_permission(
            self, request, obj
        )

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[Any]:
        """The form, which knows whether the user may lift suppressions."""
        form: type[Any] = super().get_form(request, obj, change, **kwargs)
        form.may_lift = self.has_lift_permission(request)
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Everything of an entry, and links to what belongs to it once it is stored."""
        fields = ["address", "reason", "expires_at", "note", "event_id", "created_at"]
        return fields if obj is None else ["address", "known", *fields[1:]]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Everything but expiry and note; when it is added, only what is filled in by itself."""
        added = ("event_id", "created_at")
        return added if obj is None else ("address", "known", "reason", *added)

    @admin.display(description=_("Everything known"))
    def known(self, row: Any) -> SafeString:
        """Links to the rows about the same address."""
        return self._links(row.address, address_key=row.address)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The entries with exactly this address."""
        term = text(search_term.strip())
        return (queryset.filter(address=address_key(term)) if term else queryset), False

    def has_lift_permission(self, request: HttpRequest) -> bool:
        """Whether somebody may lift suppressions."""
        return request.user.has_perm("anymail_feedback.lift_suppression")

    @admin.action(description=_("Lift: send to these addresses again"), permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Take addresses off the list, whatever the reasons, once somebody said why.

        The admin's log keeps who did it, and the note.
        """
        form = LiftForm(request.POST if "lift" in request.POST else None)
        if not form.is_valid():
            return self._ask_why(request, queryset, form)
        addresses = set(queryset.values_list("address", flat=True))
        entries = Suppression.objects.filter(address__in=addresses)
        LogEntry.objects.log_actions(
            request.user.pk, entries, DELETION, change_message=form.cleaned_data["note"]
        )
        entries.delete()
        count = len(addresses)
        done = ngettext("%d address gets mail again.", "%d addresses get mail again.", count)
        self.message_user(request, done % count, messages.SUCCESS)
        return None

    def _ask_why(
        self, request: HttpRequest, queryset: QuerySet[Any], form: LiftForm
    ) -> HttpResponse:
        addresses = sorted(set(queryset.values_list("address", flat=True)))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Lift suppressions"),
            "opts": self.opts,
            "form": form,
            "count": len(addresses),
            "addresses": addresses[:MAX_NAMED],
            "more": max(len(addresses) - MAX_NAMED, 0),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "select_across": request.POST.get("select_across", "0"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/anymail_feedback/lift.html", context)


def _counted(model: type[Any], rows: QuerySet[Any]) -> tuple[Any, str]:
    count = capped_count(rows, MAX_KNOWN)
    return model._meta.verbose_name_plural, f"{count}+" if count == MAX_KNOWN else str(count)


def _changelist_url(site: admin.AdminSite, model: type[Any], term: str) -> str:
    options = model._meta
    url = reverse(f"{site.name}:{options.app_label}_{options.model_name}_changelist")
    return f"{url}?{urlencode({'q': term})}"
