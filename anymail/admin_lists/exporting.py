"""Lists as CSV files, however long they are, in constant memory.

A ``ModelAdmin`` has a URL ``…_export`` whose view calls :func:`export_list`, and an action that
calls :func:`export`; the template of its list includes ``anymail/export.html``. The list is ordered
by ``created_at``.

Cells are for spreadsheets, too, and much of them was written by strangers: see :func:`cell`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import (
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.db.models import Q, QuerySet
from django.http import (
    HttpRequest,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from .changelist import local_time

#: How many rows are read at once.
CHUNK = 500
#: Without it, Excel takes UTF-8 for another encoding.
BOM = "\ufeff"
#: What ends a line, or cannot be seen.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
#: Where a program may see the beginning of a formula: at the beginning of a cell, or after a
#: semicolon, at which Excel splits lines in many countries; spaces and quotes may come first.
#: Source: OWASP, "CSV Injection"; Excel takes full-width signs as well.
_FORMULA = re.compile('(^|;)(?=[\\s"\ufeff\u200b]*[=+\\-@\uff1d\uff0b\uff0d\uff20])')

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Table:
    """How rows become lines.

    :param name: what the name of the file begins with.
    :param header: the names of the columns.
    :param columns: what is read of each row, besides its primary key and ``created_at``.
    :param lines: makes the lines of up to :data:`CHUNK` rows from what was read of them.
    """

    name: str
    header: Sequence[str]
    columns: Sequence[str]
    lines: Callable[[Sequence[Row], str], Iterator[Sequence[Any]]]


@dataclass(frozen=True)
class Unblocking:
    """The same pieces for ASGI: an iterator is read to its end before Django sends anything."""

    pieces: Generator[bytes, None, None]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        next_piece = sync_to_async(lambda: next(self.pieces, b""))
        while piece := await next_piece():
            yield piece

    def close(self) -> None:
        """Django calls it at the end, or when whoever downloads has gone away."""
        self.pieces.close()


def export_url(model_admin: Any) -> str:
    """Where the view is that calls :func:`export_list`."""
    options = model_admin.opts
    name = f"{options.app_label}_{options.model_name}_export"
    return reverse(f"{model_admin.admin_site.name}:{name}")


def export_list(
    model_admin: Any, request: HttpRequest, table: Table, *, is_allowed: bool
) -> HttpResponseBase:
    """All rows that the list has for a query string. Only POST exports.

    :param is_allowed: whether the user may export.
    :raises PermissionDenied: the user may not.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not (is_allowed and model_admin.has_view_permission(request)):
        raise PermissionDenied
    try:
        rows = model_admin.get_changelist_instance(request).queryset
    except IncorrectLookupParameters:
        return HttpResponseRedirect(request.path.removesuffix("export/") + "?e=1")
    return export(model_admin, request, rows, table)


def export(
    model_admin: Any, request: HttpRequest, rows: QuerySet[Any], table: Table
) -> StreamingHttpResponse:
    """A download of rows, newest first; the admin's log says who got it.

    If the database fails meanwhile, the error breaks the connection, so that no browser takes what
    has come for the whole.
    """
    log = LogEntry._default_manager.create(
        user_id=request.user.pk,
        content_type=ContentType.objects.get_for_model(model_admin.model),
        object_repr=str(model_admin.opts.verbose_name_plural),
        action_flag=CHANGE,
        change_message=_("An export as CSV has begun."),
    )
    pieces = _pieces(rows, table, log)
    file = f"{table.name}-{local_time(timezone.now()).date()}.csv"
    return StreamingHttpResponse(
        Unblocking(pieces) if isinstance(request, ASGIRequest) else pieces,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


def cell(value: Any) -> Any:
    """A value as it is written: times in ISO 8601, in the current time zone; texts harmless.

    A text in which a spreadsheet may see a formula gets an apostrophe before it, and line breaks
    become spaces.
    """
    if isinstance(value, datetime):
        return local_time(value).isoformat(timespec="seconds")
    if isinstance(value, str):
        return _FORMULA.sub("\\1'", _CONTROL.sub(" ", value))
    return value


def chunks(rows: QuerySet[Any], columns: Sequence[str]) -> Iterator[Sequence[Row]]:
    """What is read of rows, newest first. Each is read once, whatever is stored meanwhile.

    Each query goes on where the last one ended: a cursor would make MySQL send everything at once.
    """
    ordered = rows.order_by("-created_at", "-pk").values("pk", "created_at", *columns)
    found = list(ordered[:CHUNK])
    while found:
        yield found
        at, key = found[-1]["created_at"], found[-1]["pk"]
        older = Q(created_at__lt=at) | Q(created_at=at, pk__lt=key)
        # What comes first is for the index: databases are bad at "or".
        found = list(ordered.filter(created_at__lte=at).filter(older)[:CHUNK])


def _pieces(rows: QuerySet[Any], table: Table, log: LogEntry) -> Generator[bytes, None, None]:
    """The file; at its end, however it comes, the admin's log gets the number of rows."""
    count = 0
    try:
        yield (BOM + _csv([table.header])).encode()
        for some in chunks(rows, table.columns):
            lines = table.lines(some, rows.db)
            piece = _csv([cell(value) for value in line] for line in lines).encode()
            count += len(some)
            yield piece
    finally:
        options = rows.model._meta
        names = options.verbose_name if count == 1 else options.verbose_name_plural
        text = _("Exported %(count)d %(names)s as CSV.") % {"count": count, "names": names}
        LogEntry._default_manager.filter(pk=log.pk).update(change_message=text)


def _csv(lines: Iterable[Sequence[Any]]) -> str:
    text = StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue()
