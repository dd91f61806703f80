"""The validator and the form field that ask Amazon SES about an address, over a loopback server."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import socket
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any
from unittest import mock

import botocore.session
from django import forms
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ValidationError
from django.db import models
from django.db.migrations.writer import MigrationWriter
from django.test import SimpleTestCase, override_settings
from django.test.utils import isolate_apps
from django.utils import translation

from anymail.amazon_ses import aws, insights
from anymail.amazon_ses.insights import CHECKS, address_verdicts
from anymail.amazon_ses.process_local import ProcessLocal
from anymail.conf import AmazonSESSettings, current_settings
from anymail.forms import DeliverableEmailField
from anymail.validators import FAULTS, MESSAGES, DeliverabilityValidator, cache_key, deliverable

from .ses import CREDENTIALS, loopback_server

ADDRESS = "ann@example.com"
OPERATION = "GetEmailAddressInsights"
KNOWS_IT = OPERATION in (botocore.session.get_session().get_service_model("sesv2").operation_names)
needs_operation = unittest.skipUnless(KNOWS_IT, f"this botocore has no {OPERATION}")
LOGGER = "anymail.amazon_ses.insights"
MEMORY = {
    name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": f"valid-{name}"}
    for name in ("default", "other")
}


def answer(**verdicts: str) -> tuple[int, bytes]:
    """What SES answers; all is well unless a verdict says otherwise."""
    found = {name: "LOW" if name in FAULTS else "HIGH" for name in (*CHECKS, "overall")} | verdicts
    evaluations = {theirs: {"ConfidenceVerdict": found[ours]} for ours, theirs in CHECKS.items()}
    validation = {
        "IsValid": {"ConfidenceVerdict": found["overall"]},
        "Evaluations": evaluations,
    }
    return 200, json.dumps({"MailboxValidation": validation}).encode()


def error(status: int, code: str) -> tuple[int, bytes]:
    return status, json.dumps({"__type": code, "message": f"{ADDRESS} is refused"}).encode()


@contextlib.contextmanager
def dribbling_server(seconds: float) -> Iterator[str]:
    """A server whose answer goes on for so long, in pieces that no read has to wait for."""
    ends = threading.Event()

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                stop = time.monotonic() + seconds
                while time.monotonic() < stop and not ends.wait(0.05):
                    connection.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ends.set()


class InsightsTestCase(SimpleTestCase):
    #: Seconds; more than in reality, for machines that are busy.
    time_limit = 10.0

    def setUp(self) -> None:
        for patch in (
            mock.patch.object(insights, "TIME_LIMIT", self.time_limit),
            mock.patch.object(insights, "_insights", ProcessLocal(insights.AddressInsights)),
            override_settings(CACHES=MEMORY),
        ):
            patch.__enter__()
            self.addCleanup(patch.__exit__, None, None, None)
        for name in MEMORY:
            caches[name].clear()
        aws.clear_clients()
        self.addCleanup(aws.clear_clients)

    @contextlib.contextmanager
    def amazon(self, *answers: Any) -> Iterator[Any]:
        """With a server that gives one answer after the other, the last one again and again."""

        def give(request: Any, number: int) -> Any:
            found = answers[min(number, len(answers)) - 1]
            return found() if callable(found) else found

        with loopback_server(give) as server, self.at(server.url):
            self.make_client()
            yield server

    def make_client(self) -> None:
        """Before the time counts: to make one takes a busy machine more than a second."""
        aws.client("sesv2", current_settings().get(AmazonSESSettings), config=insights.CONFIG)

    def at(self, url: str, **anymail: Any) -> Any:
        params = {**CREDENTIALS, "endpoint_url": url}
        return override_settings(ANYMAIL={"AMAZON_SES_CLIENT_PARAMS": params, **anymail})

    def refused(self, validator: Callable[[Any], None], value: Any = ADDRESS) -> str | None:
        """The code with which an address is refused."""
        try:
            validator(value)
        except ValidationError as err:
            return err.code
        return None


@needs_operation
class VerdictTests(InsightsTestCase):
    def test_an_address_without_a_fault_is_accepted(self):
        everything = DeliverabilityValidator(MESSAGES, strict=True)
        with self.amazon(answer()) as server:
            everything(ADDRESS)
        [request] = server.requests
        self.assertEqual(request.path, "/v2/email/email-address-insights/")
        self.assertEqual(request.json, {"EmailAddress": ADDRESS})

    def test_each_verdict(self):
        verdicts: dict[str, str] = {}
        with self.amazon(lambda: answer(**verdicts)):
            for name in MESSAGES:
                bad, good = ("HIGH", "LOW") if name in FAULTS else ("LOW", "HIGH")
                for verdict, strict, is_refused in (
                    (bad, False, True),
                    (bad, True, True),
                    ("MEDIUM", False, False),
                    ("MEDIUM", True, True),
                    (good, True, False),
                ):
                    with self.subTest(name, verdict=verdict, strict=strict):
                        verdicts = {name: verdict}
                        validator = DeliverabilityValidator([name], strict=strict, cache=None)
                        self.assertEqual(self.refused(validator), name if is_refused else None)

    def test_by_default_only_what_prevents_delivery_is_refused(self):
        verdicts: dict[str, str] = {}
        with self.amazon(lambda: answer(**verdicts)):
            for name in MESSAGES:
                with self.subTest(name):
                    verdicts = {name: "HIGH" if name in FAULTS else "LOW"}
                    caches["default"].clear()
                    expected = name if name in ("syntax", "domain", "mailbox") else None
                    self.assertEqual(self.refused(deliverable), expected)
                    verdicts = {name: "MEDIUM"}
                    caches["default"].clear()
                    self.assertIsNone(self.refused(deliverable))

    def test_verdicts_that_are_missing_refuse_nothing(self):
        for document in ({}, {"MailboxValidation": {}}, {"MailboxValidation": {"IsValid": {}}}):
            with self.subTest(document), self.amazon((200, json.dumps(document).encode())):
                DeliverabilityValidator(MESSAGES, strict=True)(ADDRESS)

    def test_the_text_is_translated_and_can_be_another(self):
        with (
            self.amazon(answer(syntax="LOW")),
            translation.override("de"),
            self.assertRaisesMessage(ValidationError, "Bitte gültige E-Mail-Adresse eingeben."),
        ):
            deliverable(ADDRESS)
        own = DeliverabilityValidator(messages={"mailbox": "%(value)s is unknown."})
        caches["default"].clear()
        with self.amazon(answer(mailbox="LOW")), self.assertRaises(ValidationError) as caught:
            own(ADDRESS)
        self.assertEqual(caught.exception.messages, [f"{ADDRESS} is unknown."])

    def test_the_domain_is_asked_for_in_ascii(self):
        with self.amazon(answer()) as server:
            deliverable("ann@bücher.example")
        self.assertEqual(server.requests[0].json, {"EmailAddress": "ann@xn--bcher-kva.example"})

    def test_it_is_encoded_as_for_sending(self):
        def encode(domain: str) -> str:
            return f"encoded.{len(domain)}.example"

        with self.amazon(answer()) as server, self.at(server.url, AMAZON_SES_IDNA_ENCODER=encode):
            deliverable("ann@bücher.example")
        self.assertEqual(server.requests[0].json, {"EmailAddress": "ann@encoded.14.example"})

    def test_a_client_factory_makes_the_client(self):
        found = {"MailboxValidation": {"IsValid": {"ConfidenceVerdict": "LOW"}}}
        client = mock.Mock(**{"get_email_address_insights.return_value": found})
        settings = AmazonSESSettings.load({"client_factory": lambda *args: client})
        self.assertEqual(address_verdicts(ADDRESS, settings), {"overall": "LOW"})


class RefusedBeforeTests(InsightsTestCase):
    def test_what_djangos_validator_refuses_is_not_sent(self):
        hostile = [
            "",
            "ann",
            "ann@",
            "@",
            "a@b@c",
            "ann@exa mple.com",
            "a\r\nb@example.com",
            None,
            5,
        ]
        hostile += ["a" * 400 + "@example.com", "ann@example.com\x00", "ann@-.com", "\ud800@a.com"]
        with self.amazon(answer()) as server:
            for value in hostile:
                with self.subTest(value), self.assertRaises(ValidationError):
                    deliverable(value)
        self.assertEqual(server.requests, [])

    def test_a_domain_that_has_no_ascii_form(self):
        with self.amazon(answer()) as server:
            self.assertIn(
                self.refused(deliverable, "ann@a\u2488com.example"), ("domain", "invalid")
            )
        self.assertEqual(server.requests, [])

    def test_an_unknown_reason_is_an_error_of_the_programmer(self):
        for make in (
            lambda: DeliverabilityValidator(["mailboxes"]),
            lambda: DeliverabilityValidator(messages={"dns": "?"}),
        ):
            with self.assertRaisesRegex(ValueError, "refused for"):
                make()


@needs_operation
class OpenTests(InsightsTestCase):
    """Where SES does not answer, every address is accepted, and the log says so once."""

    def assert_open(self, reason: str, calls: int, *answers: Any) -> None:
        with self.amazon(*answers) as server, self.assertLogs(LOGGER) as logs:
            for number in range(3):
                deliverable(f"ann{number}@example.com")
        self.assertEqual(len(logs.output), 1)
        self.assertIn(reason, logs.output[0])
        self.assertNotIn("ann", logs.output[0].replace("anymail", ""))
        self.assertEqual(len(server.requests), calls)

    def test_denied(self):
        self.assert_open("AccessDeniedException", 1, error(403, "AccessDeniedException"))

    def test_throttled(self):
        self.assert_open("TooManyRequestsException", 3, error(429, "TooManyRequestsException"))

    def test_refused(self):
        self.assert_open("BadRequestException", 3, error(400, "BadRequestException"))

    def test_out_of_order(self):
        self.assert_open("500", 1, (500, b"?"))

    def test_no_answer(self):
        self.assert_open("ConnectionClosedError", 1, None)

    def test_garbage_refuses_nothing(self):
        with self.amazon((200, b"<html>")):
            DeliverabilityValidator(MESSAGES)(ADDRESS)
        with self.amazon((200, b"[]")), self.assertLogs(LOGGER):
            DeliverabilityValidator(MESSAGES)(ADDRESS)

    def test_unreachable(self):
        with self.at("http://127.0.0.1:1"), self.assertLogs(LOGGER) as logs:
            deliverable(ADDRESS)
        self.assertIn("EndpointConnectionError", logs.output[0])

    def test_a_setting_that_is_wrong(self):
        wrong = {"AMAZON_SES_CLIENT_PARAMS": {"regoin": "x"}}
        with override_settings(ANYMAIL=wrong), self.assertLogs(LOGGER) as logs:
            deliverable(ADDRESS)
        self.assertIn("AnymailConfigurationError", logs.output[0])

    def test_after_a_pause_it_is_asked_again_and_logged_again(self):
        down = (500, b"?")
        with (
            self.amazon(down, answer(mailbox="LOW"), down) as server,
            self.assertLogs(LOGGER) as logs,
            mock.patch.object(insights, "PAUSE", 0.2),
        ):
            deliverable("a@example.com")
            deliverable("b@example.com")
            time.sleep(0.3)
            self.assertEqual(self.refused(deliverable), "mailbox")
            deliverable("c@example.com")
        self.assertEqual((len(logs.output), len(server.requests)), (2, 3))

    def test_what_is_not_known_is_not_kept(self):
        with self.amazon(error(429, "TooManyRequestsException"), answer(mailbox="LOW")):
            with self.assertLogs(LOGGER):
                deliverable(ADDRESS)
            self.assertEqual(self.refused(deliverable), "mailbox")


@needs_operation
class SlowImportTests(InsightsTestCase):
    #: Seconds; the second question has to be answered in them on a machine that is busy.
    time_limit = 4.0

    def test_the_import_of_boto3_is_no_reason_for_a_pause(self):
        def slow(*args: Any, **kwargs: Any) -> Any:
            time.sleep(self.time_limit + 0.5)

        with self.amazon(answer(mailbox="LOW")):
            with mock.patch.object(aws, "client", slow), self.assertLogs(LOGGER):
                self.assertIsNone(self.refused(deliverable))
            self.assertEqual(self.refused(deliverable), "mailbox")


@needs_operation
class TimeTests(InsightsTestCase):
    """A second for everything, however SES behaves."""

    time_limit = insights.TIME_LIMIT

    def seconds(self, value: str = ADDRESS) -> float:
        start = time.monotonic()
        deliverable(value)
        return time.monotonic() - start

    def test_no_connection_and_no_read_takes_longer(self):
        with self.amazon(answer()):
            settings = current_settings().get(AmazonSESSettings)
            config = aws.client("sesv2", settings, config=insights.CONFIG).meta.config
        self.assertEqual((config.connect_timeout, config.read_timeout), (1, 1))
        self.assertEqual(config.retries["total_max_attempts"], 1)

    def test_an_answer_that_dribbles(self):
        with dribbling_server(8) as url, self.at(url), self.assertLogs(LOGGER) as logs:
            self.make_client()
            took = self.seconds()
        self.assertLess(took, 3)
        self.assertIn("no answer within 1 second", logs.output[0])

    def test_a_server_that_says_nothing(self):
        released = threading.Event()

        def hang() -> None:
            released.wait(8)

        with self.amazon(hang), self.assertLogs(LOGGER):
            took = self.seconds()
            self.assertLess(self.seconds("bob@example.com"), 0.5)  # not asked
            released.set()
        self.assertLess(took, 3)

    def test_many_at_once(self):
        """More than there are threads for: the others are accepted at once."""

        def slow() -> tuple[int, bytes]:
            time.sleep(0.3)
            return answer()

        with self.amazon(answer(), slow) as server, self.assertLogs(LOGGER) as logs:
            deliverable(ADDRESS)  # makes the client
            start = time.monotonic()
            with ThreadPoolExecutor(40) as threads:
                list(threads.map(deliverable, [f"a{n}@example.com" for n in range(40)]))
            took = time.monotonic() - start
        self.assertLess(took, 5)
        self.assertLessEqual(len(server.requests), 1 + insights.AT_ONCE + 8)
        self.assertIn("addresses are being checked already", logs.output[0])


@needs_operation
class CacheTests(InsightsTestCase):
    def test_an_address_is_asked_for_once(self):
        with self.amazon(answer(mailbox="LOW")) as server:
            for value in (ADDRESS, ADDRESS, "ann@EXAMPLE.com"):
                self.assertEqual(self.refused(deliverable, value), "mailbox")
        self.assertEqual(len(server.requests), 1)

    def test_validators_with_other_options_share_the_verdicts(self):
        with self.amazon(answer(role="HIGH")) as server:
            deliverable(ADDRESS)
            self.assertEqual(self.refused(DeliverabilityValidator(["role"])), "role")
        self.assertEqual(len(server.requests), 1)

    def test_the_alias_and_the_lifetime(self):
        validator = DeliverabilityValidator(cache="other", lifetime=0.05)
        with self.amazon(answer()) as server:
            validator(ADDRESS)
            self.assertIsNone(caches["default"].get(cache_key(ADDRESS)))
            self.assertIsNotNone(caches["other"].get(cache_key(ADDRESS)))
            time.sleep(0.1)
            validator(ADDRESS)
        self.assertEqual(len(server.requests), 2)

    def test_no_cache(self):
        validator = DeliverabilityValidator(cache=None)
        with self.amazon(answer()) as server:
            validator(ADDRESS)
            validator(ADDRESS)
        self.assertEqual(len(server.requests), 2)

    def test_keys_are_hashes_that_need_the_secret_key(self):
        key = cache_key(ADDRESS)
        self.assertRegex(key, r"^anymail:deliverable:[0-9a-f]{64}$")
        with override_settings(SECRET_KEY="another"):
            self.assertNotEqual(cache_key(ADDRESS), key)
        self.assertNotEqual(cache_key("Ann@example.com"), key)

    def test_a_cache_that_fails_is_not_in_the_way(self):
        broken = {"default": {"BACKEND": "tests.test_validators.BrokenCache"}}
        with (
            self.amazon(answer(mailbox="LOW")) as server,
            override_settings(CACHES=broken),
            self.assertLogs("anymail.validators") as logs,
        ):
            self.assertEqual(self.refused(deliverable), "mailbox")
        self.assertEqual(len(server.requests), 1)
        self.assertIn("OSError", logs.output[0])

    def test_what_else_is_in_the_cache_is_not_believed(self):
        caches["default"].set(cache_key(ADDRESS), "LOW")
        with self.amazon(answer()) as server:
            deliverable(ADDRESS)
        self.assertEqual(len(server.requests), 1)


class BrokenCache(LocMemCache):
    def get(self, *args: Any, **kwargs: Any) -> Any:
        raise OSError("down")

    set = get


class OldBotocoreTests(InsightsTestCase):
    @unittest.skipIf(KNOWS_IT, "this botocore can ask")
    def test_the_oldest_botocore_accepts_and_says_what_is_needed(self):
        with self.amazon(answer(mailbox="LOW")) as server, self.assertLogs(LOGGER) as logs:
            deliverable(ADDRESS)
            deliverable(ADDRESS)
        self.assertEqual(server.requests, [])
        self.assertEqual(len(logs.output), 1)
        self.assertIn("botocore 1.42.13 or later is needed", logs.output[0])

    def test_a_client_without_the_operation(self):
        factory = override_settings(ANYMAIL_AMAZON_SES_CLIENT_FACTORY=lambda *args: object())
        with factory, self.assertLogs(LOGGER) as logs:
            deliverable(ADDRESS)
        self.assertIn("botocore 1.42.13 or later is needed", logs.output[0])

    def test_the_version_is_right(self):
        installed = tuple(map(int, version("botocore").split(".")))
        needed = tuple(map(int, insights.BOTOCORE.split(".")))
        self.assertEqual(installed >= needed, KNOWS_IT)


class FieldTests(InsightsTestCase):
    def test_it_can_be_pickled_compared_and_written_into_migrations(self):
        validator = DeliverabilityValidator(["mailbox", "role"], strict=True, lifetime=60)
        copied = pickle.loads(pickle.dumps(validator))
        self.assertEqual(copied, validator)
        self.assertEqual(hash(copied), hash(validator))
        self.assertNotEqual(validator, deliverable)
        text, imports = MigrationWriter.serialize(validator)
        namespace: dict[str, Any] = {}
        exec("\n".join(imports), namespace)
        self.assertEqual(eval(text, namespace), validator)
        pickle.loads(pickle.dumps(deliverable))

    @needs_operation
    @isolate_apps("tests")
    def test_a_field_of_a_model(self):
        class Customer(models.Model):  # noqa: DJ008
            email = models.EmailField(validators=[deliverable])

            class Meta:
                app_label = "tests"

        with self.amazon(answer(mailbox="LOW")), self.assertRaises(ValidationError) as caught:
            Customer(id=1, email=ADDRESS).clean_fields()
        self.assertEqual(caught.exception.message_dict, {"email": [str(MESSAGES["mailbox"])]})

    @needs_operation
    def test_a_field_of_a_form(self):
        class SignUp(forms.Form):
            email = DeliverableEmailField()

        with self.amazon(answer(mailbox="LOW"), answer()) as server:
            self.assertEqual(
                SignUp({"email": ADDRESS}).errors, {"email": [str(MESSAGES["mailbox"])]}
            )
            self.assertTrue(SignUp({"email": " bob@example.com "}).is_valid())
        self.assertEqual(len(server.requests), 2)

    def test_a_field_of_a_form_asks_only_if_all_else_is_well(self):
        class SignUp(forms.Form):
            email = DeliverableEmailField(required=False, max_length=20)

        with self.amazon(answer()) as server:
            for value, errors in (("", 0), ("ann", 1), ("a" * 20 + "@example.com", 1)):
                with self.subTest(value):
                    self.assertEqual(len(SignUp({"email": value}).errors.get("email", [])), errors)
        self.assertEqual(server.requests, [])

    @needs_operation
    def test_a_field_of_a_form_has_its_own_texts_and_validator(self):
        class SignUp(forms.Form):
            email = DeliverableEmailField(
                deliverability=DeliverabilityValidator(["role"]),
                error_messages={"role": "Somebody must be there."},
            )

        with self.amazon(answer(role="HIGH", mailbox="LOW")):
            self.assertEqual(
                SignUp({"email": ADDRESS}).errors, {"email": ["Somebody must be there."]}
            )


@unittest.skipUnless(hasattr(os, "fork"), "needs fork")
@needs_operation
class ForkTests(InsightsTestCase):
    def test_a_forked_process_asks_with_threads_of_its_own(self):
        with self.amazon(answer(mailbox="LOW")) as server:
            self.assertEqual(self.refused(deliverable), "mailbox")
            if (child := os.fork()) == 0:
                code = 1
                try:
                    code = 0 if self.refused(deliverable, "b@example.com") == "mailbox" else 1
                finally:
                    os._exit(code)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertEqual(len(server.requests), 2)
