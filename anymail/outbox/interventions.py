"""What people can do with messages in the admin, and what they are told about it."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from .. import outbox
from .actions import OVER
from .asking import Intervention
from .models import State

_ALL = (
    Intervention(
        name="cancel",
        permission="anymail_outbox.cancel_entry",
        act=lambda entry, wish: outbox.cancel(entry.pk, by=wish.by),
        states=(State.WAITING, State.CLAIMED),
        verb=_("Cancel"),
        title=_("Cancel messages"),
        question=ngettext_lazy("%d message will not be sent:", "%d messages will not be sent:"),
        consequences=_("They can be sent again later."),
        button=_("Cancel messages"),
        done=ngettext_lazy("%d message was cancelled.", "%d messages were cancelled."),
        log=_("Cancelled."),
    ),
    Intervention(
        name="send-again",
        permission="anymail_outbox.send_again_entry",
        act=lambda entry, wish: outbox.send_again(entry.pk, by=wish.by),
        states=OVER,
        needs_content=True,
        verb=_("Send again"),
        title=_("Send messages again"),
        question=ngettext_lazy("%d message will be sent again:", "%d messages will be sent again:"),
        consequences=_(
            "Recipients that have got a message, or may have, are left out. But if all of them "
            "have got it, all get it once more."
        ),
        button=_("Send again"),
        done=ngettext_lazy("%d message will be sent again.", "%d messages will be sent again."),
        log=_("Sent again."),
    ),
    Intervention(
        name="release",
        permission="anymail_outbox.release_entry",
        act=lambda entry, wish: outbox.release(entry.pk, by=wish.by),
        states=(State.IN_DOUBT,),
        needs_content=True,
        verb=_("Release from doubt"),
        title=_("Release messages from doubt"),
        question=ngettext_lazy(
            "%d message will be sent, perhaps for the second time:",
            "%d messages will be sent, perhaps for the second time:",
        ),
        consequences=_(
            "They were posted to Amazon SES, and nobody knows whether it accepted them. If it has, "
            "their recipients get them twice. An event from SES would end the doubt without that "
            "risk; but that none has come proves nothing."
        ),
        button=_("Send at this risk"),
        done=ngettext_lazy(
            "%d message was released from doubt.", "%d messages were released from doubt."
        ),
        log=_("Released from doubt."),
    ),
    Intervention(
        name="mark-sent",
        permission="anymail_outbox.release_entry",
        act=lambda entry, wish: outbox.mark_sent(entry.pk, by=wish.by),
        states=(State.IN_DOUBT,),
        verb=_("Mark as sent"),
        title=_("Mark messages as sent"),
        question=ngettext_lazy("%d message will count as sent:", "%d messages will count as sent:"),
        consequences=_(
            "Do this if you know that Amazon SES has them. If it has not, nobody gets them."
        ),
        button=_("Mark as sent"),
        done=ngettext_lazy("%d message counts as sent.", "%d messages count as sent."),
        log=_("Marked as sent."),
    ),
)
#: By name.
INTERVENTIONS: Mapping[str, Intervention] = {one.name: one for one in _ALL}
