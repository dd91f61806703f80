"""Durable sending: messages are stored in your transaction, and sent after it.

.. code-block:: python

    from anymail import outbox

    message.send()  # stored; the e-mail backend is anymail.backends.outbox.EmailBackend
    outbox.cancel(message.outbox_id)
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from .batches.addressees import AnyRecipient, BatchRecipient
from .counts import Counts

if TYPE_CHECKING:
    from django.core.mail import EmailMessage

    from .models import Batch

__all__ = [
    "AnyRecipient",
    "BatchRecipient",
    "Counts",
    "cancel",
    "cancel_batch",
    "deliver",
    "get_batch",
    "mark_sent",
    "pause",
    "pause_batch",
    "release",
    "reschedule",
    "resume",
    "resume_batch",
    "send_again",
    "send_many",
]


# The imports are in the functions: Django imports this module before there are models.


def cancel(outbox_id: UUID | None, *, by: str = "") -> bool:
    """Do not send a message.

    :param outbox_id: ``message.outbox_id``; None, for a message that was not stored, is never in
        time.
    :param by: the person who wants it, for the page of the message.
    :return: whether it was in time: once a call is about to be posted, it is too late.
    """
    from . import actions

    return outbox_id is not None and actions.cancel(outbox_id, by)


def reschedule(outbox_id: UUID | None, when: datetime | date | float, *, by: str = "") -> bool:
    """Send a message at another time.

    :param when: a time as for ``send_at``.
    :param by: the person who wants it, for the page of the message.
    :return: whether it was in time.
    :raises AnymailSerializationError: this is no time.
    """
    from . import actions

    return outbox_id is not None and actions.reschedule(outbox_id, when, by)


def send_again(outbox_id: UUID | None, *, by: str = "") -> bool:
    """Send a message that failed, expired or was cancelled; or one that was sent, once more.

    Recipients that have got it already are left out, unless all have: then all get it again. Those
    in doubt are left out, too, and the message is in doubt about them afterwards.

    :param by: the person who wants it, for the page of the message.
    :return: False if it is on its way, in doubt (see :func:`release`), or its content was deleted:
        see :setting:`OUTBOX_KEEP_CONTENT`; or if its batch was cancelled.
    """
    from . import actions

    return outbox_id is not None and actions.send_again(outbox_id, by)


def release(outbox_id: UUID | None, *, by: str = "") -> bool:
    """Send a message that is in doubt, at the risk that recipients get it twice.

    :param by: the person who wants it, for the page of the message.
    :return: False if it is not in doubt any more, or its batch was cancelled.
    """
    from . import actions

    return outbox_id is not None and actions.release(outbox_id, by)


def mark_sent(outbox_id: UUID | None, *, by: str = "") -> bool:
    """End a doubt, because you know that SES has the message.

    :param by: the person who wants it, for the page of the message.
    :return: False if it is not in doubt any more.
    """
    from . import actions

    return outbox_id is not None and actions.mark_sent(outbox_id, by)


def send_many(
    message: EmailMessage,
    recipients: Iterable[AnyRecipient],
    *,
    name: str,
    mailer: str | None = None,
) -> Batch:
    """Store one message to many recipients, each of whom gets it without seeing the others.

    Called again with the same name, after a crash for example, it goes on: every address gets a
    batch once, even if the list has changed. What is stored is sent meanwhile, unless there is a
    transaction around it.

    :param message: any Django message without recipients. With ``template_id``, or as an inline
        template, a call has up to 50 recipients, or as many as SES grants per second if that is
        less. Its ``priority`` is -50 unless it has one.
    :param recipients: any iterable, which is read as it goes: addresses, pairs of an address and
        its ``merge_data``, or :class:`BatchRecipient`. What is no address is kept as invalid.
    :param name: of the batch, up to 200 characters. It is known until ``anymail_prune`` deletes
        the batch.
    :param mailer: as for :func:`pause`; None for the one of Django's default mailer.
    :return: the batch, as it is stored. If it was cancelled, nothing more is stored.
    :raises AnymailIdempotencyConflict: a batch of that name has another message.
    :raises AnymailError: the message, or what a recipient is to get, cannot be sent. What was
        stored before stays, and is sent; if it was nothing, the name stays free.
    :raises ValueError: the message has recipients, an ``idempotency_key`` or merge attributes; or
        the outbox sends nothing with this mailer.
    :raises TypeError: a recipient is something else.
    """
    from .batches.storing import send_many as store_many

    return store_many(message, recipients, name=name, mailer=mailer)


def pause(mailer: str | None = None, *, lane: str = "", reason: str = "", by: str = "code") -> bool:
    """Send nothing, until :func:`resume`.

    :param mailer: the alias in ``MAILERS`` that sends, or ``"default"`` without ``MAILERS``; None
        for every mailer.
    :param lane: only this lane of it, exactly as the admin shows it. One that no message has yet is
        paused, too, for messages to come.
    :param reason: for people.
    :param by: who wants it.
    :return: False if all of it was paused before.
    :raises ValueError: the outbox sends nothing with this mailer.
    """
    from . import mailers, pausing

    trouble = pausing.Trouble(lane=lane, scope="", error_code="", reason=reason)
    new = [pausing.pause(name, trouble, by=by) for name in mailers.chosen_mailers(mailer)]
    return any(new)


def resume(mailer: str | None = None, *, lane: str = "") -> bool:
    """End a pause, whoever made it.

    :param mailer: as for :func:`pause`.
    :param lane: likewise; without it, pauses of single lanes go on.
    :return: whether there was one.
    """
    from . import actions

    return actions.resume(mailer, lane)


def get_batch(name: str) -> Batch:
    """Look a batch up.

    :param name: as it was given to ``send_many()``.
    :return: its row; its numbers are some seconds old while it runs.
    :raises django.core.exceptions.ObjectDoesNotExist: there is none (``Batch.DoesNotExist``).
    """
    from .batches import actions

    return actions.get_batch(name)


def pause_batch(batch: Batch | str, *, reason: str = "", by: str = "code") -> bool:
    """Send nothing of a batch, until :func:`resume_batch`. Calls that are posted already go on.

    :param batch: the batch, or its name.
    :param reason: for people.
    :param by: who wants it.
    :return: False if it does not run: it is paused or cancelled, has stopped, or is done.
    :raises django.core.exceptions.ObjectDoesNotExist: there is none (``Batch.DoesNotExist``).
    """
    from .batches import actions

    return actions.pause_batch(batch, reason=reason, by=by)


def resume_batch(batch: Batch | str) -> bool:
    """Let a batch go on that was paused, or has stopped itself. If it has stopped, the bounces and
    complaints so far do not count any more.

    :param batch: the batch, or its name.
    :return: False if it was neither.
    :raises django.core.exceptions.ObjectDoesNotExist: there is none (``Batch.DoesNotExist``).
    """
    from .batches import actions

    return actions.resume_batch(batch)


def cancel_batch(batch: Batch | str) -> int:
    """End a batch for good: what waits is not sent, and no more can be added.

    :param batch: the batch, or its name.
    :return: how many recipients do not get it any more; 0 if the batch is done.
    :raises django.core.exceptions.ObjectDoesNotExist: there is none (``Batch.DoesNotExist``).
    """
    from .batches import actions

    return actions.cancel_batch(batch)


def deliver(max_seconds: float | None = None, until_empty: bool = False) -> Counts:
    """Send what waits. Any number of processes and machines may do it at the same time.

    :param max_seconds: begin nothing new after that; None for no limit.
    :param until_empty: return when nothing is due, instead of waiting for more.
    :return: what became of the messages.
    :raises RuntimeError: it is called within a transaction.
    """
    from .worker import Worker

    return Worker().run(max_seconds=max_seconds, until_empty=until_empty)
