"""What happened to messages besides what the ledger's own columns say."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ...database.columns import ADDRESS_LENGTH
from ...signals import EventType
from .entry import Entry, Recipient
from .lengths import CODE_LENGTH, NAME_LENGTH
from .pause import Pace

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Event(models.Model):
    """An event of SES about one recipient of a message, if no table of ``anymail.feedback`` has it.

    It is stored by ``history.recording``, and found by SES's message id and the address.
    """

    #: SES's id of the message.
    message_id: models.CharField[str, str] = models.CharField(
        _("Message id"), max_length=NAME_LENGTH
    )
    #: The same for each repetition of the event, and no other one's.
    key: models.CharField[str, str] = models.CharField(max_length=64, editable=False)
    #: That of the signal, by which receivers know the event again when it is replayed.
    event_id: models.CharField[str, str] = models.CharField(
        _("Event id"), max_length=NAME_LENGTH, blank=True
    )
    event_type: models.CharField[str, str] = models.CharField(
        _("Event"), max_length=20, choices=EventType.choices
    )
    address: models.CharField[str, str] = models.CharField(_("Address"), max_length=ADDRESS_LENGTH)
    #: The address for comparison, see :func:`.database.columns.address_key`.
    address_key: models.CharField[str, str] = models.CharField(
        _("Address for comparison"), max_length=ADDRESS_LENGTH, editable=False
    )
    #: The event may be about another recipient.
    recipient_uncertain: models.BooleanField[bool, bool] = models.BooleanField(
        _("Recipient uncertain"), default=False
    )
    #: When it happened; when it arrived, if SES does not say.
    occurred_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("Occurred"), default=timezone.now
    )
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("Created"), default=timezone.now, editable=False
    )
    #: SES's document, without the headers of the message that say nothing about the event.
    document: models.JSONField[Any, Any] = models.JSONField(
        _("SES event"), default=dict, blank=True
    )

    class Meta:
        """Names; each event once; an index for addresses, and one for pruning."""

        verbose_name: ClassVar[StrOrPromise] = _("event")
        verbose_name_plural: ClassVar[StrOrPromise] = _("events")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["message_id", "key"], name="anymail_event_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["address_key", "occurred_at", "id"], name="anymail_event_address"),
            models.Index(fields=["created_at", "id"], name="anymail_event_created"),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.event_type}"


class StepKind(models.TextChoices):
    """What a :class:`Step` is."""

    #: SES was not reached, or has refused it for now: it is tried again later.
    PUT_OFF = "put_off", _("tried again later")
    #: The worker that had claimed it ended without an answer of SES.
    WORKER_DIED = "worker_died", _("the worker died")
    IN_DOUBT = "in_doubt", _("in doubt")
    #: An event, or a late answer, has shown that SES had accepted it.
    PROVEN = "proven", _("doubt ended")
    RELEASED = "released", _("released from doubt")
    MARKED_SENT = "marked_sent", _("marked as sent")
    SENT_AGAIN = "sent_again", _("sent again")
    CANCELLED = "cancelled", _("cancelled")
    RESCHEDULED = "rescheduled", _("rescheduled")


class Step(models.Model):
    """A step on a message's way that its own columns forget: they have the last attempt only.

    A message that is sent at the first attempt has none.
    """

    entry: models.ForeignKey[Entry, Entry] = models.ForeignKey(
        Entry, models.CASCADE, related_name="steps", verbose_name=_("Message")
    )
    kind: models.CharField[str, str] = models.CharField(
        _("Kind"), max_length=12, choices=StepKind.choices
    )
    at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("Time"), default=timezone.now
    )
    attempt: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Attempt"), default=0
    )
    error_code: models.CharField[str, str] = models.CharField(
        _("Error code"), max_length=CODE_LENGTH, blank=True
    )
    text: models.TextField[str, str] = models.TextField(_("Text"), blank=True)
    #: The person who did it; empty for the package itself.
    by: models.CharField[str, str] = models.CharField(_("By"), max_length=NAME_LENGTH, blank=True)

    class Meta:
        """Names."""

        verbose_name: ClassVar[StrOrPromise] = _("step")
        verbose_name_plural: ClassVar[StrOrPromise] = _("steps")

    def __str__(self) -> str:
        return str(self.get_kind_display())


class EntryTag(models.Model):
    """A tag of a message, for searching."""

    entry: models.ForeignKey[Entry, Entry] = models.ForeignKey(
        Entry, models.CASCADE, related_name="tags", verbose_name=_("Message")
    )
    tag: models.CharField[str, str] = models.CharField(_("Tag"), max_length=NAME_LENGTH)

    class Meta:
        """Names, and an index whose ends are the newest messages: their ids are in that order."""

        verbose_name: ClassVar[StrOrPromise] = _("tag")
        verbose_name_plural: ClassVar[StrOrPromise] = _("tags")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tag", "entry"], name="anymail_entrytag_tag")
        ]

    def __str__(self) -> str:
        return self.tag


class DailyCount(models.Model):
    """How many there were on a day that is over; it outlives the rows that were counted."""

    day: models.DateField[date, date] = models.DateField(_("Day"))
    #: "sent", "delivered", "bounced" or "complained".
    kind: models.CharField[str, str] = models.CharField(_("Kind"), max_length=10)
    count: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(_("Count"))

    class Meta:
        """Names; each day once."""

        verbose_name: ClassVar[StrOrPromise] = _("daily count")
        verbose_name_plural: ClassVar[StrOrPromise] = _("daily counts")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["day", "kind"], name="anymail_dailycount_once")
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.count} {self.kind}"


class Address(Recipient):
    """An address, in the admin: what became of every mail to it."""

    class Meta:
        """A link in the admin's index, with a permission of its own."""

        proxy = True
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        verbose_name: ClassVar[StrOrPromise] = _("address")
        verbose_name_plural: ClassVar[StrOrPromise] = _("addresses")


class Account(Pace):
    """The account at Amazon, in the admin."""

    class Meta:
        """A link in the admin's index, with a permission of its own."""

        proxy = True
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        verbose_name: ClassVar[StrOrPromise] = _("account at Amazon")
        verbose_name_plural: ClassVar[StrOrPromise] = _("account at Amazon")
