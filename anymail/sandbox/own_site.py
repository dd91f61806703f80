"""The sandbox's own Django site: settings made in memory, tables in a temporary file."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import django
from django.conf import settings

V1 = "anymail.backends.amazon_ses.EmailBackend"
V2 = "anymail.backends.amazon_sesv2.EmailBackend"

#: The apps that have tables.
STORED = ("admin", "auth", "contenttypes", "sessions", "anymail_feedback", "anymail_outbox")
APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "anymail",
    "anymail.feedback",
    "anymail.sandbox.page",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "anymail.sandbox.page.middleware.strict_headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "anymail.sandbox.page.middleware.visitor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
#: Settings of this package. The lease is short, so that a dead worker is noticed soon.
OWN: dict[str, Any] = {
    "FEEDBACK_SUPPRESS": ["hard_bounce", "complaint"],
    "OUTBOX_BACKEND": V2,
    "OUTBOX_KEEP_CONTENT": 3600,
    "OUTBOX_LEASE": 4,
}
#: The settings that are always the same.
COMMON: dict[str, Any] = {
    "CSRF_COOKIE_NAME": "anymail_sandbox_csrf",
    "DATA_UPLOAD_MAX_MEMORY_SIZE": 40 * 2**20,  # as much as SES takes
    "LOGGING_CONFIG": None,
    "MESSAGE_STORAGE": "django.contrib.messages.storage.session.SessionStorage",
    "MIDDLEWARE": MIDDLEWARE,
    "MIGRATION_MODULES": dict.fromkeys(STORED),  # tables are made from the models at once
    "ROOT_URLCONF": "anymail.sandbox.urls",
    "SESSION_COOKIE_NAME": "anymail_sandbox_session",  # not that of a project on the same host
    "STATIC_URL": "static/",
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    "TIME_ZONE": "UTC",
}


def configure(
    anymail: Mapping[str, Any],
    folder: Path,
    hosts: list[str],
    outbox: Mapping[str, Any] | None = None,
) -> None:
    """Set Django up, with a database in the folder. This works once in a process.

    :param outbox: the database that has the tables of ``anymail.outbox``; None for none, and an
        empty one for the one in the folder.
    """
    mailers = {"default": {"BACKEND": V1}, "sesv2": {"BACKEND": V2}}
    settings.configure(
        **COMMON,
        INSTALLED_APPS=APPS if outbox is None else [*APPS, "anymail.outbox"],
        **({"MAILERS": mailers} if django.VERSION >= (6, 1) else {"EMAIL_BACKEND": V1}),
        ALLOWED_HOSTS=hosts,
        ANYMAIL={
            **anymail,
            **OWN,
            "OUTBOX_DATABASE": "outbox" if outbox else None,
            "OUTBOX_LOG": not outbox,
        },
        DATABASES={
            "default": _database(folder / "sandbox.sqlite3"),
            **({"outbox": outbox} if outbox else {}),
        },
        DATABASE_ROUTERS=["anymail.outbox.router.OutboxRouter"] if outbox else [],
        SECRET_KEY=secrets.token_hex(),
    )
    # Errors of the webhooks belong on the screen, their warnings (401: SNS asks twice) do not.
    logging.basicConfig(level=logging.ERROR)
    # Nor do requests for other hosts and paths: those get a response.
    logging.getLogger("django.security").setLevel(logging.CRITICAL)
    django.setup()


def application() -> Callable[..., Any]:
    """The site as a WSGI application."""
    from django.core.wsgi import get_wsgi_application
    from django.urls import get_resolver

    get_resolver().url_patterns  # noqa: B018 - imports every page now, not for the first visitor
    return get_wsgi_application()


def _database(file: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        # Webhooks write from several threads; the file need not survive a power cut.
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
        },
    }


def create_tables() -> None:
    """Create what the site needs in its database."""
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from .page.middleware import USERNAME

    call_command("migrate", run_syncdb=True, verbosity=0)
    User.objects.create(username=USERNAME, is_staff=True, is_superuser=True)
