"""Models for reading the tables of django-bouncy. They belong to no app, so have no migrations."""

from __future__ import annotations

from datetime import datetime

from django.apps.registry import Apps
from django.db import models

from .models import Bounce, Complaint, Delivery, Feedback

registry: Apps = Apps()


class OldFeedback(models.Model):
    """The columns of all three tables."""

    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField()
    sns_topic: models.CharField[str, str] = models.CharField(max_length=350)
    sns_messageid: models.CharField[str, str] = models.CharField(max_length=100)
    mail_timestamp: models.DateTimeField[datetime, datetime] = models.DateTimeField()
    mail_id: models.CharField[str, str] = models.CharField(max_length=100)
    mail_from: models.CharField[str, str] = models.CharField(max_length=254)
    address: models.CharField[str, str] = models.CharField(max_length=254)
    feedback_id: models.CharField[str | None, str | None] = models.CharField(  # noqa: DJ001
        max_length=100, null=True
    )
    feedback_timestamp: models.DateTimeField[datetime | None, datetime | None] = (
        models.DateTimeField(null=True)
    )

    class Meta:
        """Abstract."""

        abstract = True


class OldBounce(OldFeedback):  # noqa: DJ008
    """A row of django-bouncy's ``Bounce``."""

    hard: models.BooleanField[bool, bool] = models.BooleanField()
    bounce_type: models.CharField[str, str] = models.CharField(max_length=50)
    bounce_subtype: models.CharField[str, str] = models.CharField(max_length=50)
    reporting_mta: models.TextField[str | None, str | None] = models.TextField(null=True)  # noqa: DJ001
    action: models.CharField[str | None, str | None] = models.CharField(max_length=150, null=True)  # noqa: DJ001
    status: models.CharField[str | None, str | None] = models.CharField(max_length=150, null=True)  # noqa: DJ001
    diagnostic_code: models.TextField[str | None, str | None] = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        """The table of django-bouncy."""

        apps = registry
        app_label = "django_bouncy"
        db_table = "django_bouncy_bounce"


class OldComplaint(OldFeedback):  # noqa: DJ008
    """A row of django-bouncy's ``Complaint``."""

    useragent: models.TextField[str | None, str | None] = models.TextField(null=True)  # noqa: DJ001
    feedback_type: models.CharField[str | None, str | None] = models.CharField(  # noqa: DJ001
        max_length=150, null=True
    )
    arrival_date: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        null=True
    )

    class Meta:
        """The table of django-bouncy."""

        apps = registry
        app_label = "django_bouncy"
        db_table = "django_bouncy_complaint"


class OldDelivery(OldFeedback):  # noqa: DJ008
    """A row of django-bouncy's ``Delivery``."""

    delivered_time: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        null=True
    )
    processing_time: models.IntegerField[int, int] = models.IntegerField(default=0)
    smtp_response: models.TextField[str | None, str | None] = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        """The table of django-bouncy."""

        apps = registry
        app_label = "django_bouncy"
        db_table = "django_bouncy_delivery"


#: For each model of django-bouncy, ours.
MODELS: dict[type[OldFeedback], type[Feedback]] = {
    OldBounce: Bounce,
    OldComplaint: Complaint,
    OldDelivery: Delivery,
}
