"""The settings of a project in processes of its own; the environment has what differs."""

import json
import os

import django

SECRET_KEY = "probe"
ROOT_URLCONF = "tests.aws_account.doctor.probe.urls"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
APPS = json.loads(os.environ["SITE_APPS"])
OURS = [app for app in APPS if app.startswith("anymail.")]
INSTALLED_APPS = [*(app for app in APPS if app not in OURS), "anymail", *OURS]
DATABASES = {"default": json.loads(os.environ["SITE_DB"])}
CACHES = {"default": json.loads(os.environ["SITE_CACHE"])}
DEFAULT_FROM_EMAIL = os.environ["SITE_FROM"]
ANYMAIL = json.loads(os.environ["SITE_ANYMAIL"])
SES = "anymail.backends.amazon_ses.EmailBackend"
OUTBOX = "anymail.backends.outbox.EmailBackend"
BACKEND = os.environ["SITE_BACKEND"] or SES
if django.VERSION >= (6, 1):
    OPTIONS = {"OPTIONS": {"mailer": "ses"}} if BACKEND == OUTBOX else {}
    MAILERS = {"default": {"BACKEND": BACKEND, **OPTIONS}, "ses": {"BACKEND": SES}}
else:
    EMAIL_BACKEND = BACKEND
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": os.environ["SITE_LOG"]}},
    "root": {"handlers": ["file"], "level": "WARNING"},
}
