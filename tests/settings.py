"""The settings that the tests run with."""

import os
from importlib import import_module

import django

SECRET_KEY = "tests"
ROOT_URLCONF = "tests.urls"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "anymail",
    # "anymail.feedback" and "anymail.outbox", whose receivers are connected only where a test wants
    # them.
    "tests.feedback.DisconnectedFeedback",
    "tests.outbox.DisconnectedOutbox",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEST_RUNNER = "tests.log_guard.Runner"

# runtests.py --db sets these. The servers are those on loopback, without a password; benchmarks
# have some of their own, on other ports.
_DATABASE_NAME = os.environ.get("ANYMAIL_TEST_DB_NAME", "anymail")
_PORT = os.environ.get("ANYMAIL_TEST_DB_PORT")
_DATABASES = {
    "sqlite": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
    "postgres": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": int(_PORT or 5432),
        "USER": "postgres",
        "NAME": _DATABASE_NAME,
    },
    "mariadb": {
        "ENGINE": "django.db.backends.mysql",
        "HOST": "127.0.0.1",
        "PORT": int(_PORT or 3306),
        "USER": "root",
        "NAME": _DATABASE_NAME,
        "OPTIONS": {"charset": "utf8mb4"},
        "TEST": {"CHARSET": "utf8mb4"},
    },
}
DATABASES = {"default": _DATABASES[os.environ.get("ANYMAIL_TEST_DB", "sqlite")]}
if os.environ.get("ANYMAIL_TEST_DB") == "mariadb":
    import_module("pymysql").install_as_MySQLdb()
DEFAULT_FROM_EMAIL = "webmaster@example.com"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "anymail.backends.amazon_ses.EmailBackend"}}
else:
    EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
