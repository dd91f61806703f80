"""System checks of models whose fields ask whether an address is deliverable."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.cache import caches

from ..amazon_ses.insights import BOTOCORE
from ..validators import DeliverabilityValidator


def check_validator_caches(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E109: the cache of a validator is not in ``CACHES``."""
    return [
        checks.Error(
            f"The validator of {where} has the cache {validator.cache!r}, and CACHES has no such "
            "cache.",
            hint=f"Name one that it has: {', '.join(map(repr, caches))}.",
            id="anymail.E109",
        )
        for where, validator in model_validators()
        if validator.cache is not None and validator.cache not in caches
    ]


def check_validators_can_ask(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W125: the installed botocore cannot ask SES about an address."""
    installed = version("botocore")
    if _parts(installed) >= _parts(BOTOCORE):
        return []
    return [
        checks.Warning(
            f"The validator of {where} accepts every address: it needs botocore {BOTOCORE} or "
            f"later, and {installed} is installed.",
            hint='python -m pip install --upgrade boto3 "botocore>=' + f'{BOTOCORE}"',
            id="anymail.W125",
        )
        for where, _ in model_validators()
    ]


def model_validators() -> Iterator[tuple[str, DeliverabilityValidator]]:
    """The validators of model fields that ask SES, and the name of each field."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            for validator in field.validators:
                if isinstance(validator, DeliverabilityValidator):
                    yield f"{model._meta.label}.{field.name}", validator


def _parts(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split(".") if part.isdigit())
