"""Events of sent messages, and the suppression list.

The models and fields of django-bouncy keep their names and their meaning. ``address_key``,
``event`` and :class:`Suppression` are new.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..database.columns import ADDRESS_LENGTH, address_key, truncate
from ..signals import EventType, RejectReason
from .querysets import LOOKUP_COLUMNS, SuppressionQuerySet

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from .querysets import SuppressionManager


class Record(models.Model):
    """An event about one recipient of a message: the columns of every table.

    SES's times are in UTC, even with ``USE_TZ = False``; then they are naive, as in django-bouncy.
    """

    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("Created"), default=timezone.now, editable=False
    )
    sns_topic: models.CharField[str, str] = models.CharField(_("SNS topic"), max_length=350)
    sns_messageid: models.CharField[str, str] = models.CharField(
        _("SNS message id"), max_length=255
    )
    mail_timestamp: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Mail time"), null=True, blank=True
    )
    mail_id: models.CharField[str, str] = models.CharField(_("Mail id"), max_length=255)
    mail_from: models.TextField[str, str] = models.TextField(_("From"))
    address: models.CharField[str, str] = models.CharField(_("Address"), max_length=ADDRESS_LENGTH)
    #: The address for comparison, see :func:`anymail.database.columns.address_key`.
    address_key: models.CharField[str, str] = models.CharField(
        _("Address for comparison"), max_length=ADDRESS_LENGTH, editable=False
    )
    #: According to SES, the message was not sent to this address, or the event may be about
    #: somebody else: the address is never suppressed.
    recipient_uncertain: models.BooleanField[bool, bool] = models.BooleanField(
        _("Recipient uncertain"), default=False, db_default=False
    )
    #: SES's document. What a database cannot hold of it is replaced.
    event: models.JSONField[Any, Any] = models.JSONField(_("SES event"), default=dict, blank=True)

    class Meta:
        """Newest first; each notification once for each address."""

        abstract = True
        ordering: ClassVar[list[str]] = ["-created_at"]
        get_latest_by = "created_at"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # SNS repeats a notification until it is answered, and sometimes even then.
            models.UniqueConstraint(
                fields=["sns_messageid", "address_key"], name="anymail_%(class)s_once"
            )
        ]
        # The admin orders by created_at and id; the columns that it filters by come before them.
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["created_at", "id"], name="anymail_%(class)s_created"),
            models.Index(
                fields=["address_key", "created_at", "id"], name="anymail_%(class)s_address"
            ),
            models.Index(fields=["mail_id", "created_at", "id"], name="anymail_%(class)s_mail"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the row, with ``address_key`` filled in if it is empty."""
        self.address_key = self.address_key or address_key(self.address)
        super().save(*args, **kwargs)


class Feedback(Record):
    """The columns that bounces, complaints and deliveries have in common."""

    modified_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("Modified"), auto_now=True
    )
    feedback_id: models.CharField[str | None, str | None] = models.CharField(  # noqa: DJ001
        _("Feedback id"), max_length=255, null=True, blank=True
    )
    feedback_timestamp: models.DateTimeField[datetime | None, datetime | None] = (
        models.DateTimeField(_("Feedback Time"), null=True, blank=True)
    )

    class Meta(Record.Meta):
        """Abstract."""

        abstract = True


class Bounce(Feedback):
    """A message was not delivered, and SES gave up.

    The words are SES's (Amazon SES Developer Guide, "Amazon SNS notification contents").
    """

    hard: models.BooleanField[bool, bool] = models.BooleanField(_("Hard Bounce"))
    bounce_type: models.CharField[str, str] = models.CharField(
        _("Bounce Type"), max_length=150, blank=True
    )
    bounce_subtype: models.CharField[str, str] = models.CharField(
        _("Bounce Subtype"), max_length=150, blank=True
    )
    reporting_mta: models.TextField[str | None, str | None] = models.TextField(  # noqa: DJ001
        _("Reporting MTA"), null=True, blank=True
    )
    action: models.CharField[str | None, str | None] = models.CharField(  # noqa: DJ001
        _("Action"), max_length=150, null=True, blank=True
    )
    status: models.CharField[str | None, str | None] = models.CharField(  # noqa: DJ001
        _("Status"), max_length=150, null=True, blank=True
    )
    diagnostic_code: models.TextField[str | None, str | None] = models.TextField(  # noqa: DJ001
        _("Diagnostic Code"), null=True, blank=True
    )

    class Meta(Record.Meta):
        """Names, and indexes for the admin's filters."""

        verbose_name: ClassVar[StrOrPromise] = _("bounce")
        verbose_name_plural: ClassVar[StrOrPromise] = _("bounces")
        permissions: ClassVar[list[tuple[str, StrOrPromise]]] = [
            ("export_feedback", _("Can export events and suppressed addresses"))
        ]
        indexes: ClassVar[list[models.Index]] = [
            *Record.Meta.indexes,
            models.Index(fields=["bounce_type", "created_at", "id"], name="anymail_bounce_type"),
            models.Index(
                fields=["bounce_subtype", "created_at", "id"], name="anymail_bounce_subtype"
            ),
            models.Index(
                fields=["bounce_type", "bounce_subtype", "created_at", "id"],
                name="anymail_bounce_both_types",
            ),
            models.Index(fields=["hard", "created_at", "id"], name="anymail_bounce_hard"),
            models.Index(fields=["action", "created_at", "id"], name="anymail_bounce_action"),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.bounce_type} Bounce (message from {self.mail_from})"


class Complaint(Feedback):
    """A recipient, or a mail server, reported a message as spam."""

    useragent: models.TextField[str | None, str | None] = models.TextField(  # noqa: DJ001
        _("User Agent"), null=True, blank=True
    )
    feedback_type: models.CharField[str | None, str | None] = models.CharField(  # noqa: DJ001
        _("Complaint Type"), max_length=150, null=True, blank=True
    )
    arrival_date: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Arrival date"), null=True, blank=True
    )

    class Meta(Record.Meta):
        """Names, and indexes for the admin's filters."""

        verbose_name: ClassVar[StrOrPromise] = _("complaint")
        verbose_name_plural: ClassVar[StrOrPromise] = _("complaints")
        indexes: ClassVar[list[models.Index]] = [
            *Record.Meta.indexes,
            models.Index(
                fields=["feedback_type", "created_at", "id"], name="anymail_complaint_type"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} Complaint (message from {self.mail_from})"


class Delivery(Feedback):
    """A recipient's mail server accepted a message. ``feedback_…`` stay None."""

    delivered_time: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Delivered"), null=True, blank=True
    )
    processing_time: models.IntegerField[int, int] = models.IntegerField(
        _("Processing time (ms)"), default=0
    )
    smtp_response: models.TextField[str | None, str | None] = models.TextField(  # noqa: DJ001
        _("SMTP response"), null=True, blank=True
    )

    class Meta(Record.Meta):
        """Names."""

        verbose_name: ClassVar[StrOrPromise] = _("delivery")
        verbose_name_plural: ClassVar[StrOrPromise] = _("deliveries")

    def __str__(self) -> str:
        return f"{self.address} Delivery (message from {self.mail_from})"


class MailEvent(Record):
    """Another event of a message: SES rejected it, could not render it, or will try again.

    The table can hold events of every type, one row for each recipient.
    """

    event_type: models.CharField[str, str] = models.CharField(
        _("Event"), max_length=20, choices=EventType.choices
    )
    occurred_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Occurred"), null=True, blank=True
    )
    description: models.TextField[str, str] = models.TextField(_("Description"), blank=True)
    #: One of :class:`anymail.signals.RejectReason`, or empty.
    reject_reason: models.CharField[str, str] = models.CharField(
        _("Reject reason"), max_length=20, choices=RejectReason.choices, blank=True
    )
    mta_response: models.TextField[str, str] = models.TextField(_("Server's answer"), blank=True)

    class Meta(Record.Meta):
        """Names, and an index for the admin's filter."""

        verbose_name: ClassVar[StrOrPromise] = _("other event")
        verbose_name_plural: ClassVar[StrOrPromise] = _("other events")
        indexes: ClassVar[list[models.Index]] = [
            *Record.Meta.indexes,
            models.Index(fields=["event_type", "created_at", "id"], name="anymail_mailevent_type"),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.event_type} (message from {self.mail_from})"


class Reason(models.TextChoices):
    """The reason why an address is on the suppression list."""

    HARD_BOUNCE = "hard_bounce", _("hard bounce")
    COMPLAINT = "complaint", _("complaint")
    MANUAL = "manual", _("by hand")


class Suppression(models.Model):
    """An address that gets no messages while ``FEEDBACK_SUPPRESS`` names the reason.

    An address can be here once for each reason.
    """

    #: In the form of :func:`anymail.database.columns.address_key`.
    address: models.CharField[str, str] = models.CharField(_("Address"), max_length=ADDRESS_LENGTH)
    reason: models.CharField[str, str] = models.CharField(
        _("Reason"), max_length=20, choices=Reason.choices, default=Reason.MANUAL
    )
    #: ``sns_messageid`` of the bounce or complaint; empty for what was added by hand.
    event_id: models.CharField[str, str] = models.CharField(
        _("Source event"), max_length=255, blank=True
    )
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("Created"), default=timezone.now, editable=False
    )
    #: From then on, messages are sent again; None for never.
    expires_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Expires"), null=True, blank=True
    )
    note: models.TextField[str, str] = models.TextField(_("Note"), blank=True)
    #: The address as Amazon's list spells it, if it came from there and is spelt another way.
    amazon_address: models.CharField[str | None, str | None] = models.CharField(  # noqa: DJ001
        _("Address at Amazon"), max_length=ADDRESS_LENGTH, null=True, blank=True, editable=False
    )

    objects: ClassVar[SuppressionManager] = cast(
        "SuppressionManager", SuppressionQuerySet.as_manager()
    )

    class Meta:
        """Each address once for each reason; an index for the query before sending."""

        verbose_name: ClassVar[StrOrPromise] = _("suppressed address")
        verbose_name_plural: ClassVar[StrOrPromise] = _("suppressed addresses")
        ordering: ClassVar[list[str]] = ["-created_at"]
        permissions: ClassVar[list[tuple[str, StrOrPromise]]] = [
            ("lift_suppression", _("Can lift suppressions"))
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # In this order, so that databases look addresses up in the other index, made for that.
            models.UniqueConstraint(fields=["reason", "address"], name="anymail_suppression_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=LOOKUP_COLUMNS, name="anymail_suppression_lookup"),
            models.Index(fields=["created_at", "id"], name="anymail_suppression_created"),
            models.Index(fields=["reason", "created_at", "id"], name="anymail_suppression_reason"),
            models.Index(fields=["expires_at", "id"], name="anymail_suppression_expires"),
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.get_reason_display()})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the entry, with the address in its form for comparison."""
        self.clean()
        self.event_id = truncate(self.event_id, 255)
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Bring the address into its form for comparison, so that forms find duplicates."""
        self.address = address_key(self.address)

    def is_active_at(self, now: datetime) -> bool:
        """Whether this entry has not expired.

        :param now: aware, or naive with ``USE_TZ = False``.
        """
        return self.expires_at is None or self.expires_at > now


class Lift(models.Model):
    """An address was taken off the list. Amazon's list does not bring it back, unless SES puts it
    there later.
    """

    #: In the form of :func:`anymail.database.columns.address_key`.
    address: models.CharField[str, str] = models.CharField(_("Address"), max_length=ADDRESS_LENGTH)
    lifted_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("Lifted"), default=timezone.now
    )
    #: The address as Amazon's list spells it, if it came from there and is spelt another way.
    amazon_address: models.CharField[str | None, str | None] = models.CharField(  # noqa: DJ001
        _("Address at Amazon"), max_length=ADDRESS_LENGTH, null=True, blank=True, editable=False
    )
    #: It is still to be taken off Amazon's list, as ``FEEDBACK_SUPPRESS_SYNC`` says.
    is_pending: models.BooleanField[bool, bool] = models.BooleanField(_("Pending"), default=False)

    class Meta:
        """Each address once; indexes for pruning and for what is pending."""

        verbose_name: ClassVar[StrOrPromise] = _("lifted address")
        verbose_name_plural: ClassVar[StrOrPromise] = _("lifted addresses")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["address"], name="anymail_lift_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["lifted_at", "id"], name="anymail_lift_time"),
            models.Index(fields=["is_pending", "id"], name="anymail_lift_pending"),
        ]

    def __str__(self) -> str:
        return self.address


class Pull(models.Model):
    """The last time that one of Amazon's lists was read to its end."""

    #: A hash of account and region, and the tenant.
    key: models.CharField[str, str] = models.CharField(_("Key"), max_length=128, unique=True)
    region: models.CharField[str, str] = models.CharField(_("Region"), max_length=64)
    tenant: models.CharField[str, str] = models.CharField(_("Tenant"), max_length=64, blank=True)
    #: In UTC, even with ``USE_TZ = False``; then it is naive.
    began_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("Began"))

    class Meta:
        """Names."""

        verbose_name: ClassVar[StrOrPromise] = _("pull of Amazon's list")
        verbose_name_plural: ClassVar[StrOrPromise] = _("pulls of Amazon's list")

    def __str__(self) -> str:
        return f"{self.region} {self.tenant}".strip()
