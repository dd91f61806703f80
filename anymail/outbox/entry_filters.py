"""The filters of the admin's list of messages. Each of them reads a bounded part of an index."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..admin_lists.changelist import distinct_values
from ..database.columns import storable_text
from .mailers import known_mailers
from .models import Batch, Entry, EntryTag, State
from .searching import MAX_SEARCHED, newest, with_tag

#: How many batches the filter offers; the others have links on their pages.
MAX_BATCHES = 10
#: In how many of the newest tags the filter looks for those that it offers, and how many it offers.
MAX_TAGS_READ, MAX_TAGS = 1_000, 20
#: How much earlier or later than the batch its messages may seem to be stored: clocks of machines
#: differ, and without time zones one is put back by an hour.
CLOCKS = timedelta(minutes=65)


class MailerFilter(admin.AllValuesFieldListFilter):
    """Offers the mailers that are configured, and those of waiting messages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lookup_choices: Any = known_mailers()


class PriorityFilter(admin.AllValuesFieldListFilter):
    """Offers the priorities that waiting messages have, and shows waiting messages only.

    That of others is of no interest, and there is no index for it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title: Any = _("priority of waiting messages")
        waiting = Entry._default_manager.filter(state=State.WAITING)
        self.mailers: Any = distinct_values(waiting, "mailer")
        found = (distinct_values(waiting.filter(mailer=one), "priority") for one in self.mailers)
        self.lookup_choices: Any = sorted({value for values in found for value in values})

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The waiting messages of the priority."""
        # All mailers by name: the index has them before the priority.
        waiting = {"state": State.WAITING, "mailer__in": self.mailers}
        rows: Any = super().queryset(
            request, queryset.filter(**waiting) if self.used_parameters else queryset
        )
        found: QuerySet[Any] = rows
        return found


class BatchFilter(admin.FieldListFilter):
    """Offers the newest batches, and the one that is chosen."""

    def __init__(
        self, field: Any, request: HttpRequest, params: Any, *args: Any, **kwargs: Any
    ) -> None:
        self._chosen: Any = (params.get("batch") or [""])[-1]
        super().__init__(field, request, params, *args, **kwargs)
        rows = Batch._default_manager.only("name", "created_at", "stored_at")
        self._offered: Any = list(rows.order_by("-created_at")[:MAX_BATCHES])
        if self._batch() is None and re.fullmatch("[0-9]{1,18}", self._chosen):
            self._offered += rows.filter(pk=self._chosen)

    def expected_parameters(self) -> list[str | None]:
        """Those in the URL."""
        return ["batch"]

    def has_output(self) -> bool:
        """Whether there are batches at all."""
        return bool(self._offered or self._chosen)

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The links."""
        yield _link(changelist, _("All"), not self._chosen, remove="batch")
        for batch in self._offered:
            is_chosen = str(batch.pk) == self._chosen
            yield _link(changelist, batch.name, is_chosen, batch=batch.pk)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The messages of the batch."""
        batch = self._batch()
        if batch is None:
            return queryset.none() if self._chosen else queryset
        # In the order of the list they are beside each other: the index of the time finds them.
        rows: QuerySet[Any] = queryset.filter(
            batch=batch, created_at__gte=batch.created_at - CLOCKS
        )
        if batch.stored_at is not None:
            rows = rows.filter(created_at__lte=batch.stored_at + CLOCKS)
        return rows

    def _batch(self) -> Batch | None:
        return next((one for one in self._offered if str(one.pk) == self._chosen), None)


class SentTwiceFilter(admin.FieldListFilter):
    """Offers the messages of which a recipient is known to have got two."""

    def expected_parameters(self) -> list[str | None]:
        """Those in the URL."""
        return ["doubled_count__gt"]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The links."""
        is_chosen = bool(self.used_parameters)
        yield _link(changelist, _("All"), not is_chosen, remove="doubled_count__gt")
        yield _link(changelist, _("Only those"), is_chosen, doubled_count__gt=0)


class TagFilter(admin.SimpleListFilter):
    """Offers the tags of the newest messages, and the one that is chosen."""

    title: Any = _("tag")
    parameter_name: Any = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The tags, in the order of the alphabet."""
        rows = EntryTag._default_manager.order_by("-pk").values_list("tag", flat=True)
        found = dict.fromkeys(rows[:MAX_TAGS_READ])
        tags = {*list(found)[:MAX_TAGS], *([self.value()] if self.value() else [])}
        return [(tag, tag) for tag in sorted(map(str, tags))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The newest messages with the tag."""
        tag = self.value()
        return with_tag(queryset, storable_text(str(tag))) if tag else queryset


#: What tells them, by the value of the parameter; there is no index for any of these.
HAPPENED: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "direct": (_("Sent without the outbox"), {"attempt": 0, "state": State.SENT}),
    "bounced": (_("Bounced"), {"bounced_count__gt": 0}),
    "complained": (_("Complained"), {"complained_count__gt": 0}),
}


class HappenedFilter(admin.SimpleListFilter):
    """Looks for what has no index, in the newest messages of the list."""

    title: Any = _("what happened, in the newest messages")
    parameter_name: Any = "happened"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The choices."""
        return [(name, text) for name, (text, _lookup) in HAPPENED.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """All: see :func:`what_happened`."""
        return queryset


def what_happened(request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
    """The rows that :class:`HappenedFilter` finds.

    :param rows: those that all others, and the dates, have found.
    """
    chosen = HAPPENED.get(request.GET.get(HappenedFilter.parameter_name, ""))
    if not chosen:
        return rows
    found: QuerySet[Any] = newest(rows, "created_at", MAX_SEARCHED).filter(**chosen[1])
    return found


def _link(
    changelist: Any, text: Any, is_chosen: bool, *, remove: str | None = None, **params: Any
) -> Any:
    query = changelist.get_query_string(params, [remove] if remove else [])
    return {"selected": is_chosen, "query_string": query, "display": text}
