"""send_many(): what is stored of a batch."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from datetime import timedelta
from unittest import mock

from django.db import IntegrityError, transaction
from django.utils import timezone

from anymail import outbox
from anymail.exceptions import (
    AnymailIdempotencyConflict,
    AnymailInvalidAddress,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from anymail.message import UNSET
from anymail.outbox import BatchRecipient
from anymail.outbox.batches import storing
from anymail.outbox.models import Batch, BatchState, Entry, Pace, Recipient, State

from ...ses import V1
from .. import OutboxTestCase, OutboxTransactionTestCase, use_outbox
from . import NAME, V2, letter, people, plain_letter, send


def addresses() -> Counter[str]:
    return Counter(Recipient.objects.exclude(status="invalid").values_list("address", flat=True))


@use_outbox(V2)
class StoringTests(OutboxTestCase):
    def test_an_entry_for_each_call(self):
        batch = send(people(120))
        self.assertEqual((batch.chunks, batch.recipients_count), (3, 120))
        counts = Entry.objects.values_list("recipients_count", flat=True)
        self.assertEqual(sorted(counts), [20, 50, 50])
        self.assertEqual(addresses(), Counter(people(120)))

    def test_the_key_of_an_entry_has_the_number_of_the_call(self):
        outbox.send_many(letter(), people(60), name="News")
        outbox.send_many(letter(), people(120), name="News")
        keys = Entry.objects.order_by("idempotency_key").values_list("idempotency_key", flat=True)
        self.assertEqual(list(keys), ["News/1", "News/2", "News/3", "News/4"])

    def test_no_call_is_stored_twice_under_one_number(self):
        batch = send(people(60))
        Batch.objects.update(chunks=1)
        with self.assertRaises(IntegrityError), transaction.atomic():
            send(people(120))
        self.assertEqual(Entry.objects.filter(batch=batch).count(), 2)

    def test_a_message_with_such_a_key_is_another_one(self):
        batch = send(people(1))
        message = plain_letter(to=["ann@example.com"], idempotency_key=f"{batch.name}/1")
        message.send()
        self.assertEqual(Entry.objects.count(), 2)

    def test_calls_are_full_from_one_transaction_to_the_next(self):
        with mock.patch.object(storing, "GROUP", 70):
            batch = send(people(210))
        self.assertEqual((batch.chunks, batch.recipients_count), (5, 210))
        self.assertEqual(addresses(), Counter(people(210)))

    def test_a_call_has_no_more_recipients_than_the_rate_has_room_for(self):
        for rate, sizes in ((14, [14, 14, 2]), (14.9, [14, 14, 2]), (50, [30]), (0.1, [1] * 30)):
            with self.subTest(rate=rate), use_outbox(V2, AMAZON_SES_MAX_SEND_RATE=rate):
                batch = send(people(30), name=f"rate {rate}")
                rows = Entry.objects.filter(batch=batch)
                counts = sorted(rows.values_list("recipients_count", flat=True), reverse=True)
                self.assertEqual(counts, sizes)

    def test_a_call_has_no_more_recipients_than_ses_is_known_to_grant_per_second(self):
        Pace.objects.create(owner="unlimited", rate=0)
        Pace.objects.create(owner="unknown")
        Pace.objects.create(owner="account", rate=14)
        self.assertEqual(send(people(30)).chunks, 3)

    def test_the_whole_of_it_is_one_batch(self):
        batch = send(people(60))
        self.assertEqual(batch.name, NAME)
        self.assertEqual(batch.state, BatchState.RUNNING)
        self.assertIsNotNone(batch.stored_at)
        self.assertEqual(set(Entry.objects.values_list("batch", flat=True)), {batch.pk})
        self.assertEqual(set(Entry.objects.values_list("lane", flat=True)), {"example.com"})
        self.assertEqual(Batch.objects.get().lane, "example.com")

    def test_a_queryset_is_read_as_it_goes(self):
        send(people(3))
        found = Recipient.objects.order_by("pk").values_list("address", flat=True).iterator()
        self.assertEqual(send(found, name="another").recipients_count, 3)

    def test_nobody(self):
        batch = send([])
        self.assertEqual((batch.chunks, batch.recipients_count), (0, 0))
        self.assertIsNotNone(batch.stored_at)

    def test_batches_wait_behind_everything_else(self):
        send(people(1))
        self.assertEqual((self.entry().priority, Batch.objects.get().priority), (-50, -50))

    def test_a_priority_of_its_own(self):
        send(people(1), letter(priority=0))
        self.assertEqual((self.entry().priority, Batch.objects.get().priority), (0, 0))

    def test_attributes_for_the_outbox_hold_for_every_entry(self):
        tomorrow = timezone.now() + timedelta(days=1)
        later = tomorrow + timedelta(days=1)
        send(people(51), letter(send_at=tomorrow, expires_at=later, on_doubt="resend"))
        for entry in Entry.objects.all():
            self.assertEqual((entry.not_before, entry.expires_at), (tomorrow, later))
            self.assertEqual(entry.on_doubt, "resend")

    def test_the_message_is_stored_once(self):
        batch = send(people(60), letter(metadata={"campaign": "spring"}))
        self.assertIn("campaign", Batch.objects.get(pk=batch.pk).content)
        for entry in Entry.objects.all():
            self.assertEqual(set(json.loads(entry.content)), {"version", "to", "anymail"})

    def test_the_message_is_not_changed(self):
        message = letter(attachments=[])
        send(people(2), message)
        self.assertEqual(message.to, [])
        self.assertIs(message.merge_data, UNSET)


@use_outbox(V2)
class MemoryTests(OutboxTestCase):
    def peak(self, count: int) -> int:
        tracemalloc.start()
        try:
            generated = (f"to{number}-of-{count}@example.com" for number in range(count))
            self.assertEqual(send(generated, name=str(count)).recipients_count, count)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def test_it_does_not_grow_with_the_recipients(self):
        self.peak(storing.GROUP)
        few = self.peak(2 * storing.GROUP)
        self.assertLess(self.peak(8 * storing.GROUP), 1.5 * few)


@use_outbox(V2)
class RecipientTests(OutboxTestCase):
    def merged(self, name: str = "merge_data"):
        return json.loads(self.entry().content)["anymail"].get(name)

    def test_an_address_with_a_name(self):
        send(["Ann <ann@example.com>"])
        self.assertEqual(json.loads(self.entry().content)["to"], ["Ann <ann@example.com>"])
        self.assertEqual(Recipient.objects.get().address, "ann@example.com")

    def test_a_pair(self):
        send([("Ann <ann@example.com>", {"name": "Ann"})])
        self.assertEqual(self.merged(), {"ann@example.com": {"name": "Ann"}})

    def test_a_recipient_with_everything(self):
        ann = BatchRecipient("ann@example.com", {"a": 1}, {"b": 2}, {"X-C": "3"})
        send([ann, "ben@example.com"])
        self.assertEqual(self.merged(), {"ann@example.com": {"a": 1}})
        self.assertEqual(self.merged("merge_metadata"), {"ann@example.com": {"b": 2}})
        self.assertEqual(self.merged("merge_headers"), {"ann@example.com": {"X-C": "3"}})

    def test_its_repr_shows_nobody(self):
        self.assertNotIn("ann", repr(BatchRecipient("ann@example.com", {"name": "Ann"})))

    def test_an_address_gets_it_once(self):
        batch = send(["ann@example.com", "ben@example.com", "Ann <ANN@example.com>"])
        self.assertEqual((batch.recipients_count, batch.repeated), (2, 1))

    def test_an_address_gets_it_once_from_one_transaction_to_the_next(self):
        with mock.patch.object(storing, "GROUP", 60):
            batch = send([*people(100), *people(100)])
        self.assertEqual((batch.recipients_count, batch.repeated), (100, 100))
        self.assertEqual(addresses(), Counter(people(100)))

    def test_what_is_no_address_is_kept(self):
        batch = send(["ann@example.com", "nobody", "", None, "ben@example.com"])
        self.assertEqual((batch.recipients_count, batch.invalid, batch.repeated), (2, 2, 1))
        self.assertEqual(self.entry().recipients_count, 2)
        invalid = Recipient.objects.filter(status="invalid", error_code="InvalidAddress")
        self.assertEqual({one.address for one in invalid}, {"nobody", ""})

    def test_what_ses_cannot_deliver_to_is_no_address(self):
        batch = send(["ann@example.com", "jörg@example.com"])
        self.assertEqual((batch.recipients_count, batch.invalid), (1, 1))

    def test_several_addresses_in_one_are_none(self):
        self.assertEqual(send(["ann@example.com, ben@example.com"]).invalid, 1)

    def test_nobody_with_an_address(self):
        batch = send(["nobody"])
        self.assertEqual((batch.recipients_count, batch.invalid), (0, 1))
        self.assertEqual(
            (self.entry().state, self.entry().error_code), ("failed", "InvalidAddress")
        )

    def test_one_address_is_no_list(self):
        for wrong in ("ann@example.com", {"ann@example.com": {"name": "Ann"}}):
            with self.subTest(wrong=wrong), self.assertRaisesMessage(TypeError, "an iterable of"):
                send(wrong)

    def test_something_else(self):
        for wrong in (1, ("ann@example.com",), ("ann@example.com", "Ann"), object()):
            with self.subTest(wrong=wrong), self.assertRaisesMessage(TypeError, "Recipient 2 must"):
                send(["ann@example.com", wrong])


@use_outbox(V2)
class RefusedTests(OutboxTestCase):
    def test_recipients_in_the_message(self):
        for field in ("to", "cc", "bcc"):
            with self.subTest(field), self.assertRaisesMessage(ValueError, f"`{field}`"):
                send(people(1), letter(**{field: people(1)}))

    def test_a_key(self):
        with self.assertRaisesMessage(ValueError, "`idempotency_key`"):
            send(people(1), letter(idempotency_key="1"))

    def test_merge_attributes_of_the_message(self):
        with self.assertRaisesMessage(ValueError, "BatchRecipient"):
            send(people(1), letter(merge_data={"ann@example.com": {"name": "Ann"}}))

    def test_a_name_that_is_none(self):
        for name in ("", "x" * 201, "a\nb", 7):
            with self.subTest(name), self.assertRaisesMessage(ValueError, "The name of a batch"):
                send(people(1), name=name)

    def test_a_message_that_cannot_be_sent_stores_nothing(self):
        with self.assertRaises(AnymailUnsupportedFeature):
            send(people(1), letter(subject="Of the template"))
        with self.assertRaises(AnymailInvalidAddress):
            send(people(1), letter(from_email="jörg@example.com"))
        self.assertEqual(Batch.objects.count(), 0)

    def test_an_unknown_mailer(self):
        with self.assertRaisesMessage(ValueError, "unknown"):
            outbox.send_many(letter(), people(1), name=NAME, mailer="unknown")

    def test_merge_data_that_json_cannot_hold_is_told_by_its_position(self):
        to = [*people(60), ("ann@example.com", {"name": object()})]
        with (
            mock.patch.object(storing, "GROUP", 55),
            self.assertRaisesMessage(AnymailSerializationError, "recipient 61") as caught,
        ):
            send(to)
        self.assertNotIn("ann@", str(caught.exception))
        self.assertEqual(addresses(), Counter(people(50)))
        self.assertEqual(send([*people(60), "ann@example.com"]).recipients_count, 61)

    def test_merge_data_without_a_template(self):
        with self.assertRaisesMessage(AnymailUnsupportedFeature, "recipient 1"):
            send([("ann@example.com", {"name": "Ann"})], plain_letter())

    def test_an_error_before_anything_is_stored_leaves_the_name_free(self):
        ann = ("ann@example.com", {"name": "Ann"})
        with self.assertRaises(AnymailUnsupportedFeature):
            send([ann], plain_letter())
        with self.assertRaises(TypeError):
            send([7], plain_letter())
        self.assertEqual(Batch.objects.count(), 0)
        send([ann], plain_letter(esp_extra={"InlineTemplate": True}))
        self.assertEqual(Batch.objects.get().recipients_count, 1)

    def test_cc_for_everybody(self):
        with (
            use_outbox(V2, SEND_DEFAULTS={"bcc": ["archive@example.com"]}),
            self.assertRaisesMessage(ValueError, "SEND_DEFAULTS"),
        ):
            send(people(1))


@use_outbox(V2)
class AgainTests(OutboxTestCase):
    def test_it_goes_on(self):
        first = send(people(70))
        second = send(people(170))
        self.assertEqual(second.pk, first.pk)
        self.assertEqual((second.recipients_count, second.repeated), (170, 0))
        self.assertEqual(addresses(), Counter(people(170)))

    def test_after_an_error_of_the_iterable(self):
        def broken():
            yield from people(130)
            raise ZeroDivisionError

        with mock.patch.object(storing, "GROUP", 50), self.assertRaises(ZeroDivisionError):
            send(broken())
        self.assertIsNone(Batch.objects.get().stored_at)
        self.assertEqual(Recipient.objects.count(), 100)
        batch = send(people(130))
        self.assertIsNotNone(batch.stored_at)
        self.assertEqual(addresses(), Counter(people(130)))

    def test_with_a_list_that_has_changed(self):
        """Those who have it are not touched, and nobody is lost or repeated."""
        send(people(60))
        batch = send([*people(30, 100), *people(40, 20)])
        self.assertEqual(addresses(), Counter([*people(60), *people(30, 100)]))
        self.assertEqual(batch.recipients_count, 90)

    def test_invalid_ones_are_counted_once(self):
        send(["ann@example.com", "nobody"])
        self.assertEqual(send(["ann@example.com", "nobody"]).invalid, 1)

    def test_with_another_message(self):
        send(people(1))
        with self.assertRaisesMessage(AnymailIdempotencyConflict, NAME):
            send(people(2), letter(template_id="other"))
        self.assertEqual(Recipient.objects.count(), 1)

    def test_with_another_time(self):
        send(people(1))
        send(people(2), letter(send_at=timezone.now() + timedelta(hours=1)))
        self.assertEqual(Recipient.objects.count(), 2)

    def test_another_name_is_another_batch(self):
        send(people(2))
        send(people(2), name="another")
        self.assertEqual(addresses(), Counter([*people(2), *people(2)]))

    def test_names_are_told_apart_by_their_case(self):
        send(people(1), name="News")
        self.assertEqual(send(people(1), name="news").recipients_count, 1)
        self.assertEqual(Batch.objects.count(), 2)

    def test_a_cancelled_batch_takes_no_more(self):
        send(people(1))
        Batch.objects.update(state=BatchState.CANCELLED)
        self.assertEqual(send(people(5)).recipients_count, 1)
        self.assertEqual(Recipient.objects.count(), 1)

    def test_a_batch_that_is_done_takes_more_and_runs(self):
        send(people(1))
        now = timezone.now()
        Batch.objects.update(state=BatchState.DONE, done_at=now, content=None)
        batch = send(people(2))
        self.assertEqual((batch.state, batch.done_at), (BatchState.RUNNING, None))
        self.assertIsNotNone(Batch.objects.get().content)
        self.assertGreaterEqual(batch.stored_at, now)

    def test_a_batch_that_is_done_stays_so_if_there_is_nobody_new(self):
        send(people(1))
        Batch.objects.update(state=BatchState.DONE, content=None)
        send(people(1))
        self.assertEqual(Batch.objects.get().state, BatchState.DONE)
        self.assertIsNone(Batch.objects.get().content)


@use_outbox(V2)
class TransactionTests(OutboxTransactionTestCase):
    def test_it_is_part_of_the_callers_transaction(self):
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            send(people(3))
            raise ZeroDivisionError
        self.assertEqual((Batch.objects.count(), Entry.objects.count()), (0, 0))

    def test_without_one_workers_begin_at_once(self):
        rung = []
        states = []

        def to():
            for number, address in enumerate(people(120)):
                if number == 100:
                    states.append(Entry.objects.filter(state=State.WAITING).count())
                    states.append(len(rung))
                yield address

        bell = lambda run_after=None: rung.append(run_after)  # noqa: E731
        with (
            use_outbox(V2, OUTBOX_BELL=bell),
            mock.patch.object(storing, "GROUP", 50),
        ):
            send(to())
        self.assertEqual(states, [2, 2])
        self.assertEqual(rung, [None, None, None])

    def test_rows_are_read_while_they_are_stored(self):
        """The iterable may be a query of the same database."""
        send(people(150))
        found = Recipient.objects.order_by("pk").values_list("address", flat=True)
        with mock.patch.object(storing, "GROUP", 50):
            batch = send(found.iterator(chunk_size=20), name="another")
        self.assertEqual(batch.recipients_count, 150)


@use_outbox(V1)
class RawTests(OutboxTestCase):
    def test_everybody_gets_a_message_of_their_own(self):
        batch = send(people(3), plain_letter())
        self.assertEqual((batch.chunks, batch.recipients_count), (3, 3))
        self.assertEqual(batch.subject, "News")

    def test_a_template_of_the_first_api(self):
        self.assertEqual(send(people(60)).chunks, 2)


@use_outbox(V2, AMAZON_SES_INLINE_TEMPLATES=True)
class InlineTests(OutboxTestCase):
    def test_a_message_that_is_a_template(self):
        to = [("ann@example.com", {"name": "Ann"}), "ben@example.com"]
        batch = send(to, plain_letter(body="Dear {{name}}"))
        self.assertEqual((batch.chunks, batch.recipients_count), (1, 2))
