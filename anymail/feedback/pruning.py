"""Which rows are old."""

from __future__ import annotations

from datetime import datetime

from ..database.pruning import Prunable, PrunableRows
from .models import Bounce, Complaint, Delivery, Lift, MailEvent, Suppression


def prunable(limit: datetime) -> list[Prunable]:
    """The rows that were stored before a time, and the suppressions that expired, or were lifted,
    before it."""
    return [
        PrunableRows(
            rows=model._default_manager.filter(**{f"{column}__lt": limit}).order_by(column, "pk"),
            name=model._meta.verbose_name_plural or model.__name__,
        )
        for model, column in (
            (Bounce, "created_at"),
            (Complaint, "created_at"),
            (Delivery, "created_at"),
            (MailEvent, "created_at"),
            (Suppression, "expires_at"),
            (Lift, "lifted_at"),
        )
    ]
