"""Every attribute of a message works with the v2 API, and SES's own model allows what is sent."""

from __future__ import annotations

import itertools
from typing import Any

from botocore.validate import ParamValidator
from django.test import SimpleTestCase

from anymail.backends.amazon_sesv2 import EmailBackend
from anymail.message import AnymailMessage
from anymail.outgoing import FEATURES, OUTBOX_FEATURES, OutgoingMessage

from ..ses import send, simple_message
from .test_configuration_overrides import members, needs_overrides, sesv2_client

ARN = "arn:aws:ses:us-east-1:123456789012:identity/example.com"
TO = ["ann@example.com", "bob@example.com", "cid@example.com"]
#: Attribute -> a value, and what of the calls shows that it was used.
ATTRIBUTES: dict[str, tuple[Any, str]] = {
    "esp_extra": ({"FromEmailAddressIdentityArn": ARN}, "FromEmailAddressIdentityArn"),
    "envelope_sender": ("bounces@example.com", "FeedbackForwardingEmailAddress"),
    "metadata": ({"order": 5}, "X-Metadata"),
    "merge_headers": ({TO[0]: {"X-Own": "1"}}, "X-Own"),
    "merge_metadata": ({TO[0]: {"order": 6}}, "X-Metadata"),
    "merge_track_clicks": ({TO[0]: True, TO[1]: False}, "ClickTrackingEnabled"),
    "merge_track_opens": ({TO[1]: True, TO[2]: False}, "OpenTrackingEnabled"),
    "tags": (["welcome"], "X-Tag"),
    "tenant": ("acme", "TenantName"),
    "track_clicks": (False, "ClickTrackingEnabled"),
    "track_opens": (True, "OpenTrackingEnabled"),
    "template_id": ("welcome", "TemplateName"),
    "merge_data": ({TO[0]: {"name": "Ann"}}, "Ann"),
    "merge_global_data": ({"shop": "here"}, "here"),
}
#: Only templates have them: without one, the message itself has to be allowed to be one.
OF_TEMPLATES = {"template_id", "merge_data", "merge_global_data", "merge_headers", "merge_metadata"}
#: Settings that add parameters.
SETTINGS: dict[str, Any] = {
    "configuration_set_name": "events",
    "endpoint_id": "abcdef12.g3h",
    "message_tag_name": "Type",
    "metadata_message_tags": ["order"],
    "from_arn": ARN,
    "return_path": "bounces@example.com",
    "return_path_arn": ARN,
    "source_arn": ARN,
    "tenant": "everybody",
}


def message_with(names: tuple[str, ...], kind: str) -> AnymailMessage:
    values: dict[str, Any] = {name: ATTRIBUTES[name][0] for name in names}
    if kind == "stored":
        values |= {"template_id": "welcome", "subject": "", "body": ""}
    if kind == "inline":
        values["merge_data"] = ATTRIBUTES["merge_data"][0]
    return simple_message(to=TO, reply_to=["reply@example.com"], cc=["cc@example.com"], **values)


class EveryAttributeTests(SimpleTestCase):
    def test_none_is_forgotten(self) -> None:
        self.assertEqual({*ATTRIBUTES, *OUTBOX_FEATURES}, set(FEATURES))

    @needs_overrides
    def test_each_works_in_the_kinds_of_messages_that_can_have_it(self) -> None:
        for name, (_, sign) in ATTRIBUTES.items():
            for kind in ("raw", "stored", "inline"):
                if (kind == "raw" and name in OF_TEMPLATES) or (
                    kind == "inline" and name == "template_id"
                ):
                    continue
                with self.subTest(name, kind=kind):
                    message = message_with((name,), kind)
                    sent = send(
                        message, EmailBackend, inline_templates=kind == "inline", max_concurrency=1
                    )
                    self.assertIn(sign, _text(sent.calls))
                    self.assertEqual(
                        set(message.anymail_status.recipients),
                        {*TO, "cc@example.com"} if kind == "raw" else set(TO),
                    )
                    self.assertEqual(message.anymail_status.status, {"queued"})


@needs_overrides
class ModelTests(SimpleTestCase):
    """botocore's validation of the parameters, in every combination of two attributes."""

    sesv2: Any

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.sesv2 = sesv2_client()

    def check(self, message: AnymailMessage, kind: str, **options: Any) -> None:
        client = self.sesv2
        backend = EmailBackend(inline_templates=kind == "inline", **options)
        for call in backend.build_calls(OutgoingMessage.from_django(message, {})):
            operation = client.meta.method_to_api_mapping[call.operation]
            shape = client.meta.service_model.operation_model(operation).input_shape
            report = ParamValidator().validate(call.params, shape)
            self.assertFalse(report.has_errors(), report.generate_report())
            self.assertLessEqual(call.params.keys(), members(client, operation).keys())

    def test_attributes(self) -> None:
        for kind in ("raw", "stored", "inline"):
            names = [
                name
                for name in ATTRIBUTES
                if name != "template_id" and not (kind == "raw" and name in OF_TEMPLATES)
            ]
            for pair in itertools.combinations(names, 2):
                with self.subTest(pair, kind=kind):
                    self.check(message_with(pair, kind), kind)
            with self.subTest("all", kind=kind):
                self.check(message_with(tuple(names), kind), kind, **SETTINGS)

    def test_settings(self) -> None:
        for count in (0, 1, 2, len(SETTINGS)):
            for names in itertools.combinations(SETTINGS, count):
                for kind in ("raw", "stored", "inline"):
                    with self.subTest(names, kind=kind):
                        options = {name: SETTINGS[name] for name in names}
                        self.check(message_with(("tags", "metadata"), kind), kind, **options)


def _text(value: Any) -> str:
    """Everything that parameters hold, in one text."""
    if isinstance(value, dict):
        return " ".join(f"{name} {_text(found)}" for name, found in value.items())
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return value.decode() if isinstance(value, bytes) else str(value)
