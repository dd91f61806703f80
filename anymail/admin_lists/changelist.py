"""Lists in the admin that are as fast with millions of rows as with thousands.

To count the rows of a list, and to collect the values of a filter or the years of a date hierarchy,
Django reads the whole table. Here every query reads a bounded part of an index.

A ``ModelAdmin`` has ``paginator = CappedPaginator``, ``show_full_result_count = False``,
``show_facets = ShowFacets.NEVER``, ``exclusive_filters``, ``get_changelist()`` with
:class:`ExclusiveFiltersChangeList` and ``get_queryset()`` with :func:`with_date_span`. The template
``admin/APP/pagination.html`` includes ``anymail/capped_pagination.html``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
    AnyModelAdmin = admin.ModelAdmin[Any]
else:  # Django's classes take no parameters at run time
    AnyPaginator, AnyModelAdmin = Paginator, admin.ModelAdmin

#: Lists count no further, and have no pages beyond.
MAX_COUNT = 10_000
#: How many values a filter offers.
MAX_VALUES = 50


class CappedPaginator(AnyPaginator):
    """Counts no further than :data:`MAX_COUNT`."""

    @cached_property
    def _counted(self) -> int:
        return capped_count(self.object_list, MAX_COUNT + 1)

    @cached_property
    def count(self) -> int:
        """The number of rows, or :data:`MAX_COUNT` if there are more."""
        return min(self._counted, MAX_COUNT)

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than ``count``."""
        return self._counted > MAX_COUNT


class DateSpanQuerySet(models.QuerySet[Any]):
    """Offers every period between the first row and the last, even if no row is in it."""

    def datetimes(  # type: ignore[override]
        self, field_name: str, kind: str, order: str = "ASC", tzinfo: Any = None
    ) -> list[datetime]:
        """The beginnings of years, months or days, for the date hierarchy."""
        span = self.aggregate(first=models.Min(field_name), last=models.Max(field_name))
        if span["first"] is None:
            return []
        return periods(local_time(span["first"]), local_time(span["last"]), kind)


class DistinctValuesFilter(admin.AllValuesFieldListFilter):
    """Offers the values that a column has. The column must begin an index."""

    def __init__(
        self,
        field: Any,
        request: HttpRequest,
        params: Any,
        model: type[models.Model],
        model_admin: AnyModelAdmin,
        field_path: str,
    ) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        self.lookup_choices: Any = distinct_values(model._default_manager.all(), field_path)


class ExclusiveFiltersChangeList(ChangeList):
    """Choosing one of the admin's ``exclusive_filters`` ends the others, and the other way round.

    There is no index for every combination. Those in ``joinable_filters`` have one in common.
    """

    def get_query_string(
        self, new_params: dict[str, Any] | None = None, remove: Iterable[str] | None = None
    ) -> str:
        """The query of a link in the list."""
        given = (new_params or {}).items()
        chosen = {name.partition("__")[0] for name, value in given if value is not None}
        query: str = super().get_query_string(new_params, [*(remove or ()), *self._ended(chosen)])
        return query

    def _ended(self, chosen: set[str]) -> set[str]:
        items: Iterable[Any] = self.list_filter
        filters = {_parameter(item) for item in items}
        model_admin: Any = self.model_admin
        exclusive = set(model_admin.exclusive_filters)
        if chosen & exclusive:
            joinable = set(getattr(model_admin, "joinable_filters", ()))
            return filters - chosen - (joinable if chosen <= joinable else set())
        return exclusive if chosen & filters else set()


def _parameter(item: Any) -> str:
    """What the parameters of an item of ``list_filter`` begin with."""
    if isinstance(item, str):
        return item
    found: str = item[0] if isinstance(item, tuple) else item.parameter_name
    return found


def with_date_span(rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """The same rows, as a :class:`DateSpanQuerySet`: for ``get_queryset()``."""
    return DateSpanQuerySet(rows.model, rows.query, rows.db)


def capped_count(rows: Any, limit: int) -> int:
    """How many rows a queryset has; ``limit`` if there are more."""
    found: int = rows.order_by().values("pk")[:limit].count()
    return found


def distinct_values(rows: Any, name: str) -> Sequence[str | None]:
    """The values of a column, one short query for each instead of a long one for all."""
    found: list[str | None] = [None] if rows.filter(**{f"{name}__isnull": True}).exists() else []
    values = rows.order_by(name).values_list(name, flat=True)
    following = list(values.filter(**{f"{name}__isnull": False})[:1])
    while following and len(found) < MAX_VALUES:
        found += following
        following = list(values.filter(**{f"{name}__gt": following[0]})[:1])
    return found


def periods(first: datetime, last: datetime, kind: str) -> list[datetime]:
    """The beginnings of all years, months or days from ``first`` to ``last``."""
    start = first.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "day":
        count = (last.date() - first.date()).days + 1
        return [start + timedelta(days=n) for n in range(count)]
    if kind == "year":
        years = range(first.year, last.year + 1)
        return [start.replace(year=year, month=1, day=1) for year in years]
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [start.replace(year=n // 12, month=n % 12 + 1, day=1) for n in months]


def local_time(moment: datetime) -> datetime:
    """A time in the current time zone; a naive one is in it."""
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment
