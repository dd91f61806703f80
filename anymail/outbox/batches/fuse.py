"""The fuse: a batch that harms the reputation of its sender stops itself.

AWS reviews an account whose bounces exceed 5 %, and may pause it at 10 %; for complaints, 0.1 %
and 0.5 %. Source: Amazon SES Developer Guide, "Amazon SES Sending review process FAQs".
"""

from __future__ import annotations

from ...conf import OutboxSettings
from ..models import Batch
from .counting import Numbers

#: Recipients that it takes to tell a rate.
MIN_SENT = 200
#: Bounces or complaints that it takes: a single complaint among 200 recipients is no rate.
MIN_HARMED = 2


def why_to_stop(batch: Batch, numbers: Numbers, settings: OutboxSettings) -> str:
    """Why a batch is to stop; empty if it may go on.

    :param batch: its row; what somebody has forgiven it does not count.
    :param numbers: of its recipients, counted just now.
    """
    sent = numbers.sent - batch.forgiven_sent
    if sent < MIN_SENT:
        return ""
    bounced = numbers.bounced - batch.forgiven_bounced
    complained = numbers.complained - batch.forgiven_complained
    for count, what, limit, name in (
        (bounced, "bounced", settings.outbox_max_bounce_rate, "OUTBOX_MAX_BOUNCE_RATE"),
        (
            complained,
            "complained",
            settings.outbox_max_complaint_rate,
            "OUTBOX_MAX_COMPLAINT_RATE",
        ),
    ):
        if limit is not None and count >= MIN_HARMED and count > limit * sent:
            return (
                f"{count} of {sent} recipients have {what} ({count / sent:.2%}). {name} allows "
                f"{limit:.2%}."
            )
    return ""
