"""kill -9 loses no mail and sends none twice. Needs ``--db postgres`` or ``mariadb``.

``python -m tests.benchmarks.outbox kills`` does the same with 10,000 messages and 100 kills.
"""

from __future__ import annotations

from unittest import skipIf

from django.db import connection

from anymail import outbox
from anymail.outbox.models import Entry, Pause, Recipient, State

from ..consumer import wait_until
from ..ses import V1, V2
from . import OutboxTransactionTestCase, use_outbox
from .events import posted_events
from .kills import Plan, compare, run, states, store
from .processes import Workers, settings_for, site
from .ses_process import ses_process

#: What has to be 0.
WRONG = ("lost", "twice", "not sent", "without the id", "not resolved")


def all_sent() -> bool:
    """Whether they are; until then, ends pauses, for a late refusal may make one again."""
    for pause in Pause._default_manager.all():
        outbox.resume(pause.mailer, lane=pause.lane)
    return states() == {"sent": 10}


@skipIf(connection.vendor == "sqlite", "SQLite in memory is of one process.")
class ProcessTests(OutboxTransactionTestCase):
    def test_workers_that_are_killed_lose_no_mail_and_send_none_twice(self) -> None:
        path = V1 if connection.vendor == "postgresql" else V2
        with ses_process(latency=0.1, jitter=0.1, granted=100) as ses:
            anymail = settings_for(ses.url, path, OUTBOX_LEASE=3)
            with use_outbox(path, **anymail), site(anymail) as made:
                result = run(ses, made, Plan(messages=200, kills=4, workers=3))
        found = {what: n for what, n in result.items() if any(word in what for word in WRONG)}
        self.assertEqual((len(found), set(found.values())), (5, {0}), result)

    def test_events_tell_what_became_of_calls_without_an_answer(self) -> None:
        faults = {
            "to0@example.com": ["refused"],
            "to1@example.com": ["throttled", "503"],
            "to2@example.com": ["accept close"],
            "to3@example.com": ["accept 500"],
            "to4@example.com": ["accept hang"],
            "to5@example.com": ["close"],
            "to6@example.com": ["500"],
        }
        with ses_process(faults=faults) as ses:
            anymail = settings_for(ses.url, V2)
            with use_outbox(V2, **anymail), site(anymail) as made, posted_events(ses):
                store(10)
                workers = Workers(made, 2)
                self.addCleanup(workers.kill)
                wanted = {"failed": 1, "sent": 7, "in_doubt": 2}
                wait_until(lambda: states() == wanted)
            self.assertEqual(len(ses.accepted()), 7)
        doubts = Recipient._default_manager.filter(entry__state=State.IN_DOUBT)
        addresses = doubts.order_by("address").values_list("address", flat=True)
        self.assertEqual(list(addresses), ["to5@example.com", "to6@example.com"])

    def test_the_trouble_of_an_account_fails_no_message(self) -> None:
        for error in ("paused", "unverified"):
            with self.subTest(error), ses_process(error=error) as ses:
                anymail = settings_for(ses.url)
                with use_outbox(V1, **anymail), site(anymail) as made:
                    to = store(10)
                    workers = Workers(made, 2)
                    self.addCleanup(workers.kill)
                    wait_until(lambda: Pause._default_manager.exists())
                    wait_until(lambda: states() == {"waiting": 10})
                    ses.behave()
                    with self.assertLogs("anymail.outbox", "WARNING"):
                        wait_until(all_sent)
                    workers.end()
                self.assertEqual(set(compare(to, ses.accepted()).values()), {0})
            Entry._default_manager.all().delete()
