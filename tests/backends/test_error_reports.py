"""Error reports show the variables of functions: no keys, no recipients, no content in ours."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from typing import Any

import boto3
import django
from django.core.mail import EmailMultiAlternatives
from django.test import SimpleTestCase, override_settings

from anymail.addresses import EmailAddress
from anymail.amazon_ses import api_v1, template_calls
from anymail.backends.amazon_sesv1 import EmailBackend as V1Backend
from anymail.backends.amazon_sesv2 import EmailBackend as V2Backend
from anymail.conf import AmazonSESSettings, SendSettings, current_settings
from anymail.exceptions import AnymailAPIError
from anymail.outgoing import OutgoingMessage
from anymail.signals import recipients_resolved

from ..error_reports import ErrorReportTests, raised_by
from ..ses import loopback_server, v1_error
from .test_backends import connected

KEY, PERSON, CONTENT = "wJalrXUtnFEMI", "mallory.mc-secret", "Your one-time password is 4711"
KEYS = {
    "aws_access_key_id": "AKIA" + KEY,
    "aws_secret_access_key": KEY,
    "aws_session_token": "token-" + KEY,
    "region_name": "us-east-1",
}


def message(**changes: Any) -> EmailMultiAlternatives:
    fields: dict[str, Any] = {
        "subject": "Hello",
        "body": CONTENT,
        "from_email": "shop@example.com",
        "to": [f"Mallory <{PERSON}@example.com>"],
        "cc": [f"{PERSON}+cc@example.com"],
    }
    return EmailMultiAlternatives(**{**fields, **changes})


def send(url: str, backend: type[V1Backend] = V1Backend, **changes: Any) -> Callable[[], Any]:
    sender = backend(
        session_params=KEYS, client_params={"endpoint_url": url}, ignore_unsupported_features=False
    )
    mail = message(**changes)
    return lambda: sender.send_messages([mail])


def refuse(recipients: Any, **kwargs: Any) -> None:
    raise ZeroDivisionError


def client_whose_handler_fails(service: str, session: Any, client: Any) -> Any:
    """A client factory: a handler raises before a request is made."""
    made = boto3.session.Session(**session).client(service, **client)
    made.meta.events.register("provide-client-params", lambda **kwargs: refuse(None))
    return made


@override_settings(ANYMAIL={"AMAZON_SES_SESSION_PARAMS": KEYS})
class BackendTests(ErrorReportTests, SimpleTestCase):
    private = (KEY, PERSON, CONTENT)

    def errors(self) -> dict[str, BaseException]:
        refusal = (400, v1_error("MessageRejected", "Not verified"))
        with loopback_server(lambda request, number: refusal) as server:
            errors = {
                f"refused {backend.__module__}": raised_by(send(server.url, backend))
                for backend in (V1Backend, V2Backend)
            }
            errors["address"] = raised_by(send(server.url, to=[f"{PERSON}@example.com, <"]))
            errors["large"] = raised_by(
                send(server.url, cc=[f"{PERSON}{n}@example.com" for n in range(60)])
            )
            with connected(recipients_resolved, refuse):
                errors["receiver"] = raised_by(send(server.url))
        failing = V1Backend(session_params=KEYS, client_factory=client_whose_handler_fails)
        mail = message()
        errors["handler"] = raised_by(lambda: failing.send_messages([mail]))
        errors["garbage"] = raised_by(send("http://127.0.0.1:1"))
        errors["parameters"] = raised_by(
            lambda: V1Backend(client_params={**KEYS, "regoin": "x"}).open()
        )
        errors["profile"] = raised_by(
            lambda: V1Backend(session_params={"profile_name": "no", **KEYS}).open()
        )
        with override_settings(ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": KEYS, "SEND_DEFAULTS": 5}):
            errors["settings"] = raised_by(V1Backend)
        return errors

    def test_no_repr_has_anything(self) -> None:
        settings = AmazonSESSettings.load({"session_params": KEYS, "client_params": KEYS})
        outgoing = OutgoingMessage.from_django(message(), {})
        address = EmailAddress("Mallory", f"{PERSON}@example.com")
        calls = api_v1.build_calls(outgoing, settings, SendSettings.load())
        entry = template_calls.BulkEntry(
            recipient=address, destination={"ToAddresses": [str(address)]}, data=CONTENT
        )
        with override_settings(ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": KEYS}):
            shown = [settings, outgoing, address, calls, entry, current_settings()]
            current_settings().get(AmazonSESSettings)
            self.check(repr(shown))

    def test_the_repr_of_a_call_tells_what_helps(self) -> None:
        outgoing = OutgoingMessage.from_django(message(), {})
        [call] = api_v1.build_calls(outgoing, AmazonSESSettings.load(), SendSettings.load())
        self.assertRegex(repr(call), r"^<ApiCall send_raw_email: 2 recipients, [0-9,]+ bytes>$")

    def test_a_pickled_error_has_no_keys(self) -> None:
        """Celery stores the errors of tasks."""
        with loopback_server(lambda request, n: (400, v1_error("MessageRejected", "no"))) as server:
            sender = V1Backend(session_params=KEYS, client_params={"endpoint_url": server.url})
            mail = message()
            name = "_connection" if django.VERSION >= (6, 1) else "connection"
            vars(mail)[name] = sender
            with self.assertRaises(AnymailAPIError) as caught:
                sender.send_messages([mail])
        self.assertIs(caught.exception.backend, sender)
        stored = pickle.dumps(caught.exception)
        self.assertNotIn(KEY.encode(), stored)
        found = pickle.loads(stored)
        self.assertIsNone(found.backend)
        self.assertEqual(found.email_message.subject, "Hello")
        self.assertIs(vars(mail)[name], sender)

    def test_where_it_happened_stays_known(self) -> None:
        error = self.errors()["garbage"]
        assert error.__cause__ is not None
        modules = {
            frame.f_globals["__name__"]
            for link in (error, error.__cause__)
            for frame, _ in traceback.walk_tb(link.__traceback__)
        }
        self.assertLessEqual({"anymail.amazon_ses.delivery", "botocore.client"}, modules)
