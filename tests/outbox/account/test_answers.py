"""What Amazon's answers mean: pure functions."""

from __future__ import annotations

from types import NoneType
from typing import Any

from django.test import SimpleTestCase

from anymail.outbox.account.answers import (
    LEVELS,
    Quota,
    facts,
    queue,
    quota,
    recommendations,
    why_not,
)
from anymail.outbox.account.questions import Answer

HEALTHY: dict[str, Any] = {
    "SendQuota": {"Max24HourSend": 200.0, "MaxSendRate": 14.0, "SentLast24Hours": 20.0},
    "SendingEnabled": True,
    "ProductionAccessEnabled": True,
    "EnforcementStatus": "HEALTHY",
    "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
    "Review": {"Status": "GRANTED"},
}
#: What may come in place of any value.
GARBAGE: tuple[Any, ...] = (None, [], {}, "", "x", -1, 1e400, True, [[]], {"a": 1}, "\x00" * 999)


def levels(**changes: Any) -> dict[str, str]:
    """The facts that are not as they should be, with their levels."""
    found = facts({**HEALTHY, **changes})
    return {str(fact.value): fact.level for fact in found if fact.level}


class FactTests(SimpleTestCase):
    def test_a_healthy_account_has_nothing_to_do(self) -> None:
        self.assertEqual(levels(), {})
        self.assertEqual([fact.advice for fact in facts(HEALTHY) if fact.advice], [])

    def test_what_is_wrong_has_a_level_and_advice(self) -> None:
        for changes, level, text in (
            ({"EnforcementStatus": "PROBATION"}, "warning", "under review"),
            ({"EnforcementStatus": "SHUTDOWN"}, "error", "shut down"),
            ({"SendingEnabled": False}, "error", "paused for the whole account"),
            ({"ProductionAccessEnabled": False, "Review": {}}, "warning", "only verified"),
            ({"Review": {"Status": "DENIED", "CaseId": "77"}}, "warning", "denied, case 77"),
            ({"SuppressionAttributes": {"SuppressedReasons": []}}, "warning", "never"),
            (
                {"SuppressionAttributes": {"SuppressedReasons": ["BOUNCE"]}},
                "warning",
                "after bounces only",
            ),
        ):
            with self.subTest(text):
                [(value, found)] = levels(**changes).items()
                self.assertEqual(found, level)
                self.assertIn(text, value)
                self.assertTrue(all(f.advice for f in facts({**HEALTHY, **changes}) if f.level))

    def test_a_shut_down_account_is_not_called_paused_as_well(self) -> None:
        self.assertEqual(len(levels(EnforcementStatus="SHUTDOWN", SendingEnabled=False)), 1)

    def test_a_word_that_amazon_invents_is_shown(self) -> None:
        self.assertEqual(levels(EnforcementStatus="NEW_WORD"), {"NEW_WORD": "warning"})

    def test_garbage_is_no_error(self) -> None:
        for garbage in GARBAGE:
            for document in (garbage, dict.fromkeys(HEALTHY, garbage)):
                given = dict.fromkeys(HEALTHY["SendQuota"], garbage)
                advice = {"Recommendations": [{"Type": garbage, "ResourceArn": garbage}]}
                full = queue({"name": garbage, "waiting": garbage, "dead_queue": garbage})
                with self.subTest(document=repr(document)[:50]):
                    self.assertLessEqual({one.level for one in facts(document)}, LEVELS.keys())
                    self.assertIsInstance(quota(document), (Quota, NoneType))
                    self.assertIsInstance(quota({"SendQuota": given}), (Quota, NoneType))
                    self.assertEqual(recommendations(document), [])
                    self.assertLessEqual(len(recommendations({"Recommendations": garbage})), 1)
                    self.assertIsInstance(recommendations(advice)[0].type, str)
                    self.assertIsInstance(full.name, str)
                    self.assertIsInstance(full.waiting, (int, NoneType))


class QuotaTests(SimpleTestCase):
    def of(self, sent: float, daily: float) -> Any:
        found = quota({"SendQuota": {"SentLast24Hours": sent, "Max24HourSend": daily}})
        assert found is not None
        return found

    def test_how_much_of_it_is_used(self) -> None:
        self.assertEqual(
            self.of(12_345, 50_000).text, "12,345 of 50,000 recipients (24.7\N{NO-BREAK SPACE}%)"
        )

    def test_a_quota_that_is_nearly_used_up_is_shown_as_such(self) -> None:
        found = [self.of(sent, 100).level for sent in (79, 80, 99, 100, 105)]
        self.assertEqual(found, ["", "warning", "warning", "error", "error"])

    def test_there_may_be_no_limit(self) -> None:
        self.assertEqual(self.of(7, -1).level, "")
        self.assertIn("no limit", self.of(7, -1).text)


class ReasonTests(SimpleTestCase):
    def test_each_error_says_what_to_do(self) -> None:
        for code, text in (
            ("AccessDeniedException", "Allow ses:GetAccount"),
            ("NoCredentialsError", "no credentials"),
            ("ConnectTimeoutError", "port 443"),
            ("NoAnswer", "port 443"),
            ("ThrottlingException", "Ask again in a few seconds"),
            ("Strange", "its words"),
        ):
            answer = Answer(at=0.0, error_code=code, error="its words")
            self.assertIn(text, why_not(answer, "ses:GetAccount"))

    def test_an_answer_needs_no_reason(self) -> None:
        self.assertEqual(why_not(Answer(at=0.0, value={}), "x"), "")
