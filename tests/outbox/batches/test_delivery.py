"""What workers make of a batch, against an SES on loopback."""

from __future__ import annotations

import base64
import json
from collections import Counter
from email import message_from_bytes
from typing import Any
from unittest import mock

from django.core.files.storage import InMemoryStorage, storages
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from anymail import outbox
from anymail.message import AnymailMessage
from anymail.outbox import BatchRecipient
from anymail.outbox.batches import content
from anymail.outbox.batches.upkeep import look_after
from anymail.outbox.ledger import entries, recipients
from anymail.outbox.models import Batch, BatchState, State
from anymail.signals import pre_send

from ..loopback import Call, FaultTestCase, bulk_answer
from . import NAME, V2, people, plain_letter, send

LARGE = b"x" * 40_000
PLAIN = {"subject": "News", "body": "Text", "from_email": "news@example.com"}


class Signed(AnymailMessage):
    """Builds its MIME in a way of its own."""

    def message(self, *args: Any, **kwargs: Any) -> Any:
        mime = super().message(*args, **kwargs)
        mime["X-Signature"] = "1"
        return mime


class CountingStorage(InMemoryStorage):
    """Notes what is opened."""

    opened: list[str] = []

    def _open(self, name: str, mode: str = "rb") -> Any:
        self.opened.append(name)
        return super()._open(name, mode)


def batch() -> Batch:
    """The only one, counted anew."""
    row: Batch = Batch._default_manager.get()
    look_after([row.pk])
    row.refresh_from_db()
    return row


class TemplateTests(FaultTestCase):
    """Both APIs; see :class:`TemplateV2Tests`."""

    def refused(self) -> str:
        return "MessageRejected"

    def test_everybody_gets_it_once(self) -> None:
        send(people(120))
        self.assertEqual(self.deliver().sent, 3)
        self.assertEqual(self.ses.got, Counter(people(120)))
        self.assertEqual(Counter(len(call.to) for call in self.ses.accepted), {50: 2, 20: 1})
        ids = set(recipients().values_list("status", "message_id"))
        self.assertEqual((len(ids), {status for status, _ in ids}), (120, {"queued"}))
        self.assertEqual((batch().state, batch().sent), (BatchState.DONE, 120))

    def test_each_with_its_own_data(self) -> None:
        send([("Ann <ann@example.com>", {"name": "Ann"}), ("ben@example.com", {"name": "Ben"})])
        self.deliver()
        [call] = self.ses.accepted
        form = json.dumps(call.form)
        for name in ("Ann", "Ben"):
            self.assertIn(name, form)

    def test_some_are_refused(self) -> None:
        to = people(50)
        self.ses.answer = lambda call: bulk_answer(call, dict.fromkeys(to[:3], self.refused()))
        send(to)
        self.deliver()
        entry = entries().get()
        self.assertEqual((entry.state, entry.refused_count), (State.SENT, 3))
        self.assertEqual(Counter(self.statuses().values()), {"queued": 47, "failed": 3})
        self.assertEqual((batch().sent, batch().failed), (47, 3))

    def test_what_is_no_address_is_not_sent_and_not_counted(self) -> None:
        send(["ann@example.com", "nobody"])
        self.deliver()
        self.assertEqual(self.ses.got, Counter(["ann@example.com"]))
        entry = entries().get()
        self.assertEqual((entry.state, entry.refused_count), (State.SENT, 0))
        self.assertEqual(self.statuses(), {"ann@example.com": "queued", "nobody": "invalid"})

    def test_a_batch_of_none_but_those_is_done(self) -> None:
        send(["nobody"])
        self.deliver()
        self.assertEqual((batch().state, batch().invalid), (BatchState.DONE, 1))

    def test_a_call_is_written_down_with_one_update(self) -> None:
        send(people(50))
        channel = self.posted()
        with CaptureQueriesContext(connection) as queries:
            self.work(channel, may_claim=False)
        table = recipients().model._meta.db_table
        updates = [one["sql"] for one in queries if one["sql"].startswith("UPDATE")]
        self.assertEqual(sum(table in sql.partition("SET")[0] for sql in updates), 1)

    def test_whoever_takes_a_recipient_out_is_counted(self) -> None:
        def leave_out(sender: Any, message: Any, **kwargs: Any) -> None:
            message.to = message.to[1:]

        pre_send.connect(leave_out)
        self.addCleanup(pre_send.disconnect, leave_out)
        send(people(3))
        self.deliver()
        self.assertEqual((entries().get().refused_count, batch().sent), (1, 2))

    def test_a_doubt_ends_with_the_events_of_every_recipient(self) -> None:
        send(people(2))
        self.ses.answer = self.ses.accept_and(None)
        with self.assertLogs("anymail.outbox", "WARNING"):
            self.deliver()
        [call] = self.ses.accepted
        self.assertEqual(self.state(), State.IN_DOUBT)
        for number, address in enumerate(call.to):
            one = Call(id=f"{call.id}-{number}", to=[address], tag=call.tag, form={})
            self.post_event(one)
        self.assertEqual((self.state(), set(self.statuses().values())), ("sent", {"queued"}))


class TemplateV2Tests(TemplateTests):
    path = V2

    def refused(self) -> str:
        return "MESSAGE_REJECTED"

    def test_metadata_and_headers_of_their_own(self) -> None:
        send([BatchRecipient("ann@example.com", {}, {"number": 7}, {"List-Unsubscribe": "<x:1>"})])
        self.deliver()
        [one] = json.loads(self.ses.accepted[0].form["Body"])["BulkEmailEntries"]
        headers = {header["Name"]: header["Value"] for header in one["ReplacementHeaders"]}
        self.assertEqual(headers["List-Unsubscribe"], "<x:1>")
        self.assertIn("7", headers["X-Metadata"])


class AttachmentTestCase(FaultTestCase):
    """With a storage of its own."""

    def setUp(self) -> None:
        super().setUp()
        storage = {"BACKEND": f"{__name__}.CountingStorage"}
        override = override_settings(STORAGES={"default": storage})
        override.enable()
        self.addCleanup(override.disable)
        CountingStorage.opened.clear()

    def files(self) -> list[str]:
        store = storages["default"]
        try:
            folders, _ = store.listdir("anymail-outbox")
        except FileNotFoundError:
            return []
        return [name for folder in folders for name in store.listdir(f"anymail-outbox/{folder}")[1]]

    def with_attachment(self, **kwargs: Any) -> AnymailMessage:
        message = plain_letter(**kwargs)
        message.attach("terms.bin", LARGE, "application/octet-stream")
        return message


class RawTests(AttachmentTestCase):
    def test_nobody_sees_the_others(self) -> None:
        send(people(4), plain_letter())
        self.deliver()
        self.assertEqual(self.ses.got, Counter(people(4)))
        for call in self.ses.accepted:
            mime = base64.b64decode(call.form["RawMessage.Data"]).decode()
            seen = [address for address in people(4) if address in mime]
            self.assertEqual(seen, call.to)

    def test_a_message_that_is_built_before_it_has_recipients(self) -> None:
        to = ["Ännchen <ann@example.com>", "ben@example.com"]
        send(to, Signed(**PLAIN))
        self.deliver()
        self.assertEqual(len(self.ses.accepted), 2)
        for call in self.ses.accepted:
            mime = message_from_bytes(base64.b64decode(call.form["RawMessage.Data"]))
            self.assertEqual((mime["X-Signature"], [mime["To"]]), ("1", call.to))

    def test_attachments_are_stored_and_read_once(self) -> None:
        send(people(4), self.with_attachment())
        self.assertEqual(len(self.files()), 1)
        self.deliver()
        self.assertEqual(self.ses.got, Counter(people(4)))
        self.assertEqual(len(CountingStorage.opened), 1)
        for call in self.ses.accepted:
            data = base64.b64decode(call.form["RawMessage.Data"])
            self.assertIn(base64.b64encode(LARGE)[:40], data)

    def test_those_that_are_too_large_to_remember(self) -> None:
        with mock.patch.object(content, "MAX_REMEMBERED", 100):
            send(people(3), self.with_attachment())
            self.deliver()
        self.assertEqual((len(self.ses.got), len(CountingStorage.opened)), (3, 3))

    def test_the_batch_is_read_once(self) -> None:
        send(people(5), plain_letter())
        with mock.patch.object(content, "_content_of", wraps=content._content_of) as read:
            self.deliver()
        self.assertEqual(read.call_count, 1)

    def test_more_batches_than_are_remembered(self) -> None:
        for number in range(content.REMEMBERED + 2):
            send([f"to{number}@example.com"], plain_letter(subject=f"News {number}"), f"{number}")
        self.deliver()
        subjects = [base64.b64decode(c.form["RawMessage.Data"]) for c in self.ses.accepted]
        for number in range(content.REMEMBERED + 2):
            self.assertEqual(sum(f"Subject: News {number}".encode() in s for s in subjects), 1)


class KeepingTests(AttachmentTestCase):
    """How long the content of a batch is kept."""

    def minutes_later(self) -> None:
        look_after(Batch._default_manager.values_list("pk", flat=True))
        self.clock.pass_by(90)
        self.deliver()

    def test_it_goes_when_the_batch_is_done(self) -> None:
        send(people(3), self.with_attachment())
        self.deliver()
        self.minutes_later()
        self.assertEqual((batch().state, batch().content), (BatchState.DONE, None))
        self.assertEqual(self.files(), [])
        self.assertFalse(outbox.send_again(entries()[0].pk))

    def test_not_while_something_waits(self) -> None:
        send(people(3), self.with_attachment())
        entries().filter(pk=entries()[0].pk).update(state=State.POSTING)
        self.deliver()
        self.minutes_later()
        self.assertIsNotNone(batch().content)
        self.assertEqual(len(self.files()), 1)

    def test_not_while_one_can_be_sent_again(self) -> None:
        send(people(3), self.with_attachment())
        outbox.cancel(entries()[0].pk)
        self.deliver()
        self.minutes_later()
        self.assertEqual((batch().state, len(self.files())), (BatchState.DONE, 1))
        cancelled = entries().get(state=State.CANCELLED)
        self.assertTrue(outbox.send_again(cancelled.pk))
        self.deliver()
        self.assertEqual(self.ses.got, Counter(people(3)))
        self.minutes_later()
        self.assertEqual((batch().state, batch().content), (BatchState.DONE, None))

    def test_more_recipients_bring_it_back(self) -> None:
        send(people(1), self.with_attachment())
        self.deliver()
        self.minutes_later()
        send(people(2), self.with_attachment())
        self.assertEqual(len(self.files()), 1)
        self.deliver()
        self.assertEqual(self.ses.got, Counter(people(2)))

    def test_pruning_leaves_the_files_of_a_batch(self) -> None:
        send(people(1), self.with_attachment())
        self.clock.pass_by(3 * 86_400)
        call_command("anymail_prune", verbosity=0)
        self.assertEqual(len(self.files()), 1)

    def test_pruning_takes_the_batch_after_its_messages(self) -> None:
        send(people(3), self.with_attachment())
        self.deliver()
        outbox.send_many(plain_letter(), people(1), name="another")
        self.clock.pass_by(400 * 86_400)
        call_command("anymail_prune", verbosity=0)
        self.assertEqual(Batch._default_manager.get().name, "another")
        self.assertEqual((entries().count(), self.files()), (1, []))
        self.assertEqual(send(people(1), self.with_attachment(), NAME).recipients_count, 1)


class KeptTests(FaultTestCase):
    anymail = {"OUTBOX_KEEP_CONTENT": 86_400}

    def test_the_content_stays_for_as_long_as_that_of_its_messages(self) -> None:
        send(people(60))
        self.deliver()
        self.assertEqual(batch().state, BatchState.DONE)
        self.clock.pass_by(3600)
        self.deliver()
        self.assertIsNotNone(batch().content)
        self.assertTrue(outbox.send_again(entries()[0].pk))
        self.deliver()
        self.assertEqual(batch().state, BatchState.DONE)
        self.clock.pass_by(90_000)
        self.deliver()
        self.clock.pass_by(90)
        self.deliver()
        self.assertIsNone(batch().content)


class AgainTests(FaultTestCase):
    def test_sending_again_leaves_out_what_is_no_address(self) -> None:
        send(["ann@example.com", "nobody"])
        outbox.cancel(entries().get().pk)
        self.assertTrue(outbox.send_again(entries().get().pk))
        self.deliver()
        self.assertEqual(self.statuses(), {"ann@example.com": "queued", "nobody": "invalid"})
        self.assertEqual(self.state(), State.SENT)
