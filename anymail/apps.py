from django.apps import AppConfig


class AnymailBaseConfig(AppConfig):
    """The Django app ``"anymail"``."""

    name = "anymail"
    verbose_name = "Anymail"
    default = True

    def ready(self) -> None:
        from . import checks

        checks.register()
