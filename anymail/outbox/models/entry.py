"""Messages to send, and what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ...database.columns import ADDRESS_LENGTH
from ..ids import new_id
from .batch import Batch
from .indexes import AboveZeroIndex
from .lengths import CODE_LENGTH, KEY_LENGTH, NAME_LENGTH, SUBJECT_LENGTH

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


#: The error code of a recipient of a batch whose address is none; it was never in the message.
INVALID_ADDRESS = "InvalidAddress"


class State(models.TextChoices):
    """Where a message is on its way. The last five are ends, but a person can go on from them."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    POSTING = "posting"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Entry(models.Model):
    """A message.

    It is stored by ``storing``, taken by ``claiming``, and what became of it is written by
    ``recording``, ``reaping`` and ``proof``.
    """

    id: models.UUIDField[UUID, UUID] = models.UUIDField(
        primary_key=True, default=new_id, editable=False
    )
    state: models.CharField[str, str] = models.CharField(
        _("State"), max_length=10, choices=State.choices, default=State.WAITING
    )
    #: -100 to 100; higher ones go first.
    priority: models.SmallIntegerField[int, int] = models.SmallIntegerField(
        _("Priority"), default=0
    )
    #: When it may be sent: ``send_at``, or the end of a pause after a failure.
    not_before: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("Not before"), default=timezone.now
    )
    #: When it is too late to send it.
    expires_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Expires"), null=True, blank=True
    )
    #: Until when a worker has it; for a doubt, until when it is left alone.
    lease: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Lease"), null=True, blank=True
    )
    worker: models.CharField[str, str] = models.CharField(
        _("Worker"), max_length=NAME_LENGTH, blank=True
    )
    #: How often it was claimed. The message tag has it, so an answer or an event tells which one it
    #: is about.
    attempt: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Attempt"), default=0
    )
    #: The last attempt before a person wanted it sent once more; 0 if nobody did.
    sent_again_after: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Sent again after attempt"), default=0
    )
    #: How many of the attempts count for ``OUTBOX_MAX_ATTEMPTS``.
    failures: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Failures"), default=0
    )
    #: How many workers have died while they had claimed it.
    deaths: models.PositiveSmallIntegerField[int, int] = models.PositiveSmallIntegerField(
        _("Deaths"), default=0
    )
    #: Whether it takes several calls, so that each of its recipients has a status of its own.
    is_split: models.BooleanField[bool, bool] = models.BooleanField(_("Split"), default=False)
    posted_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Posted"), null=True, blank=True
    )
    done_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Done"), null=True, blank=True
    )
    #: Who sends it: an alias in ``MAILERS``, or "default".
    mailer: models.CharField[str, str] = models.CharField(_("Mailer"), max_length=NAME_LENGTH)
    #: Its identity, configuration set and tenant: for example ``"example.com, tenant a"``.
    lane: models.CharField[str, str] = models.CharField(
        _("Lane"), max_length=NAME_LENGTH, blank=True
    )
    #: "hold" or "resend".
    on_doubt: models.CharField[str, str] = models.CharField(
        _("On doubt"), max_length=6, default="hold"
    )
    idempotency_key: models.CharField[str | None, str | None] = models.CharField(  # noqa: DJ001
        _("Idempotency key"), max_length=KEY_LENGTH, null=True, blank=True
    )
    #: See ``ids.key_digest()`` and ``ids.chunk_digest()``.
    key_digest: models.CharField[str | None, str | None] = models.CharField(  # noqa: DJ001
        max_length=64, null=True, editable=False, unique=True
    )
    #: Of the content, if there is a key; it outlives the content.
    fingerprint: models.CharField[str, str] = models.CharField(
        _("Fingerprint"), max_length=64, blank=True
    )
    recipients_count: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Recipients")
    )
    #: How many of them did not get it, once it has come to an end.
    refused_count: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Refused"), default=0
    )
    #: How many of them are known to have got it twice.
    doubled_count: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Sent twice"), default=0
    )
    #: Of how many of them an event said that they bounced for good.
    bounced_count: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Bounced"), default=0
    )
    #: How many of them complained.
    complained_count: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Complained"), default=0
    )
    #: The batch that it is a part of.
    batch: models.ForeignKey[Batch | None, Batch | None] = models.ForeignKey(
        Batch,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="entries",
        verbose_name=_("Batch"),
        db_index=False,  # the index of the state begins with it
    )
    subject: models.CharField[str, str] = models.CharField(
        _("Subject"), max_length=SUBJECT_LENGTH, blank=True
    )
    #: The frozen message, as JSON; of a message in a batch, what is different in it. None once it
    #: was deleted.
    content: models.TextField[str | None, str | None] = models.TextField(  # noqa: DJ001
        _("Content"), null=True, blank=True
    )
    error_code: models.CharField[str, str] = models.CharField(
        _("Error code"), max_length=CODE_LENGTH, blank=True
    )
    error: models.TextField[str, str] = models.TextField(_("Error"), blank=True)
    #: What else fails for the same reason; see :exc:`~anymail.exceptions.AnymailAPIError`.
    scope: models.CharField[str, str] = models.CharField(_("Scope"), max_length=10, blank=True)
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("Created"), default=timezone.now, editable=False
    )

    class Meta:
        """Names, permissions, and an index for each question that workers and people ask."""

        verbose_name: ClassVar[StrOrPromise] = _("message")
        verbose_name_plural: ClassVar[StrOrPromise] = _("messages")
        ordering: ClassVar[list[str]] = ["-created_at"]
        permissions: ClassVar[list[tuple[str, StrOrPromise]]] = [
            ("cancel_entry", _("Can cancel messages")),
            ("send_again_entry", _("Can send messages again")),
            ("release_entry", _("Can release messages from doubt")),
            ("read_entry", _("Can read the content of messages")),
            ("export_entry", _("Can export messages")),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["state", "mailer", "priority", "batch", "not_before", "id"],
                name="anymail_entry_waiting",
            ),
            models.Index(fields=["batch", "state", "not_before"], name="anymail_entry_batch"),
            models.Index(fields=["lease", "state"], name="anymail_entry_lease"),
            models.Index(fields=["expires_at", "state"], name="anymail_entry_expires"),
            models.Index(fields=["done_at", "id"], name="anymail_entry_done"),
            models.Index(fields=["created_at", "id"], name="anymail_entry_created"),
            models.Index(fields=["state", "created_at", "id"], name="anymail_entry_state"),
            models.Index(fields=["mailer", "created_at", "id"], name="anymail_entry_mailer"),
            AboveZeroIndex(fields=["doubled_count"], name="anymail_entry_doubled"),
        ]

    def __str__(self) -> str:
        return f"{self.subject or self.id} ({self.get_state_display()})"

    @property
    def is_direct(self) -> bool:
        """Whether an e-mail backend has sent it by itself: it is logged here, and never waited.

        What workers have posted they have claimed before.
        """
        return self.posted_at is not None and self.attempt == 0


class Recipient(models.Model):
    """A recipient of a message, and what SES said about it."""

    entry: models.ForeignKey[Entry, Entry] = models.ForeignKey(
        Entry, models.CASCADE, related_name="recipients", verbose_name=_("Message")
    )
    #: "to", "cc" or "bcc".
    kind: models.CharField[str, str] = models.CharField(_("Kind"), max_length=3)
    address: models.CharField[str, str] = models.CharField(_("Address"), max_length=ADDRESS_LENGTH)
    #: The address for comparison, see :func:`.database.columns.address_key`.
    address_key: models.CharField[str, str] = models.CharField(
        _("Address for comparison"), max_length=ADDRESS_LENGTH, editable=False
    )
    #: SES's id of the message that this recipient got.
    message_id: models.CharField[str, str] = models.CharField(
        _("Message id"), max_length=NAME_LENGTH, blank=True
    )
    #: Another id, if SES has accepted it twice.
    second_message_id: models.CharField[str, str] = models.CharField(
        _("Second message id"), max_length=NAME_LENGTH, blank=True
    )
    #: One of :data:`~anymail.message.ANYMAIL_STATUSES`; empty while nothing is known. "unknown": a
    #: call was posted, and its answer is not known.
    status: models.CharField[str, str] = models.CharField(_("Status"), max_length=8, blank=True)
    error_code: models.CharField[str, str] = models.CharField(
        _("Error code"), max_length=CODE_LENGTH, blank=True
    )
    #: What an event said about it afterwards: "bounced" (for good) or "complained".
    event: models.CharField[str, str] = models.CharField(_("Event"), max_length=10, blank=True)

    class Meta:
        """Names, and indexes for searching."""

        verbose_name: ClassVar[StrOrPromise] = _("recipient")
        verbose_name_plural: ClassVar[StrOrPromise] = _("recipients")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["address_key", "entry"], name="anymail_recipient_address"),
            models.Index(fields=["message_id"], name="anymail_recipient_message"),
        ]

    def __str__(self) -> str:
        return self.address
