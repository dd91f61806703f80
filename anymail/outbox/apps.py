"""The Django app ``"anymail.outbox"``.

:raises ImproperlyConfigured: django-anymail was installed over this package.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.apps import AppConfig

from ..installation import explain_import_errors

with explain_import_errors():
    from ..database.pruning import before_pruning
    from ..signals import sent_directly, tracking

if TYPE_CHECKING:
    from ..database.pruning import Prunable


class AnymailOutboxConfig(AppConfig):
    """The Django app: goes into ``INSTALLED_APPS`` as ``"anymail.outbox"``."""

    name = "anymail.outbox"
    label = "anymail_outbox"
    verbose_name: str = "Anymail outbox"
    default_auto_field: str = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the outbox to the events of SES and to what is sent directly, and register the
        system checks."""
        from . import checks, events
        from .account.upkeep import on_pruning
        from .history import direct, recording

        tracking.connect(events.on_tracking, dispatch_uid="anymail.outbox")
        tracking.connect(recording.on_tracking, dispatch_uid="anymail.outbox.history")
        sent_directly.connect(direct.on_sent, dispatch_uid="anymail.outbox")
        before_pruning.connect(on_pruning, dispatch_uid="anymail.outbox")
        checks.register()

    def anymail_prunable(self, older_than: timedelta | None) -> Iterable[Prunable]:
        """The messages that came to an end longer ago, or than ``OUTBOX_KEEP`` days.

        :param older_than: as in :class:`~anymail.database.pruning.PrunableApp`.
        """
        from .pruning import prunable

        return prunable(older_than)
