"""The settings that the tests run with."""

import django

SECRET_KEY = "tests"
ROOT_URLCONF = "tests.urls"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "anymail"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_FROM_EMAIL = "webmaster@example.com"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "anymail.backends.amazon_ses.EmailBackend"}}
else:
    EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
