"""System checks of sending. :mod:`anymail.checks` registers them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.core import checks
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured

from .. import conf
from ..addresses import idna_encoder
from ..conf.aws_values import import_tenant
from ..conf.values import import_callable
from ..exceptions import AnymailConfigurationError
from ..outgoing import FEATURES, MIME_ATTRIBUTES
from .mailers import default_is_amazon_ses, dict_or_empty, our_mailers
from .unknown_settings import CUTOFF

#: The attributes that ``SEND_DEFAULTS`` can have.
DEFAULT_ATTRIBUTES = (*FEATURES, *MIME_ATTRIBUTES)

#: Settings that may be dotted paths -> what to type.
IMPORT_HINTS = {
    "client_factory": 'Give the path of a function, "package.module.function", or the function '
    "itself; it must be possible to import it in manage.py shell.",
    "tenant": 'Give the name of a tenant, or the path of a function, "package.module.function"; it '
    "takes a message and returns a name or None.",
    "idna_encoder": 'Give one of "idna2008", "idna2003", "uts46", "none", or the path of a '
    'function, "package.module.function".',
}


def check_send_defaults(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W101: an attribute in ``SEND_DEFAULTS`` that has no effect."""
    if conf.type_problems():
        return []  # E101 reports them
    return [
        checks.Warning(
            f"{where} has {name!r}, which is ignored.", hint=_hint_default(name), id="anymail.W101"
        )
        for where, defaults in _places_of("send_defaults")
        if isinstance(defaults, Mapping)  # else E102 reports it
        for name in defaults
        if name not in DEFAULT_ATTRIBUTES
    ]


def check_mailers(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E102: a mailer of this package that cannot be constructed."""
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


def check_rate_limit_cache(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E103: the cache for the shared rate limit is not in ``CACHES``."""
    if conf.type_problems():
        return []  # E101 reports them
    return [
        checks.Error(
            f"{where} is {alias!r}, and CACHES has no such cache.",
            hint=f"Name one that it has: {', '.join(map(repr, caches))}.",
            id="anymail.E103",
        )
        for where, alias in _places_of("rate_limit_cache")
        if alias and isinstance(alias, str) and alias not in caches
    ]


def check_rate_is_shared(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W102: a cache for the shared rate limit, but no rate."""
    if conf.type_problems() or any(rate for _, rate in _places_of("max_send_rate")):
        return []  # E101 reports wrong types
    return [
        checks.Warning(
            f"{where} has no effect without AMAZON_SES_MAX_SEND_RATE.",
            hint='Set ANYMAIL["AMAZON_SES_MAX_SEND_RATE"] to the recipients per second that all '
            'processes may send to together, or to "account".',
            id="anymail.W102",
        )
        for where, alias in _places_of("rate_limit_cache")
        if alias
    ]


def check_role_is_used(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W124: a role to assume, but a factory that makes the clients."""
    if conf.type_problems():
        return []  # E101 reports them
    return [
        checks.Warning(
            f"{where} has both a role_arn and a client_factory, which makes the clients without "
            "the role.",
            hint="Remove AMAZON_SES_CLIENT_FACTORY, or assume the role in your factory and remove "
            "AMAZON_SES_ROLE_ARN.",
            id="anymail.W124",
        )
        for where, options in _options_of_places()
        if options["role_arn"] and options["client_factory"]
    ]


def _options_of_places() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where clients are configured, with what counts there: ``ANYMAIL`` and each mailer."""
    common = vars(conf.AmazonSESSettings.load())
    yield "ANYMAIL", common
    for mailer in our_mailers():
        if mailer.options.keys() & {"role_arn", "client_factory"}:
            yield f"{mailer.where}['OPTIONS']", {**common, **mailer.options}


def check_endpoint(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W114: mail is sent to an endpoint on this machine. For ``check --deploy``."""
    if conf.type_problems():
        return []  # E101 reports them
    return [
        checks.Warning(
            f"{where} sends to {url}, which is on this machine, and not to Amazon SES.",
            hint='Remove "endpoint_url" and the other settings of the sandbox from those that you '
            "deploy: it has a key and a certificate that everybody may have.",
            id="anymail.W114",
        )
        for where, params in _places_of("client_params")
        if is_on_this_machine(url := dict_or_empty(params).get("endpoint_url"))
    ]


def is_on_this_machine(url: Any) -> bool:
    """Whether the host of a URL is a loopback address or ``localhost``. Names are not looked up."""
    try:
        host = urlsplit(url).hostname or "" if isinstance(url, str) else ""
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False


def check_imports(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E104: a dotted path in a setting cannot be imported."""
    if conf.type_problems():
        return []  # E101 reports them
    return [
        checks.Error(problem, hint=IMPORT_HINTS[name], id="anymail.E104")
        for name, problem in _import_problems()
    ]


def check_senders(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W117: a sender on ``localhost``, which is Django's default, and which SES always refuses.

    ``SERVER_EMAIL`` counts if ``ADMINS`` or ``MANAGERS`` get error reports.
    """
    if not default_is_amazon_ses():
        return []
    recipients = conf.django_setting("ADMINS") or conf.django_setting("MANAGERS")
    return [
        checks.Warning(
            f"{name} is an address on this machine, which Amazon SES refuses: {what} never arrive.",
            hint=f'Set {name} = "shop@example.com", with a domain that is verified in Amazon SES.',
            id="anymail.W117",
        )
        for name, what in (
            ("DEFAULT_FROM_EMAIL", "messages without a from_email"),
            ("SERVER_EMAIL", "Django's error reports to ADMINS and MANAGERS"),
        )
        if (recipients or name != "SERVER_EMAIL") and is_local(conf.django_setting(name))
    ]


def is_local(sender: Any) -> bool:
    """Whether an address is one on this machine, such as Django's default ``webmaster@localhost``.

    :param sender: with or without a display name.
    """
    domain = parseaddr(str(sender))[1].rpartition("@")[2].lower()
    return "." not in domain or domain.endswith((".localdomain", ".localhost"))


def _hint_default(name: Any) -> str:
    """The hint for an attribute that cannot have a default."""
    if name == "from_email":
        return "Set DEFAULT_FROM_EMAIL, a setting of Django: no message is without a from_email."
    close = get_close_matches(str(name), DEFAULT_ATTRIBUTES, n=1, cutoff=CUTOFF)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"It can have {', '.join(DEFAULT_ATTRIBUTES)}."


def _import_problems() -> Iterator[tuple[str, str]]:
    """Each setting whose path cannot be imported, with the reason."""
    for name, resolve in (
        ("client_factory", import_callable),
        ("idna_encoder", idna_encoder),
        ("tenant", import_tenant),
    ):
        for where, path in _places_of(name):
            if path and isinstance(path, str):
                try:
                    resolve(path, where)
                except AnymailConfigurationError as err:
                    yield name, str(err)


def _places_of(name: str) -> Iterator[tuple[str, Any]]:
    """The value of a setting in each place: ``ANYMAIL`` and the options of mailers."""
    for group in conf.GROUPS:
        if name in group.field_names():
            yield f'ANYMAIL["{group.PREFIX}{name.upper()}"]', getattr(group.load(), name)
    for mailer in our_mailers():
        if name in mailer.options:
            yield f"{mailer.where}['OPTIONS'][{name!r}]", mailer.options[name]


def _broken_mailers() -> Iterator[tuple[str, str]]:
    for mailer in our_mailers():
        try:
            mailer.construct()
        except (ImproperlyConfigured, ImportError, TypeError) as err:
            yield mailer.where, str(err)
        except Exception as err:  # a subclass may raise anything
            yield mailer.where, f"{type(err).__name__}: {err}"
