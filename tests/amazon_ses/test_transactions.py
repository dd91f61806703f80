"""An event whose rows are rolled back is not acknowledged. Run with ``--db postgres``, too."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest import mock

from django.contrib.auth.models import Group
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.db.transaction import TransactionManagementError
from django.test import TransactionTestCase, override_settings

from anymail import testing
from anymail.amazon_ses.aws_lambda import handler
from anymail.signals import tracking

from ..log_guard import recorded
from ..sns_samples import TRACKING_URL
from .test_carriers import in_sns
from .test_every_carrier import sqs_record


def catch_an_error() -> None:
    with suppress(IntegrityError):
        Group.objects.create(name="twice")


def catch_it_outside() -> None:
    """Around a transaction of its own."""
    with suppress(IntegrityError), transaction.atomic():
        Group.objects.create(name="twice")


def catch_an_error_of_a_query() -> None:
    """PostgreSQL refuses all that follows; SQLite and MariaDB do not."""
    with suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")


def ask_for_a_rollback() -> None:
    transaction.set_rollback(True)


#: What receivers do after they have written a row. SQLite in memory cannot be closed.
LOSING = (catch_an_error, ask_for_a_rollback, connection.close)


@override_settings(ANYMAIL={"WEBHOOK_SECRET": "ses:s3cret"})
class TransactionTests(TransactionTestCase):
    def deliver(self, bring: Callable[[dict[str, Any]], bool], then: Callable[[], None]) -> bool:
        """Whether an event is acknowledged, whose receiver writes a row and then does something."""
        Group.objects.all().delete()
        Group.objects.create(name="twice")

        def receive(**kwargs: Any) -> None:
            Group.objects.create(name="written")
            then()

        tracking.connect(receive)
        try:
            with (
                mock.patch.dict(connections.settings["default"], ATOMIC_REQUESTS=True),
                recorded("anymail"),
                recorded("django"),
            ):
                return bring(in_sns(testing.ses_event("bounce")))
        finally:
            tracking.disconnect(receive)

    def by_webhook(self, fields: dict[str, Any]) -> bool:
        self.client.raise_request_exception = False
        document = json.loads(fields["Message"])
        with testing.trusted_sns():
            answer = self.client.post(TRACKING_URL, **testing.sns_notification(document))
        return bool(answer.status_code == 200)

    def by_lambda(self, fields: dict[str, Any]) -> bool:
        return handler({"Records": [sqs_record(json.dumps(fields))]}, None) == {
            "batchItemFailures": []
        }

    def is_stored(self) -> bool:
        return Group.objects.filter(name="written").exists()

    def test_it_is_if_and_only_if_the_row_is_stored(self):
        for bring in (self.by_webhook, self.by_lambda):
            for then in (*LOSING, catch_an_error_of_a_query, catch_it_outside):
                with self.subTest(bring.__name__, then=then.__name__):
                    self.assertEqual(self.deliver(bring, then), self.is_stored())

    def test_it_is_not_if_django_rolls_back_without_an_exception(self):
        for then in (catch_an_error, ask_for_a_rollback):
            self.assertFalse(self.deliver(self.by_webhook, then))

    def test_it_is_if_an_error_was_caught_as_django_wants_it(self):
        self.assertTrue(self.deliver(self.by_webhook, catch_it_outside))
        self.assertTrue(self.deliver(self.by_lambda, catch_it_outside))

    def test_the_error_names_the_database_and_what_to_do(self):
        with self.assertRaisesMessage(TransactionManagementError, "'default'") as found:
            self.deliver(lambda fields: bool(handler(in_lambda(fields), None)), catch_an_error)
        self.assertIn("transaction.atomic()", str(found.exception))


def in_lambda(fields: dict[str, Any]) -> dict[str, Any]:
    """What Lambda gets of SNS, which is told of an exception."""
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": fields}]}
