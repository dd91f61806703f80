"""Whatever dies in the middle of a batch, each recipient gets it once.

Needs ``--db postgres`` or ``mariadb``. ``python -m tests.benchmarks.outbox_batch`` does the same
with 100,000 recipients, servers that are restarted, and an account that is paused.
"""

from __future__ import annotations

from unittest import skipIf

from django.db import connection

from anymail.outbox.models import Batch

from .. import OutboxTransactionTestCase, use_outbox
from ..processes import settings_for, site
from ..ses_process import ses_process
from . import V2
from .survival import Plan, cut_connections, run

#: What has to be 0.
WRONG = ("lost", "twice", "not sent", "without the id")


@skipIf(connection.vendor == "sqlite", "SQLite in memory is of one process.")
class SurvivalTests(OutboxTransactionTestCase):
    def test_each_recipient_gets_it_once(self) -> None:
        plan = Plan(recipients=2000, kills=3, workers=3, troubles=[cut_connections] * 2, silence=10)
        with ses_process(latency=0.1, jitter=0.1, rate=160) as ses:
            anymail = settings_for(ses.url, V2, OUTBOX_LEASE=3)
            with use_outbox(V2, **anymail), site(anymail) as made:
                result = run(ses, made, plan)
        found = {what: n for what, n in result.items() if any(word in what for word in WRONG)}
        self.assertEqual((len(found), set(found.values())), (4, {0}), result)
        batch = Batch._default_manager.get()
        self.assertEqual((batch.recipients_count, batch.repeated), (2000, 0))
