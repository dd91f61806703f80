"""An e-mail backend for tests: records what would be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core import mail
from django.core.mail import EmailMessage

from ..amazon_ses.template_content import is_inline_template
from ..amazon_ses.tenants import with_tenant
from ..attachments import Attachment
from ..calls import ApiCall
from ..conf import AmazonSESSettings, current_settings
from ..exceptions import AnymailAPIError
from ..message import AnymailRecipientStatus
from ..outgoing import OutgoingMessage
from .base import AnymailBaseBackend


class EmailBackend(AnymailBaseBackend):
    """Puts messages into ``django.core.mail.outbox``, with all signals and statuses.

    Each message gets ``anymail_test_params``, a dict of everything that an API would get. Before
    sending, ``anymail_test_response`` may be set on it: an
    :exc:`~anymail.exceptions.AnymailAPIError` to raise, or a dict whose
    ``"recipient_status"`` maps addresses to :class:`~anymail.message.AnymailRecipientStatus`.

    It takes all options of :class:`anymail.backends.amazon_ses.EmailBackend`, so that tests only
    have to replace the backend. Of the settings for Amazon SES, the tenant counts.
    """

    esp_name: ClassVar[str] = "Test"
    pretends: ClassVar[bool] = True

    def __init__(
        self,
        fail_silently: bool = False,
        *,
        send_defaults: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.settings: AmazonSESSettings = current_settings().with_overrides(
            AmazonSESSettings, kwargs
        )
        super().__init__(fail_silently=fail_silently, send_defaults=send_defaults, **kwargs)

    def defaults_for(self, message: EmailMessage) -> Mapping[str, Any]:
        """``SEND_DEFAULTS``, and the tenant of ``AMAZON_SES_TENANT`` if the message has none."""
        return with_tenant(self.send_defaults, message, self.settings)

    def sends_apart(self, message: OutgoingMessage) -> bool:
        """Whether Amazon SES, with the API v2, would send each recipient a message of its own."""
        return bool(message.template_id) or is_inline_template(message, self.settings)

    def build_calls(self, message: OutgoingMessage) -> Sequence[ApiCall]:
        """Build one call for the whole message, with any features."""
        return [
            ApiCall(
                operation="record",
                params={"message": message.source, "test_params": build_test_params(message)},
                recipients=message.recipients,
            )
        ]

    def run(self, call: ApiCall) -> Mapping[str, Any]:
        """Record the message.

        :return: the message's ``anymail_test_response``, or a ``message_id``: its place in the
            outbox, from 0.
        :raises AnymailAPIError: that is the ``anymail_test_response``.
        """
        message = call.params["message"]
        message.anymail_test_params = call.params["test_params"]
        message.sent_using = getattr(self, "alias", None)  # as Django's locmem, from 6.1 on
        response = getattr(message, "anymail_test_response", None)
        if isinstance(response, AnymailAPIError):
            raise response
        if not hasattr(mail, "outbox"):
            mail.outbox = []
        mail.outbox.append(message)
        return response or {"message_id": len(mail.outbox) - 1}

    def parse_response(
        self, call: ApiCall, response: Mapping[str, Any]
    ) -> dict[str, AnymailRecipientStatus]:
        """``sent`` for every recipient, unless ``anymail_test_response`` says otherwise."""
        if "recipient_status" in response:
            return dict(response["recipient_status"])
        sent = AnymailRecipientStatus(response.get("message_id"), "sent")
        return {recipient.addr_spec: sent for recipient in call.recipients}


def build_test_params(message: OutgoingMessage) -> dict[str, Any]:
    """Everything about a message in one dict, without keys for absent values.

    ``esp_extra`` is merged in at the top level.
    """
    params: dict[str, Any] = {
        "from": message.from_emails[0],
        "to": list(message.to),
        "cc": list(message.cc),
        "bcc": list(message.bcc),
        "reply_to": list(message.reply_to),
        "subject": message.subject,
        **_bodies(message),
        "is_batch_send": message.is_batch,
    }
    shown_to = {} if message.header_to is None else {"To": message.header_to}
    optional: dict[str, Any] = {
        "extra_headers": {**message.headers, **shown_to},
        "attachments": [Attachment(attachment) for attachment in message.attachments],
    }
    params |= {name: value for name, value in optional.items() if value}
    params |= {name: getattr(message, name) for name in message.features if name != "esp_extra"}
    if message.envelope_sender:
        params["envelope_sender"] = message.envelope_sender.addr_spec
    if message.tags is not None:
        params["tags"] = list(message.tags)
    return params | (message.esp_extra or {})


def _bodies(message: OutgoingMessage) -> dict[str, Any]:
    bodies: dict[str, Any] = {}
    others = []
    parts = [(message.body, f"text/{message.content_subtype}"), *message.alternatives]
    if not message.body and any(mimetype == parts[0][1] for _, mimetype in message.alternatives):
        del parts[0]
    for content, mimetype in parts:
        key = {"text/plain": "text_body", "text/html": "html_body"}.get(mimetype)
        if key and key not in bodies:
            bodies[key] = content
        else:
            others.append((content, mimetype))
    return bodies | ({"alternatives": others} if others else {})
