"""Takes over messages in a process of its own: ``python -m tests.outbox.taking_over.process``.

The database is that of tests/settings.py, with what is in the variable ``TAKING_OVER_DATABASE``
over it.
"""

from __future__ import annotations

import json
import os
import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection


def set_up() -> None:
    """Begin with the settings of the tests."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    settings.DATABASES["default"].update(json.loads(os.environ["TAKING_OVER_DATABASE"]))
    # Without Django's admin, each process starts in two thirds of the time.
    settings.INSTALLED_APPS = ["anymail", "anymail.outbox"]
    settings.ROOT_URLCONF = "anymail.urls"
    settings.ANYMAIL = {"OUTBOX_BACKEND": "anymail.backends.test.EmailBackend"}
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": "anymail.backends.test.EmailBackend"}}
    django.setup()


def create(count: int) -> None:
    """Create the tables, and the rows of django-post-office that wait."""
    from django.utils import timezone

    from anymail.outbox.taking_over.post_office_tables import MODELS, OldEmail

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        for model in MODELS:
            editor.create_model(model)
    row = {"from_email": "a@example.com", "message": "Hi", "status": 2, "created": timezone.now()}
    OldEmail._default_manager.bulk_create(
        OldEmail(to=f"{number}@example.com", subject=str(number), **row) for number in range(count)
    )


def report() -> dict[str, int]:
    """What there is now."""
    from anymail.outbox.models import Entry, Recipient
    from anymail.outbox.taking_over.post_office_tables import OldEmail

    recipients = Recipient._default_manager.values_list("address", flat=True)
    return {
        "entries": Entry._default_manager.count(),
        "keys": Entry._default_manager.values("idempotency_key").distinct().count(),
        "recipients": recipients.count(),
        "addresses": recipients.distinct().count(),
        "waiting": OldEmail._default_manager.filter(status=2).count(),
    }


def main(what: str, count: str = "0") -> None:
    """Do it, and say so.

    :param what: "create" that many rows, "run" the command, or "report".
    """
    set_up()
    if what == "create":
        create(int(count))
    elif what == "report":
        print(json.dumps(report()))
    else:
        print("ready", flush=True)
        call_command("anymail_import_post_office")


if __name__ == "__main__":
    main(*sys.argv[1:])
