"""Batches in the admin, through Django's test client."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from unittest import mock

from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import SimpleTestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from anymail import outbox
from anymail.outbox import asking
from anymail.outbox.batches.advice import batch_advice
from anymail.outbox.models import Batch, BatchState, Entry, Pace, State
from anymail.outbox.pacing import now_in_seconds

from ..test_admin import AdminTestCase, url
from .rows import add_entry, make_batch

#: The name of an intervention, a state in which it is possible, and the one after it.
STEPS = (
    ("pause", BatchState.RUNNING, BatchState.PAUSED),
    ("resume", BatchState.PAUSED, BatchState.RUNNING),
    ("resume", BatchState.STOPPED, BatchState.RUNNING),
    ("cancel", BatchState.RUNNING, BatchState.CANCELLED),
)


def batch_url(name: str) -> str:
    return reverse("admin:anymail_outbox_batch_intervene", args=[name])


def state_of(batch: Batch) -> str:
    return Batch._default_manager.get(pk=batch.pk).state


class BatchAdminTestCase(AdminTestCase):
    def list(self, **params: Any) -> Any:
        response = self.client.get(url(Batch), params)
        self.assertEqual(response.status_code, 200)
        return response

    def detail(self, batch: Batch) -> Any:
        return self.client.get(url(Batch, "change", batch.pk))

    def ask_about(self, name: str, *rows: Batch, **data: str) -> Any:
        chosen = " ".join(str(row.pk) for row in rows)
        return self.client.post(batch_url(name), {"chosen": chosen, **data})

    def confirm(self, page: Any, **data: str) -> Any:
        """Press the button of the page that asks."""
        content = page.content.decode()
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', content))
        [target] = re.findall(r'<form method="post" action="([^"]+/chosen/)"', content)
        return self.client.post(target, {**hidden, **data}, follow=True)


class ListTests(BatchAdminTestCase):
    def test_a_row_says_how_far_a_batch_is(self) -> None:
        make_batch("June news", recipients_count=2_000, sent=1_000, failed=10)
        row = self.list().content.decode().partition('id="result_list"')[2]
        for text in (
            "June news",
            "Running",
            'max="2000" value="1010"',
            "50 %",
            "2,000",
            "1,000",
            "990",
        ):
            self.assertIn(text, row)

    def test_filters_by_state_and_searches_by_name_and_subject(self) -> None:
        june = make_batch("news/june", subject="Strawberries")
        make_batch("news/july", state=BatchState.PAUSED)
        for params in ({"state__exact": "running"}, {"q": "JUNE"}, {"q": "strawb"}):
            found = self.list(**params).context["cl"].result_list
            self.assertEqual([row.pk for row in found], [june.pk], params)

    def test_the_content_is_not_read(self) -> None:
        batch = make_batch(content="x")
        content = f"{connection.ops.quote_name('content')}"
        with CaptureQueriesContext(connection) as queries:
            self.list()
            self.detail(batch)
            self.ask_about("pause", batch)
        self.assertFalse([one["sql"] for one in queries if content in one["sql"]])

    def test_batches_are_neither_added_nor_changed_nor_deleted(self) -> None:
        batch = make_batch()
        self.assertEqual(self.client.get(url(Batch, "add")).status_code, 403)
        for one in ("change", "delete"):
            response = self.client.post(url(Batch, one, batch.pk), {"post": "yes"})
            self.assertEqual(response.status_code, 403)

    def test_who_may_not_look_sees_nothing(self) -> None:
        batch = make_batch()
        self.login_with("view_entry", "pause_batch")
        for address in (url(Batch), url(Batch, "change", batch.pk)):
            self.assertEqual(self.client.get(address).status_code, 403)
        self.assertEqual(self.ask_about("pause", batch).status_code, 403)

    def test_what_is_stored_cannot_inject_html(self) -> None:
        hostile = "<script>alert(1)</script>"
        columns = {"subject": hostile, "reason": hostile, "by": hostile, "lane": hostile}
        batch = make_batch(hostile, state=BatchState.STOPPED, **columns)
        for response in (self.list(), self.detail(batch), self.ask_about("resume", batch)):
            self.assertNotContains(response, "<script>alert")

    def test_as_many_queries_for_one_batch_as_for_a_hundred(self) -> None:
        def numbers() -> list[int]:
            addresses = (url(Batch), url(Batch, "change", batch.pk), url(Entry))
            return [self.count_queries(address) for address in addresses]

        batch = make_batch()
        add_entry(batch)
        numbers()  # finds the content types
        before = numbers()
        for number in range(99):
            add_entry(make_batch(f"news/{number}"))
            add_entry(batch)
        self.assertEqual(numbers(), before)
        self.assertEqual(before[:2], [4, 5])

    def count_queries(self, address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            self.assertEqual(self.client.get(address).status_code, 200)
        return len(queries)


class PageTests(BatchAdminTestCase):
    def test_it_shows_the_numbers_and_links_to_the_messages(self) -> None:
        batch = make_batch(recipients_count=2_000, sent=1_500, failed=3, bounced=7)
        content = self.detail(batch).content.decode()
        for text in ("75 %", "497", "1,500", f"?batch={batch.pk}"):
            self.assertIn(text, content)
        self.assertIn(f"?batch={batch.pk}&amp;state__exact=failed", content)
        self.assertNotIn("state__exact=expired", content)

    def test_it_says_how_fast_it_is_and_how_long_it_takes(self) -> None:
        now = timezone.now()
        batch = make_batch(recipients_count=1_200, sent=600, created_at=now - timedelta(hours=1))
        add_entry(batch, State.SENT, ("sent",) * 600, done_at=now - timedelta(seconds=50))
        add_entry(batch, State.SENT, ("sent",) * 600, done_at=now - timedelta(minutes=2))
        Batch._default_manager.filter(pk=batch.pk).update(recipients_count=1_200)
        with mock.patch.object(timezone, "now", return_value=now):
            self.assertContains(self.detail(batch), "12/s, 50 s left")
        outbox.pause_batch(batch)
        self.assertNotContains(self.detail(batch), "/s,")

    def test_it_says_that_its_mailer_or_lane_is_paused(self) -> None:
        batch = make_batch(recipients_count=2, mailer="default", lane="example.com")
        self.assertNotContains(self.detail(batch), "until the pause")
        for lane in ("", "example.com"):
            outbox.pause("default", lane=lane)
            self.assertContains(self.detail(batch), "until the pause of its mailer or lane")
            outbox.resume("default", lane=lane)

    def test_it_says_that_it_waits_for_the_next_day(self) -> None:
        Pace._default_manager.create(
            owner="account", daily_quota=100, sent_today=95, asked_at=now_in_seconds()
        )
        bulk, urgent = (make_batch(str(n), recipients_count=2, priority=n) for n in (-50, 0))
        self.assertContains(self.detail(bulk), "It waits for the next day")
        self.assertNotContains(self.detail(urgent), "It waits for the next day")

    def test_it_offers_what_is_possible_and_allowed(self) -> None:
        def offered(batch: Batch) -> set[str]:
            return set(re.findall(r"batch/([\w-]+)/chosen/", self.detail(batch).content.decode()))

        rows = [make_batch(state, state=state) for state in BatchState]
        expected: list[set[str]] = [{"pause", "cancel"}, *[{"resume", "cancel"}] * 2, set(), set()]
        self.assertEqual([offered(row) for row in rows], expected)
        self.login_with("view_batch", "pause_batch")
        self.assertEqual([offered(row) for row in rows], [{"pause"}, *[set()] * 4])

    def test_the_page_of_a_message_leads_to_its_batch_and_says_that_it_waits_for_it(self) -> None:
        batch = make_batch("June news")
        entry = add_entry(batch)
        page = self.page(entry)
        self.assertContains(page, url(Batch, "change", batch.pk))
        self.assertContains(page, "June news")
        self.assertNotContains(page, "resumes its batch")
        outbox.pause_batch(batch)
        self.assertContains(self.page(entry), "It waits until somebody resumes its batch.")
        outbox.cancel_batch(batch)
        self.assertContains(self.page(entry), "Its batch was cancelled: it is not sent.")
        self.assertNotContains(self.page(entry), "It can be sent again.")

    def test_the_page_of_a_message_shows_what_was_sent_twice(self) -> None:
        entry = add_entry(make_batch(), State.SENT, ("sent",), doubled_count=1)
        entry.recipients.update(message_id="first", second_message_id="second", event="bounced")
        page = self.page(entry)
        self.assertContains(page, "accepted it twice for 1 recipient.")
        self.assertContains(page, "and again: second")
        self.assertContains(page, "Bounced")


class InterventionTests(BatchAdminTestCase):
    def test_nothing_is_done_before_it_is_confirmed(self) -> None:
        for name, before, _ in STEPS:
            batch = make_batch(f"{name} {before}", state=before)
            self.assertContains(self.ask_about(name, batch), batch.name)
            self.assertEqual(state_of(batch), before)

    def test_it_is_done_and_logged_when_it_is_confirmed(self) -> None:
        for name, before, after in STEPS:
            with self.subTest(name, before=before):
                batch = make_batch(f"{name} {before}", state=before)
                add_entry(batch)
                page = self.ask_about(name, batch, from_page="yes")
                done = self.confirm(page, reason="Wrong price")
                self.assertContains(done, 'class="success"')
                self.assertEqual(state_of(batch), after)
                self.assertEqual(done.redirect_chain, [(url(Batch, "change", batch.pk), 302)])
                self.assertEqual(LogEntry.objects.get(object_id=batch.pk).user, self.user)

    def test_each_is_an_action_of_the_list(self) -> None:
        for name, before, after in STEPS:
            batch = make_batch(f"{name} {before}", state=before)
            data = {"action": name, "_selected_action": [str(batch.pk)]}
            page = self.client.post(url(Batch), data)
            self.assertEqual(state_of(batch), before)
            self.confirm(page, reason="Wrong price")
            self.assertEqual(state_of(batch), after)

    def test_a_pause_has_a_reason_and_somebody_who_wants_it(self) -> None:
        batch = make_batch()
        page = self.ask_about("pause", batch)
        refused = self.confirm(page, reason="  ")
        self.assertContains(refused, "This field is required.")
        self.assertEqual(state_of(batch), BatchState.RUNNING)
        self.confirm(refused, reason="Wrong price")
        batch.refresh_from_db()
        self.assertEqual((batch.by, batch.reason), ("root", "Wrong price"))
        self.assertEqual(LogEntry.objects.get().change_message, "Paused. Wrong price")
        self.assertContains(self.detail(batch), "Wrong price")

    def test_each_needs_its_permission(self) -> None:
        everything = {f"{name}_batch" for name, *_ in STEPS}
        for name, before, after in STEPS:
            batch = make_batch(f"{name} {before}", state=before)
            own = f"{name}_batch"
            self.login_with("view_batch", *(everything - {own}))
            for more in ({}, {"confirmed": "yes", "reason": "x"}):
                self.assertEqual(self.ask_about(name, batch, **more).status_code, 403)
            data = {"action": name, "_selected_action": [str(batch.pk)]}
            self.assertEqual(self.client.post(url(Batch), data).status_code, 302)
            self.assertEqual(state_of(batch), before)
            self.login_with("view_batch", own)
            self.confirm(self.ask_about(name, batch), reason="x")
            self.assertEqual(state_of(batch), after)

    def test_only_post_does_anything(self) -> None:
        batch = make_batch()
        data = {"chosen": str(batch.pk), "confirmed": "yes"}
        self.assertEqual(self.client.get(batch_url("cancel"), data).status_code, 405)
        self.assertEqual(self.client.post(batch_url("no-such"), data).status_code, 404)
        self.assertEqual(state_of(batch), BatchState.RUNNING)

    def test_what_is_not_possible_is_counted_and_left_out(self) -> None:
        page = self.ask_about("resume", make_batch(), make_batch("two", state=BatchState.PAUSED))
        self.assertContains(page, "1 batch will go on:")
        self.assertContains(page, "This is not possible with 1 of the chosen batches")

    def test_who_comes_too_late_is_told_so(self) -> None:
        for name, before, _ in STEPS:
            batch = make_batch(f"{name} {before}", state=before)
            page = self.ask_about(name, batch)
            Batch._default_manager.filter(pk=batch.pk).update(state=BatchState.DONE)
            self.assertContains(self.confirm(page, reason="x"), "It was too late for 1")
            self.assertEqual(state_of(batch), BatchState.DONE)

    def test_cancelling_is_done_even_if_nobody_waits(self) -> None:
        batch = make_batch()
        add_entry(batch, State.SENT, ("sent",))
        self.assertContains(self.confirm(self.ask_about("cancel", batch)), "1 batch was cancelled.")

    def test_nonsense_is_no_error(self) -> None:
        for chosen in ("", "nonsense", "\0", "12 x", "1.5"):
            self.assertEqual(
                self.client.post(batch_url("cancel"), {"chosen": chosen}).status_code, 200
            )

    def test_only_so_many_at_once(self) -> None:
        for number in range(3):
            make_batch(str(number))
        data = {"action": "cancel", "select_across": "1", "_selected_action": ["x"]}
        with mock.patch.object(asking, "MAX_CHOSEN", 2):
            page = self.client.post(url(Batch), data)
        self.assertContains(page, "2 batches will be cancelled:")
        self.assertContains(page, "Only the newest 2 batches were taken.")


class AdviceTests(SimpleTestCase):
    """:mod:`anymail.outbox.batches.advice`."""

    def advice(
        self,
        state: str,
        *,
        is_paused: bool = False,
        is_day_over: bool = False,
        is_moving: bool = False,
        **columns: Any,
    ) -> str:
        columns = {"stored_at": timezone.now(), "recipients_count": 10, **columns}
        batch = Batch(state=state, **columns)
        texts = batch_advice(
            batch, is_paused=is_paused, is_day_over=is_day_over, is_moving=is_moving
        )
        return " ".join(str(text) for text in texts)

    def test_what_holds_it_up(self) -> None:
        self.assertIn("no worker runs", self.advice(BatchState.RUNNING))
        self.assertEqual(self.advice(BatchState.RUNNING, is_moving=True), "")
        self.assertIn("pause of its mailer", self.advice(BatchState.RUNNING, is_paused=True))
        self.assertIn("next day", self.advice(BatchState.RUNNING, is_day_over=True))
        self.assertIn("somebody resumes it", self.advice(BatchState.PAUSED))
        self.assertEqual(self.advice(BatchState.RUNNING, sent=10), "")
        self.assertEqual(self.advice(BatchState.DONE, sent=10), "")

    def test_the_numbers_that_have_stopped_it_are_those_since_it_was_resumed(self) -> None:
        columns = {"sent": 3_000, "bounced": 90, "complained": 2}
        forgiven = {"forgiven_sent": 1_000, "forgiven_bounced": 30, "forgiven_complained": 1}
        text = self.advice(BatchState.STOPPED, **columns, **forgiven)
        self.assertIn("Of 2,000 sent, 60 bounced and 1 complained.", text)

    def test_storing_that_has_died_is_gone_on_with(self) -> None:
        self.assertIn("same name", self.advice(BatchState.RUNNING, stored_at=None))
        self.assertNotIn("same name", self.advice(BatchState.CANCELLED, stored_at=None))

    def test_doubts(self) -> None:
        self.assertIn("1 recipient is in doubt", self.advice(BatchState.DONE, in_doubt=1))
