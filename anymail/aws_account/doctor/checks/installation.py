"""Whether the installed packages can do what the settings ask for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import django

from ....amazon_ses.installed_botocore import botocore_version, known_parameters
from ....conf import AmazonSESSettings
from ..context import Context
from ..findings import Finding, Fix, command, error, ok, setting

BACKEND = "anymail.backends.amazon_ses.EmailBackend"
UPGRADE = command("python -m pip install --upgrade boto3 botocore")


def packages(context: Context) -> Iterator[Finding]:
    """D30: the project sends with SES, and botocore knows the parameters that the settings use."""
    problems = list(_problems(context))
    yield from problems or [ok(f"botocore {botocore_version()} has all that the settings use")]


def _problems(context: Context) -> Iterator[Finding]:
    if not context.has_backend:
        yield error("no e-mail backend of the project sends with Amazon SES", _use_backend())
    known = known_parameters(context.ses, "send_email") or ()
    for name, parameter in _wanted(context.settings):
        if parameter not in known:
            text = f"{name} needs a newer botocore than {botocore_version()}: no {parameter}"
            yield error(text, UPGRADE)
    if context.settings.endpoint_id and find_spec("awscrt") is None:
        install = command('python -m pip install "botocore[crt]"')
        yield error("AMAZON_SES_ENDPOINT_ID needs awscrt, which is not installed", install)


def _use_backend() -> Fix:
    if django.VERSION < (6, 1):
        return setting(f'EMAIL_BACKEND = "{BACKEND}"')
    return setting(f'MAILERS = {{"default": {{"BACKEND": "{BACKEND}"}}}}')


def _wanted(settings: AmazonSESSettings) -> Iterator[tuple[str, str]]:
    """The settings in use that need a parameter of ``SendEmail`` (v2), with its name."""
    defaults = settings.send_defaults
    if settings.tenant:
        yield "AMAZON_SES_TENANT", "TenantName"
    if settings.endpoint_id:
        yield "AMAZON_SES_ENDPOINT_ID", "EndpointId"
    if {"track_opens", "track_clicks"} & defaults.keys():
        yield "track_opens in AMAZON_SES_SEND_DEFAULTS", "ConfigurationOverrides"
