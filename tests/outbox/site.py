"""The settings of workers that tests and benchmarks start as processes of their own: see
:func:`.processes.site`."""

import json
import os

import django

from ..settings import *  # noqa: F403
from ..settings import DATABASES

OUTBOX = "anymail.backends.outbox.EmailBackend"
# Without Django's admin, each process starts in two thirds of the time.
INSTALLED_APPS = ["anymail", "anymail.outbox"]
ROOT_URLCONF = "anymail.urls"
DATABASES = {"default": {**DATABASES["default"], **json.loads(os.environ["SITE_DB"])}}
ANYMAIL = json.loads(os.environ["SITE_ANYMAIL"])
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "redis": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://127.0.0.1:6379/5",
    },
}
if django.VERSION >= (6, 1):
    MAILERS = {
        "default": {"BACKEND": OUTBOX, "OPTIONS": {"mailer": "ses"}},
        "ses": {"BACKEND": ANYMAIL["OUTBOX_BACKEND"]},
    }
else:
    EMAIL_BACKEND = OUTBOX
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": os.environ["SITE_LOG"]}},
    "root": {"handlers": ["file"], "level": "WARNING"},
}
