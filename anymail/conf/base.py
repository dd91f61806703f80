"""Groups of settings, each declared once: its name, type and default."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from . import values
from .lookup import anymail_dict, settings_object

if TYPE_CHECKING:
    from typing_extensions import Self


SomeSettings = TypeVar("SomeSettings", bound="Settings")

#: Kinds of settings that may hold keys: left out of the ``repr``, which error reports show.
SECRET_KINDS = (values.dictionary, values.optional_dictionary, values.callable_or_path)


def setting(
    clean: Callable[[Any, str], Any],
    default: Any,
    *,
    fallback: str | None = None,
    is_secret: bool = False,
) -> Any:
    """Declare a setting.

    :param clean: takes the value and where it was found, for the error; returns it normalised, or
        raises :exc:`~anymail.exceptions.AnymailConfigurationError`.
    :param default: is cleaned too.
    :param fallback: a Django setting of another package that is read when ours is absent.
    :param is_secret: leave it out of the ``repr``, for any kind.
    """
    return field(
        default=default,
        repr=not (is_secret or clean in SECRET_KINDS),
        metadata={"clean": clean, "fallback": fallback},
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A group of settings. The name of a field, in capitals, is the name of the setting.

    What each setting means, its unit and its default are in the settings page of the documentation.
    """

    PREFIX: ClassVar[str] = ""

    @classmethod
    def load(cls, overrides: MutableMapping[str, Any] | None = None) -> Self:
        """Read every setting of this group.

        Each comes from the first of: ``overrides["name"]``, ``ANYMAIL["PREFIX_NAME"]``,
        ``ANYMAIL_PREFIX_NAME``, the fallback setting, the default.

        :param overrides: keyword arguments; what is used is popped, so that the caller can tell
            what is left over.
        :return: a group with every field set.
        :raises AnymailConfigurationError: a value has the wrong type, or ``ANYMAIL`` is not a dict.
        """
        sources = Sources.now({} if overrides is None else overrides)
        return cls(**{spec.name: spec.read(sources) for spec in specs(cls)})

    @classmethod
    def names(cls) -> list[str]:
        """The names of the settings in this group, as they are written inside ``ANYMAIL``."""
        return [spec.full_name for spec in specs(cls)]

    @classmethod
    def field_names(cls) -> list[str]:
        """The names of the same settings as keyword arguments."""
        return [spec.name for spec in specs(cls)]


@dataclass(frozen=True, kw_only=True, repr=False)
class Sources:
    """The places to look for settings.

    Not a dict, and without a ``repr`` of its own, since error reports show local variables.

    :param overrides: keyword arguments.
    :param inside: ``ANYMAIL``.
    :param outside: the object behind ``django.conf.settings``.
    """

    overrides: MutableMapping[str, Any]
    inside: Mapping[str, Any]
    outside: object

    @classmethod
    def now(cls, overrides: MutableMapping[str, Any]) -> Sources:
        """The Django settings as they are.

        :param overrides: keyword arguments, which win.
        :raises AnymailConfigurationError: ``ANYMAIL`` is not a dict.
        """
        # The dict first: to read it makes Django load its settings.
        return cls(overrides=overrides, inside=anymail_dict(), outside=settings_object())


@dataclass(frozen=True)
class SettingSpec:
    """The names of one setting, its type and default.

    :param name: the keyword argument.
    :param full_name: the key inside ``ANYMAIL``.
    :param flat_names: the Django settings outside it, in order.
    :param clean: checks and normalises its value.
    :param default: used if it is not set.
    """

    name: str
    full_name: str
    flat_names: tuple[str, ...]
    clean: Callable[[Any, str], Any]
    default: Any

    def read(self, sources: Sources) -> Any:
        """Its value.

        :raises AnymailConfigurationError: the value has the wrong type.
        """
        if self.name in sources.overrides:
            return self.clean(sources.overrides.pop(self.name), f"the option {self.name!r}")
        if self.full_name in sources.inside:
            return self.clean(sources.inside[self.full_name], f'ANYMAIL["{self.full_name}"]')
        for flat in self.flat_names:
            if hasattr(sources.outside, flat):
                return self.clean(getattr(sources.outside, flat), flat)
        return self.clean(self.default, self.name)


_known_specs: dict[type[Settings], tuple[SettingSpec, ...]] = {}


def specs(group: type[Settings]) -> tuple[SettingSpec, ...]:
    """The settings of a group, in their order."""
    if group not in _known_specs:
        _known_specs[group] = tuple(_spec(group.PREFIX, spec) for spec in fields(group))
    return _known_specs[group]


def _spec(prefix: str, spec: Field[Any]) -> SettingSpec:
    full_name, fallback = prefix + spec.name.upper(), spec.metadata["fallback"]
    return SettingSpec(
        name=spec.name,
        full_name=full_name,
        flat_names=(f"ANYMAIL_{full_name}", *([fallback] if fallback else [])),
        clean=spec.metadata["clean"],
        default=spec.default,
    )
