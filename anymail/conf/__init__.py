"""Every setting, with its type and its default. The only reader of ``django.conf``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.conf import settings as django_settings

from ..exceptions import AnymailConfigurationError
from .values import (
    api_version,
    count,
    encoder,
    function_or_path,
    mapping,
    name,
    optional_encoder,
    optional_mapping,
    optional_seconds,
    seconds,
    send_rate,
    size,
    suppress_reasons,
    text,
    text_list,
    truth,
    wrong_value,
)

if TYPE_CHECKING:
    from typing_extensions import Self


SomeSettings = TypeVar("SomeSettings", bound="Settings")


#: Kinds of settings that may hold keys: left out of the ``repr``, which error reports show.
SECRET_KINDS = (mapping, optional_mapping, function_or_path)


class UNSET:
    """Not given, which is not the same as None. A class, so that messages can be pickled."""


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
    :param is_secret: leave it out of the ``repr``, whatever its kind.
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

        :param overrides: keyword arguments; what is taken is popped, so that the caller can tell
            what is left over.
        :return: a group with every field set.
        :raises AnymailConfigurationError: a value has the wrong type, or ``ANYMAIL`` is no dict.
        """
        sources = Sources(
            overrides={} if overrides is None else overrides,
            inside=anymail_dict(),
            outside=_settings_holder(),
        )
        return cls(**{spec.name: spec.read(sources) for spec in _specs(cls)})

    @classmethod
    def names(cls) -> list[str]:
        """The names of the settings in this group, as they are written inside ``ANYMAIL``."""
        return [cls.PREFIX + spec.name.upper() for spec in fields(cls)]

    @classmethod
    def field_names(cls) -> list[str]:
        """The names of the same settings as keyword arguments."""
        return [spec.name for spec in fields(cls)]


@dataclass(frozen=True, kw_only=True)
class SendSettings(Settings):
    """What concerns sending with whatever service."""

    ignore_unsupported_features: bool = setting(truth, False)
    ignore_recipient_status: bool = setting(truth, False)
    debug_api_requests: bool = setting(truth, False)
    idna_encoder: str | Callable[[str], str] = setting(encoder, "idna2008")


@dataclass(frozen=True, kw_only=True)
class SendDefaults(Settings):
    """``SEND_DEFAULTS``: default message attributes, for whatever service."""

    send_defaults: dict[str, Any] = setting(mapping, None)


@dataclass(frozen=True, kw_only=True)
class WebhookSettings(Settings):
    """What concerns webhooks of whatever service."""

    webhook_secret: tuple[str, ...] = setting(text_list, None, is_secret=True)


@dataclass(frozen=True, kw_only=True)
class FeedbackSettings(Settings):
    """What concerns the app ``anymail.feedback``."""

    feedback_suppress: tuple[str, ...] = setting(suppress_reasons, None)


@dataclass(frozen=True, kw_only=True)
class AmazonSESSettings(Settings):
    """What concerns Amazon SES: sending first, then the webhooks."""

    PREFIX: ClassVar[str] = "AMAZON_SES_"

    api_version: int = setting(api_version, 1)
    session_params: dict[str, Any] = setting(mapping, None)
    client_params: dict[str, Any] = setting(mapping, None)
    client_factory: str | Callable[..., Any] | None = setting(function_or_path, None)
    configuration_set_name: str | None = setting(text, None)
    message_tag_name: str | None = setting(text, None)
    send_defaults: dict[str, Any] = setting(mapping, None)
    split_recipients: bool = setting(truth, False)
    max_concurrency: int = setting(count, 10)
    max_send_rate: float | str | None = setting(send_rate, None)
    rate_limit_cache: str | None = setting(text, None)
    throttle_timeout: float = setting(seconds, 10)
    retry_timeouts: bool = setting(truth, False)
    idna_encoder: str | Callable[[str], str] | None = setting(optional_encoder, None)

    sns_client_params: dict[str, Any] | None = setting(optional_mapping, None)
    s3_client_params: dict[str, Any] | None = setting(optional_mapping, None)
    kms_client_params: dict[str, Any] | None = setting(optional_mapping, None)
    auto_confirm_sns_subscriptions: bool = setting(truth, True, fallback="BOUNCY_AUTO_SUBSCRIBE")
    verify_sns_signatures: bool = setting(truth, True, fallback="BOUNCY_VERIFY_CERTIFICATE")
    sns_topic_arns: tuple[str, ...] = setting(text_list, None, fallback="BOUNCY_TOPIC_ARN")
    allow_raw_message_delivery: bool = setting(truth, False)
    sns_max_age: float | None = setting(optional_seconds, 7200)
    sns_cert_cache: str = setting(name, "default", fallback="BOUNCY_KEY_CACHE")
    sns_certificates: dict[str, str] = setting(mapping, None)
    sns_cert_host_regex: str | None = setting(text, None, fallback="BOUNCY_CERT_DOMAIN_REGEX")
    inbound_kms_key_id: str | None = setting(text, None)
    inbound_max_size: int = setting(size, 40 * 1024 * 1024)
    inbound_buckets: tuple[str, ...] = setting(text_list, None)
    inbound_delete_s3_object: bool = setting(truth, False)


GROUPS: tuple[type[Settings], ...] = (
    SendSettings,
    SendDefaults,
    WebhookSettings,
    FeedbackSettings,
    AmazonSESSettings,
)


@dataclass(frozen=True, kw_only=True)
class CurrentSettings:
    """The groups of settings, kept in memory as long as none of them changes.

    Webhooks need them for every request, and to read 30 settings takes as long as checking a
    signature. A change *inside* of a list or dict that is a setting's value is not noticed.

    :param holder: the object behind ``django.conf.settings``; another one, and they are read anew.
    :param size: how many settings it had.
    :param inside: a copy of ``ANYMAIL``, or None.
    :param flat: the settings beside it that count, by name.
    :param groups: the groups that were asked for.
    """

    holder: object = field(repr=False)
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

    def overridden(
        self, group: type[SomeSettings], overrides: MutableMapping[str, Any]
    ) -> SomeSettings:
        """The same as ``group.load(overrides)``.

        :param overrides: keyword arguments; what is taken is popped.
        :raises AnymailConfigurationError: a value has the wrong type.
        """
        wanted = [spec for spec in _specs(group) if spec.name in overrides]
        sources = Sources(overrides=overrides, inside={}, outside=None)
        values = {spec.name: spec.read(sources) for spec in wanted}
        return replace(self.get(group), **values) if values else self.get(group)


def current_settings() -> CurrentSettings:
    """The settings as they are now.

    :raises AnymailConfigurationError: ``ANYMAIL`` is not a dict.
    """
    holder = object.__getattribute__(django_settings, "_wrapped")
    for known in _current:
        if (
            known.holder is holder
            and known.size == _size(holder)
            and known.inside == getattr(holder, "ANYMAIL", None)
            and not (known.flat and known.flat != _flat_settings(holder))
        ):
            return known
    anymail_dict()  # makes Django read its settings, too
    holder = _settings_holder()
    inside = getattr(holder, "ANYMAIL", None)
    current = CurrentSettings(
        holder=holder,
        size=_size(holder),
        inside=None if inside is None else dict(inside),
        flat=_flat_settings(holder),
        groups={},
    )
    _current[:] = [current]
    return current


def _size(holder: object) -> int:
    present = vars(holder)
    return len(present) + len(present.get("_deleted", ()))  # by del, within override_settings


def _flat_settings(holder: object) -> dict[str, Any]:
    present = vars(holder)
    return {name: present[name] for name in present.keys() & FLAT_NAMES}


def known_names() -> list[str]:
    """The name of every setting, as it is written inside ``ANYMAIL``."""
    return [name for group in GROUPS for name in group.names()]


def borrowed_names() -> dict[str, str]:
    """The settings of other packages that are in use, each with the name of ours that it fills."""
    return {
        fallback: spec.full_name
        for group in GROUPS
        for spec in _specs(group)
        for fallback in spec.flat_names[1:]
        if _find(spec.full_name, None)[0] is None and hasattr(django_settings, fallback)
    }


def type_problems() -> dict[str, Callable[[Any, str], Any] | None]:
    """What is wrong with the types of settings.

    :return: a text for each, with the function that refused the value (None: ``ANYMAIL`` itself
        is not a dict).
    """
    try:
        sources = Sources(overrides={}, inside=anymail_dict(), outside=_settings_holder())
    except AnymailConfigurationError as err:
        return {str(err): None}
    problems: dict[str, Callable[[Any, str], Any] | None] = {}
    for group in GROUPS:
        for spec in _specs(group):
            try:
                spec.read(sources)
            except AnymailConfigurationError as err:
                problems[str(err)] = spec.clean
    return problems


def anymail_dict() -> Mapping[str, Any]:
    """The ``ANYMAIL`` setting.

    :raises AnymailConfigurationError: it is not a dict.
    """
    value = getattr(django_settings, "ANYMAIL", None) or {}
    if not isinstance(value, (dict, Mapping)):
        raise wrong_value("ANYMAIL", "a dict", value)
    return value


def has_setting(name: str) -> bool:
    """Whether ``ANYMAIL[name]`` or ``ANYMAIL_name`` is there, whatever its value.

    :raises AnymailConfigurationError: ``ANYMAIL`` is not a dict.
    """
    return name in anymail_dict() or hasattr(django_settings, f"ANYMAIL_{name}")


def django_setting(name: str, default: Any = None) -> Any:
    """A setting of Django's own, or of another package."""
    return getattr(django_settings, name, default)


def get_anymail_setting(
    name: str,
    default: Any = UNSET,
    esp_name: str | None = None,
    kwargs: MutableMapping[str, Any] | None = None,
    allow_bare: bool = False,
) -> Any:
    """Look a setting up by name, for applications that have settings of their own.

    Name them ``ANYMAIL_…``, beside the dict: check W100 warns of unknown names inside of it.

    :param name: for example ``"configuration_set_name"``.
    :param default: returned when the setting is nowhere.
    :param esp_name: a service; its upper-cased name is put before the setting's.
    :param kwargs: keyword arguments to look at first; what is found is popped.
    :param allow_bare: also look at the Django setting without ``ANYMAIL_`` before it.
    :return: the value as it stands there; its type is not checked.
    :raises AnymailConfigurationError: it is nowhere, and there is no default.
    """
    prefix = "" if esp_name is None else esp_name.upper().replace(" ", "_") + "_"
    full_name = prefix + name.upper()
    # Django passes username=None, password=None to every backend (before 6.1).
    skip = name in ("username", "password") and (kwargs or {}).get(name) is None
    if kwargs is not None and name in kwargs and not skip:
        return kwargs.pop(name)
    found, value = _find(full_name, full_name if allow_bare else None)
    if found is not None:
        return value
    if default is not UNSET:
        return default
    raise AnymailConfigurationError(
        f'You must set ANYMAIL["{full_name}"] or ANYMAIL_{full_name}'
        + (f" or {full_name}" if allow_bare else "")
        + " in your Django settings."
    )


@dataclass(frozen=True, kw_only=True, repr=False)
class Sources:
    """Where settings are looked for. Not a dict, and without a ``repr`` of its own, since error
    reports show the variables of the functions that look there.

    :param overrides: keyword arguments.
    :param inside: ``ANYMAIL``.
    :param outside: the object behind ``django.conf.settings``.
    """

    overrides: MutableMapping[str, Any]
    inside: Mapping[str, Any]
    outside: object


@dataclass(frozen=True)
class _Spec:
    """Where to look for one setting. Webhooks load their settings anew for each request."""

    name: str
    full_name: str
    flat_names: tuple[str, ...]
    where_inside: str
    clean: Callable[[Any, str], Any]
    default: Any

    def read(self, sources: Sources) -> Any:
        if self.name in sources.overrides:
            return self.clean(sources.overrides.pop(self.name), f"the option {self.name!r}")
        if self.full_name in sources.inside:
            return self.clean(sources.inside[self.full_name], self.where_inside)
        for flat in self.flat_names:
            if hasattr(sources.outside, flat):
                return self.clean(getattr(sources.outside, flat), flat)
        return self.clean(self.default, self.name)


_current: list[CurrentSettings] = []
_cached_specs: dict[type[Settings], tuple[_Spec, ...]] = {}


def _specs(group: type[Settings]) -> tuple[_Spec, ...]:
    if (specs := _cached_specs.get(group)) is None:
        specs = tuple(_spec(group.PREFIX, spec) for spec in fields(group))
        _cached_specs[group] = specs
    return specs


def _spec(prefix: str, spec: Field[Any]) -> _Spec:
    full_name, fallback = prefix + spec.name.upper(), spec.metadata["fallback"]
    return _Spec(
        spec.name,
        full_name,
        (f"ANYMAIL_{full_name}", *([fallback] if fallback else [])),
        f'ANYMAIL["{full_name}"]',
        spec.metadata["clean"],
        spec.default,
    )


def _settings_holder() -> object:
    # Looking for what is not there takes LazySettings 30 times as long as the object behind it.
    return object.__getattribute__(django_settings, "_wrapped")


def _find(name: str, fallback: str | None) -> tuple[str | None, Any]:
    """Where in the Django settings a setting is (None: nowhere), and its value."""
    if name in (inside := anymail_dict()):
        return f'ANYMAIL["{name}"]', inside[name]
    for flat in (f"ANYMAIL_{name}", fallback):
        if flat and hasattr(django_settings, flat):
            return flat, getattr(django_settings, flat)
    return None, None


FLAT_NAMES = frozenset(
    name for group in GROUPS for spec in _specs(group) for name in spec.flat_names
)
