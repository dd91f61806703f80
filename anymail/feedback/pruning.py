"""Which rows are old."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from ..database.pruning import Prunable, PrunableRows
from .models import Bounce, Complaint, Delivery, Lift, MailEvent, Suppression


def prunable(limit: datetime) -> list[Prunable]:
    """The rows that were stored before a time, and the suppressions that expired, or were lifted,
    before it. What is still to be taken off Amazon's list stays."""
    tables: list[tuple[QuerySet[Any], str]] = [
        (Bounce._default_manager.all(), "created_at"),
        (Complaint._default_manager.all(), "created_at"),
        (Delivery._default_manager.all(), "created_at"),
        (MailEvent._default_manager.all(), "created_at"),
        (Suppression._default_manager.all(), "expires_at"),
        (Lift._default_manager.filter(is_pending=False), "lifted_at"),
    ]
    return [
        PrunableRows(
            rows=rows.filter(**{f"{column}__lt": limit}).order_by(column, "pk"),
            name=rows.model._meta.verbose_name_plural or rows.model.__name__,
        )
        for rows, column in tables
    ]
