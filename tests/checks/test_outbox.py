"""The system checks of the app ``anymail.outbox``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest import mock, skipIf, skipUnless

import django
from django.apps import apps
from django.conf import settings
from django.core import checks as django_checks
from django.core.checks.registry import CheckRegistry
from django.test import SimpleTestCase, TestCase, override_settings
from django.urls import include, path

from anymail.checks import sending
from anymail.outbox import checks

from ..outbox import OUTBOX, use_outbox
from ..ses import V1, V2, use_backend

LOCMEM = "django.core.mail.backends.locmem.EmailBackend"
MAILERS_EXIST = django.VERSION >= (6, 1)
TASKS_EXIST = django.VERSION >= (6, 0)
EVENTS = {"AMAZON_SES_CONFIGURATION_SET_NAME": "events"}


def ring(run_after: Any = None) -> None:
    """A bell."""


class OutboxCheckTestCase(SimpleTestCase):
    def ids(self, check: Callable[[], list[django_checks.CheckMessage]]) -> list[str | None]:
        messages = check()
        self.assertTrue(all(message.hint for message in messages))
        return [message.id for message in messages]

    def with_outbox(self, check: Any, path: str = V2, **anymail: Any) -> list[str | None]:
        """What a check finds where mail goes to the outbox."""
        with use_outbox(path, **anymail):
            return self.ids(check)


class BellTests(OutboxCheckTestCase):
    def test_w126_nothing_wakes_workers(self) -> None:
        self.assertEqual(self.with_outbox(checks.check_bell), ["anymail.W126"])

    def test_without_messages_nothing_has_to_wake(self) -> None:
        with use_backend(V2):
            self.assertEqual(self.ids(checks.check_bell), [])

    def test_any_bell_that_exists_is_good(self) -> None:
        for bell in ("command", f"{__name__}.ring", ring):
            with self.subTest(bell):
                self.assertEqual(self.with_outbox(checks.check_bell, OUTBOX_BELL=bell), [])

    def test_e127_a_bell_that_cannot_be_imported(self) -> None:
        for bell in ("no.such.bell", f"{__name__}.nope"):
            with self.subTest(bell):
                found = self.with_outbox(checks.check_bell, OUTBOX_BELL=bell)
                self.assertEqual(found, ["anymail.E127"])

    def test_e127_a_bell_that_is_no_function(self) -> None:
        found = self.with_outbox(checks.check_bell, OUTBOX_BELL=f"{__name__}.EVENTS")
        self.assertEqual(found, ["anymail.E127"])

    def test_e127_tasks_that_are_not_installed(self) -> None:
        missing = {"django.tasks": None, "django_tasks": None}
        with mock.patch.dict(sys.modules, missing), use_outbox(V2, OUTBOX_BELL="tasks"):
            sys.modules.pop("anymail.outbox.tasks", None)
            [error] = checks.check_bell()
        self.assertEqual(error.id, "anymail.E127")
        self.assertIn("pip install django-tasks", str(error.hint))

    @skipUnless(TASKS_EXIST, "needs django.tasks")
    def test_tasks_are_a_bell(self) -> None:
        self.assertEqual(self.with_outbox(checks.check_bell, OUTBOX_BELL="tasks"), [])

    @skipUnless(TASKS_EXIST, "needs django.tasks")
    def test_w128_tasks_without_workers(self) -> None:
        for name in ("immediate.Immediate", "dummy.Dummy"):
            backend = f"django.tasks.backends.{name}Backend"
            with self.subTest(name), override_settings(TASKS={"default": {"BACKEND": backend}}):
                found = self.with_outbox(checks.check_task_backend, OUTBOX_BELL="tasks")
                self.assertEqual(found, ["anymail.W128"])
                self.assertEqual(self.with_outbox(checks.check_task_backend), [])

    @skipUnless(TASKS_EXIST, "needs django.tasks")
    def test_tasks_with_workers_are_good(self) -> None:
        backend = f"{__name__}.{working_backend().__name__}"
        with override_settings(TASKS={"default": {"BACKEND": backend}}):
            found = self.with_outbox(checks.check_task_backend, OUTBOX_BELL="tasks")
        self.assertEqual(found, [])


def working_backend() -> Any:
    """A backend of tasks that is not one of Django's."""
    from django.tasks.backends.base import BaseTaskBackend

    class Working(BaseTaskBackend):  # type: ignore[misc,unused-ignore]
        def enqueue(self, *args: Any, **kwargs: Any) -> Any: ...

    vars(sys.modules[__name__])["Working"] = Working
    return Working


class EventTests(OutboxCheckTestCase):
    def test_w129_no_configuration_set(self) -> None:
        for backend in (V1, V2):
            found = self.with_outbox(checks.check_configuration_sets, backend)
            self.assertEqual(found, ["anymail.W129"])

    def test_a_configuration_set_by_any_setting_is_enough(self) -> None:
        by_default = {"SEND_DEFAULTS": {"esp_extra": {"ConfigurationSetName": "events"}}}
        for anymail in (EVENTS, by_default):
            found = self.with_outbox(checks.check_configuration_sets, **anymail)
            self.assertEqual(found, [])

    def test_other_backends_need_none(self) -> None:
        self.assertEqual(self.with_outbox(checks.check_configuration_sets, LOCMEM), [])
        self.assertEqual(self.with_events(LOCMEM), [])

    def with_events(self, backend: str = V2, *patterns: Any, **anymail: Any) -> list[str | None]:
        urls: Any = ModuleType("urls")
        urls.urlpatterns = patterns
        with override_settings(ROOT_URLCONF=urls):
            return self.with_outbox(checks.check_events, backend, **anymail)

    def test_w130_nothing_receives_events(self) -> None:
        self.assertEqual(self.with_events(), ["anymail.W130"])

    def test_a_webhook_or_a_queue_receives_them(self) -> None:
        self.assertEqual(self.with_events(V2, path("anymail/", include("anymail.urls"))), [])
        self.assertEqual(self.with_events(AMAZON_SES_QUEUES=["ses-events"]), [])

    def test_a_project_without_a_urlconf_is_left_alone(self) -> None:
        with override_settings():
            del settings.ROOT_URLCONF
            self.assertEqual(self.with_outbox(checks.check_events), [])


class DelivererTests(OutboxCheckTestCase):
    def test_what_sends_is_good(self) -> None:
        for backend in (V1, V2, LOCMEM):
            self.assertEqual(self.with_outbox(checks.check_deliverers, backend), [])
        with use_backend(V2):
            self.assertEqual(self.ids(checks.check_deliverers), [])

    def test_e131_an_outbox_that_delivers_to_an_outbox(self) -> None:
        self.assertIn("anymail.E131", self.with_outbox(checks.check_deliverers, OUTBOX))

    @skipIf(MAILERS_EXIST, "MAILERS has it")
    def test_e131_a_backend_that_is_missing(self) -> None:
        for backend in (None, "no.such.EmailBackend"):
            found = self.with_outbox(checks.check_deliverers, OUTBOX_BACKEND=backend)
            self.assertEqual(found, ["anymail.E131"])

    @skipUnless(MAILERS_EXIST, "needs MAILERS")
    def test_e131_a_mailer_that_is_missing(self) -> None:
        for options in ({}, {"mailer": "sse"}, {"mailer": "default"}):
            mailers = {"default": {"BACKEND": OUTBOX, "OPTIONS": options}, "ses": {"BACKEND": V2}}
            with self.subTest(options), override_settings(MAILERS=mailers):
                self.assertEqual(self.ids(checks.check_deliverers), ["anymail.E131"])

    def test_w132_a_backend_that_sends_nothing(self) -> None:
        for backend in (
            LOCMEM,
            "django.core.mail.backends.console.EmailBackend",
            "django.core.mail.backends.dummy.EmailBackend",
            "anymail.backends.console.EmailBackend",
            "anymail.backends.test.EmailBackend",
        ):
            with self.subTest(backend):
                found = self.with_outbox(checks.check_pretenders, backend)
                self.assertEqual(found, ["anymail.W132"])
                with override_settings(DEBUG=True):
                    self.assertEqual(self.with_outbox(checks.check_pretenders, backend), [])

    def test_w132_is_silent_about_others(self) -> None:
        for backend in (V2, "django.core.mail.backends.smtp.EmailBackend"):
            self.assertEqual(self.with_outbox(checks.check_pretenders, backend), [])

    def test_w133_nothing_uses_the_outbox(self) -> None:
        with use_backend(V2):
            self.assertEqual(self.ids(checks.check_use), ["anymail.W133"])
        self.assertEqual(self.with_outbox(checks.check_use), [])

    def test_w117_sees_what_is_behind_the_outbox(self) -> None:
        with override_settings(DEFAULT_FROM_EMAIL="webmaster@localhost"):
            self.assertEqual(self.with_outbox(sending.check_senders), ["anymail.W117"])
            self.assertEqual(self.with_outbox(sending.check_senders, LOCMEM), [])

    def test_wrong_types_are_reported_elsewhere(self) -> None:
        for check in (
            checks.check_bell,
            checks.check_task_backend,
            checks.check_configuration_sets,
            checks.check_deliverers,
            checks.check_pretenders,
            checks.check_database,
        ):
            self.assertEqual(self.with_outbox(check, OUTBOX_LEASE="a minute"), [])


class PlaceTests(TestCase):
    def ids(self, check: Any, **settings: Any) -> list[str | None]:
        with use_outbox(V2, **settings.pop("ANYMAIL", {})), override_settings(**settings):
            messages = check()
        self.assertTrue(all(message.hint for message in messages))
        return [message.id for message in messages]

    def database(self, alias: str | None, *routers: str) -> list[str | None]:
        anymail = {"OUTBOX_DATABASE": alias}
        return self.ids(checks.check_database, ANYMAIL=anymail, DATABASE_ROUTERS=routers)

    def test_e135_a_database_that_is_missing(self) -> None:
        self.assertEqual(self.database("mials"), ["anymail.E135"])
        self.assertEqual(self.database(None), [])

    def test_w134_a_database_without_the_router(self) -> None:
        from django.db import connections

        with mock.patch.dict(connections.settings, mails=connections.settings["default"]):
            self.assertEqual(self.database("mails"), ["anymail.W134"])
            self.assertEqual(self.database("mails", "anymail.outbox.router.OutboxRouter"), [])
        self.assertEqual(self.database("default"), [])

    def test_i136_attachments_that_only_one_machine_has(self) -> None:
        on_disk = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
        shared = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
        for storages, wanted in (
            ({"default": on_disk}, ["anymail.I136"]),
            ({"default": shared, "anymail": on_disk}, ["anymail.I136"]),
            ({"default": on_disk, "anymail": shared}, []),
            ({"default": on_disk, "anymail": {"BACKEND": "no.such.Storage"}}, []),
        ):
            with self.subTest(storages):
                self.assertEqual(self.ids(checks.check_storage, STORAGES=storages), wanted)

    def test_without_stored_messages_no_storage_is_needed(self) -> None:
        with use_backend(V2):
            self.assertEqual(checks.check_storage(), [])


class RegistrationTests(SimpleTestCase):
    def test_the_app_registers_them(self) -> None:
        registry = CheckRegistry()
        with mock.patch.object(django_checks, "register", registry.register):
            checks.register()
        always, deploy = registry.registered_checks, registry.deployment_checks
        self.assertEqual(len(always), 3)
        self.assertEqual(len(deploy), 6)
        every = {name for name in vars(checks) if name.startswith("check_")}
        self.assertEqual({check.__name__ for check in always | deploy}, every)

    def test_manage_py_check_says_nothing_about_a_good_project(self) -> None:
        config = [apps.get_app_config("anymail_outbox")]
        with (
            use_outbox(V2, OUTBOX_BELL="command", **EVENTS),
            mock.patch.object(django_checks.registry, "registry", CheckRegistry()) as registry,
        ):
            with mock.patch.object(django_checks, "register", registry.register):
                checks.register()
            found = registry.run_checks(config, include_deployment_checks=True)
        self.assertEqual([message.id for message in found], ["anymail.I136"])
