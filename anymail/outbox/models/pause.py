"""What workers do not send for a while, and how fast they may send."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .lengths import CODE_LENGTH, NAME_LENGTH

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Pause(models.Model):
    """A mailer, or a lane of it, that sends nothing for a while."""

    mailer: models.CharField[str, str] = models.CharField(_("Mailer"), max_length=NAME_LENGTH)
    #: Empty: everything that the mailer sends.
    lane: models.CharField[str, str] = models.CharField(
        _("Lane"), max_length=NAME_LENGTH, blank=True
    )
    #: "account", "sender" or "service"; empty for a pause that a person made.
    scope: models.CharField[str, str] = models.CharField(_("Scope"), max_length=10, blank=True)
    error_code: models.CharField[str, str] = models.CharField(
        _("Error code"), max_length=CODE_LENGTH, blank=True
    )
    reason: models.TextField[str, str] = models.TextField(_("Reason"), blank=True)
    since: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("Since"), default=timezone.now, editable=False
    )
    #: When the next message is sent to find out whether it is over; None: when a person says so.
    until: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("Next probe"), null=True, blank=True
    )
    #: The person who made it; empty for the package itself.
    by: models.CharField[str, str] = models.CharField(_("By"), max_length=NAME_LENGTH, blank=True)

    class Meta:
        """Names and permissions; one pause for a mailer or lane."""

        verbose_name: ClassVar[StrOrPromise] = _("pause")
        verbose_name_plural: ClassVar[StrOrPromise] = _("pauses")
        permissions: ClassVar[list[tuple[str, StrOrPromise]]] = [
            ("pause_sending", _("Can pause sending")),
            ("resume_sending", _("Can resume sending")),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["mailer", "lane"], name="anymail_pause_once")
        ]

    def __str__(self) -> str:
        return f"{self.mailer}: {self.lane}" if self.lane else self.mailer


class Pace(models.Model):
    """Up to when an account's send rate is given out, and how much of its day; see
    :mod:`anymail.outbox.pacing`."""

    #: Identifies account and region, without secrets.
    owner: models.CharField[str, str] = models.CharField(max_length=64, primary_key=True)
    #: Seconds since 1970: the first moment that is free.
    free_at: models.FloatField[float, float] = models.FloatField(default=0.0)
    #: The same of the part of the rate that is reserved for urgent messages.
    reserve_free_at: models.FloatField[float, float] = models.FloatField(default=0.0)
    #: Recipients per second that SES grants; None if that is not known, 0 if there is no limit.
    rate: models.FloatField[float | None, float | None] = models.FloatField(null=True)
    #: Recipients per day; None if that is not known, -1 if there is no limit.
    daily_quota: models.FloatField[float | None, float | None] = models.FloatField(null=True)
    #: Recipients in the last 24 hours, as SES said, and those since.
    sent_today: models.FloatField[float, float] = models.FloatField(default=0.0)
    #: Seconds since 1970: when SES was asked for that.
    asked_at: models.FloatField[float, float] = models.FloatField(default=0.0)

    class Meta:
        """Names."""

        verbose_name: ClassVar[StrOrPromise] = _("pace")
        verbose_name_plural: ClassVar[StrOrPromise] = _("paces")

    def __str__(self) -> str:
        return self.owner
