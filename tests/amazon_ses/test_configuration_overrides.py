"""Opens and clicks that are tracked for single messages and recipients."""

from __future__ import annotations

from typing import Any
from unittest import mock, skipUnless

import boto3
import botocore
from django.core.mail import EmailMessage
from django.test import SimpleTestCase, override_settings

from anymail.amazon_ses import aws
from anymail.backends.amazon_sesv2 import EmailBackend
from anymail.exceptions import (
    AnymailAPIError,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from anymail.message import AnymailMessage

from ..ses import CREDENTIALS, Sent, accept_calls, loopback_server, simple_message, stubbed
from ..ses import send as send_with


def sesv2_client() -> Any:
    return boto3.session.Session().client("sesv2", **CREDENTIALS)


def members(client: Any, operation: str) -> Any:
    return client.meta.service_model.operation_model(operation).input_shape.members


needs_overrides = skipUnless(
    "ConfigurationOverrides" in members(sesv2_client(), "SendEmail"), "botocore is too old"
)


def send(message: Any, **options: Any) -> Sent:
    return send_with(message, EmailBackend, **{"max_concurrency": 1, **options})


def template_message(**kwargs: Any) -> AnymailMessage:
    defaults: dict[str, Any] = {"subject": "", "body": "", "template_id": "welcome"}
    return simple_message(**{**defaults, **kwargs})


def tracking(opens: str | None = None, clicks: str | None = None) -> dict[str, Any]:
    both = {"OpenTrackingEnabled": opens, "ClickTrackingEnabled": clicks}
    return {"Tracking": {name: value for name, value in both.items() if value}}


def addressed(call: dict[str, Any]) -> list[str]:
    """Whom a call sends to, in its order."""
    if "BulkEmailEntries" in call:
        return [e["Destination"]["ToAddresses"][0] for e in call["BulkEmailEntries"]]
    return [address for found in call["Destination"].values() for address in found]


def told(sent: Sent) -> list[tuple[list[str], Any]]:
    """Whom each call sends to, and its overrides."""
    return [(addressed(call), call.get("ConfigurationOverrides")) for call in sent.calls]


@needs_overrides
class TrackingTests(SimpleTestCase):
    def test_both_operations_send_what_the_message_says(self) -> None:
        for opens, clicks, expected in (
            (True, True, tracking("ENABLED", "ENABLED")),
            (False, True, tracking("DISABLED", "ENABLED")),
            (True, None, tracking("ENABLED")),
            (None, False, tracking(None, "DISABLED")),
        ):
            for make in (simple_message, template_message):
                with self.subTest(make=make.__name__, opens=opens, clicks=clicks):
                    sent = send(make(track_opens=opens, track_clicks=clicks))
                    self.assertEqual(sent.params["ConfigurationOverrides"], expected)

    def test_nothing_is_sent_for_messages_that_say_nothing(self) -> None:
        for make in (simple_message, template_message):
            self.assertNotIn("ConfigurationOverrides", send(make()).params)

    def test_a_plain_message_of_django_may_have_it(self) -> None:
        message: Any = EmailMessage("Subject", "Text", "from@example.com", ["to@example.com"])
        message.track_opens = False
        self.assertEqual(send(message).params["ConfigurationOverrides"], tracking("DISABLED"))

    @override_settings(ANYMAIL={"SEND_DEFAULTS": {"track_opens": False, "track_clicks": False}})
    def test_defaults_count_unless_the_message_says_otherwise(self) -> None:
        sent = send(simple_message(track_clicks=True))
        self.assertEqual(sent.params["ConfigurationOverrides"], tracking("DISABLED", "ENABLED"))
        sent = send(simple_message(track_opens=None, track_clicks=None))
        self.assertNotIn("ConfigurationOverrides", sent.params)

    def test_esp_extra_wins_member_by_member(self) -> None:
        extra = {"ConfigurationOverrides": tracking("ENABLED")}
        for make in (simple_message, template_message):
            sent = send(make(track_opens=False, track_clicks=False, esp_extra=extra))
            self.assertEqual(sent.params["ConfigurationOverrides"], tracking("ENABLED", "DISABLED"))

    def test_overrides_in_esp_extra_are_a_dict(self) -> None:
        for make in (simple_message, template_message):
            with self.assertRaisesRegex(AnymailSerializationError, "ConfigurationOverrides"):
                send(make(esp_extra={"ConfigurationOverrides": "x"}))


@needs_overrides
class ConsentTests(SimpleTestCase):
    TO = [f"to{n}@example.com" for n in range(4)]

    def test_recipients_of_a_template_are_in_calls_by_their_values(self) -> None:
        message = template_message(
            to=self.TO,
            track_clicks=False,
            merge_track_opens={self.TO[0]: True, self.TO[1]: False, self.TO[2]: True},
        )
        self.assertEqual(
            told(send(message)),
            [
                ([self.TO[0], self.TO[2]], tracking("ENABLED", "DISABLED")),
                ([self.TO[1]], tracking("DISABLED", "DISABLED")),
                ([self.TO[3]], tracking(None, "DISABLED")),
            ],
        )

    def test_recipients_without_a_value_have_that_of_the_message(self) -> None:
        message = template_message(
            to=self.TO, track_opens=True, merge_track_opens={self.TO[1]: False}
        )
        self.assertEqual(
            told(send(message)),
            [
                ([self.TO[0], self.TO[2], self.TO[3]], tracking("ENABLED")),
                ([self.TO[1]], tracking("DISABLED")),
            ],
        )

    def test_the_same_values_are_one_call(self) -> None:
        consents = dict.fromkeys(self.TO, False)
        sent = send(template_message(to=self.TO, track_opens=False, merge_track_opens=consents))
        self.assertEqual(told(sent), [(self.TO, tracking("DISABLED"))])

    def test_both_attributes_count_together(self) -> None:
        message = template_message(
            to=self.TO,
            track_opens=False,
            track_clicks=False,
            merge_track_opens={self.TO[0]: True, self.TO[1]: True},
            merge_track_clicks={self.TO[1]: True, self.TO[2]: True},
        )
        self.assertEqual(
            [(len(whom), overrides["Tracking"]) for whom, overrides in told(send(message))],
            [
                (1, tracking("ENABLED", "DISABLED")["Tracking"]),
                (1, tracking("ENABLED", "ENABLED")["Tracking"]),
                (1, tracking("DISABLED", "ENABLED")["Tracking"]),
                (1, tracking("DISABLED", "DISABLED")["Tracking"]),
            ],
        )

    def test_addresses_are_compared_without_regard_to_case(self) -> None:
        message = template_message(
            to=["Ann@Example.com"], merge_track_opens={"ann@example.COM": True}
        )
        self.assertEqual(send(message).params["ConfigurationOverrides"], tracking("ENABLED"))

    def test_addresses_that_are_no_recipients_do_not_count(self) -> None:
        # As with merge_data: to send again, only `to` has to be changed.
        for make in (simple_message, template_message):
            sent = send(make(merge_track_opens={"stranger@example.com": True}))
            self.assertNotIn("ConfigurationOverrides", sent.params)

    def test_every_recipient_has_its_own_status_in_the_order_of_the_message(self) -> None:
        to = [f"to{n}@example.com" for n in range(230)]
        message = template_message(
            to=to, merge_track_opens={a: n % 2 == 0 for n, a in enumerate(to)}
        )
        sent = send(message)
        self.assertEqual([len(whom) for whom, _ in told(sent)], [50, 50, 15, 50, 50, 15])
        statuses = message.anymail_status.recipients
        self.assertEqual(list(statuses), to)
        for number, call in enumerate(sent.calls, start=1):
            for place, address in enumerate(addressed(call)):
                self.assertEqual(statuses[address].message_id, f"id-{number}-{place}")

    def test_a_failed_call_fails_its_own_recipients_only(self) -> None:
        message = template_message(to=self.TO, merge_track_opens={self.TO[1]: True})
        with stubbed("sesv2") as stub, self.assertRaises(AnymailAPIError) as caught:
            results = [{"Status": "SUCCESS", "MessageId": f"m-{n}"} for n in range(3)]
            stub.add_response("send_bulk_email", {"BulkEmailEntryResults": results})
            stub.add_client_error("send_bulk_email", "BadRequestException", "no", 400)
            EmailBackend(max_concurrency=1).send_messages([message])
        self.assertFalse(caught.exception.is_unsent)
        self.assertEqual(
            [(address, s.status) for address, s in message.anymail_status.recipients.items()],
            list(zip(self.TO, ["queued", "failed", "queued", "queued"], strict=True)),
        )

    def test_copies_of_a_template_are_tracked_as_the_message_that_they_copy(self) -> None:
        sent = send(
            template_message(
                cc=["cc@example.com"], track_opens=True, merge_track_opens={"cc@example.com": False}
            )
        )
        self.assertEqual(sent.params["ConfigurationOverrides"], tracking("ENABLED"))

    def test_a_message_without_a_template_is_in_a_call_for_each_value(self) -> None:
        message = simple_message(
            to=["to0@example.com", "to1@example.com"],
            cc=["cc@example.com"],
            bcc=["bcc@example.com"],
            track_opens=False,
            merge_track_opens={"to1@example.com": True, "bcc@example.com": True},
        )
        sent = send(message)
        first, second = sent.calls
        self.assertEqual(
            [(call["Destination"], call["ConfigurationOverrides"]) for call in sent.calls],
            [
                (
                    {"ToAddresses": ["to0@example.com"], "CcAddresses": ["cc@example.com"]},
                    tracking("DISABLED"),
                ),
                (
                    {"ToAddresses": ["to1@example.com"], "BccAddresses": ["bcc@example.com"]},
                    tracking("ENABLED"),
                ),
            ],
        )
        self.assertEqual(first["Content"], second["Content"])
        self.assertEqual(
            {name: s.message_id for name, s in message.anymail_status.recipients.items()},
            {
                "to0@example.com": "id-1",
                "to1@example.com": "id-2",
                "cc@example.com": "id-1",
                "bcc@example.com": "id-2",
            },
        )
        self.assertEqual(
            list(message.anymail_status.recipients),
            ["to0@example.com", "to1@example.com", "cc@example.com", "bcc@example.com"],
        )

    def test_more_than_50_recipients_are_split_by_value_and_number(self) -> None:
        to = [f"to{n}@example.com" for n in range(120)]
        message = simple_message(to=to, merge_track_clicks=dict.fromkeys(to[:60], False))
        with self.assertRaisesRegex(AnymailUnsupportedFeature, "50 recipients"):
            send(message)
        sent = send(message, split_recipients=True)
        self.assertEqual([len(whom) for whom, _ in told(sent)], [50, 10, 50, 10])
        self.assertEqual(list(message.anymail_status.recipients), to)

    def test_large_attachments_are_sent_to_each_group(self) -> None:
        message = simple_message(to=self.TO, merge_track_opens={self.TO[1]: True})
        message.attach("a.bin", b"x" * 2_000_000, "application/octet-stream")
        with loopback_server(lambda r, n: (200, b'{"MessageId": "m"}')) as server:
            params = {**CREDENTIALS, "endpoint_url": server.url}
            EmailBackend(max_concurrency=1, client_params=params).send_messages([message])
        first, second = (request.json for request in server.requests)
        self.assertEqual(first["Content"], second["Content"])
        self.assertGreater(len(second["Content"]["Raw"]["Data"]), 2_000_000)


class OldBotocoreTests(SimpleTestCase):
    """What a botocore does that has no overrides in its model."""

    def send(self, message: Any, **options: Any) -> Sent:
        client, sent = sesv2_client(), Sent()
        for operation in ("SendEmail", "SendBulkEmail"):
            members(client, operation).pop("ConfigurationOverrides", None)
        accept_calls(client, sent)
        with mock.patch.object(aws, "client", return_value=client):
            EmailBackend(max_concurrency=1, **options).send_messages([message])
        return sent

    def test_the_error_names_both_versions(self) -> None:
        text = rf"botocore 1\.43\.117 or newer, and {botocore.__version__} is installed: .*pip"
        for message in (
            simple_message(track_opens=False),
            simple_message(merge_track_clicks={"to@example.com": True}),
            template_message(track_clicks=True),
            simple_message(esp_extra={"ConfigurationOverrides": {}}),
        ):
            with self.assertRaisesRegex(AnymailUnsupportedFeature, text):
                self.send(message)

    def test_nothing_is_sent_to_recipients_without_overrides_either(self) -> None:
        to = [f"to{n}@example.com" for n in range(60)]
        for make in (simple_message, template_message):
            sent = Sent()
            message = make(to=to, merge_track_opens={to[-1]: False})
            with self.assertRaises(AnymailUnsupportedFeature) as caught:
                sent = self.send(message, split_recipients=True)
            self.assertEqual(sent.calls, [])
            self.assertEqual(message.anymail_status.recipients, {})
            self.assertIs(caught.exception.email_message, message)

    def test_other_messages_are_sent(self) -> None:
        for make in (simple_message, template_message):
            self.assertEqual(len(self.send(make(tenant="acme")).calls), 1)
