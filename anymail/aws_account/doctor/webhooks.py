"""The webhooks in the URLconf."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import Resolver404, get_script_prefix, resolve

from ...checks.deployment import urlconf_webhooks
from ...conf import AmazonSESSettings
from ...webhooks.amazon_ses import (
    AmazonSESBaseWebhookView,
    AmazonSESInboundWebhookView,
    AmazonSESTrackingWebhookView,
)

#: A route without converters and regular expressions.
LITERAL = re.compile(r"[\w./~-]*")


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A webhook of this project.

    :param path: of its URL.
    :param settings: those that it uses.
    :param secrets: each of which it accepts, like ``"user:password"``; none if it asks for none.
    :param tracks: it takes events about messages that were sent.
    :param takes_mail: it takes received mail.
    """

    path: str
    settings: AmazonSESSettings
    secrets: Sequence[str] = field(repr=False)
    tracks: bool
    takes_mail: bool


def event_webhooks() -> list[Webhook]:
    """The webhooks that take events, those that take nothing else first.

    Of routes that are regular expressions, the URL is not known.
    """
    literal = ((route, view) for route, view in urlconf_webhooks() if LITERAL.fullmatch(route))
    found = [_webhook(f"{get_script_prefix()}{route}", view) for route, view in literal]
    return sorted((one for one in found if one.tracks), key=lambda one: one.takes_mail)


def webhook_at(path: str) -> Webhook | None:
    """The webhook at a path, if there is one."""
    prefix = get_script_prefix()
    if not path.startswith(prefix):
        return None
    try:
        callback = resolve(f"/{path.removeprefix(prefix)}").func
    except Resolver404:
        return None
    view_class = getattr(callback, "view_class", None)
    is_ours = isinstance(view_class, type) and issubclass(view_class, AmazonSESBaseWebhookView)
    return _webhook(path, callback) if is_ours else None


def _webhook(path: str, callback: Any) -> Webhook:
    view = callback.view_class(**callback.view_initkwargs)
    return Webhook(
        path=path,
        settings=view.ses_settings,
        secrets=view.secrets,
        tracks=not isinstance(view, AmazonSESInboundWebhookView),
        takes_mail=not isinstance(view, AmazonSESTrackingWebhookView),
    )
