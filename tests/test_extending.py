"""Code that applications add: the examples of docs/extending.rst, django-anymail's hooks."""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from django.core.cache import cache
from django.dispatch import Signal
from django.test import RequestFactory, SimpleTestCase
from django.utils.module_loading import import_string

from anymail import testing
from anymail.backends import amazon_ses, amazon_sesv2
from anymail.backends.compat import REMOVED_HOOKS as REMOVED_BACKEND_HOOKS
from anymail.exceptions import (
    AnymailAPIError,
    AnymailNotSupportedWarning,
    AnymailRecipientsRefused,
    AnymailUnsupportedFeature,
)
from anymail.message import AnymailRecipientStatus, AnymailStatus
from anymail.signals import inbound, pre_send, recipients_resolved, tracking
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.base import REMOVED_HOOKS as REMOVED_WEBHOOK_HOOKS

from .backends.test_backends import connected
from .docs_pages import DOCS, blocks, table
from .ses import (
    BODY,
    Sent,
    accepting,
    loopback_server,
    send,
    simple_message,
    v1_error,
    v1_success,
)
from .sns_samples import ignore_insecure_webhooks


def run_examples() -> dict[str, Any]:
    """What the Python blocks of the page define, run in their order."""
    before = {signal: list(signal.receivers) for signal in (recipients_resolved, tracking)}
    names: dict[str, Any] = {"__name__": "anymail.extending_page"}
    for block in blocks(DOCS / "extending.rst"):
        if block.language == "python" and block.reason is None:
            exec(compile(block.text, str(block), "exec"), names)
    for signal, receivers in before.items():  # each test connects what it is about
        signal.receivers[:] = receivers
        signal.sender_receivers_cache.clear()
    return names


EXAMPLES = run_examples()


class ExampleTestCase(SimpleTestCase):
    def connect(self, signal: Signal, receiver: Any) -> None:
        signal.connect(receiver)
        self.addCleanup(signal.disconnect, receiver)

    def events(self, signal: Signal) -> list[Any]:
        """What receivers of a signal get from now on."""
        events: list[Any] = []

        def receive(event: Any, **kwargs: Any) -> None:
            events.append(event)

        self._receive = receive  # signals refer weakly
        self.connect(signal, receive)
        return events


class BackendExampleTests(ExampleTestCase):
    def test_build_calls_chooses_the_configuration_set(self) -> None:
        backend = EXAMPLES["EmailBackend"]
        self.assertNotIn("ConfigurationSetName", send(simple_message(), backend).params)
        newsletter = simple_message(tags=["newsletter"])
        self.assertEqual(send(newsletter, backend).params["ConfigurationSetName"], "newsletters")

    def test_run_measures_every_call_also_one_that_fails(self) -> None:
        durations = EXAMPLES["durations"]
        durations.clear()
        send(simple_message(), EXAMPLES["MeasuringBackend"])
        with (
            mock.patch("anymail.amazon_ses.delivery.run", side_effect=AnymailAPIError("no")),
            self.assertRaises(AnymailAPIError),
        ):
            send(simple_message(), EXAMPLES["MeasuringBackend"])
        self.assertEqual([name for name, _ in durations], ["send_raw_email"] * 2)

    def test_parse_response_sees_the_response(self) -> None:
        with self.assertLogs("anymail.extending_page", "INFO") as logs:
            message = simple_message()
            send(message, EXAMPLES["TracingBackend"])
        self.assertIn("send_raw_email was request", logs.output[0])
        self.assertEqual(message.anymail_status.status, {"queued"})

    def test_options_of_a_subclass(self) -> None:
        message = simple_message(to=["a@example.com", "b@example.com"])
        send(message, EXAMPLES["SmallBackend"], max_recipients=2)
        with self.assertRaises(AnymailRecipientsRefused):
            send(message, EXAMPLES["SmallBackend"], max_recipients=1)

    def test_a_backend_for_another_service(self) -> None:
        backend = EXAMPLES["PigeonBackend"]()
        self.addCleanup(backend.loft.clear)
        messages = [simple_message(tags=["urgent"]) for _ in range(3)]
        self.assertEqual(backend.send_messages(messages), 3)
        self.assertEqual(backend.loft[0], {"text": BODY, "tags": ("urgent",)})
        status = messages[1].anymail_status
        self.assertEqual((status.status, status.message_id), ({"sent"}, "pigeon-2"))
        with self.assertRaises(AnymailAPIError) as raised:
            backend.send_messages([simple_message()])
        self.assertEqual(raised.exception.esp_name, "Pigeon")
        with self.assertRaises(AnymailUnsupportedFeature):
            backend.send_messages([simple_message(metadata={"a": 1})])

    def test_recipients_resolved_takes_out_who_is_not_ours(self) -> None:
        self.connect(recipients_resolved, EXAMPLES["only_ours"])
        message = simple_message(to=["a@example.com"], cc=["b@example.net"])
        self.assertEqual(send(message).params["Destinations"], ["a@example.com"])
        self.assertEqual(message.anymail_status.recipients["b@example.net"].error_code, "Staging")


class ClientExampleTests(ExampleTestCase):
    def test_a_client_of_the_factory_logs_how_often_aws_was_asked(self) -> None:
        answers = [(503, v1_error("ServiceUnavailable", "Busy")), (200, v1_success())]
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "eu-west-1"}
        with loopback_server(lambda request, number: answers[number - 1]) as server:
            client = EXAMPLES["logging_client"]("ses", keys, {"endpoint_url": server.url})
            with self.assertLogs("anymail.extending_page", "INFO") as logs:
                client.send_raw_email(RawMessage={"Data": b"Subject: Hello\r\n\r\n"})
        self.assertIn("AWS was asked 2 times", logs.output[0])


class CarrierExampleTests(ExampleTestCase):
    def test_a_file_is_handled_as_a_webhook_would(self) -> None:
        events = self.events(tracking)
        request = testing.sns_notification("bounce", recipient="bob@example.com")
        with tempfile.NamedTemporaryFile() as file:
            file.write(request["data"])
            file.flush()
            EXAMPLES["FileCarrier"]().handle_file(Path(file.name))
        [event] = events
        self.assertEqual((event.event_type, event.recipient), ("bounced", "bob@example.com"))


class WebhookExampleTests(ExampleTestCase):
    def setUp(self) -> None:
        ignore_insecure_webhooks(self)

    def post(self, view: Any, kind: str = "bounce", **detail: Any) -> Any:
        with testing.trusted_sns():
            request = RequestFactory().post("/", **testing.sns_notification(kind, **detail))
            return view(request)

    def test_a_receiver_counts_what_comes_twice_once(self) -> None:
        cache.clear()
        self.addCleanup(cache.clear)
        self.connect(tracking, EXAMPLES["count_bounces"])
        event = testing.tracking_event("bounced")
        for found in (event, event, testing.tracking_event("bounced"), testing.tracking_event()):
            tracking.send(sender=None, event=found, esp_name="Amazon SES")
        self.assertEqual(cache.get("bounces"), 2)

    def test_events_of_other_installations_are_passed_over(self) -> None:
        events = self.events(tracking)
        view = EXAMPLES["ProductionWebhookView"].as_view()
        for name in ("staging", "production"):
            response = self.post(view, message_tags={"installation": [name]}, message_id=name)
            self.assertEqual(response.status_code, 200)
        self.assertEqual([event.message_id for event in events], ["production"])

    def test_a_worker_handles_what_the_view_has_checked(self) -> None:
        events, jobs = self.events(tracking), EXAMPLES["jobs"]
        view = EXAMPLES["QueueingWebhookView"].as_view()
        self.assertEqual(self.post(view, recipient="bob@example.com").status_code, 200)
        self.assertEqual(events, [])
        jobs.put(json.loads(json.dumps(jobs.get())))
        EXAMPLES["work"]()
        [event] = events
        self.assertEqual((event.event_type, event.recipient), ("bounced", "bob@example.com"))
        self.assertIsNotNone(event.timestamp)
        request = RequestFactory().post("/", data=b"{}", content_type="text/plain")
        self.assertEqual(view(request).status_code, 400)
        self.assertTrue(jobs.empty())

    def test_a_tenant_has_a_secret_and_a_topic_of_its_own(self) -> None:
        [pattern] = EXAMPLES["urlpatterns"]
        topic = "arn:aws:sns:eu-west-1:123456789012:acme"
        secret = "acme:some-password"
        with testing.trusted_sns():
            for arguments, status in (
                ({"topic": topic, "secret": secret}, 200),
                ({"topic": topic, "secret": ""}, 401),
            ):
                request = RequestFactory().post("/", **testing.sns_notification(**arguments))
                self.assertEqual(pattern.callback(request).status_code, status)
            other = testing.sns_notification(topic=topic + "2", secret=secret)
            response = pattern.callback(RequestFactory().post("/", **other))
            self.assertEqual(response.status_code, 400)


class EveryExampleTests(SimpleTestCase):
    def test_every_example_is_used_by_a_test(self) -> None:
        source = (DOCS.parent / "tests" / "test_extending.py").read_text("utf-8")
        for block in blocks(DOCS / "extending.rst"):
            defined = re.findall(r"^(?:class|def) (\w+)", block.text, re.MULTILINE)
            if block.language != "python" or not defined or block.reason is not None:
                continue
            used = [name for name in defined if re.search(rf'"{name}"', source)]
            self.assertTrue(used, f"{block}: none of {defined} is used")


#: Methods that subclasses of django-anymail's backends override, and that are called here.
BACKEND_HOOKS = {
    "open": (),
    "close": (),
    "send_messages": (mock.ANY,),
    "run_pre_send": (mock.ANY,),
    "run_post_send": (mock.ANY,),
    "raise_for_recipient_status": (mock.ANY, mock.ANY),
}
#: Attributes of a backend that applications read.
BACKEND_ATTRIBUTES = {
    "esp_name": "Amazon SES",
    "fail_silently": True,
    "ignore_unsupported_features": True,
    "ignore_recipient_status": True,
    "debug_api_requests": True,
    "send_defaults": {"tags": ["a"]},
    "session_params": {"profile_name": "p"},
    "client_params": {"region_name": "r"},
    "configuration_set_name": "c",
    "message_tag_name": "m",
}
#: The same for views; what is called with which notification.
WEBHOOK_HOOKS = {
    "validate_request": testing.sns_notification,
    "parse_events": testing.sns_notification,
    "esp_to_anymail_events": testing.sns_notification,
    "auto_confirm_sns_subscription": testing.sns_subscription,
}


class BackendHookTests(SimpleTestCase):
    def test_every_hook_is_called(self) -> None:
        for backend in (amazon_ses.EmailBackend, amazon_sesv2.EmailBackend):
            for name, arguments in BACKEND_HOOKS.items():
                with self.subTest(backend.__module__, hook=name):
                    self.assertEqual(self.calls(backend, name), [arguments])

    def calls(self, backend: type[amazon_ses.EmailBackend], name: str) -> list[Any]:
        found = []

        def hook(self: Any, *args: Any) -> Any:
            found.append(args)
            return getattr(super(subclass, self), name)(*args)

        subclass = type("Subclass", (backend,), {name: hook})
        send(simple_message(), subclass)
        return found

    def test_every_attribute_can_be_read(self) -> None:
        options = {n: v for n, v in BACKEND_ATTRIBUTES.items() if n != "esp_name"}
        for backend in (amazon_ses.EmailBackend, amazon_sesv2.EmailBackend):
            made = backend(**options)  # type: ignore[arg-type]
            found = {name: getattr(made, name) for name in BACKEND_ATTRIBUTES}
            self.assertEqual(found, BACKEND_ATTRIBUTES)
            self.assertIsNone(made.client)

    def test_a_client_that_somebody_sets_is_used(self) -> None:
        client = mock.Mock()
        client.send_raw_email.return_value = {"MessageId": "m"}
        backend = amazon_ses.EmailBackend()
        backend.client = client
        self.assertEqual(backend.send_messages([simple_message()]), 1)

    def test_a_hook_that_is_never_called_is_warned_of(self) -> None:
        for name in REMOVED_BACKEND_HOOKS:
            with self.subTest(name), self.assertWarnsMessage(AnymailNotSupportedWarning, name) as w:
                type("Subclass", (amazon_ses.EmailBackend,), {name: lambda self: None})
            self.assertEqual(w.filename, __file__)


class RefusalHookTests(SimpleTestCase):
    """``raise_for_recipient_status`` with the arguments that django-anymail gives it."""

    def test_it_gets_what_there_is(self) -> None:
        found = []

        class Backend(amazon_ses.EmailBackend):
            def raise_for_recipient_status(  # type: ignore[override]
                self, anymail_status: Any, response: Any, payload: Any, message: Any
            ) -> None:
                found.append((anymail_status, response, payload, message))

        message = simple_message()
        send(message, Backend)
        status = message.anymail_status
        self.assertEqual(found, [(status, status.esp_response, None, message)])
        self.assertEqual(status.esp_response["MessageId"], "id-1")

    def test_a_mixin_may_have_it(self) -> None:
        found = []

        class Mixin:
            def raise_for_recipient_status(self, status: Any, r: Any, p: Any, m: Any) -> None:
                found.append(m)

        class Backend(Mixin, amazon_ses.EmailBackend):  # type: ignore[misc]
            pass

        message = simple_message()
        send(message, Backend)
        self.assertEqual(found, [message])

    def test_super_takes_the_same(self) -> None:
        class ByPosition(amazon_ses.EmailBackend):
            def raise_for_recipient_status(  # type: ignore[override]
                self, anymail_status: Any, response: Any, payload: Any, message: Any
            ) -> None:
                hook: Any = super().raise_for_recipient_status
                hook(anymail_status, response, payload, message)

        class ByName(amazon_ses.EmailBackend):
            def raise_for_recipient_status(  # type: ignore[override]
                self, anymail_status: Any, response: Any, payload: Any, message: Any
            ) -> None:
                hook: Any = super().raise_for_recipient_status
                hook(anymail_status, response=response, payload=payload, message=message)

        def refuse(message: Any, **kwargs: Any) -> None:
            rejected = AnymailRecipientStatus(None, "rejected")
            message.anymail_status.set_recipient_status({"to@example.com": rejected})

        for backend in (ByPosition, ByName):
            with self.subTest(backend.__name__):
                self.assertEqual(len(send(simple_message(), backend).calls), 1)
                message = simple_message()
                with connected(pre_send, refuse), self.assertRaises(AnymailRecipientsRefused) as e:
                    send(message, backend)
                self.assertIs(e.exception.email_message, message)

    def test_it_may_come_later_or_be_static_or_belong_to_one_backend(self) -> None:
        found: list[Any] = []

        def four(status: Any, response: Any, payload: Any, message: Any) -> None:
            found.append(message)

        def two(status: Any, message: Any, verbose: bool = False, why: str = "") -> None:
            found.append(message)

        class OnEachBackend(amazon_ses.EmailBackend):
            def __init__(self, hook: Any, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.raise_for_recipient_status = hook  # type: ignore[method-assign]

        class Static(amazon_ses.EmailBackend):
            pass

        for hook in (four, two):
            Static.raise_for_recipient_status = staticmethod(hook)  # type: ignore
            for backend in (Static, partial(OnEachBackend, hook)):
                with self.subTest(hook=hook.__name__, backend=backend):
                    message = simple_message()
                    with accepting(Sent()):
                        backend().send_messages([message])
                    self.assertEqual(found, [message])
                    found.clear()

    def test_too_few_arguments_are_an_error(self) -> None:
        with self.assertRaises(TypeError):
            amazon_ses.EmailBackend().raise_for_recipient_status(AnymailStatus())  # type: ignore[call-arg]


class WebhookHookTests(SimpleTestCase):
    def setUp(self) -> None:
        ignore_insecure_webhooks(self)

    def call(self, view: Any, request: dict[str, Any]) -> Any:
        return view(RequestFactory().post("/", **request))

    @testing.trusted_sns()
    def test_every_hook_is_called(self) -> None:
        for name, make in WEBHOOK_HOOKS.items():
            hook = mock.Mock(return_value=[])
            subclass = type("Subclass", (AmazonSESTrackingWebhookView,), {name: hook})
            with self.subTest(name):
                self.assertEqual(self.call(subclass.as_view(), make()).status_code, 200)
                hook.assert_called_once()

    @testing.trusted_sns()
    def test_every_attribute_counts(self) -> None:
        own = Signal()
        received: list[Any] = []

        def receive(**kwargs: Any) -> None:
            received.append(kwargs)

        own.connect(receive)

        class View(AmazonSESTrackingWebhookView):
            signal = own
            esp_name = "Mine"
            basic_auth = ["a:b"]
            http_method_names = ["post", "get"]

            def get(self, request: Any) -> Any:
                return self.http_method_not_allowed(request)

        with mock.patch.object(tracking, "send") as usual:
            response = self.call(View.as_view(), testing.sns_notification("bounce", secret="a:b"))
        self.assertEqual(response.status_code, 200)
        usual.assert_not_called()
        [kwargs] = received
        self.assertEqual((kwargs["esp_name"], kwargs["sender"]), ("Mine", View))
        refused = self.call(View.as_view(), testing.sns_notification("bounce", secret=""))
        self.assertEqual(refused.status_code, 401)

    @testing.trusted_sns()
    def test_the_warning_can_be_switched_off(self) -> None:
        view = AmazonSESTrackingWebhookView.as_view(warn_if_no_basic_auth=False)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.call(view, testing.sns_notification())

    @testing.trusted_sns()
    def test_a_view_without_a_signal_sends_that_of_each_event(self) -> None:
        class View(AmazonSESTrackingWebhookView):
            signal = None

            def esp_to_anymail_events(self, ses_event: Any, sns_message: Any) -> Any:
                return [testing.tracking_event(), testing.inbound_event()]

        with mock.patch.object(tracking, "send") as one, mock.patch.object(inbound, "send") as two:
            self.call(View.as_view(), testing.sns_notification())
        one.assert_called_once()
        two.assert_called_once()

    def test_a_hook_that_is_never_called_is_warned_of(self) -> None:
        for name in REMOVED_WEBHOOK_HOOKS:
            with self.subTest(name), self.assertWarnsMessage(AnymailNotSupportedWarning, name) as w:
                type("Subclass", (AmazonSESTrackingWebhookView,), {name: lambda self: None})
            self.assertEqual(w.filename, __file__)


class MigratingTests(SimpleTestCase):
    """docs/migrating.rst says what to use instead of what is gone."""

    page = (DOCS / "migrating.rst").read_text("utf-8")

    def test_every_hook_that_is_gone_is_on_the_page(self) -> None:
        for name in (*REMOVED_BACKEND_HOOKS, *REMOVED_WEBHOOK_HOOKS):
            self.assertRegex(self.page, rf"``{name}\(")

    def test_what_to_use_instead_of_a_hook_of_the_backend_is_there(self) -> None:
        rows = table(DOCS / "migrating.rst", "Name", "Use instead").rows
        for name in REMOVED_BACKEND_HOOKS:
            [instead] = [row[1] for row in rows if f"``{name}(" in row[0]]
            with self.subTest(name):
                methods = re.findall(r"``(\w+)\(", instead)
                self.assertTrue(methods)
                for method in methods:
                    self.assertTrue(callable(getattr(amazon_ses.EmailBackend, method, None)))

    def test_every_hook_whose_arguments_changed_is_on_the_page(self) -> None:
        for name in ("raise_for_recipient_status", *WEBHOOK_HOOKS):
            self.assertRegex(self.page, rf"``{name}\(")

    def test_names_that_are_gone_are_on_the_page_and_others_can_be_imported(self) -> None:
        for path in (
            "anymail.backends.amazon_ses.AmazonSESSendRawEmailPayload",
            "anymail.backends.amazon_ses._get_anymail_boto3_params",
            "anymail.backends.base.BasePayload",
            "anymail.backends.test.TestPayload",
            "anymail.utils.collect_all_methods",
        ):
            with self.subTest(path), self.assertRaises(ImportError):
                import_string(path)
            self.assertIn(path.rpartition(".")[2], self.page)
