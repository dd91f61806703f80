"""Two suppression lists: pull, push, diff, show and lift, against the sandbox's SES."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock

from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import TestCase, override_settings
from django.utils import timezone as django_timezone

from anymail import testing
from anymail.amazon_ses import suppression_list as listed_module
from anymail.exceptions import AnymailAPIError
from anymail.feedback import comparing, pulling, syncing
from anymail.feedback.models import Bounce, Lift, Pull, Suppression
from anymail.feedback.recording import record
from anymail.sandbox.aws.defaults import CREDENTIALS, REGION

from ..local_ses import LocalSesTestCase

ADDRESS = "ann@example.net"
HOUR = timedelta(hours=1)


class SyncTestCase(LocalSesTestCase, TestCase):
    """A project whose settings lead to the SES of this process."""

    settings: dict[str, Any] = {"FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"]}

    def setUp(self) -> None:
        super().setUp()
        self.entries = self.amazon.state.suppression.entries
        self.entries.clear()
        changed = self.changed()
        changed.enable()
        self.addCleanup(changed.disable)
        patch = mock.patch.object(syncing, "PATIENCE", 0)
        patch.start()
        self.addCleanup(patch.stop)

    def changed(self, **settings: Any) -> Any:
        """With other settings."""
        params = {**CREDENTIALS, "endpoint_url": self.amazon.url}
        inside = {"AMAZON_SES_CLIENT_PARAMS": params, **self.settings, **settings}
        return override_settings(ANYMAIL=inside)

    def put(self, *addresses: str, reason: str = "BOUNCE", age: timedelta = HOUR) -> None:
        for address in addresses:
            self.amazon.state.suppression.add(REGION, address, reason)
            entry = self.entries[REGION, self.spelling(address)]
            self.entries[REGION, self.spelling(address)] = {
                **entry,
                "LastUpdateTime": datetime.now(timezone.utc) - age,
            }

    @staticmethod
    def spelling(address: str) -> str:
        local, _, domain = address.rpartition("@")
        return f"{local}@{domain.lower()}"

    def at_amazon(self) -> dict[str, str]:
        return {address: entry["Reason"] for (_, address), entry in self.entries.items()}

    def here(self) -> list[tuple[str, str]]:
        rows = Suppression.objects.order_by("address", "reason")
        return list(rows.values_list("address", "reason"))

    def run_command(self, *args: str) -> str:
        out = io.StringIO()
        self.warned = io.StringIO()
        call_command("anymail_suppression", *args, stdout=out, stderr=self.warned)
        return out.getvalue()


class PullTests(SyncTestCase):
    def test_what_amazon_lists_is_listed_here(self) -> None:
        self.put("Ann@example.net", age=5 * HOUR)
        self.put("bob@example.net", reason="COMPLAINT")
        out = self.run_command("pull")
        self.assertIn("all of it", out)
        self.assertIn("2 addresses: 2 added, 0 here already, 0 lifted here since", out)
        self.assertEqual(self.here(), [(ADDRESS, "hard_bounce"), ("bob@example.net", "complaint")])
        entry = Suppression.objects.get(address=ADDRESS)
        self.assertEqual((entry.note, entry.amazon_address), (pulling.NOTE, "Ann@example.net"))
        age = django_timezone.now() - entry.created_at
        self.assertAlmostEqual(age / HOUR, 5, delta=0.5)
        self.assertEqual(self.warned.getvalue(), "")

    def test_the_next_one_asks_for_what_is_new(self) -> None:
        self.put(ADDRESS)
        self.run_command("pull")
        Suppression.objects.all().delete()
        self.put("bob@example.net", age=timedelta(0))
        self.assertIn("1 address: 1 added", self.run_command("pull"))
        self.assertIn("2 addresses: 1 added, 1 here already", self.run_command("pull", "--full"))

    def test_it_begins_before_the_last_one_did(self) -> None:
        self.run_command("pull")
        self.put(ADDRESS, age=pulling.OVERLAP / 2)
        self.assertIn("1 address: 1 added", self.run_command("pull"))

    def test_one_that_was_cut_off_is_begun_again(self) -> None:
        self.put(*(f"{number}@example.net" for number in range(5)))
        listed = listed_module.amazon_list()
        with mock.patch.multiple(pulling, BATCH=2):
            next(pulling.pull(listed, "default"))
        self.assertEqual(len(self.here()), 2)
        self.assertIsNone(pulling.last_pull(listed, "default"))
        self.assertIn("5 addresses: 3 added, 2 here already", self.run_command("pull"))

    def test_what_leaves_something_out_does_not_count_as_a_pull(self) -> None:
        for options in (["--since", "1h"], ["--reason", "complaint"], ["--dry-run"]):
            self.run_command("pull", *options)
            self.assertFalse(Pull._default_manager.exists(), options)

    def test_since_reaches_back(self) -> None:
        self.put(ADDRESS, age=2 * HOUR)
        self.run_command("pull")
        Suppression.objects.all().delete()
        self.assertIn("0 addresses", self.run_command("pull", "--since", "1h"))
        self.assertIn("1 address: 1 added", self.run_command("pull", "--since", "3h"))
        with self.assertRaisesMessage(CommandError, "leave one of them out"):
            self.run_command("pull", "--since", "3h", "--full")

    def test_a_dry_run_stores_nothing(self) -> None:
        self.put(ADDRESS)
        self.assertIn("1 would be added", self.run_command("pull", "--dry-run"))
        self.assertEqual(self.here(), [])

    def test_for_one_reason(self) -> None:
        self.put(ADDRESS)
        self.put("bob@example.net", reason="COMPLAINT")
        self.run_command("pull", "--reason", "complaint")
        self.assertEqual(self.here(), [("bob@example.net", "complaint")])

    def test_what_was_lifted_here_comes_back_only_if_amazon_lists_it_later(self) -> None:
        self.put(ADDRESS)
        self.run_command("pull")
        Suppression.objects.lift(ADDRESS)
        self.assertIn("1 lifted here since", self.run_command("pull", "--full"))
        self.assertEqual(self.here(), [])
        self.put(ADDRESS, age=-HOUR)
        self.run_command("pull", "--full")
        self.assertEqual(self.here(), [(ADDRESS, "hard_bounce")])

    def test_what_has_expired_here_comes_back_only_if_amazon_lists_it_later(self) -> None:
        self.put(ADDRESS, age=3 * HOUR)
        ended = django_timezone.now() - HOUR
        Suppression.objects.suppress([ADDRESS], "hard_bounce", expires_at=ended)
        self.run_command("pull")
        self.assertEqual(Suppression.objects.active().count(), 0)
        self.put(ADDRESS, age=HOUR / 2)
        self.assertIn("1 added", self.run_command("pull", "--full"))
        self.assertEqual(Suppression.objects.active().count(), 1)

    def test_an_entry_that_is_here_stays_as_it_is(self) -> None:
        Suppression.objects.suppress([ADDRESS], "hard_bounce", event_id="e", note="ours")
        self.put(ADDRESS)
        self.run_command("pull")
        entry = Suppression.objects.get()
        self.assertEqual((entry.event_id, entry.note), ("e", "ours"))

    def test_reasons_without_effect_are_named(self) -> None:
        self.put(ADDRESS)
        with self.changed(FEEDBACK_SUPPRESS=["complaint"]):
            self.run_command("pull")
        self.assertIn("does not name hard_bounce: ", self.warned.getvalue())

    @override_settings(USE_TZ=False)
    def test_without_time_zones(self) -> None:
        self.put(ADDRESS)
        self.run_command("pull")
        age = django_timezone.now() - Suppression.objects.get().created_at
        self.assertAlmostEqual(age / HOUR, 1, delta=0.5)
        self.assertIn("0 addresses", self.run_command("pull"))
        self.assertEqual(Suppression.objects.lift(ADDRESS), 1)
        self.assertIn("1 lifted here since", self.run_command("pull", "--full"))

    def test_a_refusal_is_told(self) -> None:
        self.amazon.faults.denied.add("ses:ListSuppressedDestinations")
        with self.assertRaisesMessage(CommandError, "ses:ListSuppressedDestinations"):
            self.run_command("pull")


class PushTests(SyncTestCase):
    def test_what_is_missing_there_is_put_there(self) -> None:
        Suppression.objects.suppress([ADDRESS], "complaint")
        Suppression.objects.suppress([ADDRESS, "bob@example.net"], "hard_bounce")
        Suppression.objects.suppress(["eve@example.net"])
        expires_at = django_timezone.now() + HOUR
        Suppression.objects.suppress(["x@example.net"], "complaint", expires_at=expires_at)
        self.put("Bob@example.net")
        out = self.run_command("push", "--dry-run")
        self.assertIn("has 1 address: 1 would be put there", out)
        self.assertEqual(len(self.entries), 1)
        self.assertIn("1 put there, 0 taken off", self.run_command("push"))
        self.assertEqual(self.at_amazon()[ADDRESS], "COMPLAINT")
        self.assertIn("0 put there", self.run_command("push"))
        self.run_command("push", "--manual")
        self.assertEqual(self.at_amazon()["eve@example.net"], "BOUNCE")
        self.assertNotIn("x@example.net", self.at_amazon())

    def test_what_amazon_takes_for_no_address_is_left_out(self) -> None:
        Suppression.objects.suppress(["ann", ADDRESS], "hard_bounce")
        self.assertIn("1 put there", self.run_command("push"))
        self.assertIn("1 address refused", self.warned.getvalue())

    def test_nothing_is_suppressed_here(self) -> None:
        with (
            self.changed(FEEDBACK_SUPPRESS=[]),
            self.assertRaisesMessage(CommandError, "--reason hard_bounce"),
        ):
            self.run_command("push")


class DiffTests(SyncTestCase):
    def setUp(self) -> None:
        super().setUp()
        Suppression.objects.suppress([ADDRESS, "bob@example.net"], "hard_bounce")
        Suppression.objects.suppress([ADDRESS], "complaint")
        self.put("Bob@example.net")
        self.put("eve@example.net", reason="COMPLAINT")

    def test_what_is_on_one_of_them_only(self) -> None:
        with mock.patch.object(comparing, "BATCH", 1):
            out = self.run_command("diff")
        self.assertEqual(
            out.splitlines(),
            [
                f"only here    {ADDRESS}  complaint",
                "only amazon  eve@example.net  COMPLAINT",
                "1 only here, 1 only at Amazon, 1 on both",
            ],
        )

    def test_as_json(self) -> None:
        found = [json.loads(line) for line in self.run_command("diff", "--json").splitlines()]
        self.assertEqual(
            found,
            [
                {"only": "here", "address": ADDRESS, "reason": "complaint"},
                {"only": "amazon", "address": "eve@example.net", "reason": "COMPLAINT"},
            ],
        )


class ShowTests(SyncTestCase):
    def test_both_lists_and_the_bounce_behind_it(self) -> None:
        [bounce] = record(testing.tracking_event("bounced", recipient="Ann@example.net"))
        assert isinstance(bounce, Bounce)
        Suppression.objects.all().delete()
        Suppression.objects.suppress(
            [ADDRESS], "hard_bounce", event_id=bounce.sns_messageid, note="a note"
        )
        self.amazon.state.suppression.add(
            REGION, "Ann@example.net", "BOUNCE", MessageId="m-1", FeedbackId="f-1"
        )
        out = self.run_command("show", ADDRESS)
        for text in (
            "here: hard_bounce since 20",
            "for good",
            "a note",
            f"message {bounce.mail_id}",
            f"at Amazon ({REGION}): BOUNCE since 20",
            "as Ann@example.net",
            "message m-1, feedback f-1",
            "global list cannot be asked",
        ):
            self.assertIn(text, out)

    def test_an_address_that_nobody_knows(self) -> None:
        out = self.run_command("show", ADDRESS)
        self.assertIn("is not on the list here", out)
        self.assertIn("is not on Amazon's list", out)

    def test_what_has_no_effect(self) -> None:
        expires_at = django_timezone.now() - HOUR
        Suppression.objects.suppress([ADDRESS], "hard_bounce", expires_at=expires_at)
        Suppression.objects.suppress([ADDRESS], "complaint")
        Suppression.objects.suppress([ADDRESS])
        for reasons, told in (
            (["hard_bounce", "complaint"], ["It has expired."]),
            (["hard_bounce"], ["does not name this reason.", "It has expired."]),
            ([], ["FEEDBACK_SUPPRESS is empty.", "FEEDBACK_SUPPRESS is empty.", "It has expired."]),
        ):
            with self.subTest(reasons), self.changed(FEEDBACK_SUPPRESS=reasons):
                out = self.run_command("show", ADDRESS)
            lines = [line for line in out.splitlines() if "without effect: " in line]
            self.assertEqual(len(lines), len(told))
            for line, text in zip(lines, told, strict=True):
                self.assertTrue(line.endswith(text), line)


class LiftTests(SyncTestCase):
    def test_on_both_lists_in_every_spelling(self) -> None:
        record(testing.tracking_event("bounced", recipient="Ann@example.net"))
        self.put("Ann@example.net", "ANN@example.net", ADDRESS)
        self.run_command("pull")
        Suppression.objects.update(amazon_address="ANN@example.net")
        self.assertEqual(Suppression.objects.lift(ADDRESS, everywhere=True), 1)
        self.assertEqual((self.at_amazon(), self.here()), ({}, []))

    def test_if_amazon_refuses_nothing_is_lifted_here(self) -> None:
        self.put(ADDRESS)
        Suppression.objects.suppress([ADDRESS])
        self.amazon.faults.denied.add("ses:DeleteSuppressedDestination")
        with self.assertRaises(AnymailAPIError):
            Suppression.objects.lift(ADDRESS, everywhere=True)
        with self.assertRaises(CommandError):
            self.run_command("lift", ADDRESS)
        self.assertEqual(self.here(), [(ADDRESS, "manual")])
        self.assertFalse(Lift._default_manager.exists())

    def test_a_pull_that_has_read_it_before_does_not_bring_it_back(self) -> None:
        self.put(ADDRESS)
        page = list(listed_module.amazon_list().list())
        self.assertEqual(Suppression.objects.lift(ADDRESS, everywhere=True), 0)
        self.assertEqual(pulling.take(page, "default").lifted, 1)
        self.assertEqual(self.here(), [])

    def test_one_between_two_queries_of_a_pull_counts(self) -> None:
        self.put(ADDRESS)
        self.run_command("pull")
        page, begun = list(listed_module.amazon_list().list()), []

        def lift(execute: Any, *args: Any) -> Any:
            found = execute(*args)
            if args[0].startswith("SELECT") and not begun:
                begun.append(True)
                Suppression.objects.lift(ADDRESS)
            return found

        with connection.execute_wrapper(lift):
            pulling.take(page, "default")
        self.assertEqual((begun, self.here()), ([True], []))

    def test_a_plain_lift_leaves_amazon_alone(self) -> None:
        self.put(ADDRESS)
        Suppression.objects.suppress([ADDRESS])
        with self.captureOnCommitCallbacks(execute=True):
            self.assertEqual(Suppression.objects.lift(ADDRESS), 1)
        self.assertEqual(self.at_amazon(), {ADDRESS: "BOUNCE"})

    def test_by_the_command(self) -> None:
        self.put(ADDRESS)
        Suppression.objects.suppress([ADDRESS], "hard_bounce")
        Suppression.objects.suppress([ADDRESS], "complaint")
        self.assertIn("lifted here (2)", self.run_command("lift", "--here", ADDRESS))
        out = self.run_command("lift", ADDRESS)
        self.assertIn("not on the list here, taken off Amazon's list", out)
        self.assertIn("not on Amazon's list", self.run_command("lift", ADDRESS))


class BothTests(SyncTestCase):
    """``FEEDBACK_SUPPRESS_SYNC``: what changes here, changes at Amazon."""

    settings = {**SyncTestCase.settings, "FEEDBACK_SUPPRESS_SYNC": "both"}

    def test_what_a_person_suppresses_and_lifts(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            Suppression.objects.suppress([ADDRESS])
        self.assertEqual(self.at_amazon(), {ADDRESS: "BOUNCE"})
        with self.captureOnCommitCallbacks(execute=True):
            Suppression.objects.lift(ADDRESS)
        self.assertEqual(self.at_amazon(), {})
        self.assertFalse(Lift._default_manager.get().is_pending)

    def test_a_reason_is_kept(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            Suppression.objects.suppress([ADDRESS], "complaint")
        self.assertEqual(self.at_amazon(), {ADDRESS: "COMPLAINT"})

    def test_an_event_calls_nobody_and_a_push_puts_what_ses_did_not(self) -> None:
        event = testing.tracking_event("bounced", recipient=ADDRESS)
        with self.captureOnCommitCallbacks(execute=True) as called:
            record(event)
        self.assertEqual(self.here(), [(ADDRESS, "hard_bounce")])
        self.assertEqual((called, self.at_amazon()), ([], {}))
        self.run_command("push")
        self.assertEqual(self.at_amazon(), {ADDRESS: "BOUNCE"})

    def test_what_expires_is_not_put_there(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            Suppression.objects.suppress([ADDRESS], expires_at=django_timezone.now() + HOUR)
            Suppression.objects.suppress([ADDRESS])  # stays as it is
        self.assertEqual(self.at_amazon(), {})

    def test_what_is_suppressed_for_a_while_only_is_taken_off(self) -> None:
        self.put(ADDRESS)
        self.run_command("pull")
        Suppression.objects.lift(ADDRESS)
        Suppression.objects.suppress([ADDRESS], expires_at=django_timezone.now() + HOUR)
        self.assertIn("1 taken off", self.run_command("push"))
        self.assertEqual(self.at_amazon(), {})

    def test_whatever_goes_wrong_other_work_after_the_commit_is_done(self) -> None:
        done: list[bool] = []
        with (
            mock.patch.object(syncing, "amazon_list", side_effect=RuntimeError),
            self.assertLogs("anymail.feedback.syncing", "WARNING") as logs,
            self.captureOnCommitCallbacks(execute=True),
        ):
            Suppression.objects.suppress([ADDRESS])
            transaction.on_commit(lambda: done.append(True))
        self.assertEqual(done, [True])
        self.assertIn("(RuntimeError)", logs.output[0])

    def test_what_is_rolled_back_changes_nothing_there(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            try:
                with transaction.atomic():
                    Suppression.objects.suppress([ADDRESS])
                    raise RuntimeError
            except RuntimeError:
                pass
        self.assertEqual(self.at_amazon(), {})

    def test_a_failure_is_logged_without_addresses_and_a_push_mends_it(self) -> None:
        self.put("bob@example.net")
        self.run_command("pull")
        self.amazon.faults.denied.add("ses:PutSuppressedDestination")
        self.amazon.faults.denied.add("ses:DeleteSuppressedDestination")
        with (
            self.assertLogs("anymail.feedback.syncing", "WARNING") as logs,
            self.captureOnCommitCallbacks(execute=True),
        ):
            Suppression.objects.suppress([ADDRESS])
            Suppression.objects.lift("bob@example.net")
        self.assertEqual(len(logs.output), 2)
        for line in logs.output:
            self.assertIn("AccessDeniedException", line)
            self.assertIn("anymail_suppression push", line)
            self.assertNotIn("example.net", line)
        self.amazon.faults.denied.clear()
        self.assertIn("1 put there, 1 taken off", self.run_command("push"))
        self.assertEqual(self.at_amazon(), {ADDRESS: "BOUNCE"})
        self.assertIn("0 put there, 0 taken off", self.run_command("push"))

    def test_many_at_once_are_left_to_push(self) -> None:
        with (
            mock.patch.object(syncing, "MAX_AT_ONCE", 1),
            self.assertLogs("anymail.feedback.syncing", "WARNING"),
            self.captureOnCommitCallbacks(execute=True),
        ):
            Suppression.objects.suppress([ADDRESS, "bob@example.net"])
        self.assertEqual(len(self.entries), 0)
        self.run_command("push")
        self.assertEqual(len(self.entries), 2)

    def test_what_is_suppressed_again_is_not_taken_off(self) -> None:
        self.put(ADDRESS)
        self.run_command("pull")
        Suppression.objects.lift(ADDRESS)
        Suppression.objects.suppress([ADDRESS], "complaint")
        self.assertIn("0 taken off", self.run_command("push"))
        self.assertIn(ADDRESS, self.at_amazon())

    def test_what_ses_takes_for_no_address_does_not_end_a_push(self) -> None:
        self.put("ann@exa_mple.net", ADDRESS)
        self.run_command("pull")
        with (
            self.assertLogs("anymail.feedback.syncing", "WARNING"),
            self.captureOnCommitCallbacks(execute=True),
        ):
            Suppression.objects.lift_keys(["ann@exa_mple.net", ADDRESS])
        self.assertIn("0 put there, 1 taken off", self.run_command("push"))
        self.assertIn("1 address refused", self.warned.getvalue())
        self.assertEqual(list(self.at_amazon()), ["ann@exa_mple.net"])

    def test_a_rehearsal_leaves_what_is_pending(self) -> None:
        self.put(ADDRESS)
        self.run_command("pull")
        Suppression.objects.lift(ADDRESS)
        Suppression.objects.suppress([ADDRESS], "complaint")
        self.run_command("push", "--dry-run")
        self.assertTrue(Lift._default_manager.get().is_pending)
