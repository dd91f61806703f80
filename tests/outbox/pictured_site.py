"""A site with the admin and a filled outbox, for pictures of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from anymail.outbox.models import Batch, Entry

    from ..local_ses import LocalSes

QUEUE = "ses-events"
SETTINGS: dict[str, Any] = {
    "FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"],
    "AMAZON_SES_QUEUES": [QUEUE],
}
ADVICE = {
    "ResourceArn": "arn:aws:ses:us-east-1:123456789012:identity/example.com",
    "Type": "DMARC",
    "Description": "DMARC was not found for example.com. Publish a DMARC record in its DNS.",
    "Status": "OPEN",
    "Impact": "HIGH",
}
#: Recipients of a usual day, and of a Saturday or Sunday; what the newsletter adds on the first day
#: of a month.
WEEKDAY, WEEKEND, NEWSLETTER = 14_000, 5_500, 19_000


@dataclass(frozen=True, kw_only=True)
class PicturedSite:
    """A site that runs.

    :param pages: the addresses of its pages by name.
    :param cookie: of somebody who is logged in.
    """

    pages: dict[str, str]
    cookie: dict[str, str]


@contextmanager
def running_site() -> Iterator[PicturedSite]:
    """Run the site for the length of a ``with`` block, in this process and with a new database."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in this thread
    django.setup()

    from django.contrib.staticfiles.testing import StaticLiveServerTestCase
    from django.db import connection

    from ..local_ses import local_ses
    from .account.test_page import project

    connection.creation.create_test_db(verbosity=0)
    StaticLiveServerTestCase.setUpClass()
    try:
        with local_ses() as amazon, project(amazon.url, **SETTINGS):
            _fill_amazon(amazon)
            yield _filled(StaticLiveServerTestCase.live_server_url)
    finally:
        StaticLiveServerTestCase.doClassCleanups()


def _fill_amazon(amazon: LocalSes) -> None:
    """What Amazon knows: its suppression list, the account, a queue of events."""
    from anymail.sandbox.aws.defaults import REGION

    suppression = amazon.state.suppression
    suppression.add(REGION, "eve@example.com", "BOUNCE")
    since = datetime.now(timezone.utc) - timedelta(minutes=49)
    for listed, entry in suppression.entries.items():
        suppression.entries[listed] = {**entry, "LastUpdateTime": since}
    amazon.state.recommendations.append(ADVICE)
    amazon.state.sent[REGION] = 21_930
    sqs = amazon.client("sqs")
    sqs.create_queue(QueueName=f"{QUEUE}-dead")
    dead = f"arn:aws:sqs:{REGION}:123456789012:{QUEUE}-dead"
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 50})
    queue = sqs.create_queue(QueueName=QUEUE, Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    for number in range(7):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))


def _filled(start: str) -> PicturedSite:
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    from anymail.outbox.models import Account, Address, Batch, Entry, Pause

    from .test_admin import url

    client = Client()
    client.force_login(User.objects.create_superuser("zoe"))
    _fill_days()
    doubtful, batch = _fill(), _fill_batches()
    read, bounced = _fill_history()
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    pages = {
        "list": url(Entry),
        "doubt": url(Entry, "change", doubtful.pk),
        "message": url(Entry, "change", read.pk),
        "bounce": url(Entry, "change", bounced.pk),
        "address": f"{url(Address)}?q=eve@example.com",
        "account": url(Account),
        "account-90": f"{url(Account)}?days=90",
        "batches": url(Batch),
        "batch": url(Batch, "change", batch.pk),
        "pauses": url(Pause),
        "pause": url(Pause, "sending"),
    }
    return PicturedSite(
        pages={name: start + path for name, path in pages.items()},
        cookie={"name": settings.SESSION_COOKIE_NAME, "value": session, "url": start},
    )


def _fill_days() -> None:
    """What was counted on days that are over."""
    from django.utils import timezone

    from anymail.outbox.account.counting import MAX_DAYS
    from anymail.outbox.account.days import last_days
    from anymail.outbox.account.figures import WINDOW
    from anymail.outbox.models import DailyCount

    *days, _today = last_days(timezone.now(), MAX_DAYS + WINDOW)
    DailyCount._default_manager.bulk_create(
        DailyCount(day=day, kind=kind, count=count)
        for day in days
        for kind, count in _counts(day).items()
    )


def _counts(day: date) -> dict[str, int]:
    number = day.toordinal()
    sent = (WEEKDAY if day.weekday() < 5 else WEEKEND) * (90 + number * 37 % 23) // 100
    if day.day == 1:
        sent += NEWSLETTER
    bounced = sent * (9 + number * 17 % 11) // 1_000
    complained = sent * (2 + number * 13 % 5) // 10_000
    return {
        "sent": sent,
        "delivered": sent - bounced - sent // 250,
        "bounced": bounced,
        "complained": complained,
    }


def _fill_batches() -> Batch:
    from django.utils import timezone

    from anymail.outbox.models import BatchState, Entry, State

    from .batches.rows import make_batch

    now = timezone.now()
    done = {"recipients_count": 48_223, "sent": 48_211, "failed": 12, "bounced": 431}
    cancelled = {"recipients_count": 47_874, "sent": 9_104, "cancelled": 38_770}
    for month, state, columns in (
        ("april", BatchState.CANCELLED, cancelled),
        ("may", BatchState.DONE, done),
    ):
        make_batch(f"news/{month}", subject=f"News of {month.title()}", state=state, **columns)
    numbers = {"sent": 412_350, "failed": 650, "bounced": 2_861, "complained": 97}
    batch = make_batch(
        "news/june",
        subject="News of June",
        lane="example.com, configuration set news",
        counted_at=now,
        created_at=now - timedelta(hours=1),
        priority=-50,
        chunks=20_000,
        recipients_count=1_000_000,
        **numbers,
    )
    sent = {"recipients_count": 11_880, "done_at": now, "created_at": now - timedelta(hours=1)}
    Entry._default_manager.create(batch=batch, state=State.SENT, mailer="ses", **sent)
    return batch


def _fill_history() -> tuple[Entry, Entry]:
    """A message that was read, and one that bounced."""
    from django.core.mail import EmailMultiAlternatives
    from django.utils import timezone

    from anymail.feedback.models import Suppression
    from anymail.outbox.models import EntryTag, State, Step, StepKind

    from .history.rows import add_events, add_feedback
    from .test_admin import stored

    def message(subject: str, *to: str) -> EmailMultiAlternatives:
        found = EmailMultiAlternatives(subject, "Hello!", "shop@example.com", to)
        found.attach_alternative("<h1>Hello!</h1>", "text/html")
        return found

    posted = timezone.now() - timedelta(minutes=50)
    sent: dict[str, Any] = {"status": "sent", "lane": "example.com", "attempt": 1}
    before = {"created_at": posted - timedelta(minutes=2), "posted_at": posted}
    ids = [f"0100019c7a5b3c0{number}-7d0c3b1f-000000" for number in (1, 2)]
    read = stored(
        State.SENT,
        message("Your invoice 2026-117", "ann@example.com", "bob@example.com"),
        done_at=posted + timedelta(seconds=0.4),
        message_id=ids[0],
        **{**sent, "attempt": 2},
        **before,
    )
    EntryTag._default_manager.create(entry=read, tag="invoice")
    Step._default_manager.create(
        entry=read,
        kind=StepKind.PUT_OFF,
        at=posted - timedelta(minutes=1),
        attempt=1,
        error_code="ThrottlingException",
        text="Maximum sending rate exceeded.",
    )
    to_both = ["ann@example.com", "bob@example.com"]
    for address, seconds in (("ann@example.com", 1.2), ("bob@example.com", 3.1)):
        add_feedback(
            "delivery",
            posted + timedelta(seconds=seconds),
            recipient=address,
            message_id=ids[0],
            processingTimeMillis=int(seconds * 1_000),
            smtpResponse="250 2.0.0 OK 1780315201 a1-20020a17090a",
        )
    for minutes in (4, 9, 17, 30, 41):
        add_events(
            "open", posted + timedelta(minutes=minutes), recipient=to_both, message_id=ids[0]
        )
    link = {"link": "https://shop.example.com/invoices/2026-117"}
    add_events("click", posted + timedelta(minutes=5), recipient=to_both, message_id=ids[0], **link)
    bounced = stored(
        State.SENT,
        message("Confirm your address", "eve@example.com"),
        done_at=posted + timedelta(seconds=0.3),
        message_id=ids[1],
        **sent,
        **before,
    )
    report = {"status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    add_feedback(
        "bounce",
        posted + timedelta(seconds=2),
        recipient="eve@example.com",
        message_id=ids[1],
        bounceSubType="NoEmail",
        bouncedRecipients=[{"emailAddress": "eve@example.com", **report}],
    )
    Suppression.objects.suppress(["eve@example.com"], "hard_bounce")
    return read, bounced


def _fill() -> Entry:
    from django.core.mail import EmailMultiAlternatives
    from django.utils import timezone

    from anymail import outbox
    from anymail.outbox.models import State

    from .test_admin import stored

    def message(subject: str, *to: str) -> EmailMultiAlternatives:
        found = EmailMultiAlternatives(subject, "Thank you!", "shop@example.com", to)
        found.attach_alternative("<h1>Thank you!</h1>", "text/html")
        found.attach("receipt.pdf", b"x" * 20_000, "application/pdf")
        return found

    now = timezone.now()
    refused = {"error_code": "MessageRejected", "error": "Email address is not verified."}
    for number, (state, subject, columns) in enumerate(
        (
            (State.SENT, "Reset your password", {"priority": 50}),
            (State.SENT, "Welcome", {}),
            (State.FAILED, "Your order 1017", {**refused, "scope": "sender"}),
            (State.WAITING, "News of the week", {"not_before": now + timedelta(hours=9)}),
            (State.WAITING, "News of the week", {"mailer": "bulk", "priority": -10}),
            (State.CANCELLED, "Reminder", {}),
        ),
        start=1,
    ):
        created = now - timedelta(minutes=7 * number)
        recipients = [f"{name}@example.com" for name in ("ann", "bob", "eve")[: number % 3 + 1]]
        stored(state, message(subject, *recipients), created_at=created, **columns)
    outbox.pause("bulk", reason="The template has a wrong link.", by="zoe")
    return stored(
        State.IN_DOUBT,
        message("Your receipt", "ann@example.com", "bob@example.com"),
        status="unknown",
        lane="example.com",
        attempt=1,
        posted_at=now,
        error_code="LeaseOver",
        error="The worker that posted this message has not written down SES's answer.",
    )
