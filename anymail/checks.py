"""System checks. Each id keeps its meaning for ever; docs/troubleshooting lists them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from ipaddress import ip_address
from operator import getitem
from typing import Any
from urllib.parse import urlsplit

from django.apps.config import AppConfig
from django.core import checks, mail
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from . import conf
from .addresses import idna_encoder
from .exceptions import AnymailConfigurationError
from .outgoing import FEATURES, MIME_ATTRIBUTES
from .setting_values import import_callable
from .unknown_settings import MIN_LIKENESS, unknown_names, what_to_type

Apps = Sequence[AppConfig] | None

#: The attributes that ``SEND_DEFAULTS`` can have.
DEFAULT_ATTRIBUTES = (*FEATURES, *MIME_ATTRIBUTES)

#: Settings that may be dotted paths -> what to type.
IMPORT_HINTS = {
    "client_factory": 'Give the path of a function, "package.module.function", or the function '
    "itself; it must be possible to import it in manage.py shell.",
    "idna_encoder": 'Give one of "idna2008", "idna2003", "uts46", "none", or the path of a '
    'function, "package.module.function".',
}


def register() -> None:
    """Register every check of this package; called when the app is ready."""
    for check in (
        check_deprecated_settings,
        check_unknown_settings,
        check_setting_types,
        check_send_defaults,
        check_mailers,
        check_rate_limit_cache,
        check_imports,
        check_other_distribution,
    ):
        checks.register(check, "mail")
    checks.register(check_insecure_settings, checks.Tags.security)
    checks.register(check_webhooks, checks.Tags.security)
    checks.register(check_webhook_deployment, checks.Tags.security, deploy=True)
    checks.register(check_endpoint, checks.Tags.security, deploy=True)


def check_deprecated_settings(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E001: ``WEBHOOK_AUTHORIZATION``, which has another name since long."""
    try:
        if not conf.has_setting("WEBHOOK_AUTHORIZATION"):
            return []
    except AnymailConfigurationError:
        return []  # E101 reports it
    return [
        checks.Error(
            "The ANYMAIL setting WEBHOOK_AUTHORIZATION has been renamed to WEBHOOK_SECRET.",
            hint='Rename it: ANYMAIL = {"WEBHOOK_SECRET": "user:password", ...}.',
            id="anymail.E001",
        )
    ]


def check_insecure_settings(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W002: ``DEBUG_API_REQUESTS`` outside of ``DEBUG``."""
    try:
        on = conf.get_anymail_setting("debug_api_requests", default=False)
    except AnymailConfigurationError:
        return []  # E101 reports it
    if not on or conf.django_setting("DEBUG"):
        return []
    return [
        checks.Warning(
            "You have enabled the ANYMAIL setting DEBUG_API_REQUESTS, which has no effect with "
            "Amazon SES.",
            hint='Remove "DEBUG_API_REQUESTS" from ANYMAIL. boto3.set_stream_logger("botocore") '
            "prints every request, with the messages in it: it should not be on in production.",
            id="anymail.W002",
        )
    ]


def check_webhooks(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E110 to E114, W113: see :mod:`.webhooks.checks`."""
    from .webhooks import checks as webhook_checks

    return webhook_checks.check_webhook_settings()


def check_webhook_deployment(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W110 to W112: see :mod:`.webhooks.checks`."""
    from .webhooks import checks as webhook_checks

    return webhook_checks.check_webhook_deployment()


def check_unknown_settings(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W100: a key in ``ANYMAIL`` that no setting has."""
    try:
        unknown = unknown_names()
    except AnymailConfigurationError:
        return []  # E101 reports it
    return [
        checks.Warning(
            f'Unknown setting ANYMAIL["{name}"].',
            hint=what_to_type(name, meant),
            id="anymail.W100",
        )
        for name, meant in unknown.items()
        if name != "WEBHOOK_AUTHORIZATION"
    ]


def check_setting_types(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E101: a setting has the wrong type."""
    return [
        checks.Error(
            problem,
            hint=(
                "Give it such a value. What comes from the environment is a string: convert it, "
                'for example by int(os.environ["..."]).'
            ),
            id="anymail.E101",
        )
        for problem in conf.type_problems()
    ]


def check_send_defaults(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W101: what ``SEND_DEFAULTS`` has, and no message takes from there."""
    if conf.type_problems():
        return []  # E101 reports them
    return [
        checks.Warning(
            f"{where} has {name!r}, which is ignored.", hint=_hint_default(name), id="anymail.W101"
        )
        for where, defaults in _given("send_defaults")
        if isinstance(defaults, Mapping)  # else E102 reports it
        for name in defaults
        if name not in DEFAULT_ATTRIBUTES
    ]


def check_mailers(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E102: an e-mail backend of ours that cannot be constructed as it is configured."""
    if conf.type_problems():
        return []  # E101 reports them
    return [
        checks.Error(
            f"{where} cannot be used: {problem}",
            hint=(
                "OPTIONS takes the settings of this package in lower case and without the prefix "
                "AMAZON_SES_, for example client_params or configuration_set_name."
            ),
            id="anymail.E102",
        )
        for where, problem in _broken_mailers()
    ]


def check_rate_limit_cache(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E103: without the cache that is named, each process would keep to the rate by itself."""
    if conf.type_problems():
        return []  # E101 reports them
    return [
        checks.Error(
            f"{where} is {alias!r}, and CACHES has no such cache.",
            hint=f"Name one that it has: {', '.join(map(repr, caches))}.",
            id="anymail.E103",
        )
        for where, alias in _given("rate_limit_cache")
        if alias and isinstance(alias, str) and alias not in caches
    ]


def check_endpoint(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W114: what is sent does not leave this machine. For ``check --deploy``."""
    if conf.type_problems():
        return []  # E101 reports them
    return [
        checks.Warning(
            f"{where} sends to {url}, which is on this machine, and not to Amazon SES.",
            hint='Remove "endpoint_url" and the other settings of the sandbox from those that you '
            "deploy: it has a key and a certificate that everybody may have.",
            id="anymail.W114",
        )
        for where, params in _given("client_params")
        if is_on_this_machine(url := _dict(params).get("endpoint_url"))
    ]


def is_on_this_machine(url: Any) -> bool:
    """Whether a URL leads to a loopback address, as far as can be told without a look-up."""
    try:
        host = urlsplit(url).hostname or "" if isinstance(url, str) else ""
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False


def check_imports(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E104: the dotted path of a function that is not there: sending would fail."""
    if conf.type_problems():
        return []  # E101 reports them
    return [
        checks.Error(problem, hint=IMPORT_HINTS[name], id="anymail.E104")
        for name, problem in _import_problems()
    ]


def check_other_distribution(app_configs: Apps = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E100: django-anymail is installed too, and overwrites files of this package."""
    try:
        distribution("django-anymail")
    except PackageNotFoundError:
        return []
    return [
        checks.Error(
            "django-anymail and django-anymail-ses are both installed: both own the package "
            "'anymail', and overwrite each other's files.",
            hint=(
                "python -m pip uninstall django-anymail && "
                "python -m pip install --force-reinstall --no-deps django-anymail-ses"
            ),
            id="anymail.E100",
        )
    ]


def _hint_default(name: Any) -> str:
    """What to type in place of an attribute that cannot have a default."""
    if name == "from_email":
        return "Set DEFAULT_FROM_EMAIL, a setting of Django: no message is without a from_email."
    close = get_close_matches(str(name), DEFAULT_ATTRIBUTES, n=1, cutoff=MIN_LIKENESS)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"It can have {', '.join(DEFAULT_ATTRIBUTES)}."


def _import_problems() -> Iterator[tuple[str, str]]:
    """Each setting whose path leads nowhere, and why."""
    for name, resolve in (("client_factory", import_callable), ("idna_encoder", idna_encoder)):
        for where, path in _given(name):
            if path and isinstance(path, str):
                try:
                    resolve(path, where)
                except AnymailConfigurationError as err:
                    yield name, str(err)


def _given(name: str) -> Iterator[tuple[str, Any]]:
    """Where a setting may be given, also as an option of a mailer, and its value there."""
    for group in conf.GROUPS:
        if name in group.field_names():
            yield f'ANYMAIL["{group.PREFIX}{name.upper()}"]', getattr(group.load(), name)
    for mailer in _mailers():
        if name in mailer.options:
            yield f"{mailer.where}['OPTIONS'][{name!r}]", mailer.options[name]


def _broken_mailers() -> Iterator[tuple[str, str]]:
    for mailer in _mailers():
        try:
            mailer.construct()
        except (ImproperlyConfigured, ImportError, TypeError) as err:
            yield mailer.where, str(err)
        except Exception as err:  # whatever its module, or a subclass, raises
            yield mailer.where, f"{type(err).__name__}: {err}"


@dataclass(frozen=True, kw_only=True)
class _Mailer:
    """An e-mail backend as it is configured.

    :param where: the setting that has it.
    :param path: of its class.
    :param options: its keywords.
    """

    where: str
    path: str
    options: Mapping[str, Any]
    construct: Callable[[], Any]


def _mailers() -> list[_Mailer]:
    """Those with a backend of ours."""
    return [mailer for mailer in _configured_mailers() if _is_ours(mailer.path)]


def _configured_mailers() -> list[_Mailer]:
    mailers: Any = getattr(mail, "mailers", None)  # from Django 6.1 on
    configured = conf.django_setting("MAILERS")
    if mailers is not None and isinstance(configured, dict):  # else Django complains
        return [
            _Mailer(
                where=f"MAILERS[{alias!r}]",
                path=mailer.get("BACKEND", ""),
                options=_dict(mailer.get("OPTIONS")),
                construct=partial(getitem, mailers, alias),
            )
            for alias, mailer in configured.items()
            if isinstance(mailer, dict)  # else Django complains
        ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from Django 6.1 reading it is deprecated
        path = conf.django_setting("EMAIL_BACKEND")
    return [
        _Mailer(
            where="EMAIL_BACKEND", path=path, options={}, construct=lambda: import_string(path)()
        )
    ]


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}  # E102 reports what is no dict


def _is_ours(path: Any) -> bool:
    from .backends.base import AnymailBaseBackend

    try:
        backend: type[BaseEmailBackend] = import_string(path)
    except Exception:  # whatever its module raises; Django and mail that is sent tell
        return str(path).startswith("anymail.")
    return isinstance(backend, type) and issubclass(backend, AnymailBaseBackend)
