"""The send loop: signals, statuses, errors, and how Django finds the backend."""

from __future__ import annotations

import copy
import pickle
import unittest
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import django
from django.core import mail
from django.core.mail import EmailMessage, EmailMultiAlternatives, send_mail
from django.test import SimpleTestCase, override_settings

from anymail.amazon_ses import aws
from anymail.backends.amazon_ses import EmailBackend
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.exceptions import (
    AnymailAPIError,
    AnymailCancelSend,
    AnymailConfigurationError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
    AnymailUnsupportedFeature,
)
from anymail.message import AnymailRecipientStatus
from anymail.signals import post_send, pre_send, recipients_resolved

from ..ses import (
    CREDENTIALS,
    V1,
    V2,
    Sent,
    accepting,
    loopback_server,
    send,
    simple_message,
    stubbed,
    use_backend,
    v1_success,
)

MAILERS = django.VERSION >= (6, 1)


@contextmanager
def connected(signal: Any, receiver: Any) -> Iterator[None]:
    signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receiver)


class ConfigurationTests(SimpleTestCase):
    def test_django_sends_through_both_backends_by_their_paths(self) -> None:
        for path, service in ((V1, "ses"), (V2, "sesv2")):
            sent = Sent()
            with self.subTest(path), use_backend(path), accepting(sent, service):
                self.assertEqual(simple_message().send(), 1)
                self.assertEqual(send_mail("s", "b", "from@example.com", ["to@example.com"]), 1)
            self.assertEqual(len(sent.calls), 2)

    def test_nothing_warns(self) -> None:
        with (
            warnings.catch_warnings(),
            use_backend(V1, configuration_set_name="set"),
            accepting(Sent()),
        ):
            warnings.simplefilter("error")
            simple_message().send()
            EmailMessage("s", "b", "from@example.com", ["to@example.com"]).send()

    @unittest.skipUnless(MAILERS, "MAILERS is new in Django 6.1")
    def test_options_of_a_mailer_are_settings(self) -> None:
        options = {"configuration_set_name": "set", "message_tag_name": "Type"}
        mailers = {
            "default": {"BACKEND": V1},
            "other": {"BACKEND": V1, "OPTIONS": options},
        }
        sent = Sent()
        with override_settings(MAILERS=mailers), accepting(sent):
            simple_message(tags=["t"]).send(using="other")
        self.assertEqual(sent.params["ConfigurationSetName"], "set")
        self.assertEqual(sent.params["Tags"], [{"Name": "Type", "Value": "t"}])

    @unittest.skipUnless(MAILERS, "MAILERS is new in Django 6.1")
    def test_an_unknown_option_of_a_mailer_is_refused(self) -> None:
        from django.core.mail import InvalidMailer, mailers

        config = {"default": {"BACKEND": V1, "OPTIONS": {"regoin": "us-east-1"}}}
        with override_settings(MAILERS=config), self.assertRaisesRegex(InvalidMailer, "regoin"):
            _ = mailers["default"]

    @unittest.skipIf(MAILERS, "get_connection() with a path is for Django before 6.1")
    def test_get_connection_takes_settings(self) -> None:
        connection = mail.get_connection(V1, configuration_set_name="set", username=None)
        sent = Sent()
        with accepting(sent):
            message = EmailMessage("s", "b", "from@example.com", ["to@example.com"])
            self.assertEqual(connection.send_messages([message]), 1)
        self.assertEqual(sent.params["ConfigurationSetName"], "set")

    @unittest.skipUnless(MAILERS, "the setting is deprecated from Django 6.1 on")
    def test_email_backend_still_works_with_only_djangos_own_warning(self) -> None:
        from tests import settings as test_settings

        with warnings.catch_warnings(record=True) as caught, ExitStack() as stack:
            warnings.simplefilter("always")
            plain = override_settings(EMAIL_BACKEND=V1)
            stack.enter_context(plain)
            del django.conf.settings.MAILERS
            stack.enter_context(accepting(Sent()))
            self.assertEqual(simple_message().send(), 1)
        self.assertTrue(test_settings.MAILERS)
        for warning in caught:
            self.assertIn("EMAIL_BACKEND", str(warning.message))

    def test_settings_of_the_wrong_type_are_refused_even_silently(self) -> None:
        with self.assertRaisesRegex(AnymailConfigurationError, "client_params"):
            EmailBackend(fail_silently=True, client_params="us-east-1")

    def test_construction_touches_no_network_and_no_boto3(self) -> None:
        with (
            mock.patch.object(aws, "client") as client,
            mock.patch.object(aws, "import_boto3") as boto3,
            mock.patch("socket.socket.connect") as connect,
        ):
            EmailBackend()
        for touched in (client, boto3, connect):
            touched.assert_not_called()

    def test_public_attributes(self) -> None:
        backend = EmailBackend(
            session_params={"a": 1},
            client_params={"b": 2},
            configuration_set_name="set",
            message_tag_name="tag",
            ignore_recipient_status=True,
            ignore_unsupported_features=True,
            debug_api_requests=True,
        )
        self.assertEqual((backend.session_params, backend.client_params), ({"a": 1}, {"b": 2}))
        self.assertEqual((backend.configuration_set_name, backend.message_tag_name), ("set", "tag"))
        self.assertTrue(backend.ignore_recipient_status)
        self.assertTrue(backend.ignore_unsupported_features)
        self.assertTrue(backend.debug_api_requests)
        self.assertFalse(backend.fail_silently)
        self.assertIsNone(backend.client)
        self.assertEqual((backend.esp_name, V2Backend.esp_name), ("Amazon SES", "Amazon SES"))

    def test_send_defaults_of_the_service_replace_common_ones_per_attribute(self) -> None:
        common = {"metadata": {"a": 1}, "tags": ["common"]}
        with override_settings(
            ANYMAIL={"SEND_DEFAULTS": common, "AMAZON_SES_SEND_DEFAULTS": {"metadata": {"b": 2}}}
        ):
            mime = send(simple_message(metadata={"c": 3})).mime
            self.assertEqual(mime["X-Metadata"], '{"b": 2, "c": 3}')
            self.assertEqual(mime["X-Tag"], "common")
            own = {"send_defaults": {"metadata": {"d": 4}}}
            self.assertEqual(send(simple_message(), **own).mime["X-Metadata"], '{"d": 4}')


class LifecycleTests(SimpleTestCase):
    def test_open_says_whether_it_made_something(self) -> None:
        backend = EmailBackend(session_params=CREDENTIALS)
        self.assertIs(backend.open(), True)
        self.assertIs(backend.open(), False)
        backend.close()
        backend.close()
        self.assertIs(backend.open(), True)

    def test_an_opened_backend_stays_open(self) -> None:
        with EmailBackend(session_params=CREDENTIALS) as backend:
            client = backend.client
            with mock.patch.object(client, "send_raw_email", return_value={"MessageId": "1"}):
                backend.send_messages([simple_message()])
            self.assertIs(backend.client, client)
        self.assertIsNone(backend.client)

    def test_nothing_to_send_is_0_and_opens_nothing(self) -> None:
        with mock.patch.object(aws, "client", side_effect=AssertionError):
            for nothing in ([], None, iter(())):
                self.assertEqual(EmailBackend().send_messages(nothing), 0)

    def test_any_iterable_is_sent(self) -> None:
        with accepting(Sent()):
            count = EmailBackend().send_messages(simple_message() for _ in range(3))
        self.assertEqual(count, 3)

    def test_no_recipients_is_not_sent(self) -> None:
        message = simple_message(to=[])
        with accepting(sent := Sent()):
            self.assertEqual(EmailBackend().send_messages([message]), 0)
        self.assertEqual((sent.calls, message.anymail_status.status), ([], None))

    def test_messages_can_be_copied_and_pickled_before_and_after(self) -> None:
        message = simple_message(metadata={"a": 1})
        pickle.loads(pickle.dumps(copy.deepcopy(message)))
        send(message)
        again = pickle.loads(pickle.dumps(copy.deepcopy(message)))
        self.assertEqual(again.anymail_status.recipients, message.anymail_status.recipients)

    def test_plain_django_messages_have_all_features(self) -> None:
        message: Any = EmailMultiAlternatives("s", "b", "from@example.com", ["to@example.com"])
        message.tags = ["tag"]
        message.metadata = {"a": 1}
        mime = send(message).mime
        self.assertEqual((mime["X-Tag"], mime["X-Metadata"]), ("tag", '{"a": 1}'))
        self.assertEqual(message.anymail_status.status, {"queued"})

    def test_each_send_has_a_fresh_status(self) -> None:
        message = simple_message()
        send(message)
        first = message.anymail_status
        message.to = ["other@example.com"]
        send(message)
        self.assertIsNot(message.anymail_status, first)
        self.assertEqual(set(message.anymail_status.recipients), {"other@example.com"})


class SignalTests(SimpleTestCase):
    def test_pre_send_may_change_the_message(self) -> None:
        def receiver(message: Any, sender: Any, esp_name: str, **kwargs: Any) -> None:
            self.assertEqual((sender, esp_name), (EmailBackend, "Amazon SES"))
            message.to = ["changed@example.com"]

        with connected(pre_send, receiver):
            self.assertEqual(send(simple_message()).params["Destinations"], ["changed@example.com"])

    def test_pre_send_may_cancel_quietly(self) -> None:
        def receiver(**kwargs: Any) -> None:
            raise AnymailCancelSend("not today")

        with connected(pre_send, receiver), accepting(sent := Sent()):
            self.assertEqual(EmailBackend().send_messages([simple_message()]), 0)
        self.assertEqual(sent.calls, [])

    def test_an_exception_in_pre_send_stops_the_message(self) -> None:
        def receiver(**kwargs: Any) -> None:
            raise RuntimeError("receiver")

        with (
            connected(pre_send, receiver),
            accepting(sent := Sent()),
            self.assertRaisesRegex(RuntimeError, "receiver"),
        ):
            EmailBackend(fail_silently=True).send_messages([simple_message()])
        self.assertEqual(sent.calls, [])

    def test_pre_send_may_decide_about_recipients(self) -> None:
        """What a receiver says about recipients stays; nobody left is refused."""

        def receiver(message: Any, **kwargs: Any) -> None:
            status = AnymailRecipientStatus(None, "rejected", "Suppressed")
            message.anymail_status.set_recipient_status({"to@example.com": status})
            message.to = message.to[1:]

        with connected(pre_send, receiver):
            message = simple_message(to=["to@example.com", "b@example.com"])
            self.assertEqual(send(message).params["Destinations"], ["b@example.com"])
            self.assertEqual(message.anymail_status.status, {"rejected", "queued"})
            alone = simple_message()
            with self.assertRaises(AnymailRecipientsRefused):
                send(alone)
            self.assertEqual(alone.anymail_status.status, {"rejected"})
            with accepting(sent := Sent()):
                backend = EmailBackend(ignore_recipient_status=True)
                self.assertEqual(backend.send_messages([simple_message()]), 0)
            self.assertEqual(sent.calls, [])

    def test_recipients_that_pre_send_refuses_are_left_out_and_stay_in_the_message(self) -> None:
        def receiver(message: Any, **kwargs: Any) -> None:
            refused = AnymailRecipientStatus(None, "rejected", "Suppressed")
            message.anymail_status.set_recipient_status(
                {"to@example.com": refused, "c@example.com": refused}
            )

        with connected(pre_send, receiver):
            message = simple_message(to=["to@example.com", "b@example.com"], cc=["c@example.com"])
            sent = send(message)
        self.assertEqual(sent.params["Destinations"], ["b@example.com"])
        self.assertEqual((sent.mime["To"], sent.mime["Cc"]), ("b@example.com", None))
        self.assertEqual(message.to, ["to@example.com", "b@example.com"])
        self.assertEqual(message.cc, ["c@example.com"])
        self.assertEqual(message.anymail_status.recipients["c@example.com"].status, "rejected")

    def test_recipients_resolved_tells_everybody_who_will_be_sent_to(self) -> None:
        told = []

        def receiver(sender: Any, message: Any, recipients: Any, esp_name: str, **kw: Any) -> None:
            told.append([recipient.addr_spec for recipient in recipients])
            self.assertEqual((sender, esp_name), (EmailBackend, "Amazon SES"))
            refused = AnymailRecipientStatus(None, "rejected", "Closed")
            message.anymail_status.set_recipient_status({"d@example.com": refused})

        def add(message: Any, **kwargs: Any) -> None:
            message.cc = ["c@example.com"]

        with connected(recipients_resolved, receiver), connected(pre_send, add):
            message = simple_message(to=["To <to@example.com>"])
            options = {
                "send_defaults": {"bcc": ["d@example.com"]},
                "ignore_unsupported_features": True,
            }
            params = send(message, **options).params
        self.assertEqual(told, [["to@example.com", "c@example.com", "d@example.com"]])
        self.assertEqual(params["Destinations"], ["To <to@example.com>", "c@example.com"])

    def test_who_is_excluded_gets_no_call_no_header_and_no_status(self) -> None:
        for backend in (EmailBackend, V2Backend):
            message = simple_message(
                to=["A <a@example.com>", "b@example.com"], bcc=["c@example.com"]
            )
            calls = backend().start(message, exclude=["a@example.com", "c@example.com"]).calls
            found = [recipient.addr_spec for call in calls for recipient in call.recipients]
            self.assertEqual(found, ["b@example.com"])
            self.assertNotIn("a@example.com", str(calls[0].params))
            self.assertEqual(message.anymail_status.recipients, {})
            self.assertEqual(len(message.to), 2)

    def test_receivers_may_refuse_others_than_those_who_are_excluded(self) -> None:
        def refuse(message: Any, recipients: Any, **kwargs: Any) -> None:
            self.assertEqual(len(recipients), 3)
            refused = AnymailRecipientStatus(None, "rejected", "Closed")
            message.anymail_status.set_recipient_status({"b@example.com": refused})

        message = simple_message(to=["a@example.com", "b@example.com", "c@example.com"])
        with connected(recipients_resolved, refuse):
            [call] = EmailBackend().start(message, exclude=("a@example.com",)).calls
        self.assertEqual([r.addr_spec for r in call.recipients], ["c@example.com"])
        self.assertEqual([*message.anymail_status.recipients], ["b@example.com"])

    def test_nobody_is_left_if_all_are_excluded(self) -> None:
        for kwargs in ({}, {"subject": "", "body": "", "template_id": "welcome"}):
            message = simple_message(cc=["cc@example.com"], **kwargs)
            excluded = {"to@example.com", "cc@example.com"}
            self.assertEqual(EmailBackend().start(message, exclude=excluded).calls, ())
            self.assertEqual(message.anymail_status.recipients, {})

    def test_copies_of_a_template_whose_original_is_excluded_are_not_rejected(self) -> None:
        for backend in (EmailBackend, V2Backend):
            message = simple_message(
                cc=["cc@example.com"], subject="", body="", template_id="welcome"
            )
            calls = backend().start(message, exclude={"to@example.com"}).calls
            self.assertEqual((len(calls), message.anymail_status.recipients), (0, {}))

    def test_a_cancelled_message_is_not_refused_because_of_what_receivers_said(self) -> None:
        def refuse_and_cancel(message: Any, **kwargs: Any) -> None:
            refused = AnymailRecipientStatus(None, "rejected")
            message.anymail_status.set_recipient_status({"to@example.com": refused})
            raise AnymailCancelSend

        with connected(pre_send, refuse_and_cancel):
            message = simple_message()
            self.assertEqual(send(message).calls, [])
        self.assertIsNone(message.anymail_status.status)

    def test_post_send_gets_the_status(self) -> None:
        received = []
        message = simple_message()
        with connected(post_send, lambda **kwargs: received.append(kwargs)):
            send(message)
        (kwargs,) = received
        self.assertEqual((kwargs["sender"], kwargs["esp_name"]), (EmailBackend, "Amazon SES"))
        self.assertIs(kwargs["message"], message)
        self.assertIs(kwargs["status"], message.anymail_status)
        self.assertEqual(kwargs["status"].status, {"queued"})

    def test_every_post_send_receiver_runs_before_the_first_exception_is_raised(self) -> None:
        received = []

        def failing(**kwargs: Any) -> None:
            raise RuntimeError("first")

        def recording(**kwargs: Any) -> None:
            received.append(kwargs)

        with (
            self.assertLogs("django.dispatch", "ERROR"),
            connected(post_send, failing),
            connected(post_send, recording),
            self.assertRaisesRegex(RuntimeError, "first"),
        ):
            send(simple_message())
        self.assertEqual(len(received), 1)

    def test_post_send_is_not_sent_for_a_message_that_failed(self) -> None:
        received = []
        with (
            connected(post_send, lambda **kwargs: received.append(kwargs)),
            stubbed() as stub,
            self.assertRaises(AnymailAPIError),
        ):
            stub.add_client_error("send_raw_email", "MessageRejected")
            EmailBackend().send_messages([simple_message()])
        self.assertEqual(received, [])


class ErrorTests(SimpleTestCase):
    def test_boto_errors_become_api_errors_with_everything_known(self) -> None:
        message = simple_message()
        with stubbed() as stub, self.assertRaises(AnymailAPIError) as caught:
            stub.add_client_error(
                "send_raw_email",
                "MessageRejected",
                "Email address is not verified: secret.name@example.com",
                http_status_code=400,
            )
            EmailBackend().send_messages([message])
        error = caught.exception
        self.assertEqual(type(error.__cause__).__name__, "MessageRejected")
        self.assertEqual(error.response["Error"]["Code"], "MessageRejected")
        self.assertEqual(error.error_code, "MessageRejected")
        self.assertIs(error.is_transient, False)
        self.assertIs(error.is_throttled, False)
        self.assertIs(error.email_message, message)
        self.assertEqual(error.esp_name, "Amazon SES")
        self.assertIn("not verified: ***@example.com", str(error))
        self.assertNotIn("secret", str(error))
        self.assertIsNone(message.anymail_status.status)

    def test_the_first_failure_ends_the_list(self) -> None:
        messages = [simple_message(), simple_message(), simple_message()]
        with stubbed() as stub, self.assertRaises(AnymailAPIError):
            stub.add_response("send_raw_email", {"MessageId": "m-1"})
            stub.add_client_error("send_raw_email", "MessageRejected")
            EmailBackend(max_concurrency=1).send_messages(messages)
        self.assertEqual(messages[0].anymail_status.message_id, "m-1")
        self.assertFalse(messages[2].anymail_status.recipients)

    def test_silently_the_others_are_sent(self) -> None:
        with stubbed() as stub:
            stub.add_response("send_raw_email", {"MessageId": "m-1"})
            stub.add_client_error("send_raw_email", "MessageRejected")
            stub.add_response("send_raw_email", {"MessageId": "m-3"})
            count = EmailBackend(fail_silently=True, max_concurrency=1).send_messages(
                [simple_message(), simple_message(), simple_message()]
            )
        self.assertEqual(count, 2)

    def test_bad_addresses_name_the_field_and_keep_the_address_secret(self) -> None:
        for kwargs in (
            {"from_email": "secret"},
            {"to": ["ok@example.com", "secret"]},
            {"cc": ["secret@"]},
            {"bcc": ["@secret"]},
            {"reply_to": ["secret, and more"]},
            {"envelope_sender": "secret"},
            {"headers": {"From": "secret"}},
            {"headers": {"Reply-To": "secret"}},
        ):
            (field,) = kwargs
            with self.subTest(kwargs), self.assertRaises(AnymailInvalidAddress) as caught:
                send(simple_message(**kwargs))
            self.assertIn("extra_headers" if field == "headers" else field, str(caught.exception))
            self.assertNotIn("secret", str(caught.exception))

    def test_no_from_is_refused(self) -> None:
        message = simple_message()
        message.from_email = None
        with self.assertRaisesRegex(AnymailInvalidAddress, "DEFAULT_FROM_EMAIL"):
            send(message)

    def test_a_bare_string_where_a_list_belongs_is_refused(self) -> None:
        for name in ("to", "cc", "bcc", "reply_to", "tags"):
            message = simple_message()
            setattr(message, name, "to@example.com")
            if name in ("to", "cc", "bcc"):
                message.recipients = lambda: ["x"]  # type: ignore[method-assign]
            with self.subTest(name), self.assertRaisesRegex(TypeError, f"`{name}` must be a list"):
                send(message)

    def test_unsupported_features_are_silent_only_when_asked(self) -> None:
        with accepting(Sent()):
            self.assertEqual(
                EmailBackend(fail_silently=True).send_messages([simple_message(send_at=1)]), 0
            )
        with self.assertRaises(AnymailUnsupportedFeature):
            send(simple_message(send_at=1))

    def test_header_injection_is_never_silent(self) -> None:
        with accepting(Sent()), self.assertRaises(ValueError):
            EmailBackend(fail_silently=True).send_messages(
                [simple_message(headers={"X-A": "a\nb"})]
            )

    def test_a_failing_batch_says_who_was_accepted(self) -> None:
        message = simple_message(
            subject="", body="", template_id="t", to=[f"to{n}@example.com" for n in range(1000)]
        )
        success = {"Status": [{"Status": "Success", "MessageId": "m"}] * 50}
        received = []
        with (
            stubbed() as stub,
            connected(post_send, lambda **kwargs: received.append(kwargs)),
            self.assertRaisesRegex(
                AnymailAPIError, "300 of 1000 recipients were accepted"
            ) as caught,
        ):
            for _ in range(6):
                stub.add_response("send_bulk_templated_email", success)
            stub.add_client_error("send_bulk_templated_email", "AccountSendingPausedException", "P")
            EmailBackend(max_concurrency=1).send_messages([message])
        statuses = list(message.anymail_status.recipients.values())
        self.assertEqual([s.status for s in statuses], ["queued"] * 300 + ["failed"] * 700)
        self.assertEqual(statuses[-1].error_code, "AccountSendingPausedException")
        self.assertEqual(caught.exception.error_code, "AccountSendingPausedException")
        self.assertEqual(len(received), 1)

    def test_recipients_of_a_call_without_an_answer_are_unknown(self) -> None:
        """It may have been accepted: calling it failed would have people send it again."""
        message = simple_message(to=[f"to{n}@example.com" for n in range(101)])
        failing = mock.Mock(spec=["send_raw_email"])
        from botocore.exceptions import ReadTimeoutError

        failing.send_raw_email.side_effect = [
            {"MessageId": "m-1"},
            ReadTimeoutError(endpoint_url="x"),
        ]
        told = "50 of 101 recipients were accepted, 50 may have been"
        with (
            mock.patch.object(aws, "client", return_value=failing),
            self.assertRaisesRegex(AnymailAPIError, told),
        ):
            EmailBackend(split_recipients=True, max_concurrency=1).send_messages([message])
        statuses = [s.status for s in message.anymail_status.recipients.values()]
        self.assertEqual(statuses, ["queued"] * 50 + ["unknown"] * 50 + ["failed"])


class UnsentTests(SimpleTestCase):
    """Whoever sends again after an error with ``is_unsent`` must not mail anybody twice."""

    def error(self, message: Any, *answers: Any, **options: Any) -> AnymailAPIError:
        """What a message of several calls fails with.

        :param answers: to the calls: responses, and codes of errors.
        """
        is_raw = bool(message.body)
        method = "send_raw_email" if is_raw else "send_bulk_templated_email"
        with stubbed() as stub, self.assertRaises(AnymailAPIError) as caught:
            for answer in answers:
                if isinstance(answer, str):
                    stub.add_client_error(method, answer, http_status_code=400)
                else:
                    stub.add_response(method, answer)
            options = {"split_recipients": True, "max_concurrency": 1, **options}
            EmailBackend(**options).send_messages([message])
        return caught.exception

    def to_many(self, **kwargs: Any) -> Any:
        return simple_message(to=[f"to{n}@example.com" for n in range(120)], **kwargs)

    def template_to_many(self) -> Any:
        return self.to_many(subject="", body="", template_id="t")

    def bulk(self, **entry: str) -> dict[str, Any]:
        return {"Status": [entry] * 50}

    def test_not_when_an_earlier_call_of_a_split_message_was_accepted(self) -> None:
        error = self.error(self.to_many(), {"MessageId": "m"}, "MessageRejected")
        self.assertIs(error.is_unsent, False)

    def test_not_when_an_earlier_call_of_a_template_was_accepted(self) -> None:
        accepted = self.bulk(Status="Success", MessageId="m")
        error = self.error(self.template_to_many(), accepted, "AccountSendingPausedException")
        self.assertIs(error.is_unsent, False)

    def test_not_when_it_is_unknown_what_became_of_a_recipient(self) -> None:
        error = self.error(self.template_to_many(), self.bulk(), "MessageRejected")
        self.assertIs(error.is_unsent, False)

    def test_not_when_the_same_addresses_are_in_a_call_that_was_refused(self) -> None:
        message = simple_message(to=[f"to{n}@example.com" for n in range(50)] * 2)
        error = self.error(message, {"MessageId": "m"}, "MessageRejected")
        self.assertIs(error.is_unsent, False)

    def test_not_when_post_send_fails(self) -> None:
        def failing(**kwargs: Any) -> None:
            raise AnymailAPIError("of something else", is_unsent=True)

        with self.assertLogs("django.dispatch", "ERROR"), connected(post_send, failing):
            error = self.error(simple_message(), {"MessageId": "m"})
        self.assertIs(error.is_unsent, False)

    def test_it_is_when_all_recipients_were_refused(self) -> None:
        for name, message, answers in (
            ("split", self.to_many(), ["MessageRejected"]),
            (
                "template",
                self.template_to_many(),
                [self.bulk(Status="MessageRejected"), "MessageRejected"],
            ),
        ):
            with self.subTest(name):
                self.assertIs(self.error(message, *answers).is_unsent, True)
                self.assertEqual(message.anymail_status.status, {"failed"})

    def test_is_transient_is_about_the_call_that_failed(self) -> None:
        for code, is_transient in (("Throttling", True), ("MessageRejected", False)):
            with self.subTest(code):
                error = self.error(self.to_many(), {"MessageId": "m"}, code, throttle_timeout=0)
                self.assertIs(error.is_transient, is_transient)


class NoClientTests(SimpleTestCase):
    def test_a_missing_region_says_what_to_set_and_can_be_silent(self) -> None:
        with (
            mock.patch.dict("os.environ", {"AWS_CONFIG_FILE": "/dev/null"}, clear=True),
            override_settings(ANYMAIL={}),
        ):
            with self.assertRaisesRegex(AnymailAPIError, "region_name") as caught:
                EmailBackend().send_messages([simple_message()])
            self.assertEqual(type(caught.exception.__cause__).__name__, "NoRegionError")
            backend = EmailBackend(fail_silently=True)
            self.assertEqual(backend.send_messages([simple_message()]), 0)

    def test_the_error_tells_message_backend_and_service_like_any_other(self) -> None:
        message, backend = simple_message(), EmailBackend()
        failing = AnymailAPIError("No such profile.")
        with (
            mock.patch.object(aws, "client", side_effect=failing),
            self.assertRaises(AnymailAPIError) as caught,
        ):
            backend.send_messages([message, simple_message()])
        self.assertIs(caught.exception.email_message, message)
        self.assertIs(caught.exception.backend, backend)
        self.assertEqual(caught.exception.esp_name, "Amazon SES")

    def test_missing_credentials_say_what_to_set_and_can_be_silent(self) -> None:
        environ = {
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        params = {"region_name": "us-east-1", "endpoint_url": "http://127.0.0.1:1"}
        with mock.patch.dict("os.environ", environ, clear=True):
            with self.assertRaisesRegex(AnymailAPIError, "AWS_ACCESS_KEY_ID") as caught:
                EmailBackend(client_params=params).send_messages([simple_message()])
            self.assertEqual(type(caught.exception.__cause__).__name__, "NoCredentialsError")
            backend = EmailBackend(fail_silently=True, client_params=params)
            self.assertEqual(backend.send_messages([simple_message()]), 0)

    def test_a_backend_that_another_thread_closed_goes_on(self) -> None:
        backend = EmailBackend()
        (call,) = backend.start(simple_message()).calls
        with accepting(sent := Sent()):
            self.assertEqual(backend.run(call)["MessageId"], "id-1")
        self.assertEqual(len(sent.calls), 1)


class WireTests(SimpleTestCase):
    """One message over real HTTP."""

    def send(self, **client_params: Any) -> Any:
        with loopback_server(lambda request, number: (200, v1_success("m-7"))) as server:
            backend = EmailBackend(
                session_params=CREDENTIALS,
                client_params={"endpoint_url": server.url, **client_params},
            )
            message = simple_message(to=["Tö <to@example.com>"])
            self.assertEqual(backend.send_messages([message]), 1)
            self.assertEqual(message.anymail_status.message_id, "m-7")
            (request,) = server.requests
            return request

    def test_the_request(self) -> None:
        request = self.send()
        self.assertEqual(request.form["Action"], "SendRawEmail")
        self.assertEqual(request.form["Destinations.member.1"], "=?utf-8?b?VMO2?= <to@example.com>")

    def test_the_user_agent_names_this_package(self) -> None:
        from anymail import __version__

        self.assertIn(
            f" django-anymail/{__version__}-amazon-ses", self.send().headers["User-Agent"]
        )

    def test_a_users_own_user_agent_wins(self) -> None:
        from botocore.config import Config

        for config in ({"user_agent_extra": "mine/1"}, Config(user_agent_extra="mine/1")):
            with self.subTest(config):
                agent = self.send(config=config).headers["User-Agent"]
                self.assertIn("mine/1", agent)
                self.assertNotIn("django-anymail", agent)
