"""A model for reading the blacklist of django-ses. It belongs to no app, so has no migrations."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import models

registry: Apps = Apps()


class BlacklistedEmail(models.Model):  # noqa: DJ008
    """A row of django-ses's ``BlacklistedEmail``: an address that gets no more mail.

    Source: django-ses, pull request 331, "Implement blacklist" (4.2.0).
    """

    email: models.EmailField[str, str] = models.EmailField(max_length=255, unique=True)

    class Meta:
        """The table of django-ses."""

        apps = registry
        app_label = "django_ses"
        db_table = "django_ses_blacklistedemail"
