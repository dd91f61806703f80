"""Looking up single settings by name, without checking their type."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from django.conf import settings as django_settings

from ..exceptions import AnymailConfigurationError
from .values import wrong_type


class UNSET:
    """Not given, which is not the same as None. A class, so that messages can be pickled."""


def get_anymail_setting(
    name: str,
    default: Any = UNSET,
    esp_name: str | None = None,
    kwargs: MutableMapping[str, Any] | None = None,
    allow_bare: bool = False,
) -> Any:
    """Look a setting up by name, for applications that have settings of their own.

    Name them ``ANYMAIL_…``, next to the dict: check W100 warns of unknown names inside it.

    :param name: for example ``"configuration_set_name"``.
    :param default: returned when the setting is not there.
    :param esp_name: a service; its upper-cased name is put before the setting's.
    :param kwargs: keyword arguments to look at first; what is found is popped.
    :param allow_bare: also look at the Django setting without ``ANYMAIL_`` before it.
    :return: the value as it stands there; its type is not checked.
    :raises AnymailConfigurationError: it is not set, and there is no default.
    """
    prefix = "" if esp_name is None else esp_name.upper().replace(" ", "_") + "_"
    full_name = prefix + name.upper()
    # Django passes username=None, password=None to every backend (before 6.1).
    skip = name in ("username", "password") and (kwargs or {}).get(name) is None
    if kwargs is not None and name in kwargs and not skip:
        return kwargs.pop(name)
    value = _value_of(full_name, allow_bare)
    if value is not UNSET:
        return value
    if default is not UNSET:
        return default
    raise AnymailConfigurationError(
        f'You must set ANYMAIL["{full_name}"] or ANYMAIL_{full_name}'
        + (f" or {full_name}" if allow_bare else "")
        + " in your Django settings."
    )


def _value_of(name: str, allow_bare: bool) -> Any:
    if name in (inside := anymail_dict()):
        return inside[name]
    value = django_setting(f"ANYMAIL_{name}", UNSET)
    return django_setting(name, UNSET) if value is UNSET and allow_bare else value


def has_setting(name: str) -> bool:
    """Whether ``ANYMAIL[name]`` or ``ANYMAIL_name`` is set, to any value.

    :raises AnymailConfigurationError: ``ANYMAIL`` is not a dict.
    """
    return name in anymail_dict() or hasattr(django_settings, f"ANYMAIL_{name}")


def anymail_dict() -> Mapping[str, Any]:
    """The ``ANYMAIL`` setting.

    :raises AnymailConfigurationError: it is not a dict.
    """
    value = getattr(django_settings, "ANYMAIL", None) or {}
    if not isinstance(value, (dict, Mapping)):
        raise wrong_type("ANYMAIL", "a dict", value)
    return value


def django_setting(name: str, default: Any = None) -> Any:
    """A setting of Django's own, or of another package."""
    return getattr(django_settings, name, default)


def settings_object() -> object:
    """The object behind ``django.conf.settings``.

    Looking there for a name that is absent takes ``LazySettings`` 30 times as long.
    """
    return object.__getattribute__(django_settings, "_wrapped")
