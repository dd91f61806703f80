"""The composed message -> the real e-mail backend -> what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from django.utils.module_loading import import_string

from ...exceptions import AnymailError
from ...message import AnymailMessage, AnymailRecipientStatus
from .apps import aws

#: The backends by the API they use. The site has settings for both, so they need no options.
BACKENDS = {
    "v1": "anymail.backends.amazon_ses.EmailBackend",
    "v2": "anymail.backends.amazon_sesv2.EmailBackend",
    "outbox": "anymail.backends.outbox.EmailBackend",
}
#: What a backend can refuse a message with; Django raises ValueError for newlines in headers.
REFUSALS = (AnymailError, ImproperlyConfigured, ValueError)


def build(data: Mapping[str, Any]) -> AnymailMessage:
    """The message that a :class:`.forms.ComposeForm` asks for."""
    names = ("subject", "from_email", "metadata", "merge_data", "merge_global_data")
    fields: dict[str, Any] = {name: data[name] for name in names}
    for name in ("to", "cc", "bcc"):
        fields[name] = [str(address) for address in data[name]]
    message = AnymailMessage(
        **fields,
        body=data["text"].replace("\r\n", "\n"),
        tags=data["tags"] or None,
        template_id=data["template_id"] or None,
    )
    if data.get("wait") is not None:
        message.send_at = timezone.now() + timedelta(seconds=data["wait"])
    if data.get("priority") is not None:
        message.priority = data["priority"]
    if html := data["html"].replace("\r\n", "\n"):
        message.attach_alternative(html, "text/html")
    for file in data["attachments"]:
        message.attach(file.name, file.read(), file.content_type or "application/octet-stream")
    return message


def send(message: AnymailMessage, api: str) -> list[str]:
    """Send a message; returns its ids, of which there are several for a template.

    :param api: one of :data:`BACKENDS`.
    :raises Exception: one of :data:`REFUSALS`; nothing was sent.
    """
    # Django's ways to choose a mailer or a connection differ from version to version.
    options = {"mailer": "sesv2"} if api == "outbox" else {}
    import_string(BACKENDS[api])(**options).send_messages([message])
    if api == "outbox" and (worker := aws().outbox) is not None:
        worker.start()
    ids = message.anymail_status.message_id
    return sorted(str(one) for one in (ids if isinstance(ids, set) else {ids}) if one is not None)


def unsent(message: AnymailMessage) -> dict[str, AnymailRecipientStatus]:
    """The recipients to whom nothing was sent."""
    recipients = message.anymail_status.recipients.items()
    failures = ("rejected", "failed", "invalid")
    return {address: found for address, found in recipients if found.status in failures}
