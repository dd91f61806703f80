"""The e-mail backend of the project that sends with Amazon SES."""

from __future__ import annotations

from ..backends.amazon_ses import EmailBackend
from ..checks.mailers import is_subclass, our_mailers
from ..exceptions import AnymailConfigurationError


def amazon_ses_backend(where: str | None = None) -> EmailBackend:
    """The backend that sends, with its settings.

    :param where: the alias of a mailer in ``MAILERS``; None for the one that Django uses unless a
        message names another, or else the first that sends with Amazon SES.
    :raises AnymailConfigurationError: there is none.
    """
    found = [one for one in our_mailers() if is_subclass(one.path, EmailBackend)]
    found.sort(key=lambda one: not one.is_default)
    wanted = [one for one in found if where in (None, one.where, one.alias)]
    if wanted:
        backend: EmailBackend = wanted[0].construct()
        return backend
    if where is not None:
        names = ", ".join(str(one.alias) for one in found if one.alias) or "none"
        raise AnymailConfigurationError(
            f"MAILERS has no {where!r} that sends with Amazon SES; those that do: {names}"
        )
    raise AnymailConfigurationError(
        "No e-mail backend sends with Amazon SES. On Django 5.2 and 6.0 set EMAIL_BACKEND = "
        '"anymail.backends.amazon_ses.EmailBackend", from 6.1 on the BACKEND of a MAILERS entry.'
    )
