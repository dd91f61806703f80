"""The signals of the outbox."""

from __future__ import annotations

from django.dispatch import Signal

#: Sent when a mailer, or a lane of it, begins to pause because SES refuses everything. Arguments:
#: ``sender`` (the model :class:`~anymail.outbox.models.Pause`), ``pause`` (the row). What receivers
#: raise is logged by Django.
sending_paused: Signal = Signal()

#: Sent when it goes on. Arguments: as for ``sending_paused``.
sending_resumed: Signal = Signal()

#: Sent when a batch stops itself, because more of its recipients bounced or complained than
#: ``OUTBOX_MAX_BOUNCE_RATE`` and ``OUTBOX_MAX_COMPLAINT_RATE`` allow. Arguments: ``sender`` (the
#: model :class:`~anymail.outbox.models.Batch`), ``batch`` (the row; ``batch.reason`` has the
#: numbers). What receivers raise is logged by Django.
batch_stopped: Signal = Signal()

#: Sent when each message of a batch has come to an end. Arguments: as for ``batch_stopped``.
#: Once more if some of them are sent again.
batch_done: Signal = Signal()
