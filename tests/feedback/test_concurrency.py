"""What happens when SNS delivers the same notification several times at once."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import close_old_connections, connection, connections, transaction
from django.test import Client, override_settings

from anymail import testing
from anymail.feedback.models import Bounce, Complaint, Suppression
from anymail.feedback.recording import record
from anymail.feedback.signals import feedback

from ..local_sns import PATIENCE
from . import TRACKING_URL, FeedbackTransactionTestCase

THREADS = 8
NOTIFICATIONS = 500
#: SNS gives up after more than this.
MAX_TRIES = 20


class ServerTestCase(FeedbackTransactionTestCase):
    """Needs a database that several threads can use."""

    def setUp(self) -> None:
        if connection.vendor == "sqlite":
            self.skipTest("SQLite in memory has one connection: run with --db postgres or mariadb")
        super().setUp()

    def connect_receiver(self, receiver: Any) -> None:
        feedback.connect(receiver)
        self.addCleanup(feedback.disconnect, receiver)


class ManyDeliveriesTests(ServerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.lock = threading.Lock()
        self.committed: Counter[tuple[str, str]] = Counter()
        self.called: Counter[tuple[str, str]] = Counter()
        self.failed: set[tuple[str, str]] = set()
        self.answers: Counter[int] = Counter()

    def receive(self, instance: Any, **kwargs: Any) -> None:
        """Raises the first time for the second recipient of every tenth notification."""
        key = (instance.mail_id, instance.address)
        with self.lock:
            self.called[key] += 1
            fails = instance.mail_id.endswith("0") and instance.address.startswith("b")
            if fails and key not in self.failed:
                self.failed.add(key)
                raise RuntimeError("once")
        transaction.on_commit(lambda: self.committed.update([key]))

    def deliver(self, requests: list[dict[str, Any]]) -> None:
        """Post each notification as SNS does: again, until it is answered with 2xx."""
        client = Client(raise_request_exception=False)
        try:
            for request in requests:
                for _ in range(MAX_TRIES):
                    status = client.post(TRACKING_URL, **request).status_code
                    with self.lock:
                        self.answers[status] += 1
                    if status == 200:
                        break
                else:
                    raise AssertionError("SNS gave up")
        finally:
            connections.close_all()

    @override_settings(
        ANYMAIL={
            "FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"],
            "AMAZON_SES_SNS_TOPIC_ARNS": [testing.DEFAULT_TOPIC],
        }
    )
    def test_eight_threads_deliver_the_same_notifications(self) -> None:
        """Each row and each signal once, nothing lost, whatever is repeated when."""
        self.connect_receiver(self.receive)
        requests, expected = [], set()
        for number in range(NOTIFICATIONS):
            mail_id = f"mail-{number}"
            recipients = [f"{letter}{number % 50}@example.com" for letter in "ab"]
            kind = "bounce" if number % 2 == 0 else "complaint"
            requests.append(
                testing.sns_notification(kind, recipient=recipients, message_id=mail_id)
            )
            expected |= {(mail_id, address) for address in recipients}
        with (
            self.assertLogs("django.request", "ERROR"),
            testing.trusted_sns(),
            ThreadPoolExecutor(THREADS) as pool,
        ):
            list(pool.map(self.deliver, [requests] * THREADS))

        rows = [
            key
            for model in (Bounce, Complaint)
            for key in model.objects.values_list("mail_id", "address")
        ]
        self.assertEqual(Counter(rows), Counter(expected))
        self.assertEqual(self.committed, Counter(expected))
        self.assertEqual(len(self.failed), NOTIFICATIONS // 10)
        for key, count in self.called.items():
            again = key[0].endswith("0")  # it, or the recipient after it, failed once
            self.assertEqual(count, 2 if again else 1, key)
        self.assertEqual(set(self.answers), {200, 500})
        self.assertEqual(self.answers[200], THREADS * NOTIFICATIONS)
        # Only the receiver's errors: a deadlock is not answered with 500.
        self.assertEqual(self.answers[500], NOTIFICATIONS // 10)
        self.assertEqual(Suppression.objects.filter(reason="hard_bounce").count(), 50)
        self.assertEqual(Suppression.objects.filter(reason="complaint").count(), 50)


class TwoDeliveriesTests(ServerTestCase):
    """Two at the same moment: the second waits for what becomes of the first."""

    def setUp(self) -> None:
        super().setUp()
        self.event = testing.tracking_event("bounced")
        self.first_is_inside = threading.Event()
        self.second_is_waiting = threading.Event()
        self.calls: list[str] = []
        self.fails = False
        self.connect_receiver(self.receive)

    def receive(self, **kwargs: Any) -> None:
        self.calls.append(threading.current_thread().name)
        if threading.current_thread().name == "first":
            self.first_is_inside.set()
            self.second_is_waiting.wait(PATIENCE)
            if self.fails:
                raise RuntimeError("first")

    def run_both(self) -> dict[str, Any]:
        results: dict[str, Any] = {}

        def deliver() -> None:
            name = threading.current_thread().name
            if name == "second":
                self.first_is_inside.wait(PATIENCE)
                # It can say so no later: then it waits inside of the database.
                threading.Timer(0.5, self.second_is_waiting.set).start()
            try:
                results[name] = len(record(self.event))
            except RuntimeError as err:
                results[name] = str(err)
            finally:
                close_old_connections()
                connections.close_all()

        threads = [threading.Thread(target=deliver, name=name) for name in ("first", "second")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * PATIENCE)
        return results

    def test_if_the_first_is_committed_the_second_does_nothing(self) -> None:
        self.assertEqual(self.run_both(), {"first": 1, "second": 0})
        self.assertEqual((self.calls, Bounce.objects.count()), (["first"], 1))

    def test_if_the_first_is_rolled_back_the_second_stores_and_sends(self) -> None:
        self.fails = True
        self.assertEqual(self.run_both(), {"first": "first", "second": 1})
        self.assertEqual((self.calls, Bounce.objects.count()), (["first", "second"], 1))
