"""Typed code of an application: mypy checks that the public types are right and useful.

Nothing here runs. ``assert_type`` fails in mypy when a type changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.mail import EmailMessage, get_connection
from django.dispatch import receiver
from django.urls import include, path

from anymail.amazon_ses.calls import ApiCall
from anymail.backends.amazon_ses import EmailBackend
from anymail.backends.base import AnymailBaseBackend
from anymail.exceptions import (
    AnymailAPIError,
    AnymailCancelSend,
    AnymailError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
    AnymailUnsupportedFeature,
)
from anymail.inbound import AnymailInboundMessage
from anymail.message import (
    AnymailMessage,
    AnymailMessageMixin,
    AnymailRecipientStatus,
    AnymailStatus,
    attach_inline_image,
)
from anymail.outgoing import OutgoingMessage
from anymail.signals import (
    AnymailInboundEvent,
    AnymailTrackingEvent,
    EventType,
    RejectReason,
    inbound,
    post_send,
    pre_send,
    tracking,
)
from anymail.utils import EmailAddress, get_anymail_setting, parse_address_list

if TYPE_CHECKING:
    from typing_extensions import assert_type


class InvoiceMessage(AnymailMessageMixin, EmailMessage):
    """A message class of the application."""


def send_welcome(address: str) -> str | None:
    message = AnymailMessage(
        subject="Welcome",
        body="Hello!",
        from_email="Shop <shop@example.com>",
        to=[address],
        tags=["welcome"],
        metadata={"user": 5},
        envelope_sender="bounces@example.com",
        esp_extra={"ConfigurationSetName": "welcome"},
    )
    cid = message.attach_inline_image_file("logo.png")
    assert_type(cid, str)
    assert_type(attach_inline_image(message, b"...", "a.png"), str)
    message.attach_alternative(f'<img src="cid:{cid}">', "text/html")
    message.send()
    status = message.anymail_status
    assert_type(status, AnymailStatus)
    assert_type(status.recipients, dict[str, AnymailRecipientStatus])
    assert_type(status.recipients[address].status, str | None)
    assert_type(status.message_id, str | set[str | None] | None)
    return status.message_id if isinstance(status.message_id, str) else None


def send_all(messages: Sequence[EmailMessage]) -> int:
    backend = EmailBackend(fail_silently=True, client_params={"region_name": "eu-west-1"})
    with backend:
        count = backend.send_messages(messages)
    assert_type(count, int)
    assert_type(backend.esp_name, str)
    assert_type(backend.configuration_set_name, str | None)
    get_connection("anymail.backends.amazon_ses.EmailBackend", message_tag_name="campaign")
    return count


def send_carefully(message: InvoiceMessage) -> str:
    try:
        message.send()
    except AnymailInvalidAddress as err:
        return f"correct the address: {err}"
    except AnymailUnsupportedFeature:
        return "not with SES"
    except AnymailRecipientsRefused as err:
        assert_type(err.esp_name, str | None)
        return "nobody gets it"
    except AnymailAPIError as err:
        assert_type(err.error_code, str | None)
        assert_type(err.is_transient, bool)
        assert_type(err.is_throttled, bool)
        return "later" if err.is_transient else f"never: {err.error_code}"
    except AnymailError:
        return "no"
    return "sent"


@receiver(pre_send)
def add_footer(sender: type[AnymailBaseBackend], message: EmailMessage, **kwargs: Any) -> None:
    if not message.to:
        raise AnymailCancelSend("nobody to send to")
    message.body = f"{message.body}\n--\nThe shop"


@receiver(post_send)
def remember(
    sender: type[AnymailBaseBackend],
    message: EmailMessage,
    status: AnymailStatus,
    esp_name: str,
    **kwargs: Any,
) -> None:
    for address, recipient in status.recipients.items():
        print(address, recipient.message_id, recipient.status, recipient.error_code)


@receiver(tracking)
def handle_bounce(sender: type, event: AnymailTrackingEvent, esp_name: str, **kwargs: Any) -> None:
    assert_type(event.event_type, str)
    assert_type(event.timestamp, datetime | None)
    assert_type(event.recipient, str | None)
    assert_type(event.tags, list[str])
    assert_type(event.reject_reason, str | None)
    assert_type(event.is_hard_bounce, bool)
    if event.event_type == EventType.BOUNCED and event.reject_reason != RejectReason.OTHER:
        print(event.recipient, event.mta_response, event.smtp_status)


@receiver(inbound)
def handle_mail(sender: type, event: AnymailInboundEvent, **kwargs: Any) -> None:
    message = event.message
    if message is None:
        return
    assert_type(message, AnymailInboundMessage)
    assert_type(message.subject, str | None)
    assert_type(message.text, str | None)
    assert_type(message.to, list[EmailAddress])
    assert_type(message.date, datetime | None)
    for attachment in message.attachments:
        assert_type(attachment, AnymailInboundMessage)
        print(attachment.get_filename(), attachment.get_content_type())


class LoggingBackend(EmailBackend):
    """Amazon SES, and a line for each call."""

    esp_name = "Amazon SES, logged"

    def run(self, call: ApiCall) -> Mapping[str, Any]:
        print(call.operation, len(call.recipients))
        return super().run(call)


class MemoryBackend(AnymailBaseBackend):
    """A backend of the application, for another service."""

    esp_name = "Memory"

    def __init__(self, fail_silently: bool = False, *, limit: int = 5, **kwargs: Any) -> None:
        super().__init__(fail_silently=fail_silently, **kwargs)
        self.limit = limit
        self.sent: list[OutgoingMessage] = []

    def build_calls(self, message: OutgoingMessage) -> Sequence[ApiCall]:
        assert_type(message.to, tuple[EmailAddress, ...])
        assert_type(message.envelope_sender, EmailAddress | None)
        message.check_supported({"tags"}, {}, self.esp_name)
        self.sent.append(message)
        return [ApiCall(operation="keep", params={}, recipients=message.recipients)]

    def run(self, call: ApiCall) -> Mapping[str, Any]:
        if len(self.sent) > self.limit:
            raise AnymailAPIError("The memory is full.", error_code="Full", is_throttled=True)
        return {"id": len(self.sent)}

    def parse_response(
        self, call: ApiCall, response: Mapping[str, Any]
    ) -> dict[str, AnymailRecipientStatus]:
        sent = AnymailRecipientStatus(str(response["id"]), "sent")
        return {recipient.addr_spec: sent for recipient in call.recipients}


def addresses(text: str) -> list[str]:
    parsed = parse_address_list([text], field="form")
    assert_type(parsed, list[EmailAddress])
    own: Any = get_anymail_setting("my_own", default=None)
    return [address.addr_spec for address in parsed if address.domain != own]


urlpatterns = [path("anymail/", include("anymail.urls"))]
