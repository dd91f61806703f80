"""What else will fail for the same reason: ``scope`` of errors and ``error_scope`` of recipients.

Answers are spelled as AWS spells them, and read by botocore.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any, get_args
from unittest import mock
from xml.sax.saxutils import escape

import botocore.session
from botocore.exceptions import ClientError
from django.test import SimpleTestCase

from anymail.amazon_ses import delivery
from anymail.amazon_ses.boto_errors import AnymailBotoClientAPIError
from anymail.amazon_ses.error_codes import ANSWERS, find_answer
from anymail.amazon_ses.error_meanings import (
    describe_exception,
    describe_response,
    describe_status,
    narrow_scope,
)
from anymail.backends.amazon_sesv1 import EmailBackend as V1Backend
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused, ErrorScope
from anymail.message import AnymailMessage, AnymailRecipientStatus
from anymail.signals import pre_send

from ..docs_pages import DOCS, literals, table
from ..ses import CREDENTIALS, Answer, loopback_server, simple_message, stubbed, v1_error, v2_error

NOT_VERIFIED = (
    "Email address is not verified. The following identities failed the check in region "
    "US-EAST-1: {}"
)
PAUSED = (
    "Sending paused for this account. For more information, please check the inbox of the email "
    "address associated with your AWS account."
)
DENIED = (
    "User `arn:aws:sts::123456789012:assumed-role/web/i-1' is not authorized to perform "
    "`ses:SendRawEmail' on resource `arn:aws:ses:us-east-1:123456789012:{}'"
)
NOT_ASSOCIATED = (
    "Tenant not associated with resources "
    "[arn:aws:ses:us-east-1:123456789012:configuration-set/events]."
)
BAD_TAG = (
    "Invalid tag value <a tenant>: only alphanumeric ASCII characters, '_', and '-' are allowed."
)
#: HTTP status, code, text, scope, transient.
V1_ANSWERS: list[tuple[int, str, str, str | None, bool]] = [
    (400, "MessageRejected", NOT_VERIFIED.format("from@example.com"), "sender", False),
    (400, "MessageRejected", NOT_VERIFIED.format("to@example.com, shop@x.de"), "sender", False),
    (400, "MessageRejected", NOT_VERIFIED.format("to@example.com"), "recipient", False),
    (400, "MessageRejected", NOT_VERIFIED.format("To <TO@example.com>"), "recipient", False),
    (400, "MessageRejected", PAUSED, "account", False),
    (400, "MessageRejected", "Sending suspended for this account.", "account", False),
    (400, "MessageRejected", "Address blacklisted.", "recipient", False),
    (
        400,
        "MessageRejected",
        "Transaction failed: Attachment type is not allowed",
        "message",
        False,
    ),
    (400, "MailFromDomainNotVerifiedException", "MAIL FROM is not verified", "sender", False),
    (400, "ConfigurationSetDoesNotExist", "Configuration set <x> does not exist.", "sender", False),
    (
        *(400, "ConfigurationSetSendingPausedException"),
        *("Sending is paused for configuration set <x>", "sender", False),
    ),
    (400, "AccountSendingPausedException", "Email sending is disabled.", "account", False),
    (400, "TemplateDoesNotExist", "Template x does not exist.", "message", False),
    (400, "InvalidParameterValue", "Missing final '@domain'", "recipient", False),
    (400, "InvalidParameterValue", "Illegal address", "recipient", False),
    (400, "InvalidParameterValue", BAD_TAG, "message", False),
    (400, "InvalidParameterValue", "Message length is more than 10485760 bytes long", "message", 0),
    (400, "InvalidParameterValue", "Duplicate header 'Subject'.", "message", False),
    (400, "InvalidParameterValue", "Invalid identity ARN", "sender", False),
    (400, "ValidationError", "1 validation error detected", "message", False),
    (400, "Throttling", "Maximum sending rate exceeded.", "account", True),
    (400, "Throttling", "Daily message quota exceeded.", "account", False),
    (400, "Throttling", "Rate exceeded", "account", True),
    (403, "AccessDenied", DENIED.format("identity/example.com"), "sender", False),
    (403, "AccessDenied", DENIED.format("identity/to@example.com"), "recipient", False),
    (403, "AccessDenied", DENIED.format("configuration-set/events"), "sender", False),
    (403, "AccessDenied", DENIED.format("tenant/shop/tn-1"), "sender", False),
    (403, "AccessDenied", DENIED.format("template/welcome"), "message", False),
    (
        *(403, "AccessDenied", "User: arn:aws:iam::1:user/u is not authorized to perform: "),
        *("account", False),
    ),
    (403, "InvalidClientTokenId", "The security token is invalid.", "account", False),
    (403, "SignatureDoesNotMatch", "The request signature does not match", "account", False),
    (
        403,
        "ExpiredToken",
        "The security token included in the request is expired",
        "account",
        False,
    ),
    (400, "RequestExpired", "Request has expired", "account", False),
    (500, "InternalFailure", "Internal failure", "service", True),
    (503, "ServiceUnavailable", "Service is unavailable", "service", True),
    (502, "502", "Bad Gateway", "service", True),
    (400, "SomethingNew", "What has never been seen", None, False),
]
V2_ANSWERS: list[tuple[int, str, str, str | None, bool]] = [
    (400, "MessageRejected", NOT_VERIFIED.format("from@example.com"), "sender", False),
    (400, "MessageRejected", NOT_VERIFIED.format("to@example.com"), "recipient", False),
    (400, "MessageRejected", PAUSED, "account", False),
    (400, "MessageRejected", "Email contains a virus", "message", False),
    (400, "SendingPausedException", PAUSED, "account", False),
    (400, "SendingPausedException", "Sending is paused for configuration set <x>", "sender", False),
    (400, "SendingPausedException", "Sending is paused for tenant shop-1", "sender", False),
    (400, "AccountSuspendedException", "Account is suspended", "account", False),
    (400, "MailFromDomainNotVerifiedException", "MAIL FROM is not verified", "sender", False),
    (404, "NotFoundException", "Configuration set <x> does not exist.", "sender", False),
    (404, "NotFoundException", "Tenant shop-1 not found", "sender", False),
    (404, "NotFoundException", "Template x does not exist", "message", False),
    (404, "NotFoundException", "List with name: news doesn't exist.", "message", False),
    (403, "AccessDeniedException", NOT_ASSOCIATED, "sender", False),
    (403, "AccessDeniedException", DENIED.format("identity/example.com"), "sender", False),
    (403, "AccessDeniedException", DENIED.format("template/welcome"), "message", False),
    (403, "AccessDeniedException", "User is not authorized to perform", "account", False),
    (400, "BadRequestException", "Missing final '@domain'", "recipient", False),
    (400, "BadRequestException", "Domain contains dot-dot", "recipient", False),
    (400, "BadRequestException", BAD_TAG, "message", False),
    (400, "BadRequestException", "Tenant name is not valid.", "sender", False),
    (
        400,
        "BadRequestException",
        "Message length is more than 41943040 bytes long",
        "message",
        False,
    ),
    (429, "TooManyRequestsException", "Maximum sending rate exceeded.", "account", True),
    (429, "TooManyRequestsException", "Daily message quota exceeded.", "account", False),
    (400, "LimitExceededException", "Daily message quota exceeded.", "account", False),
    (400, "LimitExceededException", "Maximum sending rate exceeded.", "account", True),
    (400, "LimitExceededException", "Too many contacts", "account", False),
    (403, "UnrecognizedClientException", "The security token is invalid.", "account", False),
    (403, "InvalidSignatureException", "Signature expired", "account", False),
    (403, "ExpiredTokenException", "The security token is expired", "account", False),
    (500, "InternalServiceErrorException", "", "service", True),
    (503, "ServiceUnavailable", "", "service", True),
    (400, "SomethingNew", "What has never been seen", None, False),
]
#: v1 status, v2 status, the entry's text, scope.
STATUSES = [
    ("MessageRejected", "MESSAGE_REJECTED", "Email contains a virus", "message"),
    ("MessageRejected", "MESSAGE_REJECTED", NOT_VERIFIED.format("from@example.com"), "sender"),
    ("MessageRejected", "MESSAGE_REJECTED", NOT_VERIFIED.format("to@example.com"), "recipient"),
    ("MailFromDomainNotVerified", "MAIL_FROM_DOMAIN_NOT_VERIFIED", None, "sender"),
    ("ConfigurationSetDoesNotExist", "CONFIGURATION_SET_NOT_FOUND", None, "sender"),
    ("TemplateDoesNotExist", "TEMPLATE_NOT_FOUND", None, "message"),
    ("AccountSuspended", "ACCOUNT_SUSPENDED", None, "account"),
    ("AccountThrottled", "ACCOUNT_THROTTLED", None, "account"),
    ("AccountDailyQuotaExceeded", "ACCOUNT_DAILY_QUOTA_EXCEEDED", None, "account"),
    ("InvalidSendingPoolName", "INVALID_SENDING_POOL_NAME", None, "sender"),
    ("AccountSendingPaused", "ACCOUNT_SENDING_PAUSED", None, "account"),
    ("ConfigurationSetSendingPaused", "CONFIGURATION_SET_SENDING_PAUSED", None, "sender"),
    ("InvalidParameterValue", "INVALID_PARAMETER", "Missing final '@domain'", "recipient"),
    ("InvalidParameterValue", "INVALID_PARAMETER", BAD_TAG, "message"),
    ("TransientFailure", "TRANSIENT_FAILURE", None, "service"),
    ("Failed", "FAILED", None, None),
    ("Failed", "FAILED", PAUSED, "account"),
]


def v1_answer(status: int, code: str, text: str) -> Answer:
    return status, v1_error(code, escape(text))


@contextlib.contextmanager
def answering(*answers: Answer) -> Iterator[dict[str, Any]]:
    """The options of backends that call a server with these answers; it repeats the last one."""
    with loopback_server(lambda request, number: answers[min(number, len(answers)) - 1]) as server:
        yield {
            "client_params": {**CREDENTIALS, "endpoint_url": server.url},
            "throttle_timeout": 0,
        }


def failures_of(backend: type[V1Backend], *answers: Answer) -> list[AnymailAPIError]:
    """The errors of one message for each answer."""
    errors = []
    with answering(*answers) as options, mock.patch.object(delivery, "MAX_ATTEMPTS", 1):
        for _ in answers:
            try:
                backend(**options).send_messages([simple_message()])
            except AnymailAPIError as err:
                errors.append(err)
    return errors


class WireTests(SimpleTestCase):
    def test_answers_of_v1(self) -> None:
        errors = failures_of(V1Backend, *(v1_answer(*row[:3]) for row in V1_ANSWERS))
        for (_, code, text, scope, transient), error in zip(V1_ANSWERS, errors, strict=True):
            with self.subTest(code=code, text=text):
                self.assertEqual((error.scope, error.is_transient), (scope, transient))
                self.assertEqual(error.error_code, code)

    def test_answers_of_v2(self) -> None:
        errors = failures_of(V2Backend, *(v2_error(*row[:3]) for row in V2_ANSWERS))
        for (_, code, text, scope, transient), error in zip(V2_ANSWERS, errors, strict=True):
            with self.subTest(code=code, text=text):
                self.assertEqual((error.scope, error.is_transient), (scope, transient))
                self.assertEqual(error.error_code, code)

    def test_every_error_that_amazon_documents_for_sending_is_known(self) -> None:
        session = botocore.session.get_session()
        for service, operations in {
            "ses": ("SendRawEmail", "SendBulkTemplatedEmail"),
            "sesv2": ("SendEmail", "SendBulkEmail"),
        }.items():
            model = session.get_service_model(service)
            for operation in operations:
                for shape in model.operation_model(operation).error_shapes:
                    with self.subTest(operation, error=shape.name):
                        code = shape.metadata.get("error", {}).get("code", shape.name)
                        self.assertIsNotNone(find_answer(code))

    def test_no_answer_and_no_connection_are_the_service(self) -> None:
        with loopback_server(lambda request, number: None) as server:
            params = {**CREDENTIALS, "endpoint_url": server.url}
            with self.assertRaises(AnymailAPIError) as caught:
                V1Backend(client_params=params).send_messages([simple_message()])
        self.assertEqual(caught.exception.scope, "service")
        with self.assertRaises(AnymailAPIError) as caught:
            V1Backend(client_params=params).send_messages([simple_message()])
        self.assertEqual(caught.exception.scope, "service")

    def test_an_answer_that_makes_no_sense_is_the_service(self) -> None:
        [error] = failures_of(V2Backend, (200, b"{}"))
        self.assertEqual(error.scope, "service")
        self.assertEqual((error.is_transient, error.is_unsent), (True, False))

    def test_missing_credentials_are_the_accounts(self) -> None:
        self.assertEqual(describe_exception("NoCredentialsError")["scope"], "account")
        self.assertEqual(describe_exception("NoRegionError")["scope"], "account")
        self.assertEqual(describe_exception("RuntimeError")["scope"], "account")

    def test_an_unknown_parameter_is_the_messages(self) -> None:
        message = simple_message(esp_extra={"NoSuchParameter": 1})
        with answering((200, b"")) as options, self.assertRaises(AnymailAPIError) as caught:
            V1Backend(**options).send_messages([message])
        self.assertEqual(caught.exception.scope, "message")

    def test_a_hint_follows_the_text(self) -> None:
        answer = v2_error(403, "AccessDeniedException", NOT_ASSOCIATED)
        [error] = failures_of(V2Backend, answer)
        self.assertIn("create-tenant-resource-association", str(error).splitlines()[-1])

    def test_errors_of_other_services_have_none(self) -> None:
        response: Any = {"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}
        error = AnymailBotoClientAPIError(client_error=ClientError(response, "GetObject"))
        self.assertEqual((error.error_code, error.scope), ("AccessDenied", None))

    def test_a_new_code_for_throttling_is_the_accounts(self) -> None:
        self.assertEqual(describe_response("RequestThrottled", "", 400)["scope"], "account")

    def test_long_texts_take_no_time(self) -> None:
        for text in (":ses:1:" * 20_000, "tenant " * 20_000, NOT_VERIFIED.format("a," * 20_000)):
            started = time.process_time()
            self.assertIsNotNone(describe_response("AccessDenied", text, 403)["scope"])
            self.assertEqual(narrow_scope("sender", text, ["to@example.com"], ()), "sender")
            self.assertLess(time.process_time() - started, 5)

    def test_recipients_are_recognized_in_every_form(self) -> None:
        text = NOT_VERIFIED.format('"Doe, Ann" <ann@example.com>, TO@example.com')
        recipients = ["to@example.com", "Ann@Example.com"]
        self.assertEqual(narrow_scope("sender", text, recipients, ()), "recipient")
        self.assertEqual(narrow_scope("sender", text, recipients[:1], ()), "sender")
        self.assertEqual(narrow_scope("account", text, recipients, ()), "account")
        self.assertEqual(narrow_scope("sender", "no names", recipients, ()), "sender")

    def test_recipients_in_internationalized_domains_are_recognized(self) -> None:
        texts = (
            NOT_VERIFIED.format("ann@xn--bcher-kva.example"),
            DENIED.format("identity/ann@xn--bcher-kva.example"),
        )
        for text in texts:
            for recipient in ("ann@bücher.example", "ann@Bücher.example"):
                with self.subTest(recipient, text=text):
                    self.assertEqual(narrow_scope("sender", text, [recipient], ()), "recipient")

    def test_who_sends_to_oneself_is_the_sender(self) -> None:
        text = NOT_VERIFIED.format("Ann@xn--bcher-kva.example")
        senders: list[dict[str, Any]] = [
            {"from_email": "Ann <ann@bücher.example>"},
            {"envelope_sender": "ann@bücher.example"},
        ]
        for backend, answer, name in (
            (V1Backend, v1_answer(400, "MessageRejected", text), "Source"),
            (V2Backend, v2_error(400, "MessageRejected", text), "FromEmailAddress"),
        ):
            for sender in (*senders, {"esp_extra": {name: "ann@xn--bcher-kva.example"}}):
                message = simple_message(to=["ann@bücher.example"], **sender)
                with self.subTest(backend, sender=sender), answering(answer) as options:
                    with self.assertRaises(AnymailAPIError) as caught:
                        backend(**options).send_messages([message])
                    self.assertEqual(caught.exception.scope, "sender")


class EntryTests(SimpleTestCase):
    """Entries of bulk calls, through botocore's model of the answer."""

    def send_v1(
        self, *entries: dict[str, Any], message: AnymailMessage | None = None
    ) -> AnymailMessage:
        message = message or self.template(len(entries))
        with stubbed("ses") as stub:
            stub.add_response("send_bulk_templated_email", {"Status": list(entries)})
            with contextlib.suppress(AnymailAPIError):
                V1Backend().send_messages([message])
        return message

    def send_v2(
        self, *entries: dict[str, Any], message: AnymailMessage | None = None
    ) -> AnymailMessage:
        message = message or self.template(len(entries))
        with stubbed("sesv2") as stub:
            stub.add_response("send_bulk_email", {"BulkEmailEntryResults": list(entries)})
            with contextlib.suppress(AnymailAPIError):
                V2Backend().send_messages([message])
        return message

    def template(self, count: int) -> AnymailMessage:
        to = ["to@example.com", "b@example.com"][:count]
        return simple_message(subject="", body="", template_id="welcome", to=to)

    def test_statuses_of_both_apis(self) -> None:
        sent = {"Status": "SUCCESS", "MessageId": "m-1"}
        for old, new, text, scope in STATUSES:
            for send, code in ((self.send_v1, old), (self.send_v2, new)):
                with self.subTest(code, text=text):
                    entry = {"Status": code, **({"Error": text} if text else {})}
                    found = send(entry, sent).anymail_status.recipients["to@example.com"]
                    self.assertEqual((found.error_code, found.error_scope), (code, scope))

    def test_every_status_of_the_models_is_tested(self) -> None:
        session = botocore.session.get_session()
        for service, number in (("ses", 0), ("sesv2", 1)):
            shape = session.get_service_model(service).shape_for("BulkEmailStatus")
            known = {row[number] for row in STATUSES} | {"Success", "SUCCESS"}
            self.assertEqual(set(shape.enum) - known, set())  # type: ignore[attr-defined]

    def test_an_error_that_all_have_has_their_scope(self) -> None:
        text = NOT_VERIFIED.format("to@example.com")
        with stubbed("sesv2") as stub:
            entries = [{"Status": "MESSAGE_REJECTED", "Error": text}]
            stub.add_response("send_bulk_email", {"BulkEmailEntryResults": entries})
            with self.assertRaises(AnymailAPIError) as caught:
                V2Backend().send_messages([self.template(1)])
        self.assertEqual(caught.exception.scope, "recipient")

    def test_an_entry_for_the_sender_is_about_the_sender(self) -> None:
        text = NOT_VERIFIED.format("from@example.com")
        sent = {"Status": "SUCCESS", "MessageId": "m-1"}
        for send, code in ((self.send_v1, "MessageRejected"), (self.send_v2, "MESSAGE_REJECTED")):
            message = self.template(2)
            message.to = ["from@example.com", "b@example.com"]
            status = send({"Status": code, "Error": text}, sent, message=message).anymail_status
            self.assertEqual(status.recipients["from@example.com"].error_scope, "sender")

    def test_recipients_of_a_failed_call_have_the_scope_of_its_error(self) -> None:
        to = [f"{n}@example.com" for n in range(60)]
        message = simple_message(to=to)
        with answering(v1_answer(400, "AccountSendingPausedException", "")) as options:
            sender = V1Backend(split_recipients=True, max_concurrency=1, **options)
            with self.assertRaises(AnymailAPIError) as caught:
                sender.send_messages([message])
        scopes = {found.error_scope for found in message.anymail_status.recipients.values()}
        self.assertEqual((caught.exception.scope, scopes), ("account", {"account"}))

    def test_recipients_of_other_calls_are_not_blamed_for_those_who_were_refused(self) -> None:
        message = simple_message(to=[f"{n}@example.com" for n in range(60)])
        refused = NOT_VERIFIED.format("7@example.com")
        with answering(v1_answer(400, "MessageRejected", refused)) as options:
            sender = V1Backend(split_recipients=True, max_concurrency=1, **options)
            with self.assertRaises(AnymailAPIError) as caught:
                sender.send_messages([message])
        self.assertEqual(caught.exception.scope, "recipient")
        found = message.anymail_status.recipients
        self.assertEqual(found["7@example.com"].error_scope, "recipient")
        self.assertIsNone(found["59@example.com"].error_scope)

    def test_an_unknown_status_has_no_scope(self) -> None:
        self.assertIsNone(describe_status("SOMETHING_NEW")["scope"])
        self.assertIsNone(describe_status(None)["scope"])


class RefusedTests(SimpleTestCase):
    def test_recipients_that_were_excluded_are_a_matter_of_recipients(self) -> None:
        def refuse(message: Any, **kwargs: Any) -> None:
            status = AnymailRecipientStatus(None, "rejected", "Left", "Left us", "recipient")
            message.anymail_status.set_recipient_status({"to@example.com": status})

        pre_send.connect(refuse)
        self.addCleanup(pre_send.disconnect, refuse)
        with self.assertRaises(AnymailRecipientsRefused) as caught:
            V1Backend(client_params=CREDENTIALS).send_messages([simple_message()])
        self.assertEqual(caught.exception.scope, "recipient")

    def test_pauses_are_logged_with_the_scope(self) -> None:
        answer = v1_answer(503, "ServiceUnavailable", "")
        with (
            self.assertLogs("anymail.amazon_ses.delivery", "INFO") as logs,
            answering(answer) as options,
            self.assertRaises(AnymailAPIError),
        ):
            V1Backend(**options).send_messages([simple_message()])
        self.assertEqual({vars(r)["anymail_error_scope"] for r in logs.records}, {"service"})


class PageTests(SimpleTestCase):
    """The table in docs/troubleshooting, against the one in the code."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        header = ("Code", "Text", "Scope", "Transient", "What to do")
        cls.rows = table(DOCS / "troubleshooting.rst", *header).rows

    def cases(self) -> Iterator[tuple[str, str, str | None, bool]]:
        """Every code with every text of its row: code, text, scope, transient."""
        for codes, texts, scope, transient, _ in self.rows:
            if texts.startswith("the same text"):
                continue  # what differs are the recipients
            scopes = literals(scope)
            for code in literals(codes):
                for text in literals(texts) or [""]:
                    yield code, text, scopes[0] if scopes else None, transient == "yes"

    def test_the_scope_is_that_of_the_code(self) -> None:
        for code, text, scope, _ in self.cases():
            with self.subTest(code=code, text=text):
                answer = find_answer(code, text)
                self.assertIsNotNone(answer)
                self.assertEqual(answer and answer.scope, scope)

    def test_what_passes_is_transient(self) -> None:
        for code, text, _, transient in self.cases():
            with self.subTest(code=code, text=text):
                meanings = (
                    describe_response(code, text, 400),
                    describe_exception(code),
                    describe_status(code, text),
                )
                flags = [meaning["is_transient"] for meaning in meanings]
                self.assertEqual(any(flags), transient)

    def test_every_answer_is_explained(self) -> None:
        found = {find_answer(code, text) for code, text, _, _ in self.cases()}
        self.assertEqual([answer for answer in ANSWERS if answer not in found], [])

    def test_every_code_is_explained(self) -> None:
        listed = {code.replace("_", "").lower() for row in self.rows for code in literals(row[0])}
        listed |= {code.removesuffix("exception") for code in listed}
        missing = [
            code
            for answer in ANSWERS
            for code in answer.codes.split()
            if code.lower().removesuffix("exception") not in listed
        ]
        self.assertEqual(missing, [])

    def test_every_scope_is_explained(self) -> None:
        header = ("Scope", "The same will happen to")
        listed = {row[0] for row in table(DOCS / "troubleshooting.rst", *header).rows}
        self.assertEqual(listed, {*(f"``{scope}``" for scope in get_args(ErrorScope)), "None"})
