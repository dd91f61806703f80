"""Indexes that Django has not."""

from __future__ import annotations

from typing import Any

from django.db import models


class AboveZeroIndex(models.Index):
    """An index of the few rows whose number is above zero.

    MySQL and MariaDB index all rows: they have no partial indexes. Django's own ``condition`` does
    the same there, but ``manage.py migrate`` then warns (models.W037) about what nobody can change.
    """

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **kwargs: Any) -> Any:
        """The SQL, with the condition where the database can have one."""
        above_zero = models.Q(**{f"{name}__gt": 0 for name, _ in self.fields_orders})
        index = models.Index(fields=self.fields, name=self.name, condition=above_zero)
        return index.create_sql(model, schema_editor, using, **kwargs)
