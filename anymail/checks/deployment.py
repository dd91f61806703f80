"""System checks of the webhooks in the URLconf. :mod:`anymail.checks` registers them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Warning
from django.urls import URLPattern, URLResolver, get_resolver

from .. import conf
from ..conf import AmazonSESSettings
from ..exceptions import AnymailConfigurationError
from ..webhooks.amazon_ses import AmazonSESBaseWebhookView, AmazonSESInboundWebhookView
from ..webhooks.base import AnymailCoreWebhookView

#: How many characters the password of a secret needs, and how many different ones. The command in
#: the hint makes one of 32.
MIN_PASSWORD_LENGTH = 16
MIN_UNIQUE_CHARACTERS = 8
#: Words of the secrets that documentation shows.
PLACEHOLDER_WORDS = re.compile("password|random|secret|example|change-?me", re.IGNORECASE)
HOW_TO_MAKE_ONE = (
    "python -c \"import secrets; print('sns:' + secrets.token_urlsafe(24))\" prints a good one."
)


@dataclass(frozen=True, kw_only=True)
class Protection:
    """The protection of a webhook against events of other people.

    :param secret: it asks for one, or says that it needs none.
    :param weak: one of its secrets can be guessed.
    :param topics: it listens to some topics only.
    :param signatures: it checks them.
    :param raw: it is to take raw messages, and refuses them for want of a secret.
    """

    secret: bool
    weak: bool
    topics: bool
    signatures: bool
    raw: bool


def check_webhook_deployment(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W110 to W112, W116, W120: other people can post events. For ``check --deploy``.

    For each webhook in the URLconf, with the settings that it has; those that are protected alike
    are reported together.
    """
    routes: dict[Protection, list[str]] = {}
    for route, callback in urlconf_webhooks():
        if protection := _protection(callback):
            routes.setdefault(protection, []).append(f"/{route}")
    return [
        problem
        for protection, found in routes.items()
        for problem in _deployment_problems(protection, ", ".join(found))
    ]


def check_feedback_webhook(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W121: feedback is to be recorded, and no webhook receives it. For ``check --deploy``."""
    if not apps.is_installed("anymail.feedback") or not conf.django_setting("ROOT_URLCONF"):
        return []
    if receives_events():
        return []
    return [
        Warning(
            'The app "anymail.feedback" records nothing: the URLconf has no webhook that tracks '
            "messages.",
            hint='Add path("anymail/", include("anymail.urls")) to it, or set '
            'ANYMAIL["AMAZON_SES_QUEUES"] and run manage.py anymail_consume. If events come '
            'another way, for example to Lambda: SILENCED_SYSTEM_CHECKS = ["anymail.W121"].',
            id="anymail.W121",
        )
    ]


def receives_events() -> bool:
    """Whether queues, or webhooks in the URLconf, bring events about messages that were sent."""
    return _has_queues() or any(
        not issubclass(callback.view_class, AmazonSESInboundWebhookView)
        for _, callback in urlconf_webhooks(AnymailCoreWebhookView)
    )


def _has_queues() -> bool:
    try:
        return bool(AmazonSESSettings.load().queues)
    except AnymailConfigurationError:
        return False  # another check reports it


def _deployment_problems(protection: Protection, where: str) -> Iterator[CheckMessage]:
    if not protection.signatures:
        yield Warning(
            "The signatures of Amazon SNS are not checked.",
            hint='Remove ANYMAIL["AMAZON_SES_VERIFY_SNS_SIGNATURES"] (or '
            "BOUNCY_VERIFY_CERTIFICATE, or verify_sns_signatures of as_view()): the default is to "
            "check them.",
            obj=where,
            id="anymail.W111",
        )
    if protection.weak:
        yield Warning(
            "The secret of the Anymail webhooks can be guessed: it is too short, or one that "
            "documentation shows.",
            hint=f'{HOW_TO_MAKE_ONE} Put it into ANYMAIL["WEBHOOK_SECRET"] (while you change it, '
            "next to the old one: a list of both), and into the URLs that SNS is subscribed with.",
            obj=where,
            id="anymail.W116",
        )
    if protection.raw:
        yield Warning(
            'ANYMAIL["AMAZON_SES_ALLOW_RAW_MESSAGE_DELIVERY"] has no effect without a secret: raw '
            "messages are refused, as anybody could post them.",
            hint="Remove it, and turn raw message delivery off in SNS. If you cannot, set "
            f'ANYMAIL["WEBHOOK_SECRET"]. {HOW_TO_MAKE_ONE}',
            obj=where,
            id="anymail.W120",
        )
    if not protection.secret and not protection.topics:
        yield Warning(
            "The Anymail webhooks accept events from the SNS topics of any AWS account. They "
            "download no received mail from S3, and suppress no address.",
            hint='Set ANYMAIL["WEBHOOK_SECRET"], or ANYMAIL["AMAZON_SES_SNS_TOPIC_ARNS"] to the '
            f"ARNs of your topics. {HOW_TO_MAKE_ONE}",
            obj=where,
            id="anymail.W112",
        )
    elif not protection.secret and not protection.signatures:
        yield Warning(
            "The Anymail webhooks accept events from anybody: without signature checking, the list "
            "of SNS topics protects nothing.",
            hint=f'Set ANYMAIL["WEBHOOK_SECRET"]. {HOW_TO_MAKE_ONE}',
            obj=where,
            id="anymail.W110",
        )


def _protection(callback: Any) -> Protection | None:
    """The protection of a view; None if it needs a request to tell, or its settings are wrong."""
    try:
        view: AmazonSESBaseWebhookView = callback.view_class(**callback.view_initkwargs)
        settings = view.load_settings(AmazonSESSettings)
        secrets = view.secrets
    except Exception:  # a subclass may raise anything
        return None
    return Protection(
        secret=bool(secrets) or not view.warn_if_no_basic_auth,
        weak=any(map(_is_weak, secrets)),
        topics=bool(settings.sns_topic_arns),
        signatures=settings.verify_sns_signatures,
        raw=settings.allow_raw_message_delivery and not secrets,
    )


def _is_weak(secret: str) -> bool:
    # A random password has such a word once in some millions, and is long enough without it.
    password = PLACEHOLDER_WORDS.sub("", secret.partition(":")[2])
    return len(password) < MIN_PASSWORD_LENGTH or len(set(password)) < MIN_UNIQUE_CHARACTERS


def urlconf_webhooks(
    base: type[AnymailCoreWebhookView] = AmazonSESBaseWebhookView,
) -> Iterator[tuple[str, Any]]:
    """The route of each webhook in the URLconf, and what ``as_view()`` made, decorated or not.

    :param base: the class of their views.
    """
    if not conf.django_setting("ROOT_URLCONF"):
        return
    for route, callback in _callbacks(get_resolver()):
        view_class = getattr(callback, "view_class", None)
        if isinstance(view_class, type) and issubclass(view_class, base):
            yield route, callback


def _callbacks(resolver: URLResolver, route: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    try:
        patterns = list(resolver.url_patterns)
    except Exception:  # Django's own check of the URLs reports it
        return
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _callbacks(pattern, route + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield route + str(pattern.pattern), pattern.callback
