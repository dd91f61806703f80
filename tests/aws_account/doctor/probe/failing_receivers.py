"""An app whose receivers fail, connected before those of Anymail."""

from typing import Any

from django.apps import AppConfig
from django.dispatch import receiver

from anymail.signals import tracking


class FailingReceiversConfig(AppConfig):
    name = "tests.aws_account.doctor.probe.failing_receivers"
    label = "failing_receivers"


@receiver(tracking)
def fail(**kwargs: Any) -> None:
    raise RuntimeError("a bug in somebody's receiver")
