"""What people are told about a batch: why it does not get on, and what they can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..models import Batch, BatchState

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_OF_STATE: dict[str, StrOrPromise] = {
    BatchState.PAUSED: _("It waits until somebody resumes it."),
    BatchState.STOPPED: _(
        "It has stopped itself, to protect the reputation of your account. Find out where the "
        "addresses that bounced or complained come from. Then resume it, or cancel it."
    ),
    BatchState.CANCELLED: _("What had not been posted by then is not sent."),
}
_STORING = _(
    "It is being stored: send_many() adds recipients. If the numbers do not grow, its process has "
    "died. Call send_many() again with the same name: it goes on where it has ended, and nobody "
    "gets it twice."
)
_PAUSED = _("It waits until the pause of its mailer or lane is over.")
_DAY = _(
    "It waits for the next day: what is left of the day's quota is reserved for urgent messages. "
    "See the setting OUTBOX_RESERVE."
)
_STANDS = _(
    "Nothing of it was sent in the last minute. If it stays so, no worker runs: start one with "
    "manage.py anymail_deliver, or look at the setting OUTBOX_BELL."
)


def batch_advice(
    batch: Batch, *, is_paused: bool, is_day_over: bool, is_moving: bool
) -> Iterator[StrOrPromise]:
    """What holds a batch up, what else is to be known about it, and what to do.

    :param is_paused: whether its mailer or lane is paused.
    :param is_day_over: whether what is not urgent waits for the next day.
    :param is_moving: whether some of it was sent in the last minute.
    """
    if batch.state in _OF_STATE:
        yield _OF_STATE[batch.state]
    if batch.state == BatchState.STOPPED:
        yield _("Of %(sent)s sent, %(bounced)s bounced and %(complained)s complained.") % _numbers(
            batch
        )
    if batch.stored_at is None and batch.state != BatchState.CANCELLED:
        yield _STORING
    if batch.state == BatchState.RUNNING and batch.waiting:
        if is_paused or is_day_over:
            yield _PAUSED if is_paused else _DAY
        elif not is_moving:
            yield _STANDS
    if batch.in_doubt:
        yield ngettext(
            "%(count)s recipient is in doubt: an event from SES ends that by itself.",
            "%(count)s recipients are in doubt: events from SES end that by themselves.",
            batch.in_doubt,
        ) % {"count": f"{batch.in_doubt:,}"}


def _numbers(batch: Batch) -> dict[str, str]:
    """Since somebody has resumed it."""
    return {
        "sent": f"{batch.sent - batch.forgiven_sent:,}",
        "bounced": f"{batch.bounced - batch.forgiven_bounced:,}",
        "complained": f"{batch.complained - batch.forgiven_complained:,}",
    }
