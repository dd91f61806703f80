"""What migrations do to tables that are in use."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations import AddIndex


class AddIndexWhileWriting(AddIndex):
    """``AddIndex`` that lets others write meanwhile, for a migration with ``atomic = False``.

    Other databases than PostgreSQL do so anyway. Django's own operation is for PostgreSQL only.
    If it is interrupted, PostgreSQL keeps an invalid index, which is made again next time.
    Source: the documentation of PostgreSQL, "Building Indexes Concurrently".
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Make the index."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            name = schema_editor.quote_name(self.index.name)
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            schema_editor.add_index(model, self.index, concurrently=True)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Drop the index."""
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.remove_index(model, self.index, concurrently=True)
