"""The Django app ``"anymail.feedback"``.

:raises ImproperlyConfigured: django-anymail was installed over this package.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.utils import timezone

from ..installation import explain_import_errors

with explain_import_errors():
    from ..signals import recipients_resolved, tracking

if TYPE_CHECKING:
    from ..database.pruning import Prunable
    from ..suppressions import Standing


class AnymailFeedbackConfig(AppConfig):
    """The Django app: goes into ``INSTALLED_APPS`` as ``"anymail.feedback"``."""

    name = "anymail.feedback"
    label = "anymail_feedback"
    verbose_name: str = "Anymail feedback"
    default_auto_field: str = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect recording and suppression to the signals."""
        from . import recording, suppression

        tracking.connect(recording.on_tracking, dispatch_uid="anymail.feedback")
        recipients_resolved.connect(
            suppression.on_recipients_resolved, dispatch_uid="anymail.feedback"
        )

    def anymail_prunable(self, older_than: timedelta | None) -> list[Prunable]:
        """What ``manage.py anymail_prune`` may delete: nothing without an age."""
        from .pruning import prunable

        return [] if older_than is None else prunable(timezone.now() - older_than)

    def anymail_standing(self, address: str, *, again: bool) -> Standing:
        """Whether an address is suppressed, here and at Amazon.

        :param address: in any spelling.
        :param again: as in :class:`~anymail.suppressions.SuppressingApp`.
        """
        from .standing import standing

        return standing(address, again=again)
