"""What tests of the outbox share."""

from __future__ import annotations

from typing import Any

import django
from django.apps import apps
from django.test import TestCase, TransactionTestCase, override_settings

from anymail.backends.outbox import EmailBackend
from anymail.database.pruning import before_pruning
from anymail.outbox.apps import AnymailOutboxConfig
from anymail.signals import sent_directly, tracking

OUTBOX = "anymail.backends.outbox.EmailBackend"


class DisconnectedOutbox(AnymailOutboxConfig):
    """The app without its receiver: most tests have no database."""

    def ready(self) -> None:
        pass


def connect() -> None:
    """Do what the app does when Django starts."""
    AnymailOutboxConfig.ready(apps.get_app_config("anymail_outbox"))  # type: ignore[arg-type]


def disconnect() -> None:
    """Undo it."""
    tracking.disconnect(dispatch_uid="anymail.outbox")
    tracking.disconnect(dispatch_uid="anymail.outbox.history")
    sent_directly.disconnect(dispatch_uid="anymail.outbox")
    before_pruning.disconnect(dispatch_uid="anymail.outbox")


def use_outbox(path: str = "anymail.backends.test.EmailBackend", **anymail: Any) -> Any:
    """Settings under which Django's mail goes to the outbox.

    :param path: the backend that delivers.
    :param anymail: what is in ``ANYMAIL``.
    """
    if django.VERSION < (6, 1):
        anymail = {"OUTBOX_BACKEND": path, **anymail}
        return override_settings(EMAIL_BACKEND=OUTBOX, ANYMAIL=anymail)
    mailers = {
        "default": {"BACKEND": OUTBOX, "OPTIONS": {"mailer": "ses"}},
        "ses": {"BACKEND": path},
    }
    return override_settings(MAILERS=mailers, ANYMAIL=anymail)


def outbox_backend(*, fail_silently: bool = False) -> EmailBackend:
    """The outbox's backend, as Django makes it under :func:`use_outbox`."""
    mailer = None if django.VERSION < (6, 1) else "ses"
    return EmailBackend(fail_silently, mailer=mailer)


class _Outbox:
    def setUp(self) -> None:
        super().setUp()  # type: ignore[misc]
        connect()
        self.addCleanup(disconnect)  # type: ignore[attr-defined]

    def entry(self) -> Any:
        """The only message."""
        from anymail.outbox.models import Entry

        return Entry._default_manager.get()


class OutboxTestCase(_Outbox, TestCase):
    """With the receiver connected, in a transaction."""


class OutboxTransactionTestCase(_Outbox, TransactionTestCase):
    """With the receiver connected, and real commits."""

    # Only their tables are emptied after each test, and no permissions are made anew in others.
    available_apps = ["anymail", "anymail.feedback", "anymail.outbox"]
