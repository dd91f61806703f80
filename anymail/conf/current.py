"""The settings, kept in memory as long as none of them changes.

Webhooks need them for every request, and to read 30 settings takes as long as to check a signature.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

from .base import Settings, SomeSettings, Sources, specs
from .groups import FLAT_NAMES
from .lookup import anymail_dict, settings_object


@dataclass(frozen=True, kw_only=True)
class CurrentSettings:
    """The groups of settings, each read when it is first asked for.

    A change *inside* a list or dict that is a setting's value is not noticed.

    :param source: the object behind ``django.conf.settings`` that they were read from.
    :param size: how many settings it had.
    :param inside: a copy of ``ANYMAIL``, or None.
    :param flat: the settings outside ``ANYMAIL`` that count, by name.
    :param groups: the groups that were asked for.
    """

    source: object = field(repr=False)
    size: int
    inside: Any = field(repr=False)
    flat: dict[str, Any] = field(repr=False)
    groups: dict[type[Settings], Any] = field(repr=False)

    def get(self, group: type[SomeSettings]) -> SomeSettings:
        """The same as ``group.load()``. Not to be modified.

        :raises AnymailConfigurationError: a value has the wrong type.
        """
        if group not in self.groups:
            self.groups[group] = group.load()
        settings: SomeSettings = self.groups[group]
        return settings

    def with_overrides(
        self, group: type[SomeSettings], overrides: MutableMapping[str, Any]
    ) -> SomeSettings:
        """The same as ``group.load(overrides)``.

        :param overrides: keyword arguments; what is used is popped.
        :raises AnymailConfigurationError: a value has the wrong type.
        """
        if not overrides:
            return self.get(group)
        wanted = [spec for spec in specs(group) if spec.name in overrides]
        sources = Sources(overrides=overrides, inside={}, outside=None)
        values = {spec.name: spec.read(sources) for spec in wanted}
        return replace(self.get(group), **values) if values else self.get(group)

    def is_current(self, source: object) -> bool:
        """Whether nothing has changed.

        :param source: the object that is behind ``django.conf.settings`` now.
        """
        return (
            self.source is source
            and self.size == _size(source)
            and self.inside == getattr(source, "ANYMAIL", None)
            and not (self.flat and self.flat != _flat_settings(source))
        )


def current_settings() -> CurrentSettings:
    """The settings as they are now.

    :raises AnymailConfigurationError: ``ANYMAIL`` is not a dict.
    """
    source = settings_object()
    for known in _known:
        if known.is_current(source):
            return known
    anymail_dict()  # makes Django load its settings, too
    source = settings_object()
    inside = getattr(source, "ANYMAIL", None)
    current = CurrentSettings(
        source=source,
        size=_size(source),
        inside=None if inside is None else dict(inside),
        flat=_flat_settings(source),
        groups={},
    )
    _known[:] = [current]
    return current


#: None or one.
_known: list[CurrentSettings] = []


def _size(source: object) -> int:
    present = vars(source)
    return len(present) + len(present.get("_deleted", ()))  # by del, within override_settings


def _flat_settings(source: object) -> dict[str, Any]:
    present = vars(source)
    return {name: present[name] for name in present.keys() & FLAT_NAMES}
