"""Typed code of an application: mypy and pyright check that the public types are right and useful.

Nothing here runs. ``assert_type`` fails in both when a type changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core import mail
from django.core.files.storage import default_storage
from django.core.mail import EmailMessage, get_connection
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.test import Client, TestCase
from django.urls import include, path
from django.utils import timezone
from django.utils.translation import gettext_lazy

from anymail.amazon_ses import trust
from anymail.amazon_ses.carriers import parse_notifications
from anymail.amazon_ses.certificates import fetch_certificate
from anymail.amazon_ses.receive import handle, queue_proof, receive_tracking
from anymail.amazon_ses.sns import SnsEnvelope
from anymail.backends import amazon_sesv2, console
from anymail.backends.amazon_ses import EmailBackend
from anymail.backends.base import AnymailBaseBackend
from anymail.calls import ApiCall
from anymail.conf import AmazonSESSettings
from anymail.exceptions import (
    AnymailAPIError,
    AnymailCancelSend,
    AnymailConfigurationError,
    AnymailError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
    AnymailRequestsAPIError,
    AnymailUnsupportedFeature,
    AnymailWebhookValidationFailure,
    ErrorScope,
)
from anymail.feedback.models import Bounce, Complaint, Feedback, Suppression
from anymail.feedback.signals import feedback
from anymail.inbound import AnymailInboundMessage
from anymail.message import (
    UNSET,
    AnymailMessage,
    AnymailMessageMixin,
    AnymailRecipientStatus,
    AnymailStatus,
    attach_inline_image,
)
from anymail.outgoing import OutgoingMessage
from anymail.signals import (
    AccountChange,
    AnymailInboundEvent,
    AnymailTrackingEvent,
    EventType,
    RejectReason,
    account_changed,
    dispatch,
    inbound,
    post_send,
    pre_send,
    tracking,
)
from anymail.testing import (
    assert_not_sent,
    assert_sent,
    inbound_event,
    sent_messages,
    ses_event,
    ses_received,
    sns_notification,
    sns_subscription,
    tracking_event,
    trusted_sns,
)
from anymail.utils import EmailAddress, get_anymail_setting, parse_address_list
from anymail.webhooks.amazon_ses import (
    AmazonSESInboundWebhookView,
    AmazonSESTrackingWebhookView,
)
from anymail.webhooks.base import AnymailBaseWebhookView

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
        send_at=timezone.now() + timedelta(hours=1),
        priority=50,
        expires_at=1_900_000_000,
        idempotency_key="user/5/welcome",
        on_doubt="hold",
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


def send_newsletter(names: Mapping[str, str]) -> dict[str, str | None]:
    message = AnymailMessage(
        to=list(names),
        template_id="newsletter",
        merge_data={address: {"name": name} for address, name in names.items()},
        merge_global_data={"date": "1 March"},
        merge_metadata={address: {"position": n} for n, address in enumerate(names)},
        merge_headers={address: {"List-ID": "<news.example.com>"} for address in names},
        tags=[gettext_lazy("news")],
        metadata=None,
        track_opens=UNSET,
        track_clicks=False,
        merge_track_opens=dict.fromkeys(names, True),
        merge_track_clicks=None,
        tenant=gettext_lazy("acme"),
    )
    message.tags = ["news"]
    message.metadata = {"issue": 3}
    message.send()
    found = message.anymail_status.recipients.items()
    return {address: recipient.error_code for address, recipient in found}


async def send_later(message: AnymailMessage) -> None:
    assert_type(await message.asend(), int)
    await message.asend(fail_silently=True)


def send_all(messages: Iterable[EmailMessage]) -> int:
    backend = EmailBackend(fail_silently=True, client_params={"region_name": "eu-west-1"})
    with backend:
        count = backend.send_messages(messages)
    assert_type(count, int)
    assert_type(backend.esp_name, str)
    assert_type(backend.configuration_set_name, str | None)
    get_connection("anymail.backends.amazon_ses.EmailBackend", message_tag_name="campaign")
    with amazon_sesv2.EmailBackend(max_send_rate=14) as other:
        others: int = other.send_messages([EmailMessage(to=["ann@example.com"])])
    count += others
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
    except AnymailRequestsAPIError:
        return "of another service"
    except AnymailAPIError as err:
        assert_type(err.error_code, str | None)
        assert_type(err.is_transient, bool)
        assert_type(err.is_throttled, bool)
        assert_type(err.scope, ErrorScope | None)
        return "later" if err.is_transient else f"never: {err.error_code}"
    except AnymailError:
        return "no"
    except AnymailConfigurationError:
        return "not in production"
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
    assert_type(message.from_email, EmailAddress | list[EmailAddress] | None)
    assert_type(message.spam_detected, bool | None)
    assert_type(message.envelope_recipients, list[str])
    for attachment in message.attachments:
        assert_type(attachment, AnymailInboundMessage)
        assert_type(attachment.get_content_bytes(), bytes)
        print(attachment.get_filename(), attachment.get_content_type())
        if (uploaded := attachment.as_uploaded_file()) is not None:
            default_storage.save("received", uploaded)
    assert_type(message.content_id_map, dict[str, AnymailInboundMessage])


def read_mail(file: Path) -> str:
    with file.open("rb") as opened:
        message = AnymailInboundMessage.parse_raw_mime_file(opened)
    assert_type(message, AnymailInboundMessage)
    copy = AnymailInboundMessage.construct(
        from_email="ann@example.com",
        to="bob@example.com",
        headers={"X-Loop": "yes"},
        text=message.text,
        attachments=[AnymailInboundMessage.construct_attachment("text/csv", "a,b")],
    )
    assert_type(copy, AnymailInboundMessage)
    return copy.as_string()


@receiver(feedback, sender=Bounce)
def disable(sender: type[Feedback], instance: Bounce, **kwargs: Any) -> None:
    assert_type(instance.address, str)
    assert_type(instance.status, str | None)
    assert_type(instance.feedback_timestamp, datetime | None)
    assert_type(instance.hard, bool)
    if instance.hard:
        soon = timezone.now() + timedelta(days=30)
        Suppression.objects.suppress([instance.address], expires_at=soon, note="by hand")


def may_send_to(address: str) -> bool:
    blocked: dict[str, Suppression] = Suppression.objects.blocked([address])
    complaints = Complaint.objects.filter(address=address, feedback_type="abuse")
    return not blocked and not complaints.exists()


def send_again(address: str) -> int:
    lifted: int = Suppression.objects.using("default").lift(address)
    left: int = Suppression.objects.active().count()
    return lifted + left


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


class Webhook(AmazonSESTrackingWebhookView):
    """A view of the application: with a queue in place of receivers."""

    def validate_request(self, request: HttpRequest) -> None:
        if request.headers.get("X-Forwarded-Proto") != "https":
            raise AnymailWebhookValidationFailure("Not over TLS.")

    def esp_to_anymail_events(
        self, ses_event: dict[str, Any], sns_message: Mapping[str, Any]
    ) -> Sequence[AnymailTrackingEvent]:
        events = super().esp_to_anymail_events(ses_event, sns_message)
        return [event for event in events if event.event_type != EventType.SENT]

    def dispatch_events(self, events: Iterable[AnymailTrackingEvent | AnymailInboundEvent]) -> None:
        for event in events:
            print(event.event_id, event.esp_event)


class InboundWebhook(AmazonSESInboundWebhookView):
    """Another: it takes nothing with a virus."""

    warn_if_no_basic_auth = False

    def parse_events(self, request: HttpRequest) -> Sequence[Any]:
        return [event for event in super().parse_events(request) if event.message]


class OtherWebhook(AnymailBaseWebhookView):
    """Of another service."""

    esp_name = "Other"
    signal = tracking

    def authenticate(self, request: HttpRequest) -> HttpResponse | None:
        return super().authenticate(request)

    def parse_events(self, request: HttpRequest) -> Sequence[AnymailTrackingEvent]:
        return [AnymailTrackingEvent(event_type=EventType.DELIVERED, recipient="ann@example.com")]


class QueueReader:
    """Another carrier than HTTP: notifications that SNS put into a queue."""

    def receive(self, body: str) -> int:
        settings = AmazonSESSettings.load()

        def proof(envelope: SnsEnvelope | None) -> bool:
            if envelope is None:
                return False
            trust.check(
                envelope, settings, lambda url: fetch_certificate(url, settings.sns_cert_cache)
            )
            return trust.topic_is_ours(settings, knows_secret=False)

        count = 0
        for notification in parse_notifications(body, proof=proof, message_id="sqs-1"):
            events = receive_tracking(notification, settings)
            assert_type(events, list[AnymailTrackingEvent])
            dispatch(events, sender=type(self), esp_name="Amazon SES")
            count += len(events)
        return count

    def receive_all(self, body: str) -> int:
        settings = AmazonSESSettings.load()
        found = parse_notifications(body, proof=queue_proof(settings))
        return handle(found, settings, sender=type(self))


def on_account_change(sender: type, event: AccountChange, **kwargs: object) -> None:
    assert_type(event.resources, tuple[str, ...])
    assert_type(event.timestamp, datetime | None)


account_changed.connect(on_account_change)


def make_client(
    service: str, session_params: dict[str, Any], client_params: dict[str, Any]
) -> object:
    """What ``AMAZON_SES_CLIENT_FACTORY`` names."""
    import boto3

    session: Any = boto3.session.Session(**session_params)
    client: object = session.client(service, **client_params)
    return client


def send_for(tenant: str) -> EmailBackend:
    return EmailBackend(client_factory=make_client, client_params={"region_name": tenant})


class ReceiverTests(TestCase):
    """Tests of the application."""

    client: Client

    def test_receivers(self) -> None:
        event = tracking_event(EventType.BOUNCED, recipient="ann@example.com", message_id="1")
        assert_type(event, AnymailTrackingEvent)
        handle_bounce(sender=type(self), event=event, esp_name="Amazon SES")
        received = inbound_event(Path("mail.eml"), spam_detected=True)
        assert_type(received, AnymailInboundEvent)
        handle_mail(sender=type(self), event=received)

    @trusted_sns()
    def test_webhooks(self) -> None:
        request = sns_notification("bounce", recipient=["ann@example.com"], bounceType="Transient")
        self.client.post("/anymail/amazon_ses/tracking/", **request)
        with trusted_sns():
            self.client.post("/anymail/amazon_ses/inbound/", **sns_subscription(secret="u:p"))
            self.client.post("/anymail/", **sns_notification(ses_received(b"To: a@example.com")))
        assert_type(ses_event("open", tags=["welcome"], metadata={"user": 5}), dict[str, Any])

    def test_failure(self) -> None:
        message = AnymailMessage(to=["ann@example.com"])
        message.anymail_test_response = AnymailAPIError("Throttling", is_transient=True)
        failed = AnymailRecipientStatus(None, "failed", error_code="MessageRejected")
        message.anymail_test_response = {"recipient_status": {"ann@example.com": failed}}
        mail.get_connection("anymail.backends.test.EmailBackend").send_messages([message])
        self.assertEqual(message.anymail_test_params["to"], [EmailAddress("", "ann@example.com")])
        console.EmailBackend(stream=None).send_messages([message])


def addresses(text: str) -> list[str]:
    parsed = parse_address_list([text], field="form")
    assert_type(parsed, list[EmailAddress])
    own: Any = get_anymail_setting("my_own", default=None)
    return [address.addr_spec for address in parsed if address.domain != own]


def mistakes(event: AnymailTrackingEvent) -> None:
    """What both refuse: a comment that is not needed would be an error."""
    AnymailMessage(metadata=["user", 5])  # type: ignore[arg-type]
    AnymailMessage(merge_data={"ann@example.com": "Ann"})  # type: ignore[dict-item]
    AnymailRecipientStatus("id")  # type: ignore[call-arg]
    AnymailTrackingEvent(event_type="sent", reciepient="ann@example.com")  # type: ignore[call-arg]
    event.recipient.lower()  # type: ignore[union-attr]
    event.recipient = "bob@example.com"  # type: ignore[misc]
    tracking_event(recipient=None)  # type: ignore[arg-type]


urlpatterns = [
    path("anymail/", include("anymail.urls")),
    path("webhooks/ses/", Webhook.as_view(webhook_secret="user:password")),
    path("webhooks/inbound/", InboundWebhook.as_view(inbound_buckets=["mail"])),
]


class SentTests(TestCase):
    """Tests of the application's mail."""

    def test_welcome(self) -> None:
        message = assert_sent(to="ann@example.com", tags=["welcome"], metadata={"n": 1}, count=1)
        assert_type(message, EmailMessage)
        assert_not_sent(cc=[], template_id=None)
        assert_type(sent_messages(contains=["Hello"]), list[EmailMessage])
        assert_sent(tag="welcome")  # type: ignore[call-arg]
