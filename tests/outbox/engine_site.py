"""The settings of a project whose outbox is woken by a task engine, in processes of its own: see
:mod:`.engines`."""

import json
import os
from importlib.util import find_spec

import django

from ..settings import *  # noqa: F403

OUTBOX = "anymail.backends.outbox.EmailBackend"
SITE = json.loads(os.environ["SITE"])
# Without Django's admin, each process starts in two thirds of the time.
INSTALLED_APPS = ["anymail", "anymail.outbox", *SITE["apps"]]
ROOT_URLCONF = "anymail.urls"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": SITE["database"],
        "OPTIONS": {"timeout": 60, "transaction_mode": "IMMEDIATE"},
    }
}
ANYMAIL = SITE["anymail"]
TASKS = {"default": {"BACKEND": SITE["tasks"]}} if SITE["tasks"] else {}
RQ_QUEUES = {"default": {"URL": SITE["broker"]}}
if django.VERSION >= (6, 1):
    MAILERS = {
        "default": {"BACKEND": OUTBOX, "OPTIONS": {"mailer": "ses"}},
        "ses": {"BACKEND": ANYMAIL["OUTBOX_BACKEND"]},
    }
else:
    EMAIL_BACKEND = OUTBOX
if find_spec("celery"):
    from celery import Celery

    app = Celery("shop", broker=SITE["broker"])
    app.conf.imports = ["mail_celery"]
    app.conf.update(SITE["celery"])
    app.set_default()
