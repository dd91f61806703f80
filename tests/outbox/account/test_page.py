"""The page of the account, with an Amazon on loopback."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from unittest import mock

import django
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connection
from django.test import TestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from anymail import outbox
from anymail.outbox.account import counting, page, questions
from anymail.outbox.account.counting import count_missing
from anymail.outbox.account.questions import Question, answers
from anymail.outbox.models import Account, Event, State
from anymail.sandbox.aws.defaults import CREDENTIALS

from ...class_context import enter_class_context
from ...local_ses import LocalSes, local_ses, unique
from ...ses import Request, loopback_server
from ..batches.rows import make_batch
from ..test_admin import stored, url

SES = "anymail.backends.amazon_ses.EmailBackend"
LOCMEM = "django.core.mail.backends.locmem.EmailBackend"
#: Nobody listens there.
NOWHERE = "http://127.0.0.1:9"
ADVICE = {
    "ResourceArn": "arn:aws:ses:us-east-1:123456789012:identity/example.com",
    "Type": "DMARC",
    "Description": "DMARC was not found for <example.com>.",
    "Status": "OPEN",
    "Impact": "HIGH",
}


def project(endpoint: str, path: str = SES, **anymail: Any) -> Any:
    """Settings of a project that sends with an Amazon on loopback."""
    settings = {
        "AMAZON_SES_SESSION_PARAMS": CREDENTIALS,
        "AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": endpoint},
        **anymail,
    }
    if django.VERSION < (6, 1):
        return override_settings(EMAIL_BACKEND=path, ANYMAIL=settings)
    return override_settings(MAILERS={"default": {"BACKEND": path}}, ANYMAIL=settings)


class PageTestCase(TestCase):
    amazon: LocalSes
    user: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.user = User.objects.create_superuser("root")
        count_missing()

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.amazon = enter_class_context(cls, local_ses())

    def setUp(self) -> None:
        cache.clear()
        self.client.force_login(self.user)

    def text(self, **params: Any) -> str:
        response = self.client.get(url(Account), params)
        self.assertEqual(response.status_code, 200)
        return response.content.decode()


class AmazonTests(PageTestCase):
    def setUp(self) -> None:
        super().setUp()
        patience = {**questions.CONFIG, "connect_timeout": 60, "read_timeout": 60}
        for name, value in (("CONFIG", patience), ("DEADLINE", 60.0)):
            patch = mock.patch.object(questions, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def test_it_shows_what_amazon_says(self) -> None:
        self.amazon.state.recommendations[:] = [ADVICE]
        self.addCleanup(self.amazon.state.recommendations.clear)
        with project(self.amazon.url):
            found = self.text()
        for text in (
            "of 50,000 recipients",
            "healthy",
            "us-east-1",
            "14 recipients a second",
            "DMARC was not found for &lt;example.com&gt;.",
            "identity/example.com",
        ):
            self.assertIn(text, found)

    def test_amazon_is_asked_once_a_minute_or_when_somebody_wants_it(self) -> None:
        with project(self.amazon.url):
            self.text()
            with mock.patch.dict(self.amazon.account, {"EnforcementStatus": "PROBATION"}):
                self.assertNotIn("under review", self.text())
                with mock.patch.object(questions, "FRESH", 0.0):
                    self.assertIn("under review", self.text(again="1"))
                self.assertIn("under review", self.text())

    def test_a_refusal_is_a_sentence_with_the_permission(self) -> None:
        self.amazon.faults.denied.update({"ses:ListRecommendations"})
        self.addCleanup(self.amazon.faults.denied.clear)
        with project(self.amazon.url):
            found = self.text()
            self.assertIn("Allow ses:ListRecommendations", found)
            self.assertIn("healthy", found)
            self.amazon.faults.denied.update({"ses:GetAccount"})
            cache.clear()
            self.assertIn("Allow ses:GetAccount", self.text())

    def test_whatever_amazon_answers_the_page_shows_what_it_has(self) -> None:
        bodies: tuple[tuple[int, bytes], ...] = (
            (200, b"{}"),
            (200, b"not JSON"),
            (200, b'{"SendQuota": "x", "Details": [], "EnforcementStatus": {}}'),
            (200, b'{"SendQuota": {"Max24HourSend": "x"}, "Recommendations": "x"}'),
            (500, b"<html>"),
        )
        for status, body in bodies:
            cache.clear()

            def answer(_request: Request, _number: int) -> Any:
                return status, body  # noqa: B023

            with self.subTest(body), loopback_server(answer) as server, project(server.url):
                self.assertIn("What this project has sent", self.text())

    def test_an_amazon_that_cannot_be_reached_is_no_error(self) -> None:
        with project(NOWHERE):
            found = self.text()
        self.assertIn("Let this machine connect", found)
        self.assertIn("What this project has sent", found)

    def test_a_cache_that_fails_is_no_error(self) -> None:
        broken = mock.Mock(get=mock.Mock(side_effect=OSError), set=mock.Mock(side_effect=OSError))
        with (
            project(self.amazon.url),
            mock.patch("anymail.outbox.account.remembering.cache", broken),
        ):
            self.assertIn("healthy", self.text())

    def test_a_mailer_of_another_kind_is_named(self) -> None:
        with project(NOWHERE, LOCMEM):
            self.assertIn("not Amazon SES", self.text())

    def test_a_mailer_that_cannot_be_made_is_no_error(self) -> None:
        with project(NOWHERE, "tests.outbox.loopback.Broken"):
            self.text()
        with project(NOWHERE, AMAZON_SES_API_VERSION=7):
            self.assertIn("AMAZON_SES_API_VERSION", self.text())

    def test_queues_and_their_dead_letters(self) -> None:
        sqs, name = self.amazon.client("sqs"), unique("queue")
        sqs.create_queue(QueueName=f"{name}-dead")
        dead = f"arn:aws:sqs:us-east-1:123456789012:{name}-dead"
        redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 50})
        queue = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": redrive})["QueueUrl"]
        for _ in range(3):
            sqs.send_message(QueueUrl=queue, MessageBody="x")
        with project(self.amazon.url, AMAZON_SES_QUEUES=[name, "no-such-queue"]):
            found = self.text()
        self.assertIn(f"{name}</th><td>3</td><td>0</td>", found)
        self.assertIn(f"0 in {name}-dead", found)
        self.assertIn("There is no such queue", found)


class OwnTests(PageTestCase):
    """What the page shows of our own tables. Amazon is not asked."""

    def setUp(self) -> None:
        super().setUp()
        settings = project(NOWHERE, LOCMEM)
        settings.enable()
        self.addCleanup(settings.disable)

    def test_it_shows_what_waits(self) -> None:
        hour = timedelta(hours=1)
        stored(created_at=timezone.now() - 3 * hour)
        stored(created_at=timezone.now() - 30 * hour, not_before=timezone.now() + hour)
        stored(State.IN_DOUBT)
        make_batch("June")
        outbox.pause("default", reason="Wrong <price>", by="zoe")
        found = self.client.get(url(Account)).context
        names = ("waiting", "oldest", "in_doubt", "running")
        self.assertEqual([found[name] for name in names], ["2", "3\xa0hours", "1", "1"])
        self.assertIn("Wrong &lt;price&gt;", self.text())

    def test_it_says_how_old_the_newest_event_is(self) -> None:
        self.assertIn("none has come", self.text())
        Event._default_manager.create(
            message_id="1", key="1", event_type="opened", created_at=timezone.now() - timedelta(2)
        )
        self.assertIn("2\xa0days ago", self.text())

    def test_tabs(self) -> None:
        self.assertEqual(self.text().count('<tr><th scope="row">'), 15)
        self.assertEqual(self.text(days="90").count('<tr><th scope="row">'), 91)
        for nonsense in ("7", "x", "", "9" * 99):
            self.assertEqual(self.text(days=nonsense).count('<tr><th scope="row">'), 15)

    def test_today_is_in_the_table_and_not_at_the_end_of_a_line(self) -> None:
        stored(State.SENT)
        found = self.client.get(url(Account)).context
        self.assertEqual(found["sums"]["sent"], "1")
        [_sent, so_far, delivered] = found["plots"][0].shapes
        self.assertEqual((so_far.path.count("z"), delivered.marks.count("h0")), (1, 13))

    def test_days_that_are_not_counted_yet_are_no_zeros(self) -> None:
        counting.DailyCount._default_manager.all().delete()
        with mock.patch.object(page, "COUNTING_TIME", 0.0):
            found = self.text()
        self.assertIn("Older days are being counted", found)
        self.assertIn("<td>-</td>", found)

    def test_rates_above_the_limits_are_named(self) -> None:
        day = counting.last_days(timezone.now(), 2)[0]
        counts = counting.DailyCount._default_manager.filter(day=day)
        for kind, number in (("sent", 1_000), ("bounced", 49), ("complained", 1)):
            counts.filter(kind=kind).update(count=number)
        self.assertEqual(
            self.text().count("above Amazon's limit")
            + self.text().count("above Amazon&#x27;s limit"),
            1,
        )
        counts.filter(kind="bounced").update(count=50)
        self.assertIn("5\N{NO-BREAK SPACE}% <strong>above", self.text())

    def test_numbers_in_attributes_have_a_point_in_every_language(self) -> None:
        with translation.override("de"):
            found = self.text()
        svg = found[found.index("<svg") : found.rindex("</svg>")]
        self.assertNotRegex(svg, r' (x|y|width|height|d)="[^"]*,')

    def test_there_are_no_styles_and_scripts_of_our_own(self) -> None:
        found = self.text()
        content = found[found.index('id="content-main"') :]
        content = content[: content.index("</main>")]
        self.assertNotRegex(content, r"style=|<style|<script|onclick|javascript:")

    def test_only_who_may_see_it_sees_it_and_asks_amazon(self) -> None:
        user = User.objects.create_user("staff", is_staff=True)
        self.client.force_login(user)
        with mock.patch.object(page, "answers", side_effect=AssertionError):
            self.assertEqual(self.client.get(url(Account)).status_code, 403)
        user.user_permissions.add(Permission.objects.get(codename="view_account"))
        self.assertIn("What waits", self.text())
        self.assertNotIn("?state__exact=waiting", self.text())

    def test_the_index_has_a_link_to_it(self) -> None:
        index = self.client.get("/admin/").content.decode()
        self.assertIn(f'href="{url(Account)}"', index)

    def test_as_many_queries_for_many_rows_as_for_none(self) -> None:
        def queries() -> list[str]:
            with CaptureQueriesContext(connection) as found:
                self.text()
            return [query["sql"] for query in found]

        self.text()
        before = len(queries())
        for number in range(20):
            stored(State.SENT if number % 2 else State.WAITING)
        outbox.pause("default", reason="x")
        after = queries()
        self.assertEqual(len(after), before)
        for sql in after:
            if "anymail_outbox_entry" in sql or "anymail_feedback" in sql:
                self.assertIn("LIMIT", sql)


class QuestionTests(TestCase):
    def setUp(self) -> None:
        cache.clear()

    def test_what_takes_too_long_is_given_up(self) -> None:
        with ExitStack() as stack:
            ended = threading.Event()
            stack.callback(ended.set)
            stack.enter_context(mock.patch.object(questions, "DEADLINE", 0.05))
            slow = Question(name="slow", ask=lambda: ended.wait(60))
            [answer] = answers([slow])
        self.assertEqual(answer.error_code, "NoAnswer")

    def test_the_text_of_a_strangers_exception_is_not_kept(self) -> None:
        def ask() -> None:
            raise ValueError("secret")

        [answer] = answers([Question(name="x", ask=ask)])
        self.assertEqual((answer.error_code, answer.error), ("ValueError", ""))

    def test_nonsense_in_the_cache_is_asked_for_again(self) -> None:
        for value in (None, "x", {"at": "x"}, {"at": 1.0, "more": 1}, {}):
            with mock.patch.object(questions, "recall", return_value=value):
                [answer] = answers([Question(name="x", ask=lambda: 7)])
                self.assertEqual(answer.value, 7)
