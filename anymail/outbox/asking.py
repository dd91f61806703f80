"""People choose rows in the admin, are asked, confirm, and something is done with each row.

A ``ModelAdmin`` has a URL ``…_intervene`` whose view calls :func:`intervene`, and actions that call
:func:`ask_for_list`. The template ``admin/anymail_outbox/MODEL/chosen.html`` shows the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..database.columns import truncate
from .forms import ReasonForm
from .ledger import has_content, with_content
from .models import NAME_LENGTH

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: How many rows can be changed at once.
MAX_CHOSEN = 1_000
#: How many of them the page that asks names.
MAX_NAMED = 20

Key = TypeVar("Key")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person has said.

    :param by: who it is.
    :param reason: for people; empty if nobody asked for it.
    """

    by: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """Something that people do with rows.

    :param name: in URLs.
    :param permission: who may do it.
    :param act: does it with one row, and returns whether it was in time.
    :param states: of the rows that it can be done with.
    :param needs_content: whether the content must not have been deleted; for messages.
    :param asks_reason: whether people have to say why.
    :param verb: for the page of a row, and the list.
    :param title: for the page that asks.
    :param question: how many rows it will be done with.
    :param consequences: what else to know before it is done.
    :param button: the text of the button.
    :param done: with how many it was done.
    :param log: for the admin's log.
    """

    name: str
    permission: str
    act: Callable[[Any, Wish], bool]
    states: tuple[str, ...]
    needs_content: bool = False
    asks_reason: bool = False
    verb: StrOrPromise
    title: StrOrPromise
    question: StrOrPromise
    consequences: StrOrPromise
    button: StrOrPromise
    done: StrOrPromise
    log: StrOrPromise

    def possible(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the rows that it can be done with now."""
        rows = rows.filter(state__in=self.states)
        return with_content(rows) if self.needs_content else rows

    def is_possible(self, row: Any) -> bool:
        """Whether it can be done with a row now."""
        return row.state in self.states and (not self.needs_content or has_content(row))


def ask_for_list(
    model_admin: Any, request: HttpRequest, intervention: Intervention, rows: QuerySet[Any]
) -> HttpResponse:
    """The page that asks, for the rows that were chosen in a list."""
    ids = list(rows.values_list("pk", flat=True)[: MAX_CHOSEN + 1])
    if len(ids) > MAX_CHOSEN:
        text = _("Only the newest %(count)d %(names)s were taken. Do the others afterwards.")
        words = {"count": MAX_CHOSEN, "names": model_admin.opts.verbose_name_plural}
        model_admin.message_user(request, text % words, messages.WARNING)
    return _ask(model_admin, request, intervention, ids[:MAX_CHOSEN], _form(request, intervention))


def intervene(
    model_admin: Any,
    request: HttpRequest,
    intervention: Intervention | None,
    key: Callable[[str], Any],
) -> HttpResponse:
    """Ask, and once it is confirmed do it, and go back. Only POST does anything.

    :param intervention: None if there is none of the name that the URL has.
    :param key: makes a primary key of a text.
    :raises Http404: there is none.
    :raises PermissionDenied: the user may not do it.
    """
    if intervention is None:
        raise Http404
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    may_do = request.user.has_perm(intervention.permission)
    if not (may_do and model_admin.has_view_permission(request)):
        raise PermissionDenied
    ids = chosen_ids(request.POST.get("chosen", ""), key)
    form = _form(request, intervention)
    if "confirmed" not in request.POST or (form is not None and not form.is_valid()):
        return _ask(model_admin, request, intervention, ids, form)
    wish = Wish(by=user_name(request), reason=form.cleaned_data["reason"] if form else "")
    _do(model_admin, request, intervention, ids, wish)
    page, args = ("change", ids[:1]) if "from_page" in request.POST and ids else ("changelist", [])
    return HttpResponseRedirect(reverse(url_name(model_admin, page), args=args))


def url_name(model_admin: Any, page: str) -> str:
    """The name of the URL of one of the pages of a model."""
    options = model_admin.opts
    return f"{model_admin.admin_site.name}:{options.app_label}_{options.model_name}_{page}"


def user_name(request: HttpRequest) -> str:
    """Who it is, for a column ``by``."""
    return truncate(request.user.get_username() or str(request.user.pk), NAME_LENGTH)


def chosen_ids(text: str, key: Callable[[str], Key]) -> Sequence[Key]:
    """The ids in a field of a form; what is none is left out.

    :param key: makes an id of a text.
    """
    found = []
    for word in text.split():
        with suppress(ValueError):
            found.append(key(word))
    return found


def _form(request: HttpRequest, intervention: Intervention) -> ReasonForm | None:
    if not intervention.asks_reason:
        return None
    return ReasonForm(request.POST if "confirmed" in request.POST else None)


def _ask(
    model_admin: Any,
    request: HttpRequest,
    intervention: Intervention,
    ids: Sequence[Any],
    form: ReasonForm | None,
) -> HttpResponse:
    rows = list(intervention.possible(model_admin.get_queryset(request).filter(pk__in=ids)))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": intervention.title,
        "opts": model_admin.opts,
        "media": model_admin.media,
        "intervention": intervention,
        "intervene_url": reverse(url_name(model_admin, "intervene"), args=[intervention.name]),
        "rows_template": f"admin/anymail_outbox/{model_admin.opts.model_name}/chosen.html",
        "form": form,
        "question": intervention.question % len(rows),
        "rows": rows[:MAX_NAMED],
        "count": len(rows),
        "more": max(len(rows) - MAX_NAMED, 0),
        "left_out": len(ids) - len(rows),
        "chosen": " ".join(str(row.pk) for row in rows),
        "from_page": "from_page" in request.POST,
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "admin/anymail_outbox/intervene.html", context)


def _do(
    model_admin: Any,
    request: HttpRequest,
    intervention: Intervention,
    ids: Sequence[Any],
    wish: Wish,
) -> None:
    done = 0
    for row in model_admin.get_queryset(request).filter(pk__in=ids):
        if intervention.act(row, wish):
            done += 1
            model_admin.log_change(request, row, f"{intervention.log} {wish.reason}".strip())
    text = str(intervention.done % done)
    late = len(ids) - done
    if late:
        text += (
            " "
            + ngettext(
                "It was too late for %d: its state has changed.",
                "It was too late for %d: their states have changed.",
                late,
            )
            % late
        )
    model_admin.message_user(request, text, messages.WARNING if late else messages.SUCCESS)
