"""The e-mail backends that a project has configured."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from operator import getitem
from typing import TYPE_CHECKING, Any

from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from .. import conf
from ..exceptions import AnymailConfigurationError

if TYPE_CHECKING:
    from ..backends.amazon_ses import EmailBackend

#: Stores messages for another mailer.
OUTBOX = "anymail.backends.outbox.EmailBackend"


@dataclass(frozen=True, kw_only=True)
class Mailer:
    """An e-mail backend as it is configured.

    :param where: the setting that has it.
    :param path: of its class.
    :param options: its keywords.
    :param construct: makes the backend.
    :param is_default: Django uses it unless a message names another, or delivers with it what the
        outbox has stored.
    :param alias: its key in ``MAILERS``; None without that setting.
    """

    where: str
    path: Any
    options: Mapping[str, Any]
    construct: Callable[[], Any]
    is_default: bool
    alias: str | None = None


def configured_mailers() -> list[Mailer]:
    """Every mailer of ``MAILERS`` (from Django 6.1 on), or the one of ``EMAIL_BACKEND``, with the
    one of ``OUTBOX_BACKEND`` behind it."""
    mailers: Any = getattr(mail, "mailers", None)  # from Django 6.1 on
    configured = conf.django_setting("MAILERS")
    if mailers is not None and isinstance(configured, dict):  # else Django complains
        return list(_of_mailers(configured, mailers))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from Django 6.1 reading it is deprecated
        path = conf.django_setting("EMAIL_BACKEND")
    found = [_by_path("EMAIL_BACKEND", path)]
    if path == OUTBOX and (delivers := _outbox_backend()) not in (None, OUTBOX):
        found.append(_by_path('ANYMAIL["OUTBOX_BACKEND"]', delivers))
    return found


def _of_mailers(configured: Mapping[str, Any], mailers: Any) -> Iterator[Mailer]:
    default = dict_or_empty(configured.get("default"))
    behind = dict_or_empty(default.get("OPTIONS")).get("mailer")
    defaults = ("default", behind if default.get("BACKEND") == OUTBOX else None)
    for alias, mailer in configured.items():
        if isinstance(mailer, dict):  # else Django complains
            yield Mailer(
                where=f"MAILERS[{alias!r}]",
                path=mailer.get("BACKEND", ""),
                options=dict_or_empty(mailer.get("OPTIONS")),
                construct=partial(getitem, mailers, alias),
                is_default=alias in defaults,
                alias=alias,
            )


def _by_path(where: str, path: Any) -> Mailer:
    """The mailer of a setting that has only a path."""
    return Mailer(
        where=where,
        path=path,
        options={},
        construct=lambda: import_string(path)(),
        is_default=True,
    )


def _outbox_backend() -> str | None:
    try:
        return conf.OutboxSettings.load().outbox_backend
    except AnymailConfigurationError:
        return None  # another check reports it


def our_mailers() -> list[Mailer]:
    """The mailers with a backend of this package, or a subclass of one."""
    return [mailer for mailer in configured_mailers() if _is_ours(mailer.path)]


def default_is_amazon_ses() -> bool:
    """Whether a message without a mailer of its own goes to Amazon SES."""
    from ..backends.amazon_ses import EmailBackend  # checks are imported by every process

    return any(
        mailer.is_default and is_subclass(mailer.path, EmailBackend)
        for mailer in configured_mailers()
    )


def amazon_ses_backend(where: str | None = None) -> EmailBackend:
    """The backend that sends, with its settings.

    :param where: the alias of a mailer in ``MAILERS``; None for the one that Django uses unless a
        message names another, or else the first that sends with Amazon SES.
    :raises AnymailConfigurationError: there is none.
    """
    from ..backends.amazon_ses import EmailBackend  # checks are imported by every process

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


def dict_or_empty(value: Any) -> Mapping[str, Any]:
    """The value if it is a dict, or an empty dict: check E102 reports other types."""
    return value if isinstance(value, dict) else {}


def _is_ours(path: Any) -> bool:
    from ..backends.base import AnymailBaseBackend

    is_ours = is_subclass(path, AnymailBaseBackend)
    return str(path).startswith("anymail.") if is_ours is None else is_ours


def is_subclass(path: Any, base: type[BaseEmailBackend]) -> bool | None:
    """Whether a path is that of a subclass; None if it cannot be imported."""
    try:
        backend = import_string(path)
    except Exception:  # a module may raise anything; Django reports it when mail is sent
        return None
    return isinstance(backend, type) and issubclass(backend, base)
