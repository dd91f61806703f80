"""What a page shows of Amazon's suppression list, however Amazon answers."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timezone
from socket import create_server
from typing import TYPE_CHECKING, Any
from unittest import mock

from django.core.cache import cache
from django.test import SimpleTestCase, override_settings

from anymail.amazon_ses.timeouts import TimeoutExecutor
from anymail.feedback import amazon_answer as module
from anymail.feedback.amazon_answer import amazon_answer, forget
from anymail.suppressions import AmazonAnswer, AmazonListing

from ..ses import CREDENTIALS, stubbed

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATION = "get_suppressed_destination"


class BrokenCache:
    """A cache whose server is away."""

    def get(self, *args: Any) -> Any:
        raise ConnectionError

    set = delete = get


class AmazonAnswerTests(SimpleTestCase):
    def setUp(self) -> None:
        cache.clear()

    def refused(self, code: str, text: str = "", status: int = 400) -> str:
        """What is said if Amazon refuses."""
        with stubbed("sesv2") as stub:
            stub.add_client_error(OPERATION, code, text, status)
            return str(amazon_answer("ann@example.com").problem)

    @contextmanager
    def listed(self) -> Iterator[Any]:
        moment = datetime(2026, 5, 1, tzinfo=timezone.utc)
        found = {
            "EmailAddress": "ann@example.com",
            "Reason": "BOUNCE",
            "LastUpdateTime": moment,
            "Attributes": {"MessageId": "0102", "FeedbackId": "1"},
        }
        with stubbed("sesv2") as stub:
            stub.add_response(OPERATION, {"SuppressedDestination": found})
            yield AmazonAnswer(
                listing=AmazonListing(reason="bounce", since=moment, message_id="0102")
            )

    def test_since_when_and_why_it_is_listed(self) -> None:
        with self.listed() as expected:
            self.assertEqual(amazon_answer("ann@example.com"), expected)

    def test_that_it_is_not_listed(self) -> None:
        with stubbed("sesv2") as stub:
            stub.add_client_error(OPERATION, "NotFoundException", "", 404)
            self.assertEqual(amazon_answer("ann@example.com"), AmazonAnswer())

    def test_an_answer_is_kept_for_a_while(self) -> None:
        with self.listed() as expected:
            for spelling in ("ann@example.com", "Ann <ANN@Example.com>"):
                self.assertEqual(amazon_answer(spelling), expected)

    def test_amazon_is_asked_again_on_request_and_after_a_change(self) -> None:
        with self.listed() as expected:
            amazon_answer("ann@example.com")
        with stubbed("sesv2") as stub:
            stub.add_client_error(OPERATION, "NotFoundException", "", 404)
            self.assertEqual(amazon_answer("ann@example.com", again=True), AmazonAnswer())
        forget("ANN@example.com")
        with self.listed():
            self.assertEqual(amazon_answer("ann@example.com"), expected)

    def test_what_is_missing_is_said(self) -> None:
        for code, text in (
            ("AccessDeniedException", "Allow them the action ses:GetSuppressedDestination"),
            ("TooManyRequestsException", "Ask again in a minute"),
            ("BadRequestException", "could not be asked: Amazon SES get_suppressed_destination"),
        ):
            with self.subTest(code):
                cache.clear()
                self.assertIn(text, self.refused(code))

    def test_any_other_error_is_said_by_its_name(self) -> None:
        with mock.patch.object(module, "amazon_list", side_effect=KeyError("secret")):
            answer = amazon_answer("ann@example.com")
        self.assertEqual(answer.problem, "Amazon could not be asked: KeyError")

    def test_a_server_that_does_not_answer_is_not_waited_for(self) -> None:
        executor = TimeoutExecutor(0.2)
        with create_server(("127.0.0.1", 0)) as server:
            endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
            settings = {
                "AMAZON_SES_CLIENT_PARAMS": {**CREDENTIALS, "endpoint_url": endpoint},
            }
            with (
                override_settings(ANYMAIL=settings),
                mock.patch.object(module._executor, "get", return_value=executor),
            ):
                answer = amazon_answer("ann@example.com")
        self.assertIn("has not answered within 2 seconds", str(answer.problem))

    @mock.patch.object(module, "cache", BrokenCache())
    def test_a_cache_that_is_away_is_no_error(self) -> None:
        with self.assertLogs(module.logger, "WARNING") as logs, self.listed() as expected:
            self.assertEqual(amazon_answer("ann@example.com"), expected)
            forget("ann@example.com")
        self.assertNotIn("ann", " ".join(logs.output))
