"""Batches: one message to many recipients."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .lengths import KEY_LENGTH, NAME_LENGTH, SUBJECT_LENGTH

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class BatchState(models.TextChoices):
    """What workers do with the messages of a batch that wait."""

    RUNNING = "running"
    #: A person paused it.
    PAUSED = "paused"
    #: It stopped itself, because too many recipients bounced or complained.
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    DONE = "done"


class Batch(models.Model):
    """One message to many recipients. Each of its entries is a call to some of them.

    It is stored by ``batches.storing``, counted and ended by ``batches.upkeep``, and changed by
    people through ``batches.actions``.
    """

    #: The caller's: a second ``send_many()`` of the same name goes on where the first one ended.
    name: models.CharField[str, str] = models.CharField(_("Name"), max_length=KEY_LENGTH)
    #: See ``ids.key_digest()``.
    name_digest: models.CharField[str, str] = models.CharField(
        max_length=64, editable=False, unique=True
    )
    state: models.CharField[str, str] = models.CharField(
        _("State"), max_length=9, choices=BatchState.choices, default=BatchState.RUNNING
    )
    #: Why it does not run, for people.
    reason: models.TextField[str, str] = models.TextField(_("Reason"), blank=True)
    #: The person who changed its state last; empty for the package itself.
    by: models.CharField[str, str] = models.CharField(_("By"), max_length=NAME_LENGTH, blank=True)
    #: As of each of its entries.
    mailer: models.CharField[str, str] = models.CharField(_("Mailer"), max_length=NAME_LENGTH)
    lane: models.CharField[str, str] = models.CharField(
        _("Lane"), max_length=NAME_LENGTH, blank=True
    )
    priority: models.SmallIntegerField[int, int] = models.SmallIntegerField(
        _("Priority"), default=0
    )
    subject: models.CharField[str, str] = models.CharField(
        _("Subject"), max_length=SUBJECT_LENGTH, blank=True
    )
    #: What its messages have in common, as JSON; None once it was deleted.
    content: models.TextField[str | None, str | None] = models.TextField(  # noqa: DJ001
        _("Content"), null=True, blank=True
    )
    #: Of the message, without the recipients; it outlives the content.
    fingerprint: models.CharField[str, str] = models.CharField(
        _("Fingerprint"), max_length=64, blank=True
    )
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("Created"), default=timezone.now, editable=False
    )
    #: When the last recipient was stored; None while ``send_many()`` goes on, or after it died.
    stored_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Stored"), null=True, blank=True
    )
    done_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Done"), null=True, blank=True
    )

    # Written by send_many():
    #: How many entries are stored.
    chunks: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Calls"), default=0
    )
    #: How many recipients they have.
    recipients_count: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Recipients"), default=0
    )
    #: How many were left out because the batch had their address already.
    repeated: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Repeated"), default=0
    )
    #: How many were left out because their address is none.
    invalid: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Invalid"), default=0
    )

    # Recipients by what became of them. Written by workers every few seconds:
    sent: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(_("Sent"), default=0)
    failed: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Failed"), default=0
    )
    in_doubt: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("In doubt"), default=0
    )
    expired: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Expired"), default=0
    )
    cancelled: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Cancelled"), default=0
    )
    bounced: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Bounced"), default=0
    )
    complained: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        _("Complained"), default=0
    )
    #: When they were counted; None if they have to be counted again.
    counted_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Counted"), null=True, blank=True
    )

    # What the fuse leaves out: the numbers when a person last let the batch go on.
    forgiven_sent: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(default=0)
    forgiven_bounced: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(default=0)
    forgiven_complained: models.PositiveIntegerField[int, int] = models.PositiveIntegerField(
        default=0
    )

    class Meta:
        """Names, permissions, and indexes for lists."""

        verbose_name: ClassVar[StrOrPromise] = _("batch")
        verbose_name_plural: ClassVar[StrOrPromise] = _("batches")
        ordering: ClassVar[list[str]] = ["-created_at"]
        permissions: ClassVar[list[tuple[str, StrOrPromise]]] = [
            ("pause_batch", _("Can pause batches")),
            ("resume_batch", _("Can resume batches")),
            ("cancel_batch", _("Can cancel batches")),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "counted_at"], name="anymail_batch_state"),
            models.Index(fields=["created_at"], name="anymail_batch_created"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def waiting(self) -> int:
        """Recipients of whom nothing is known yet."""
        done = self.sent + self.failed + self.in_doubt + self.expired + self.cancelled
        return max(0, self.recipients_count - done)
