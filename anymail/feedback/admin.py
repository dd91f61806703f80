"""The admin's lists of events, and of suppressed addresses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.db import router, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..admin_lists.changelist import AnyModelAdmin, DistinctValuesFilter
from ..database.columns import address_key, storable_text
from .causes import cause_of, cause_text
from .forms import LiftForm, SuppressionForm
from .lifting import (
    ask_amazon,
    ask_for_note,
    lift_and_log,
    lift_everywhere,
    lift_one,
    tell_of_rest,
    way_back,
)
from .list_admin import ListAdmin
from .models import Bounce, Complaint, Delivery, MailEvent, Suppression
from .querysets import amazon_spellings
from .syncing import after_lifting, after_suppressing

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@admin.register(Bounce)
class BounceAdmin(ListAdmin):
    """Bounces."""

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
        ("bounce_type", DistinctValuesFilter),
        ("bounce_subtype", DistinctValuesFilter),
        ("action", DistinctValuesFilter),
    )
    exclusive_filters: ClassVar[tuple[str, ...]] = ("hard", "action")
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
    """Complaints."""

    list_display: tuple[str, ...] = (
        "created_at",
        "address",
        "recipient_uncertain",
        "feedback_type",
        "mail_from",
    )
    list_filter: ClassVar[tuple[Any, ...]] = (("feedback_type", DistinctValuesFilter),)
    own_fields: ClassVar[tuple[str, ...]] = (
        "feedback_type",
        "useragent",
        "arrival_date",
        "feedback_timestamp",
        "feedback_id",
    )


@admin.register(Delivery)
class DeliveryAdmin(ListAdmin):
    """Deliveries."""

    list_display: tuple[str, ...] = ("created_at", "address", "mail_from")
    own_fields: ClassVar[tuple[str, ...]] = ("delivered_time", "processing_time", "smtp_response")


@admin.register(MailEvent)
class MailEventAdmin(ListAdmin):
    """Other events: rejects, rendering failures and delays."""

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
    actions: tuple[str, ...] = ("lift", "lift_everywhere", "export")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the user has Django's permission to add."""
        return AnyModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the user has Django's permission to change."""
        return AnyModelAdmin.has_change_permission(self, request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the user may delete and lift: deleting an entry lifts the suppression."""
        return self.has_lift_permission(request) and AnyModelAdmin.has_delete_permission(
            self, request, obj
        )

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[Any]:
        """The form, with the user's permission to lift suppressions."""
        form: type[Any] = super().get_form(request, obj, change, **kwargs)
        form.may_lift = self.has_lift_permission(request)
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """All fields of an entry; for a stored one, what is behind it as well."""
        fields = ["address", "reason", "expires_at", "note", "event_id", "created_at"]
        if obj is None:
            return fields
        return ["address", "known", "reason", "cause", "at_amazon", *fields[2:]]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """All fields but expiry and note; for a new entry, only those that are filled in."""
        added = ("event_id", "created_at")
        if obj is None:
            return added
        return ("address", "known", "reason", "cause", "at_amazon", *added)

    def get_urls(self) -> list[URLPattern]:
        """Those of Django, one that other pages link to, and the page that asks Amazon."""
        lift = self.admin_site.admin_view(self.lift_one)
        ask = self.admin_site.admin_view(self.ask_amazon)
        return [
            path("lift/", lift, name="anymail_feedback_suppression_lift"),
            path("<path:object_id>/amazon/", ask, name="anymail_feedback_suppression_amazon"),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save an entry, and change Amazon's list if the settings say so: nothing expires there."""
        super().save_model(request, obj, form, change)
        using, tell = obj._state.db, partial(tell_of_rest, self, request)
        if obj.expires_at is None and (not change or "expires_at" in form.changed_data):
            after_suppressing([obj.address], using, tell=tell)
        elif change and "expires_at" in form.changed_data:
            lifted = {obj.address: obj.amazon_address}
            after_lifting(_without_lasting(lifted, using), using, tell=tell)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete an entry, which lifts it."""
        self.delete_queryset(request, Suppression.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete entries, which lifts every address that has no other."""
        using = router.db_for_write(Suppression)
        with transaction.atomic(using=using):
            lifted = amazon_spellings(queryset)
            super().delete_queryset(request, queryset)
            tell = partial(tell_of_rest, self, request)
            after_lifting(_without_lasting(lifted, using), using, tell=tell)

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        """Go back to the page that has linked to the form, or to the list."""
        usual: HttpResponseRedirect = super().response_post_save_add(request, obj)
        page = way_back(request)
        return HttpResponseRedirect(page) if page else usual

    @admin.display(description=_("Everything known"))
    def known(self, row: Any) -> SafeString:
        """Links to the rows about the same address."""
        return self.links(row.address, address_key=row.address)

    @admin.display(description=_("Because of"))
    def cause(self, row: Any) -> SafeString:
        """The bounce or complaint behind an entry, with what the mail server said."""
        found = cause_of(row)
        if found is None:
            return SafeString("-")
        name = f"{self.admin_site.name}:{found._meta.app_label}_{found._meta.model_name}_change"
        url = reverse(name, args=[found.pk])
        return format_html('<a href="{}">{}</a> {}', url, found, cause_text(found))

    @admin.display(description=_("At Amazon"))
    def at_amazon(self, row: Any) -> SafeString:
        """A link to the page that asks Amazon."""
        url = reverse(f"{self.admin_site.name}:anymail_feedback_suppression_amazon", args=[row.pk])
        return format_html('<a href="{}">{}</a>', url, _("Ask Amazon"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The entries with exactly this address."""
        term = storable_text(search_term.strip())
        return (queryset.filter(address=address_key(term)) if term else queryset), False

    def has_lift_permission(self, request: HttpRequest) -> bool:
        """Whether the user may lift suppressions."""
        return request.user.has_perm("anymail_feedback.lift_suppression")

    @admin.action(description=_("Lift: send to these addresses again"), permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Take addresses off the list, whatever the reasons, after asking for a note.

        The admin's log keeps the user and the note.
        """
        form = LiftForm(request.POST if "lift" in request.POST else None)
        addresses = set(queryset.values_list("address", flat=True))
        if not form.is_valid():
            chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
            return ask_for_note(self, request, addresses, form, chosen)
        lift_and_log(self, request, addresses, form.cleaned_data["note"])
        return None

    @admin.action(description=_("Lift here and at Amazon"), permissions=["lift"])
    def lift_everywhere(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Take addresses off both lists, after asking for a note."""
        return lift_everywhere(self, request, set(queryset.values_list("address", flat=True)))

    def ask_amazon(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """See :func:`.lifting.ask_amazon`."""
        return ask_amazon(self, request, self.get_object(request, unquote(object_id)))

    def lift_one(self, request: HttpRequest) -> HttpResponse:
        """See :func:`.lifting.lift_one`."""
        return lift_one(self, request)


def _without_lasting(addresses: Mapping[str, str | None], using: str) -> dict[str, str | None]:
    """Those of the addresses that have no entry without an end."""
    lasting = Suppression.objects.using(using).filter(
        address__in=list(addresses), expires_at__isnull=True
    )
    found = set(lasting.values_list("address", flat=True))
    return {address: spelt for address, spelt in addresses.items() if address not in found}
