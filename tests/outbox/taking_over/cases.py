"""What tests of taking over messages share."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

from django.core.management import CommandError, call_command
from django.db import DEFAULT_DB_ALIAS, connections, models

from anymail.message import AnymailMessage
from anymail.outbox.models import Entry
from anymail.outbox.taking_over import rows
from anymail.outbox.thawing import thaw

from ...class_context import enter_context
from .. import OutboxTransactionTestCase, use_outbox

LAST_WEEK = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(days=7)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TakingOverTestCase(OutboxTransactionTestCase):
    """With the tables of another package, and settings under which the outbox delivers."""

    command: str
    tables: Sequence[type[models.Model]]
    alias = DEFAULT_DB_ALIAS

    def setUp(self) -> None:
        super().setUp()
        enter_context(self, use_outbox())
        with connections[self.alias].schema_editor() as editor:
            for table in self.tables:
                editor.create_model(table)
        self.addCleanup(self.drop)

    def drop(self) -> None:
        with connections[self.alias].schema_editor() as editor:
            for table in self.tables:
                editor.delete_model(table)

    def run_command(self, *args: str, **options: Any) -> str:
        """What it prints."""
        out = options.setdefault("stdout", io.StringIO())
        call_command(self.command, *args, **options)
        text: str = out.getvalue()
        return text

    def fail_command(self, *args: str) -> tuple[CommandError, str, str]:
        """The error of a command that fails, and what it prints to stdout and stderr."""
        out, err = io.StringIO(), io.StringIO()
        with self.assertRaises(CommandError) as caught:
            call_command(self.command, *args, stdout=out, stderr=err)
        return caught.exception, out.getvalue(), err.getvalue()

    def interrupted(self, at: int) -> Any:
        """Press Ctrl-C after that many messages have been stored, before COMMIT."""
        calls = 0

        def store(*args: Any, **kwargs: Any) -> int:
            nonlocal calls
            calls += 1
            stored = real_store(*args, **kwargs)
            if calls == at:
                raise KeyboardInterrupt
            return stored

        real_store = rows.store
        return mock.patch.object(rows, "store", store)

    def keys(self) -> list[str]:
        """The idempotency keys of the outbox, in the order of its messages."""
        found = Entry._default_manager.order_by("not_before", "id")
        return [str(key) for key in found.values_list("idempotency_key", flat=True)]

    def sent(self, entry: Entry | None = None) -> AnymailMessage:
        """The message that a worker makes of an entry."""
        content = (entry or self.entry()).content
        return thaw(json.loads(content or ""), lambda index: b"")
