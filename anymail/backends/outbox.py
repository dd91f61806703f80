"""The e-mail backend of the app ``anymail.outbox``: stores messages instead of sending them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from ..exceptions import AnymailConfigurationError


class EmailBackend(BaseEmailBackend):
    """Stores messages in the database, in the caller's transaction; a worker sends them.

    :param fail_silently: do not raise :exc:`~anymail.exceptions.AnymailError`.
    :param mailer: the alias in ``MAILERS`` that sends; without ``MAILERS``, the setting
        :setting:`OUTBOX_BACKEND` names what sends.
    :raises AnymailConfigurationError: ``"anymail.outbox"`` is not in ``INSTALLED_APPS``, or the
        mailer is missing.
    """

    def __init__(
        self, fail_silently: bool = False, *, mailer: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.fail_silently = fail_silently
        if not apps.is_installed("anymail.outbox"):
            raise AnymailConfigurationError(
                'The e-mail backend "anymail.backends.outbox.EmailBackend" needs its tables: add '
                '"anymail.outbox" to INSTALLED_APPS, and run: manage.py migrate'
            )
        from ..outbox.mailers import DEFAULT, uses_mailers

        if mailer is None and uses_mailers():
            raise AnymailConfigurationError(
                "The outbox does not know which mailer sends. Name it: "
                f'MAILERS[{getattr(self, "alias", None) or "default"!r}]["OPTIONS"] = '
                '{"mailer": "ses"}.'
            )
        #: The mailer that sends what is stored.
        self.stores_for: str = mailer or DEFAULT

    def send_messages(self, email_messages: Iterable[EmailMessage] | None) -> int:
        """Store messages.

        Each gets an ``anymail_status`` with ``"queued"`` for every recipient, and an
        ``outbox_id``.

        :param email_messages: any iterable of Django messages.
        :return: how many are stored, or were stored before with the same idempotency key.
        :raises AnymailError: a message cannot be sent. Those before it are stored.
        """
        from ..outbox.storing import store

        return store(email_messages or (), self.stores_for, fail_silently=self.fail_silently)
