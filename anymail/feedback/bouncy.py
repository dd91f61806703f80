"""The tables of django-bouncy, to be read. They are in no app, so no migration knows them."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import models

from .models import Bounce, Complaint, Delivery, Feedback

registry = Apps()


class OldFeedback(models.Model):
    """The columns that all three have."""

    created_at = models.DateTimeField()
    sns_topic = models.CharField(max_length=350)
    sns_messageid = models.CharField(max_length=100)
    mail_timestamp = models.DateTimeField()
    mail_id = models.CharField(max_length=100)
    mail_from = models.CharField(max_length=254)
    address = models.CharField(max_length=254)
    feedback_id = models.CharField(max_length=100, null=True)  # noqa: DJ001
    feedback_timestamp = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class OldBounce(OldFeedback):  # noqa: DJ008
    hard = models.BooleanField()
    bounce_type = models.CharField(max_length=50)
    bounce_subtype = models.CharField(max_length=50)
    reporting_mta = models.TextField(null=True)  # noqa: DJ001
    action = models.CharField(max_length=150, null=True)  # noqa: DJ001
    status = models.CharField(max_length=150, null=True)  # noqa: DJ001
    diagnostic_code = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        apps = registry
        app_label = "django_bouncy"
        db_table = "django_bouncy_bounce"


class OldComplaint(OldFeedback):  # noqa: DJ008
    useragent = models.TextField(null=True)  # noqa: DJ001
    feedback_type = models.CharField(max_length=150, null=True)  # noqa: DJ001
    arrival_date = models.DateTimeField(null=True)

    class Meta:
        apps = registry
        app_label = "django_bouncy"
        db_table = "django_bouncy_complaint"


class OldDelivery(OldFeedback):  # noqa: DJ008
    delivered_time = models.DateTimeField(null=True)
    processing_time = models.IntegerField(default=0)
    smtp_response = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        apps = registry
        app_label = "django_bouncy"
        db_table = "django_bouncy_delivery"


#: Their models, and ours.
MODELS: dict[type[OldFeedback], type[Feedback]] = {
    OldBounce: Bounce,
    OldComplaint: Complaint,
    OldDelivery: Delivery,
}
