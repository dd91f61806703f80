"""From send() to SENT, with the real SES backends and a loopback SES."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from anymail import outbox
from anymail.outbox.models import Entry, Recipient, State

from ..ses import V1, simple_message, stubbed
from . import OutboxTestCase, use_outbox


class SendingTests(OutboxTestCase):
    def test_send_is_two_inserts(self) -> None:
        with use_outbox(V1), CaptureQueriesContext(connection) as queries:
            simple_message(to=["a@example.com", "b@example.com"]).send()
        self.assertEqual([query["sql"].split()[0] for query in queries], ["INSERT", "INSERT"])

    def test_a_message_is_queued_then_sent_with_the_id_of_ses(self) -> None:
        with use_outbox(V1, AMAZON_SES_MAX_SEND_RATE=1000), stubbed() as stub:
            stub.add_response("send_raw_email", {"MessageId": "id-of-ses"})
            message = simple_message(to=["Ann <a@example.com>"])
            self.assertEqual(message.send(), 1)
            self.assertEqual(message.anymail_status.status, {"queued"})
            self.assertEqual(outbox.deliver(until_empty=True), outbox.Counts(claimed=1, sent=1))
        entry = Entry._default_manager.get(pk=message.outbox_id)
        self.assertEqual((entry.state, entry.content), (State.SENT, None))
        recipient = Recipient._default_manager.get()
        self.assertEqual((recipient.message_id, recipient.status), ("id-of-ses", "queued"))
