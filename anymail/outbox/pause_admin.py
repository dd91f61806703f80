"""The admin's list of pauses, where people pause and resume sending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.models import DELETION, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .. import outbox
from ..admin_lists.changelist import AnyModelAdmin
from .asking import chosen_ids, user_name
from .forms import PauseForm
from .models import Pause
from .page_context import waiting_shown

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class PauseAdmin(AnyModelAdmin):
    """What is paused. People pause and resume sending here."""

    list_display: tuple[str, ...] = ("mailer", "lane_shown", "why", "since", "probe", "by_shown")
    list_display_links: Any = None
    ordering: ClassVar[tuple[str, ...]] = ("mailer", "lane")
    sortable_by: ClassVar[tuple[str, ...]] = ()
    actions: tuple[str, ...] = ("resume",)

    class Media:
        """The styles of our templates."""

        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("anymail_outbox/admin.css",)}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: there is a form of our own for it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: a pause does not change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: sending is resumed instead, which tells the workers' log."""
        return False

    def has_pause_permission(self, request: HttpRequest) -> bool:
        """Whether the user may pause sending."""
        return request.user.has_perm("anymail_outbox.pause_sending")

    def has_resume_permission(self, request: HttpRequest) -> bool:
        """Whether the user may resume sending."""
        return request.user.has_perm("anymail_outbox.resume_sending")

    def get_urls(self) -> list[URLPattern]:
        """Those of Django, and ours."""
        wrap, name = self.admin_site.admin_view, "anymail_outbox_pause"
        return [
            path("pause/", wrap(self.pause_sending), name=f"{name}_sending"),
            path("resume/", wrap(self.resume_sending), name=f"{name}_resume"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with a link to the form."""
        context = {"may_pause": self.has_pause_permission(request), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    @admin.display(description=_("Lane"))
    def lane_shown(self, row: Pause) -> StrOrPromise:
        """The lane, or that it is the whole mailer."""
        return row.lane or _("all")

    @admin.display(description=_("Why"))
    def why(self, row: Pause) -> str:
        """The error, or what a person has written."""
        return ": ".join(text for text in (row.error_code, row.reason) if text)

    @admin.display(description=_("Next probe"))
    def probe(self, row: Pause) -> Any:
        """When the package tries again by itself."""
        return row.until or _("none: until somebody resumes")

    @admin.display(description=_("By"))
    def by_shown(self, row: Pause) -> StrOrPromise:
        """Who has paused it."""
        return row.by or _("the outbox itself")

    @admin.action(description=_("Resume sending"), permissions=["resume"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """End the chosen pauses, after asking."""
        rows = list(queryset)
        mailers = sorted({row.mailer for row in rows})
        context = {
            **self._context(request, _("Resume sending")),
            "pauses": rows,
            "waiting": [(mailer, waiting_shown(mailer=mailer)) for mailer in mailers],
            "chosen": " ".join(str(row.pk) for row in rows),
        }
        return TemplateResponse(request, "admin/anymail_outbox/resume.html", context)

    def resume_sending(self, request: HttpRequest) -> HttpResponse:
        """End the chosen pauses.

        :raises PermissionDenied: the user may not.
        """
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_resume_permission(request):
            raise PermissionDenied
        ids = chosen_ids(request.POST.get("chosen", ""), int)
        done = [
            row
            for row in self.get_queryset(request).filter(pk__in=ids)
            if outbox.resume(row.mailer, lane=row.lane)
        ]
        LogEntry.objects.log_actions(
            request.user.pk, done, DELETION, change_message=str(_("Resumed."))
        )
        text = ngettext("%d pause is over.", "%d pauses are over.", len(done)) % len(done)
        self.message_user(request, text, messages.SUCCESS if done else messages.WARNING)
        return self._to_list()

    def pause_sending(self, request: HttpRequest) -> HttpResponse:
        """Ask what to pause, and pause it.

        :raises PermissionDenied: the user may not.
        """
        if not self.has_pause_permission(request):
            raise PermissionDenied
        initial = {name: request.GET.get(name, "") for name in ("mailer", "lane")}
        form = PauseForm(request.POST if request.method == "POST" else None, initial=initial)
        if not form.is_valid():
            context = {**self._context(request, _("Pause sending")), "form": form}
            return TemplateResponse(request, "admin/anymail_outbox/pause.html", context)
        self._pause(request, **form.cleaned_data)
        return self._to_list()

    def _pause(self, request: HttpRequest, *, mailer: str, lane: str, reason: str) -> None:
        is_new = outbox.pause(mailer, lane=lane, reason=reason, by=user_name(request))
        row = self.get_queryset(request).filter(mailer=mailer, lane=lane).first()
        if row is not None:
            self.log_addition(request, row, reason)
        text = (
            _("Sending is paused for %s, until somebody resumes it.")
            if is_new
            else _("Sending was paused for %s before. Now it is until somebody resumes it.")
        )
        self.message_user(request, text % (row or mailer), messages.SUCCESS)

    def _context(self, request: HttpRequest, title: StrOrPromise) -> dict[str, Any]:
        request.current_app = self.admin_site.name
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
        }

    def _to_list(self) -> HttpResponse:
        url = reverse(f"{self.admin_site.name}:anymail_outbox_pause_changelist")
        return HttpResponseRedirect(url)
