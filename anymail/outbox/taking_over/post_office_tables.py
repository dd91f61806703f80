"""Models for reading the tables of django-post-office, as they are from version 3.5 on.

They belong to no app, so have no migrations. JSON is read as text: the type of its
columns differs between versions.
"""

from __future__ import annotations

from datetime import datetime

from django.apps.registry import Apps
from django.db import models

registry: Apps = Apps()

#: The values of :attr:`OldEmail.status` that wait.
QUEUED, REQUEUED = 2, 3


class OldEmail(models.Model):  # noqa: DJ008
    """A row of django-post-office's ``Email``."""

    from_email: models.CharField[str, str] = models.CharField(max_length=254)
    to: models.TextField[str, str] = models.TextField(blank=True)
    cc: models.TextField[str, str] = models.TextField(blank=True)
    bcc: models.TextField[str, str] = models.TextField(blank=True)
    subject: models.CharField[str, str] = models.CharField(max_length=989, blank=True)
    message: models.TextField[str, str] = models.TextField(blank=True)
    html_message: models.TextField[str, str] = models.TextField(blank=True)
    status: models.PositiveSmallIntegerField[int | None, int | None] = (
        models.PositiveSmallIntegerField(null=True)
    )
    priority: models.PositiveSmallIntegerField[int | None, int | None] = (
        models.PositiveSmallIntegerField(null=True)
    )
    created: models.DateTimeField[datetime, datetime] = models.DateTimeField()
    scheduled_time: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        null=True
    )
    expires_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        null=True
    )
    message_id: models.CharField[str | None, str | None] = models.CharField(  # noqa: DJ001
        max_length=255, null=True
    )
    headers: models.TextField[str | None, str | None] = models.TextField(null=True)  # noqa: DJ001
    template_id: models.IntegerField[int | None, int | None] = models.IntegerField(null=True)
    context: models.TextField[str | None, str | None] = models.TextField(null=True)  # noqa: DJ001
    backend_alias: models.CharField[str, str] = models.CharField(max_length=64, blank=True)

    class Meta:
        """The table of django-post-office."""

        apps = registry
        app_label = "post_office"
        db_table = "post_office_email"


class OldTemplate(models.Model):  # noqa: DJ008
    """A row of django-post-office's ``EmailTemplate``."""

    name: models.CharField[str, str] = models.CharField(max_length=255)
    subject: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    content: models.TextField[str, str] = models.TextField(blank=True)
    html_content: models.TextField[str, str] = models.TextField(blank=True)

    class Meta:
        """The table of django-post-office."""

        apps = registry
        app_label = "post_office"
        db_table = "post_office_emailtemplate"


class OldAttachment(models.Model):  # noqa: DJ008
    """A row of django-post-office's ``Attachment``."""

    #: The file's name in the storage.
    file: models.CharField[str, str] = models.CharField(max_length=100)
    name: models.CharField[str, str] = models.CharField(max_length=255)
    mimetype: models.CharField[str, str] = models.CharField(max_length=255, blank=True)
    headers: models.TextField[str | None, str | None] = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        """The table of django-post-office."""

        apps = registry
        app_label = "post_office"
        db_table = "post_office_attachment"


class OldAttachmentLink(models.Model):  # noqa: DJ008
    """Which e-mail has which attachment."""

    attachment_id: models.IntegerField[int, int] = models.IntegerField()
    email_id: models.IntegerField[int, int] = models.IntegerField()

    class Meta:
        """The table of django-post-office."""

        apps = registry
        app_label = "post_office"
        db_table = "post_office_attachment_emails"


#: In the order of their foreign keys.
MODELS: tuple[type[models.Model], ...] = (OldEmail, OldTemplate, OldAttachment, OldAttachmentLink)
