"""The e-mail backends that a project has configured."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import getitem
from typing import Any

from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from .. import conf


@dataclass(frozen=True, kw_only=True)
class Mailer:
    """An e-mail backend as it is configured.

    :param where: the setting that has it.
    :param path: of its class.
    :param options: its keywords.
    :param construct: makes the backend.
    :param is_default: Django uses it unless a message names another.
    """

    where: str
    path: Any
    options: Mapping[str, Any]
    construct: Callable[[], Any]
    is_default: bool


def configured_mailers() -> list[Mailer]:
    """Every mailer of ``MAILERS`` (from Django 6.1 on), or the one of ``EMAIL_BACKEND``."""
    mailers: Any = getattr(mail, "mailers", None)  # from Django 6.1 on
    configured = conf.django_setting("MAILERS")
    if mailers is not None and isinstance(configured, dict):  # else Django complains
        return [
            Mailer(
                where=f"MAILERS[{alias!r}]",
                path=mailer.get("BACKEND", ""),
                options=dict_or_empty(mailer.get("OPTIONS")),
                construct=partial(getitem, mailers, alias),
                is_default=alias == "default",
            )
            for alias, mailer in configured.items()
            if isinstance(mailer, dict)  # else Django complains
        ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from Django 6.1 reading it is deprecated
        path = conf.django_setting("EMAIL_BACKEND")
    return [
        Mailer(
            where="EMAIL_BACKEND",
            path=path,
            options={},
            construct=lambda: import_string(path)(),
            is_default=True,
        )
    ]


def our_mailers() -> list[Mailer]:
    """The mailers with a backend of this package, or a subclass of one."""
    return [mailer for mailer in configured_mailers() if _is_ours(mailer.path)]


def default_is_amazon_ses() -> bool:
    """Whether a message without a mailer of its own goes to Amazon SES."""
    from ..backends.amazon_ses import EmailBackend  # checks are imported by every process

    return any(
        mailer.is_default and _is_subclass(mailer.path, EmailBackend)
        for mailer in configured_mailers()
    )


def dict_or_empty(value: Any) -> Mapping[str, Any]:
    """The value if it is a dict, or an empty dict: check E102 reports other types."""
    return value if isinstance(value, dict) else {}


def _is_ours(path: Any) -> bool:
    from ..backends.base import AnymailBaseBackend

    is_ours = _is_subclass(path, AnymailBaseBackend)
    return str(path).startswith("anymail.") if is_ours is None else is_ours


def _is_subclass(path: Any, base: type[BaseEmailBackend]) -> bool | None:
    """Whether a path is that of a subclass; None if it cannot be imported."""
    try:
        backend = import_string(path)
    except Exception:  # a module may raise anything; Django reports it when mail is sent
        return None
    return isinstance(backend, type) and issubclass(backend, base)
