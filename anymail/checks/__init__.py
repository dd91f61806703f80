"""System checks. An id never changes its meaning; docs/troubleshooting lists them.

:raises ImproperlyConfigured: django-anymail was installed over this package.
"""

from __future__ import annotations

from django.core import checks

from ..installation import explain_import_errors

# Where django-anymail was installed over this package, its apps.py imports this folder, because
# Python prefers a folder to the file checks.py; other modules are django-anymail's.
with explain_import_errors():
    from . import apis, deployment, queues, sending, settings, validators, webhooks
    from .settings import check_deprecated_settings, check_insecure_settings

__all__ = ["check_deprecated_settings", "check_insecure_settings", "register"]


def register() -> None:
    """Register every check of this package; called when the app is ready."""
    for check in (
        check_deprecated_settings,
        settings.check_unknown_settings,
        settings.check_settings_of_other_services,
        settings.check_leftover_settings,
        settings.check_setting_types,
        settings.check_feedback_app,
        settings.check_feedback_sync,
        sending.check_send_defaults,
        sending.check_mailers,
        sending.check_rate_limit_cache,
        sending.check_rate_is_shared,
        sending.check_role_is_used,
        sending.check_imports,
        sending.check_senders,
        validators.check_validator_caches,
        validators.check_validators_can_ask,
        apis.check_v1_api,
        apis.check_awscrt,
    ):
        checks.register(check, "mail")
    checks.register(check_insecure_settings, checks.Tags.security)
    checks.register(webhooks.check_webhook_settings, checks.Tags.security)
    checks.register(queues.check_queue_settings, checks.Tags.security)
    checks.register(deployment.check_webhook_deployment, checks.Tags.security, deploy=True)
    checks.register(deployment.check_feedback_webhook, "mail", deploy=True)
    checks.register(sending.check_endpoint, checks.Tags.security, deploy=True)
