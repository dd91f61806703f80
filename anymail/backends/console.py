"""An e-mail backend for development: prints instead of sending."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, ClassVar, TextIO

from django.core.mail import EmailMessage

from ..addresses import EmailAddress
from ..amazon_ses.template_content import is_inline_template
from ..amazon_ses.tenants import with_tenant
from ..calls import ApiCall
from ..conf import AmazonSESSettings, current_settings
from ..message import AnymailRecipientStatus
from ..mime.attachments import normalise_attachments
from ..mime.policy import text_errors
from ..outgoing import OutgoingMessage
from .base import AnymailBaseBackend


class EmailBackend(AnymailBaseBackend):
    """Prints each message, with all signals and statuses.

    It takes all options of :class:`anymail.backends.amazon_ses.EmailBackend`; of the settings for
    Amazon SES, the tenant counts.

    :param stream: where to; standard output unless given.
    """

    esp_name: ClassVar[str] = "Console"
    pretends: ClassVar[bool] = True

    def __init__(
        self,
        fail_silently: bool = False,
        *,
        stream: TextIO | None = None,
        send_defaults: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.settings: AmazonSESSettings = current_settings().with_overrides(
            AmazonSESSettings, kwargs
        )
        super().__init__(fail_silently=fail_silently, send_defaults=send_defaults, **kwargs)
        self.stream = stream

    def defaults_for(self, message: EmailMessage) -> Mapping[str, Any]:
        """``SEND_DEFAULTS``, and the tenant of ``AMAZON_SES_TENANT`` if the message has none."""
        return with_tenant(self.send_defaults, message, self.settings)

    def sends_apart(self, message: OutgoingMessage) -> bool:
        """Whether Amazon SES, with the API v2, would send each recipient a message of its own."""
        return bool(message.template_id) or is_inline_template(message, self.settings)

    def build_calls(self, message: OutgoingMessage) -> Sequence[ApiCall]:
        """Build one call for the whole message, with any features."""
        params = {"mime": _mime(message), "not_in_mime": _not_in_mime(message)}
        return [ApiCall(operation="print", params=params, recipients=message.recipients)]

    def run(self, call: ApiCall) -> Mapping[str, Any]:
        """Print the message: its MIME, then recipients and features that are not in it.

        :return: ``message_id``, a new one each time.
        """
        stream = self.stream or sys.stdout
        stream.write(call.params["mime"])
        stream.write("\n" + "-" * 79 + "\n")
        for name, value in call.params["not_in_mime"].items():
            stream.write(f"{name}: {value!r}\n")
        stream.flush()
        return {"message_id": str(uuid.uuid4())}

    def parse_response(
        self, call: ApiCall, response: Mapping[str, Any]
    ) -> dict[str, AnymailRecipientStatus]:
        """``sent``, for every recipient."""
        sent = AnymailRecipientStatus(response["message_id"], "sent")
        return {recipient.addr_spec: sent for recipient in call.recipients}


def _mime(message: OutgoingMessage) -> str:
    copied = copy(message.source)
    copied.subject, copied.body = message.subject, message.body
    with text_errors():
        normalise_attachments(copied, message)
        return str(copied.message().as_string())


def _not_in_mime(message: OutgoingMessage) -> dict[str, Any]:
    hidden = {"bcc", *message.defaulted, *(("to",) if message.header_to else ())}
    names = [name for name in ("to", "cc", "bcc") if name in hidden and getattr(message, name)]
    return {name: _readable(getattr(message, name)) for name in (*names, *message.features)}


def _readable(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_readable(item) for item in value]
    return str(value) if isinstance(value, EmailAddress) else value
