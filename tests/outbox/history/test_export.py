"""The list of messages as a CSV file."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from datetime import timezone as datetime_timezone
from typing import Any
from unittest import mock

from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.admin.models import LogEntry
from django.core.mail import EmailMessage
from django.db import DatabaseError, connection
from django.test import AsyncClient, SimpleTestCase, override_settings
from django.urls import reverse
from django.utils import timezone

from anymail.admin_lists import exporting
from anymail.admin_lists.exporting import cell
from anymail.outbox.models import Entry, EntryTag, State

from ..batches.rows import make_batch
from ..test_admin import AdminTestCase, stored, url

EXPORT = "admin:anymail_outbox_entry_export"
NOON = datetime(2026, 11, 30, 12, 0, 0, 5, tzinfo=datetime_timezone.utc)


def lines(response: Any) -> list[dict[str, str]]:
    """What a program reads that knows nothing of us."""
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


class CellTests(SimpleTestCase):
    def test_no_text_begins_like_a_formula(self) -> None:
        for sign in "=+-@\uff1d\uff0b\uff0d\uff20":
            for before in ("", " ", "\t", "\r", "\n", "\r\n", '"', ' "\t', "\ufeff"):
                self.assertTrue(cell(f"{before}{sign}1+1").startswith("'"), (before, sign))

    def test_nothing_after_a_semicolon_begins_like_a_formula(self) -> None:
        self.assertEqual(cell('a;=1; "=2;b'), "a;'=1;' \"=2;b")

    def test_a_text_stays_in_its_line(self) -> None:
        self.assertEqual(cell("a\r\n=b\x0bc\u2028d\x85e\0f"), "a =b c d e f")

    def test_other_texts_and_numbers_stay_what_they_are(self) -> None:
        for value in ("ann@example.com", "Sale, -20 %", "it's 1 = 1", "", -5, None):
            self.assertEqual(cell(value), value)

    def test_times_are_in_the_current_time_zone(self) -> None:
        with timezone.override("Asia/Tokyo"):
            self.assertEqual(cell(NOON), "2026-11-30T21:00:00+09:00")
        self.assertEqual(cell(NOON.replace(tzinfo=None)), "2026-11-30T12:00:00")


class ExportTests(AdminTestCase):
    receipt: Entry
    other: Entry

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        batch = make_batch("June")
        to = ["ann@example.com", "+bob@example.com"]
        mail = EmailMessage('=HYPERLINK("http://x.test";"Your prize")', "", None, to)
        columns: dict[str, Any] = {"created_at": NOON, "done_at": NOON, "mailer": "ses"}
        cls.receipt = stored(
            State.SENT, mail, status="queued", message_id="0102-a", batch=batch, **columns
        )
        tags = [EntryTag(entry=cls.receipt, tag=tag) for tag in ("welcome", "-shop")]
        EntryTag._default_manager.bulk_create(tags)
        cls.other = stored(message=EmailMessage("Other", "", None, ["c@example.com"]))

    def export(self, **params: Any) -> Any:
        return self.client.post(reverse(EXPORT, query=params) if params else reverse(EXPORT))

    def test_a_line_for_each_recipient(self) -> None:
        with override_settings(TIME_ZONE="UTC"):
            [ann, bob] = lines(self.export(state__exact="sent"))
        common = {
            "created": "2026-11-30T12:00:00+00:00",
            "done": "2026-11-30T12:00:00+00:00",
            "state": "sent",
            "subject": '\'=HYPERLINK("http://x.test";"Your prize")',
            "mailer": "ses",
            "batch": "June",
            "outbox id": str(self.receipt.pk),
            "tags": "'-shop welcome",
            "kind": "to",
            "status": "queued",
            "event": "",
            "recipient error code": "",
            "message id": "0102-a",
        }
        self.assertEqual(ann, {**common, "address": "ann@example.com"})
        self.assertEqual(bob, {**common, "address": "'+bob@example.com"})

    def test_a_message_without_recipients_has_a_line_too(self) -> None:
        self.other.recipients.all().delete()
        [line] = lines(self.export(state__exact="waiting"))
        self.assertEqual((line["subject"], line["address"]), ("Other", ""))

    def test_exports_what_the_list_has_and_what_is_chosen_in_it(self) -> None:
        self.assertEqual(len(lines(self.export())), 3)
        self.assertEqual(len(lines(self.export(q="c@example.com"))), 1)
        self.assertEqual(len(lines(self.export(tag="welcome"))), 2)
        self.assertEqual(len(lines(self.export(q="nothing"))), 0)
        chosen = {"action": "export", "_selected_action": str(self.other.pk)}
        self.assertEqual(len(lines(self.client.post(url(Entry), chosen))), 1)
        everything = self.client.post(url(Entry), {**chosen, "select_across": "1"})
        self.assertEqual(len(lines(everything)), 3)

    def test_the_page_has_a_button_for_what_it_shows(self) -> None:
        page = self.client.get(url(Entry), {"state__exact": "sent"})
        action = f'<form method="post" action="{reverse(EXPORT)}?state__exact=sent">'
        self.assertContains(page, action)

    def test_is_a_download_that_excel_can_read(self) -> None:
        response = self.export()
        self.assertEqual(response["Content-Type"], "text/csv; charset=utf-8")
        self.assertRegex(
            response["Content-Disposition"],
            r'^attachment; filename="messages-\d{4}-\d\d-\d\d\.csv"$',
        )
        self.assertTrue(next(iter(response)).startswith(b"\xef\xbb\xbfcreated,"))
        close(response)

    def test_every_row_comes_once_in_however_many_queries(self) -> None:
        for number in range(5):  # two of them at a time
            stored(created_at=NOON + timedelta(days=number // 2), subject=str(number))
        with mock.patch.object(exporting, "CHUNK", 2):
            found = lines(self.export())
        ids = list(dict.fromkeys(line["outbox id"] for line in found))
        newest = Entry._default_manager.order_by("-created_at", "-pk")
        self.assertEqual(ids, [str(entry.pk) for entry in newest])
        self.assertEqual(len(found), 8)

    def test_an_error_on_the_way_ends_the_download_with_an_error(self) -> None:
        with mock.patch.object(exporting, "CHUNK", 1):
            pieces = iter(self.export())
            next(pieces), next(pieces)
            broken = mock.patch.object(exporting, "_csv", side_effect=DatabaseError("gone"))
            with broken, self.assertRaisesMessage(DatabaseError, "gone"):
                next(pieces)

    def test_only_with_the_permission_and_only_by_post(self) -> None:
        self.assertEqual(self.client.get(reverse(EXPORT)).status_code, 405)
        chosen = {"action": "export", "_selected_action": str(self.other.pk)}
        for permissions in (("view_entry",), ("export_entry",)):
            self.login_with(*permissions)
            self.assertEqual(self.export().status_code, 403, permissions)
        self.login_with("view_entry")
        page = self.client.get(url(Entry))
        self.assertNotContains(page, reverse(EXPORT))
        self.assertNotContains(page, 'value="export"')
        self.assertFalse(self.client.post(url(Entry), chosen).streaming)
        self.login_with("view_entry", "export_entry")
        self.assertEqual(len(lines(self.export())), 3)

    def test_a_query_that_means_nothing_goes_back_to_the_list(self) -> None:
        for params in ({"created_at__year": "x"}, {"state__exact__x": "1"}):
            response = self.export(**params)
            self.assertEqual(response["Location"], url(Entry) + "?e=1")

    def test_the_admins_log_has_who_exported_how_many(self) -> None:
        response = self.export()
        log = LogEntry._default_manager.get()
        self.assertEqual(log.change_message, "An export as CSV has begun.")
        self.assertEqual(len(lines(response)), 3)
        log.refresh_from_db()
        self.assertEqual((log.user, log.object_repr), (self.user, "messages"))
        self.assertEqual(log.change_message, "Exported 2 messages as CSV.")

    def test_the_log_says_how_far_an_export_came_that_was_broken_off(self) -> None:
        with mock.patch.object(exporting, "CHUNK", 1):
            response = self.export()
            pieces = iter(response)
            next(pieces), next(pieces)
            close(response)
        message = LogEntry._default_manager.get().change_message
        self.assertEqual(message, "Exported 1 message as CSV.")


def close(response: Any) -> None:
    """End a request without closing the connection of the tests, as Django does at its end."""
    with mock.patch.object(connection, "close_if_unusable_or_obsolete"):
        response.close()


class AsgiTests(AdminTestCase):
    def test_pieces_are_sent_as_they_are_made(self) -> None:
        for _ in range(3):
            stored()
        client = AsyncClient()
        client.force_login(self.user)

        async def first_piece() -> bytes:
            response = await client.post(reverse(EXPORT))
            pieces = response.streaming_content
            found = [await anext(pieces), await anext(pieces)]
            await sync_to_async(close)(response)
            return b"".join(found)

        with mock.patch.object(exporting, "CHUNK", 1):
            self.assertEqual(async_to_sync(first_piece)().count(b"\n"), 2)
        message = LogEntry._default_manager.get().change_message
        self.assertEqual(message, "Exported 1 message as CSV.")
