from django.apps import AppConfig

from ..signals import pre_send, tracking


class AnymailFeedbackConfig(AppConfig):
    """The Django app ``"anymail.feedback"``."""

    name = "anymail.feedback"
    label = "anymail_feedback"
    verbose_name = "Anymail feedback"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import recording, suppression

        tracking.connect(recording.receive_tracking, dispatch_uid="anymail.feedback")
        pre_send.connect(suppression.receive_pre_send, dispatch_uid="anymail.feedback")
