"""Rows of the feedback tables -> the lines of a CSV file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import models

from ..admin_lists.exporting import Row, Table

#: What is for the database only, or too large.
LEFT_OUT = frozenset({"id", "address_key", "modified_at", "event"})


def table(model: type[models.Model]) -> Table:
    """A column for each field of a model, by its name."""
    names = [field.name for field in model._meta.concrete_fields if field.name not in LEFT_OUT]

    def lines(rows: Sequence[Row], database: str) -> Iterator[Sequence[Any]]:
        return ([row[name] for name in names] for row in rows)

    columns = [name for name in names if name != "created_at"]
    return Table(name=str(model._meta.model_name), header=names, columns=columns, lines=lines)
