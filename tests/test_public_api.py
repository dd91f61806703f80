"""Every name that applications may import is there, with the arguments that are documented."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from dataclasses import fields
from typing import Any

from django.apps import AppConfig
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.dispatch import Signal
from django.test import SimpleTestCase
from django.urls import reverse
from django.views.generic import View

import anymail
from anymail import message, signals
from anymail.backends.amazon_ses import EmailBackend
from anymail.inbound import AnymailInboundMessage
from anymail.webhooks import amazon_ses as webhooks

NAMES = {
    "anymail": "VERSION __version__",
    "anymail.apps": "AnymailBaseConfig",
    "anymail.backends.amazon_ses": "BOTO_BASE_ERRORS EmailBackend boto3",
    "anymail.backends.amazon_sesv1": "EmailBackend",
    "anymail.backends.amazon_sesv2": "EmailBackend",
    "anymail.backends.base": "AnymailBaseBackend",
    "anymail.backends.console": "EmailBackend",
    "anymail.backends.test": "EmailBackend",
    "anymail.checks": "check_deprecated_settings check_insecure_settings",
    "anymail.exceptions": """
        AnymailAPIError AnymailCancelSend AnymailConfigurationError AnymailDeprecationWarning
        AnymailError AnymailImproperlyInstalled AnymailInsecureWebhookWarning AnymailInvalidAddress
        AnymailInvalidMailer AnymailNotSupportedWarning AnymailRecipientsRefused
        AnymailRequestsAPIError AnymailSerializationError AnymailUnsupportedFeature AnymailWarning
        AnymailWebhookValidationFailure
    """,
    "anymail.forms": "DeliverableEmailField",
    "anymail.inbound": "AnymailInboundMessage",
    "anymail.message": """
        ANYMAIL_STATUSES AnymailMessage AnymailMessageMixin AnymailRecipientStatus AnymailStatus
        UNSET attach_inline_image attach_inline_image_file
    """,
    "anymail.signals": """
        AnymailEvent AnymailInboundEvent AnymailTrackingEvent EventType RejectReason addressed
        inbound post_send pre_send tracking
    """,
    "anymail.urls": "app_name urlpatterns",
    "anymail.utils": """
        Attachment CaseInsensitiveCasePreservingDict EmailAddress UNSET angle_wrap combine
        force_non_lazy force_non_lazy_dict force_non_lazy_list get_anymail_setting
        get_request_basic_auth get_request_uri getfirst last parse_address_list parse_rfc2822date
        parse_single_address rfc2822date
    """,
    "anymail.validators": "DeliverabilityValidator MESSAGES deliverable",
    "anymail.webhooks.amazon_ses": """
        AmazonSESBaseWebhookView AmazonSESInboundWebhookView AmazonSESTrackingWebhookView
        AnymailBotoClientAPIError AnymailBotoClientSecurityError boto3
    """,
    "anymail.webhooks.base": "AnymailBaseWebhookView AnymailBasicAuthMixin AnymailCoreWebhookView",
}

#: Callables and their documented arguments, in order; "name=value" is a default.
SIGNATURES = {
    "anymail.message.attach_inline_image": (
        "message content filename=None subtype=None idstring='img' domain=None"
    ),
    "anymail.message.attach_inline_image_file": (
        "message path subtype=None idstring='img' domain=None"
    ),
    "anymail.message.AnymailMessageMixin.attach_inline_image": (
        "self content filename=None subtype=None idstring='img' domain=None"
    ),
    "anymail.message.AnymailMessageMixin.attach_inline_image_file": (
        "self path subtype=None idstring='img' domain=None"
    ),
    "anymail.message.AnymailRecipientStatus": "message_id status",
    "anymail.message.AnymailStatus": "",
    "anymail.message.AnymailStatus.set_recipient_status": "self recipients",
    "anymail.utils.EmailAddress": "display_name='' addr_spec=None",
    "anymail.utils.EmailAddress.formataddr": "self encoding=None",
    "anymail.utils.EmailAddress.format_addr_spec": "self idna_encode=None",
    "anymail.utils.EmailAddress.format": "self use_rfc2047=True idna_encode=None",
    "anymail.utils.parse_address_list": "address_list field=None",
    "anymail.utils.parse_single_address": "address field=None",
    "anymail.utils.get_request_basic_auth": "request",
    "anymail.utils.get_request_uri": "request",
    "anymail.utils.angle_wrap": "text",
    "anymail.exceptions.AnymailSerializationError": "message=None orig_err=None",
    "anymail.exceptions.AnymailImproperlyInstalled": "missing_package backend='<backend>'",
    "anymail.backends.base.AnymailBaseBackend.send_messages": "self email_messages",
    "anymail.backends.base.AnymailBaseBackend.run_pre_send": "self message",
    "anymail.backends.base.AnymailBaseBackend.run_post_send": "self message",
    "anymail.backends.base.AnymailBaseBackend.raise_for_recipient_status": (
        "self anymail_status message"
    ),
    "anymail.backends.amazon_ses.EmailBackend.open": "self",
    "anymail.backends.amazon_ses.EmailBackend.close": "self",
    "anymail.backends.amazon_ses.EmailBackend": "fail_silently=False",
    "anymail.webhooks.base.AnymailCoreWebhookView.validate_request": "self request",
    "anymail.webhooks.base.AnymailCoreWebhookView.parse_events": "self request",
    "anymail.webhooks.amazon_ses.AmazonSESBaseWebhookView.esp_to_anymail_events": (
        "self ses_event sns_message"
    ),
    "anymail.webhooks.amazon_ses.AmazonSESBaseWebhookView.auto_confirm_sns_subscription": (
        "self sns_message"
    ),
    "anymail.checks.check_deprecated_settings": "app_configs=None",
    "anymail.checks.check_insecure_settings": "app_configs=None",
    "anymail.inbound.AnymailInboundMessage": "",
    "anymail.inbound.AnymailInboundMessage.parse_raw_mime": "s",
    "anymail.inbound.AnymailInboundMessage.parse_raw_mime_bytes": "b",
    "anymail.inbound.AnymailInboundMessage.parse_raw_mime_file": "fp",
    "anymail.inbound.AnymailInboundMessage.parse_raw_mime_chunks": "chunks",
    "anymail.inbound.AnymailInboundMessage.construct": (
        "raw_headers=None from_email=None to=None cc=None bcc=None subject=None headers=None "
        "text=None text_charset='utf-8' html=None html_charset='utf-8' attachments=None"
    ),
    "anymail.inbound.AnymailInboundMessage.construct_attachment": (
        "content_type content charset=None filename=None content_id=None base64=False"
    ),
    "anymail.inbound.AnymailInboundMessage.construct_attachment_from_uploaded_file": (
        "file content_id=None"
    ),
    "anymail.inbound.AnymailInboundMessage.get_address_header": "self header",
    "anymail.inbound.AnymailInboundMessage.get_date_header": "self header",
    "anymail.inbound.AnymailInboundMessage.get_content_bytes": "self",
    "anymail.inbound.AnymailInboundMessage.get_content_text": "self charset=None errors=None",
    "anymail.inbound.AnymailInboundMessage.as_uploaded_file": "self",
    "anymail.inbound.AnymailInboundMessage.is_attachment": "self",
    "anymail.inbound.AnymailInboundMessage.is_inline": "self",
    "anymail.inbound.AnymailInboundMessage.is_inline_attachment": "self",
}
#: Their only argument is passed by position: its name does not count.
POSITIONAL = {"parse_raw_mime", "parse_raw_mime_bytes", "parse_raw_mime_file"} | {
    "parse_raw_mime_chunks",
    "get_address_header",
    "get_date_header",
    "angle_wrap",
    "set_recipient_status",
}

KEYWORDS = """
    esp_extra envelope_sender metadata merge_headers merge_metadata send_at tags track_clicks
    priority expires_at idempotency_key on_doubt
    track_opens template_id merge_data merge_global_data
    merge_track_clicks merge_track_opens tenant
"""


def find(path: str) -> Any:
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            found = getattr(found, name)
        return found
    raise ModuleNotFoundError(path)


def described(path: str) -> list[tuple[str, Any]]:
    """The arguments of a callable: names, and defaults where there are any."""
    found = find(path)
    parameters = list(inspect.signature(found).parameters.values())
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [(p.name, p.default) for p in parameters if p.kind not in kinds]


class ImportTests(SimpleTestCase):
    def test_every_promised_name_can_be_imported(self):
        for path, names in NAMES.items():
            for name in names.split():
                with self.subTest(path=path, name=name):
                    namespace: dict[str, Any] = {}
                    exec(f"from {path} import {name}", namespace)  # as applications do
                    self.assertIsNotNone(namespace[name])

    def test_nothing_heavy_is_imported_until_it_is_needed(self):
        code = (
            "import sys, django\n"
            "from django.conf import settings\n"
            "settings.configure(INSTALLED_APPS=['anymail'], SECRET_KEY='x')\n"
            "django.setup()\n"
            "import anymail.urls, anymail.backends.amazon_ses, anymail.backends.amazon_sesv2\n"
            "import anymail.message, anymail.signals, anymail.exceptions, anymail.checks\n"
            "anymail.backends.amazon_ses.EmailBackend()\n"
            "heavy = {'boto3', 'botocore', 'requests', 'cryptography'}\n"
            "print(*sorted(heavy & sys.modules.keys()))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        self.assertEqual((done.stdout.strip(), done.returncode), ("", 0), done.stderr)


class SignatureTests(SimpleTestCase):
    def test_documented_arguments_are_there_in_order_with_their_defaults(self):
        """More arguments may follow, if they have defaults."""
        for path, documented in SIGNATURES.items():
            with self.subTest(path=path):
                parameters = described(path)
                for (name, default), expected in zip(parameters, documented.split(), strict=False):
                    expected_name, has_default, expected_default = expected.partition("=")
                    if path.rpartition(".")[2] not in POSITIONAL or expected == "self":
                        self.assertEqual(name, expected_name)
                    if has_default:
                        self.assertEqual(repr(default), expected_default)
                self.assertGreaterEqual(len(parameters), len(documented.split()))
                for _, default in parameters[len(documented.split()) :]:
                    self.assertIsNot(default, inspect.Parameter.empty)

    def test_every_attribute_is_a_keyword_of_the_message(self):
        parameters = inspect.signature(message.AnymailMessageMixin).parameters
        for name in KEYWORDS.split():
            with self.subTest(name=name):
                self.assertEqual(parameters[name].kind, inspect.Parameter.KEYWORD_ONLY)
                self.assertIs(parameters[name].default, message.UNSET)

    def test_get_anymail_setting_has_no_default_by_default(self):
        self.assertEqual(
            described("anymail.utils.get_anymail_setting"),
            [
                ("name", inspect.Parameter.empty),
                ("default", message.UNSET),
                ("esp_name", None),
                ("kwargs", None),
                ("allow_bare", False),
            ],
        )

    def test_the_client_error_takes_its_cause_by_keyword(self):
        error = find("anymail.webhooks.amazon_ses.AnymailBotoClientAPIError")
        parameter = inspect.signature(error.__init__).parameters["client_error"]
        self.assertEqual(parameter.kind, inspect.Parameter.KEYWORD_ONLY)


class KindTests(SimpleTestCase):
    def test_the_version_is_text_and_numbers(self):
        self.assertIsInstance(anymail.__version__, str)
        self.assertEqual(anymail.__version__, ".".join(map(str, anymail.VERSION)))

    def test_the_app_is_anymail(self):
        from anymail.apps import AnymailBaseConfig

        self.assertTrue(issubclass(AnymailBaseConfig, AppConfig))
        self.assertEqual(AnymailBaseConfig.name, "anymail")
        self.assertEqual(AnymailBaseConfig.verbose_name, "Anymail")

    def test_messages_are_djangos(self):
        self.assertEqual(
            message.AnymailMessage.__bases__, (message.AnymailMessageMixin, EmailMultiAlternatives)
        )
        self.assertEqual(message.AnymailMessageMixin.__bases__, (EmailMessage,))

    def test_signals_are_signals(self):
        for name in ("pre_send", "addressed", "post_send", "tracking", "inbound"):
            with self.subTest(name=name):
                self.assertIsInstance(getattr(signals, name), Signal)

    def test_the_events_have_the_documented_fields(self):
        common = {"event_type", "timestamp", "event_id", "esp_event"}
        tracking = "click_url description message_id metadata mta_response recipient reject_reason"
        expected = {
            "AnymailEvent": common,
            "AnymailTrackingEvent": common | {*tracking.split(), "tags", "user_agent"},
            "AnymailInboundEvent": common | {"message", "description"},
        }
        for name, names in expected.items():
            with self.subTest(name=name):
                event = getattr(signals, name)
                self.assertLessEqual(names, {field.name for field in fields(event)})

    def test_the_vocabularies_are_complete(self):
        event_types = """
            QUEUED SENT REJECTED FAILED BOUNCED DEFERRED DELIVERED AUTORESPONDED OPENED CLICKED
            COMPLAINED UNSUBSCRIBED SUBSCRIBED INBOUND INBOUND_FAILED UNKNOWN
        """
        reasons = "INVALID BOUNCED TIMED_OUT BLOCKED SPAM UNSUBSCRIBED OTHER"
        for vocabulary, names in (
            (signals.EventType, event_types),
            (signals.RejectReason, reasons),
        ):
            for name in names.split():
                with self.subTest(name=name):
                    self.assertEqual(getattr(vocabulary, name), name.lower())

    def test_backends_are_djangos_and_have_the_documented_attributes(self):
        backend = EmailBackend(client_params={"region_name": "us-east-1"})
        self.assertIsInstance(backend, BaseEmailBackend)
        expected = {
            "esp_name": "Amazon SES",
            "fail_silently": False,
            "ignore_unsupported_features": False,
            "ignore_recipient_status": False,
            "debug_api_requests": False,
            "send_defaults": {},
            "session_params": {},
            "client_params": {"region_name": "us-east-1"},
            "configuration_set_name": None,
            "message_tag_name": None,
            "client": None,
        }
        self.assertEqual({name: getattr(backend, name) for name in expected}, expected)

    def test_the_backends_named_after_an_api_are_the_same_but_for_that(self):
        for name in ("amazon_sesv1", "amazon_sesv2"):
            with self.subTest(name):
                backend = find(f"anymail.backends.{name}.EmailBackend")
                self.assertTrue(issubclass(backend, EmailBackend))

    def test_the_urls_have_their_names(self):
        with self.settings(ROOT_URLCONF="tests.urls"):
            for kind in ("tracking", "inbound"):
                with self.subTest(kind=kind):
                    url = reverse(f"anymail:amazon_ses_{kind}_webhook")
                    self.assertTrue(url.endswith(f"amazon_ses/{kind}/"), url)

    def test_the_views_inherit_in_the_documented_order(self):
        names = [
            "AmazonSESBaseWebhookView",
            "AnymailBaseWebhookView",
            "AnymailBasicAuthMixin",
            "AnymailCoreWebhookView",
            "View",
        ]
        for view in (webhooks.AmazonSESTrackingWebhookView, webhooks.AmazonSESInboundWebhookView):
            with self.subTest(view=view.__name__):
                order = [base.__name__ for base in view.__mro__]
                self.assertEqual([name for name in order if name in names], names)
                self.assertTrue(issubclass(view, View))

    def test_the_views_have_the_documented_attributes(self):
        view = webhooks.AmazonSESTrackingWebhookView
        self.assertIs(view.signal, signals.tracking)
        self.assertIs(webhooks.AmazonSESInboundWebhookView.signal, signals.inbound)
        self.assertEqual(view.esp_name, "Amazon SES")
        self.assertIsNone(view.basic_auth)
        self.assertTrue(view.warn_if_no_basic_auth)
        self.assertLessEqual({"post", "head", "options"}, set(view.http_method_names))

    def test_inbound_messages_have_the_documented_members(self):
        received = AnymailInboundMessage()
        names = """
            envelope_sender envelope_recipient stripped_text stripped_html spam_detected spam_score
            from_email to cc bcc subject date text html attachments inlines content_id_map
        """
        for name in names.split():
            with self.subTest(name=name):
                self.assertTrue(hasattr(received, name))
        for name in ("envelope_sender", "stripped_text", "spam_detected", "subject", "date"):
            with self.subTest(name=name):
                self.assertIsNone(getattr(received, name))
        self.assertTrue(hasattr(AnymailInboundMessage, "inline_attachments"))
