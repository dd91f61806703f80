"""What the project uses of an AWS account."""

from __future__ import annotations

from django.apps import apps

from ..checks.deployment import urlconf_webhooks
from ..checks.validators import model_validators
from ..conf import AmazonSESSettings
from .permissions.usage import Usage


def project_usage(
    settings: AmazonSESSettings,
    *,
    api_version: int,
    account: str,
    region: str,
    partition: str,
    identities: tuple[str, ...] = (),
) -> Usage:
    """What the settings, the installed apps, the URLconf and the models tell.

    :param settings: those of the backend that sends.
    :param api_version: of SES, that it uses: 1 or 2.
    :param account: twelve digits.
    :param region: of SES.
    :param partition: of the region, for example ``"aws"``.
    :param identities: domains and addresses that are sent from; none if nobody knows.
    """
    return Usage(
        settings=settings,
        account=account,
        region=region,
        partition=partition,
        api_versions=frozenset({api_version}),
        identities=identities,
        has_outbox=apps.is_installed("anymail.outbox"),
        has_feedback=apps.is_installed("anymail.feedback"),
        has_webhook=any(True for _ in urlconf_webhooks()),
        has_inbound=bool(settings.inbound_buckets or settings.inbound_kms_key_id),
        has_templates="template_id" in settings.send_defaults or None,
        has_validators=any(True for _ in model_validators()) or None,
    )
