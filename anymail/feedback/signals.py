"""The signal of this app."""

from __future__ import annotations

from django.dispatch import Signal

#: Sent for each stored row, after all rows of its notification are stored. Arguments: ``sender``
#: (:class:`~.models.Bounce`, :class:`~.models.Complaint` or :class:`~.models.Delivery`),
#: ``instance``, ``message`` (SES's document), ``notification`` (SNS's around it).
#:
#: Receivers run in the transaction that stores the rows. If one raises, nothing is stored, SNS
#: repeats the notification, and every receiver is called again.
feedback: Signal = Signal()
