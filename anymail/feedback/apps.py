"""The Django app ``"anymail.feedback"``.

:raises ImproperlyConfigured: django-anymail was installed over this package.
"""

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured

from ..installation import check_installation

try:
    from ..signals import addressed, tracking
except ImportError as _err:  # the signals of django-anymail
    for _problem in check_installation():
        raise ImproperlyConfigured(f"{_problem.msg}\n{_problem.hint}") from _err
    raise


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
        addressed.connect(suppression.on_addressed, dispatch_uid="anymail.feedback")
