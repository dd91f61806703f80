"""Who sends for the project: its mailers, and with which account of Amazon each does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from ...amazon_ses import aws
from ...amazon_ses.client_cache import ClientKey
from ...backends.amazon_ses import EmailBackend
from ...checks.mailers import OUTBOX, Mailer, configured_mailers, is_subclass
from ...conf import AmazonSESSettings
from ..mailers import DEFAULT, unusable


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Mailers that use the same client of Amazon SES.

    :param names: aliases in ``MAILERS``, or ``"default"``.
    :param settings: of the first; None if it does not send with Amazon SES, or cannot be used.
    :param problem: why not.
    """

    names: tuple[str, ...]
    settings: AmazonSESSettings | None
    problem: str = ""


def senders() -> list[Sender]:
    """All of the project, without those that only store messages for others."""
    found: dict[ClientKey | str, Sender] = {}
    for key, sender in _of_mailers():
        known = found.get(key)
        names = (*known.names, *sender.names) if known else sender.names
        first = known or sender
        found[key] = Sender(names=names, settings=first.settings, problem=first.problem)
    return list(found.values())


def _of_mailers() -> Iterator[tuple[ClientKey | str, Sender]]:
    for mailer in configured_mailers():
        name = mailer.alias or DEFAULT
        if mailer.path == OUTBOX:
            continue
        if is_subclass(mailer.path, EmailBackend) is False:
            yield name, Sender(names=(name,), settings=None, problem=_("not Amazon SES"))
            continue
        try:
            settings = _settings(mailer)
            key = aws.key_of_client("sesv2", settings)
        except Exception as err:  # the project's own backend may raise anything
            problem = str(unusable(name, err))
            yield name, Sender(names=(name,), settings=None, problem=problem)
        else:
            yield key, Sender(names=(name,), settings=settings)


def _settings(mailer: Mailer) -> AmazonSESSettings:
    backend: EmailBackend = mailer.construct()
    return backend.settings
