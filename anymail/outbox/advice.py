"""What people are told about the state of a message: what happens next, and what they can do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .models import BatchState, Entry, State

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_NEXT: dict[str, StrOrPromise] = {
    State.CLAIMED: _("A worker has it and is about to post it. It can still be cancelled."),
    State.POSTING: _(
        "A worker is posting it. If the worker dies, the message is in doubt when the lease ends."
    ),
    State.IN_DOUBT: _(
        "It was posted to Amazon SES, and nobody knows whether SES accepted it. An event from SES "
        "ends the doubt by itself. If you know that SES has it, mark it as sent; to send it at the "
        "risk of sending it twice, release it."
    ),
    State.CANCELLED: _("It can be sent again."),
    State.EXPIRED: _("It was too late to send it. If it is sent again, it does not expire."),
}
_FAILED: dict[str, StrOrPromise] = {
    "message": _(
        "The message itself was refused. Sent again as it is, it will be refused again: correct it "
        "where it is made, and send a new one."
    ),
    "recipient": _("SES refused a recipient. Correct the address, and send a new message."),
    "sender": _("SES refused the sender. Correct that with SES, and then send the message again."),
}
_BATCH: dict[str, StrOrPromise] = {
    BatchState.PAUSED: _("It waits until somebody resumes its batch."),
    BatchState.STOPPED: _("Its batch has stopped itself. It waits until somebody resumes it."),
    BatchState.CANCELLED: _("Its batch was cancelled: it is not sent."),
}
_FAILED_OTHERWISE = _("Remove the cause that the error names, and then send the message again.")


def advice(
    entry: Entry, *, has_content: bool, is_paused: bool, batch: str, now: datetime
) -> Iterator[StrOrPromise]:
    """What happens next with a message, and what people can do about it.

    :param has_content: whether its content has not been deleted yet.
    :param is_paused: whether its mailer or lane is paused.
    :param batch: the state of its batch; empty if it is in none.
    :param now: the time.
    """
    if entry.state == State.WAITING:
        held = _BATCH.get(batch)
        yield held or _of_waiting(entry, is_paused=is_paused, now=now)
    elif entry.state == State.FAILED:
        yield _FAILED.get(entry.scope, _FAILED_OTHERWISE)
    elif entry.state == State.CANCELLED and batch == BatchState.CANCELLED:
        yield _BATCH[batch]
    elif entry.state in _NEXT:
        yield _NEXT[entry.state]
    if entry.doubled_count:
        yield (
            ngettext(
                "SES is known to have accepted it twice for %d recipient.",
                "SES is known to have accepted it twice for %d recipients.",
                entry.doubled_count,
            )
            % entry.doubled_count
        )
    if entry.is_direct:
        yield _(
            "It was sent directly, not through the outbox, so its content is not stored: only your "
            "application can send it again."
        )
    elif not has_content:
        yield _(
            "Its content was deleted, so it cannot be sent again. The setting OUTBOX_KEEP_CONTENT "
            "says how long the content of sent messages is kept."
        )


def _of_waiting(entry: Entry, *, is_paused: bool, now: datetime) -> StrOrPromise:
    if is_paused:
        return _("It waits until the pause is over.")
    if entry.not_before > now:
        return _("It waits for its time.") if not entry.error else _("It will be tried again.")
    return _(
        "It is due. If it stays so, no worker runs: start one with manage.py anymail_deliver, or "
        "look at the setting OUTBOX_BELL."
    )
