"""Events that should have come: mail was sent, and nothing is heard of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.utils import timezone
from django.utils.timezone import is_naive, make_aware

from ....amazon_ses.timestamps import iso_time
from ....conf import OutboxSettings
from ....processes.wording import counted, spoken
from ..context import Context
from ..findings import Finding, Fix, advice, command, error, not_used, ok, warning

#: The models of ``anymail.feedback`` that events are stored in.
EVENTS = ("Delivery", "Bounce", "Complaint", "MailEvent")
#: SES usually reports within seconds; SNS tries a webhook for about an hour.
PATIENCE = timedelta(hours=1)
DAY = timedelta(days=1)
MONTH = timedelta(days=30)
PROBE = command("python manage.py anymail_doctor --probe")
AGAIN = advice("When events come again, ask SES for the bounces and complaints that did not:")


def lost_events(context: Context) -> Iterator[Finding]:
    """D31: the events of mail that was sent have come."""
    if not apps.is_installed("anymail.feedback"):
        yield not_used('nothing stores events: "anymail.feedback" is not installed')
        return
    last, now = _last_event(), timezone.now()
    sent = _last_sent(now - PATIENCE)
    if sent is not None and (last is None or last < sent):
        text = f"mail was sent {_ago(now, sent)}, and {_since(now, last)}"
        yield error(text, PROBE, AGAIN, _backfill(last or now - MONTH))
    elif sent is None and (last is None or last < now - DAY) and (count := _sent_today(context)):
        messages = counted(count, "message")
        text = f"the account has sent {messages} in 24 hours, and {_since(now, last)}"
        mine = advice("If this project has sent any of them:")
        yield warning(text, mine, PROBE, AGAIN, _backfill(last or now - MONTH))
    elif last is None:
        yield not_used("no mail has been sent")
    else:
        yield ok(f"the last event came {_ago(now, last)}")


def _last_event() -> datetime | None:
    managers = [apps.get_model("anymail_feedback", name)._default_manager for name in EVENTS]
    found = [
        rows.order_by("-created_at", "-id").values_list("created_at", flat=True).first()
        for rows in managers
    ]
    return max(filter(None, found), default=None)


def _last_sent(until: datetime) -> datetime | None:
    """When a message was last sent that the outbox has, or has logged, before a moment."""
    if not apps.is_installed("anymail.outbox"):
        return None
    entries: Any = apps.get_model("anymail_outbox", "Entry")._default_manager
    entries = entries.using(OutboxSettings.load().outbox_database)
    rows = entries.filter(state="sent", done_at__lte=until).order_by("-done_at")
    found: datetime | None = rows.values_list("done_at", flat=True).first()
    return found


def _sent_today(context: Context) -> int:
    quota = context.ask("sesv2", "GetAccount").get("SendQuota", {})
    return int(quota.get("SentLast24Hours", 0))


def _backfill(since: datetime) -> Fix:
    moment = iso_time(make_aware(since) if is_naive(since) else since)
    return command(f"python manage.py anymail_backfill --since {moment}")


def _since(now: datetime, last: datetime | None) -> str:
    return "no event has ever come" if last is None else f"the last event came {_ago(now, last)}"


def _ago(now: datetime, then: datetime) -> str:
    return f"{spoken((now - then).total_seconds())} ago"
