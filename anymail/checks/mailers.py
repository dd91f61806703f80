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
    :param is_default: Django uses it when a message names no other.
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
    """Those with a backend of this package, or with one derived from it."""
    return [mailer for mailer in configured_mailers() if _is_ours(mailer.path)]


def default_is_amazon_ses() -> bool:
    """Whether a message that names no mailer goes to Amazon SES."""
    from ..backends.amazon_ses import EmailBackend  # checks are imported by every process

    return any(
        mailer.is_default and _is_subclass(mailer.path, EmailBackend)
        for mailer in configured_mailers()
    )


def dict_or_empty(value: Any) -> Mapping[str, Any]:
    """A dict as it is; anything else, which check E102 reports, is an empty one."""
    return value if isinstance(value, dict) else {}


def _is_ours(path: Any) -> bool:
    from ..backends.base import AnymailBaseBackend

    is_ours = _is_subclass(path, AnymailBaseBackend)
    return str(path).startswith("anymail.") if is_ours is None else is_ours


def _is_subclass(path: Any, base: type[BaseEmailBackend]) -> bool | None:
    """None if there is no such class, or its module fails."""
    try:
        backend = import_string(path)
    except Exception:  # whatever its module raises; Django and mail that is sent tell
        return None
    return isinstance(backend, type) and issubclass(backend, base)
