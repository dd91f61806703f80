"""The Django app ``"anymail"``."""

from django.apps import AppConfig


class AnymailBaseConfig(AppConfig):
    """The Django app: goes into ``INSTALLED_APPS`` as ``"anymail"``."""

    name = "anymail"
    verbose_name: str = "Anymail"
    default = True

    def ready(self) -> None:
        """Register the system checks, and have probes of the mail loop noted."""
        from . import checks

        checks.register()

        from . import probes, signals

        signals.arrived.connect(probes.on_arrived, dispatch_uid="anymail.probes")
