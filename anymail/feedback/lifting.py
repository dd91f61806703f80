"""How people take addresses off the suppression list in the admin: they are asked for a note."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import router
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..database.columns import address_key, storable_text, truncate
from ..exceptions import AnymailConfigurationError, AnymailError
from .amazon_answer import forget
from .forms import LiftForm
from .models import Suppression
from .standing import standing
from .syncing import MAX_AT_ONCE, is_two_way, remove_at_amazon

if TYPE_CHECKING:
    from .admin import SuppressionAdmin

#: How many addresses the confirmation page names.
MAX_NAMED = 20
#: About how many of them Amazon is asked first: SES allows about one call a second.
MAX_ASKED = 3


def lift_one(model_admin: SuppressionAdmin, request: HttpRequest) -> HttpResponse:
    """Lift the suppression of the address in ``?address=`` after asking, and go to ``?next=``.

    With ``?everywhere=yes``, Amazon's list of the account comes first: if Amazon refuses, nothing
    is lifted.

    :raises PermissionDenied: the user may not.
    :raises Http404: there is no address.
    """
    if not model_admin.has_lift_permission(request):
        raise PermissionDenied
    address = storable_text(request.GET.get("address", "")).strip()
    if "@" not in address:
        raise Http404
    form = LiftForm(request.POST if request.method == "POST" else None)
    key = address_key(address)
    everywhere = _is_everywhere(request)
    if not form.is_valid():
        return ask_for_note(model_admin, request, [key], form, is_everywhere=everywhere)
    note = form.cleaned_data["note"]
    if not everywhere or _lift_at_amazon(model_admin, request, address, note):
        lift_and_log(model_admin, request, [key], note, at_amazon=not everywhere)
    usual = reverse(f"{model_admin.admin_site.name}:anymail_feedback_suppression_changelist")
    return HttpResponseRedirect(way_back(request) or usual)


def lift_everywhere(
    model_admin: SuppressionAdmin, request: HttpRequest, addresses: Collection[str]
) -> HttpResponse | None:
    """Lift addresses that were chosen in the list, here and at Amazon, after asking.

    Each begins at Amazon. Where Amazon refuses, it ends: neither that address nor those that follow
    are lifted.

    :param addresses: in their form for comparison.
    """
    if len(addresses) > MAX_AT_ONCE:
        text = _("Choose at most %d addresses: SES allows about one call a second.")
        model_admin.message_user(request, text % MAX_AT_ONCE, messages.WARNING)
        return None
    form = LiftForm(request.POST if "lift" in request.POST else None)
    if not form.is_valid():
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        return ask_for_note(model_admin, request, addresses, form, chosen, is_everywhere=True)
    for address in sorted(addresses):
        if not _lift_at_amazon(model_admin, request, address, form.cleaned_data["note"]):
            break
        note = form.cleaned_data["note"]
        lift_and_log(model_admin, request, [address], note, at_amazon=False)
    return None


def ask_amazon(model_admin: SuppressionAdmin, request: HttpRequest, row: Any) -> HttpResponse:
    """The page with what both lists know about the address of an entry.

    :param row: the entry; None if there is none.
    :raises Http404: there is no such entry.
    :raises PermissionDenied: the user may not see it.
    """
    if not model_admin.has_view_permission(request, row):
        raise PermissionDenied
    if row is None:
        raise Http404
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("What Amazon says"),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "row": row,
        "standings": [(row.address, standing(row.address, again=True))],
        "may_lift": model_admin.has_lift_permission(request),
        "checkbox_name": ACTION_CHECKBOX_NAME,
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "admin/anymail_feedback/amazon.html", context)


def ask_for_note(
    model_admin: SuppressionAdmin,
    request: HttpRequest,
    addresses: Collection[str],
    form: LiftForm,
    chosen: Collection[str] = (),
    *,
    is_everywhere: bool = False,
) -> HttpResponse:
    """The page that says which addresses get mail again, and asks why.

    :param addresses: in their form for comparison.
    :param form: empty, or with errors.
    :param chosen: the primary keys of the rows that were chosen in the list.
    :param is_everywhere: at Amazon, too.
    """
    named = sorted(addresses)[:MAX_NAMED]
    asked = named[:MAX_ASKED] if is_everywhere else []
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Lift suppressions"),
        "opts": model_admin.opts,
        "media": model_admin.media,
        "form": form,
        "count": len(addresses),
        "standings": [
            *((address, standing(address, again=False)) for address in asked),
            *((address, None) for address in named[len(asked) :]),
        ],
        "more": max(len(addresses) - MAX_NAMED, 0),
        "selected": chosen,
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "select_across": request.POST.get("select_across", "0"),
        "way_back": way_back(request),
        "is_everywhere": is_everywhere,
        "stays_at_amazon": not (is_everywhere or is_two_way()),
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "admin/anymail_feedback/lift.html", context)


def lift_and_log(
    model_admin: SuppressionAdmin,
    request: HttpRequest,
    addresses: Collection[str],
    note: str,
    *,
    at_amazon: bool = True,
) -> None:
    """Take addresses off the list, whatever the reasons. The admin's log keeps who, and the note.

    :param addresses: in their form for comparison.
    :param at_amazon: False if they are off Amazon's list already.
    """
    entries = Suppression.objects.filter(address__in=addresses)
    LogEntry.objects.log_actions(request.user.pk, entries, DELETION, change_message=note)
    tell = partial(tell_of_rest, model_admin, request)
    Suppression.objects.lift_keys(addresses, at_amazon=at_amazon, tell=tell)
    count = len(addresses)
    done = ngettext("%d address gets mail again.", "%d addresses get mail again.", count)
    model_admin.message_user(request, done % count, messages.SUCCESS)


def tell_of_rest(model_admin: SuppressionAdmin, request: HttpRequest, count: int) -> None:
    """Tell the user that Amazon's list was not changed.

    :param count: for how many addresses.
    """
    text = ngettext(
        "Amazon's list is still to be changed for %d address: "
        "run manage.py anymail_suppression push.",
        "Amazon's list is still to be changed for %d addresses: "
        "run manage.py anymail_suppression push.",
        count,
    )
    model_admin.message_user(request, text % count, messages.WARNING)


def _is_everywhere(request: HttpRequest) -> bool:
    return request.GET.get("everywhere") == "yes"


def _lift_at_amazon(
    model_admin: SuppressionAdmin, request: HttpRequest, address: str, note: str
) -> bool:
    """Take an address off Amazon's list of the account. Gives whether it is not on it any more."""
    try:
        was_there = remove_at_amazon(address, router.db_for_write(Suppression))
    except (AnymailError, AnymailConfigurationError) as err:
        text = _("Nothing was lifted, because Amazon's list could not be changed: %s")
        model_admin.message_user(request, text % err, messages.ERROR)
        return False
    forget(address)
    if not was_there:
        model_admin.message_user(request, _("It was not on Amazon's list."), messages.WARNING)
        return True
    LogEntry.objects.create(
        user_id=request.user.pk,
        content_type=ContentType.objects.get_for_model(Suppression),
        object_repr=truncate(address, 200),
        action_flag=DELETION,
        change_message=_("At Amazon: %s") % note,
    )
    return True


def way_back(request: HttpRequest) -> str:
    """The page of this site in ``?next=``, which has sent the user here; empty if there is none."""
    page = request.GET.get("next", "")
    hosts = {request.get_host()}
    is_safe = url_has_allowed_host_and_scheme(page, hosts, require_https=request.is_secure())
    return page if is_safe else ""
