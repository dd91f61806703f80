"""What people can do with batches in the admin, and what they are told about it."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from ... import outbox
from ..asking import Intervention, Wish
from ..models import Batch, BatchState


def _pause(batch: Batch, wish: Wish) -> bool:
    return outbox.pause_batch(batch, reason=wish.reason, by=wish.by)


def _resume(batch: Batch, wish: Wish) -> bool:
    return outbox.resume_batch(batch)


def _cancel(batch: Batch, wish: Wish) -> bool:
    outbox.cancel_batch(batch)  # perhaps of no recipient, if all of them are being posted
    batch.refresh_from_db(fields=["state"])
    return batch.state == BatchState.CANCELLED


_ALL = (
    Intervention(
        name="pause",
        permission="anymail_outbox.pause_batch",
        act=_pause,
        states=(BatchState.RUNNING,),
        asks_reason=True,
        verb=_("Pause"),
        title=_("Pause batches"),
        question=ngettext_lazy("%d batch will pause:", "%d batches will pause:"),
        consequences=_(
            "Nothing more of them is posted until somebody resumes them. Calls that are already on "
            "their way are not stopped."
        ),
        button=_("Pause batches"),
        done=ngettext_lazy("%d batch pauses.", "%d batches pause."),
        log=_("Paused."),
    ),
    Intervention(
        name="resume",
        permission="anymail_outbox.resume_batch",
        act=_resume,
        states=(BatchState.PAUSED, BatchState.STOPPED),
        verb=_("Resume"),
        title=_("Resume batches"),
        question=ngettext_lazy("%d batch will go on:", "%d batches will go on:"),
        consequences=_(
            "A batch that has stopped itself begins to count bounces and complaints anew. Amazon "
            "SES looks at all mail of the account: resume such a batch only if you know why they "
            "came."
        ),
        button=_("Resume batches"),
        done=ngettext_lazy("%d batch goes on.", "%d batches go on."),
        log=_("Resumed."),
    ),
    Intervention(
        name="cancel",
        permission="anymail_outbox.cancel_batch",
        act=_cancel,
        states=(BatchState.RUNNING, BatchState.PAUSED, BatchState.STOPPED),
        verb=_("Cancel"),
        title=_("Cancel batches"),
        question=ngettext_lazy("%d batch will be cancelled:", "%d batches will be cancelled:"),
        consequences=_(
            "Recipients that still wait do not get it, and nobody can be added. This cannot be "
            "undone; to wait, pause them instead."
        ),
        button=_("Cancel batches"),
        done=ngettext_lazy("%d batch was cancelled.", "%d batches were cancelled."),
        log=_("Cancelled."),
    ),
)
#: By name.
INTERVENTIONS: Mapping[str, Intervention] = {one.name: one for one in _ALL}
