"""Runs the Python blocks of a documentation page, as its readers would."""

from __future__ import annotations

import ast
import builtins
import contextlib
import inspect
import io
import os
import re
import symtable
import sys
import tempfile
import unittest
import warnings
from collections.abc import Iterator
from logging.config import DictConfigurator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any
from unittest import mock

import django
from django.apps import AppConfig
from django.conf import global_settings, settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.db import connection, models
from django.test import SimpleTestCase, override_settings
from django.test.utils import isolate_apps
from django.urls import get_resolver, include, path, reverse

from anymail import conf, signals, testing
from anymail.amazon_ses import aws
from anymail.amazon_ses.installed_botocore import is_botocore_client
from anymail.checks import sending
from anymail.checks import settings as settings_checks
from anymail.checks import webhooks as webhook_checks
from anymail.exceptions import AnymailRecipientsRefused, AnymailUnsupportedFeature
from anymail.feedback.models import Bounce, Suppression
from anymail.feedback.signals import feedback
from anymail.outbox.models import Entry
from anymail.testing.events import EVENT_KINDS

from . import feedback as feedback_app
from .docs_pages import Block
from .ses import CREDENTIALS, V1, V2, Sent, accept_calls, simple_message, use_backend

#: What ``startproject`` writes into the settings of a project.
BASE_DIR = Path(tempfile.gettempdir(), "anymail-docs")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
#: The shared credentials file of the reader.
PROFILE = "[marketing]\naws_access_key_id = test\naws_secret_access_key = secret-key-of-tests\n"
#: A line that says which file the next lines are in.
FILE = re.compile(r"^# (?:\w+/)?(\w+)\.py\b.*$", re.MULTILINE)
SETTINGS = {"ANYMAIL", "EMAIL_BACKEND", "INSTALLED_APPS", "LOGGING", "MAILERS", "TASKS"}
#: Apps that readers are told to make.
READERS_APPS = {"orders"}


class Readers:
    """What the code on the pages takes for granted: models, functions and files of the reader."""

    def __init__(self) -> None:
        with isolate_apps():
            self.Customer = _model(
                "Customer",
                email=models.EmailField(),
                can_get_mail=models.BooleanField(default=True),
            )
            self.SentMail = _model(
                "SentMail", address=models.EmailField(), message_id=models.CharField(max_length=100)
            )
            self.Ticket = _model(
                "Ticket",
                ses_id=models.CharField(max_length=100),
                address=models.CharField(max_length=320),
                sender=models.CharField(max_length=320),
                subject=models.TextField(),
                text=models.TextField(),
                source=models.FileField(upload_to="mails"),
            )

    @contextlib.contextmanager
    def at_work(self, folder: str) -> Iterator[None]:
        """With tables, and in a folder with their files."""
        with contextlib.ExitStack() as stack:
            for model in (self.Customer, self.SentMail, self.Ticket):
                stack.enter_context(table(model))
            Path(folder, "logo.png").write_bytes(PNG)
            credentials = Path(folder, "credentials")
            credentials.write_text(PROFILE)
            environment = {"AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
            stack.enter_context(mock.patch.dict(os.environ, environment))
            stack.callback(os.chdir, os.getcwd())
            os.chdir(folder)
            templates = [
                {**engine, "DIRS": [f"{folder}/templates"]} for engine in settings.TEMPLATES
            ]
            stack.enter_context(override_settings(MEDIA_ROOT=folder, TEMPLATES=templates))
            yield

    def names(self, page: str) -> dict[str, Any]:
        """What the blocks of a page may use without defining or importing it."""
        found: dict[str, dict[str, Any]] = {
            "README": {"path": path, "include": include},
            "feedback": {"User": User},
            "inbound": {"Ticket": self.Ticket, "png": PNG},
            "sending": {"SentMail": self.SentMail, "newsletters": [simple_message()]},
            "testing": {"send_welcome": send_welcome},
            "tracking": {"Customer": self.Customer},
        }
        return found.get(page, {})


def env(name: str) -> str:
    """Where readers keep their secrets."""
    return {"ANYMAIL_WEBHOOK_SECRET": "some-user:some-password"}[name]


def send_welcome(address: str) -> None:
    """What the example of a test tests."""
    simple_message(to=[address], tags=["welcome"], subject="Welcome", body="Hello!").send()


class Amazon:
    """Real boto3 clients, which check parameters and answer instead of connecting."""

    def __init__(self) -> None:
        self.sent = Sent()
        self.refuses = False

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        create = aws.create_client

        def create_client(*args: Any) -> Any:
            client = create(*args)
            if is_botocore_client(client):
                client.meta.events.register("before-call.*.*", self.refuse)
                accept_calls(client, self.sent)
            return client

        environment = {
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_DEFAULT_REGION": CREDENTIALS["region_name"],
        }
        with (
            mock.patch.dict(os.environ, environment),
            mock.patch.object(aws, "create_client", create_client),
        ):
            aws.clear_clients()
            yield
            aws.clear_clients()

    def refuse(self, **_kwargs: Any) -> Any:
        """Refuse the next call, if that is wanted."""
        if not self.refuses:
            return None
        self.refuses = False
        error = {"Code": "MessageRejected", "Message": "Email address is not verified."}
        return mock.Mock(status_code=400), {"Error": error, "ResponseMetadata": {}}


class Page:
    """The module that the blocks of a page make together.

    :param stack: undoes at the end what they do to Django.
    """

    def __init__(
        self, test: SimpleTestCase, name: str, known: dict[str, Any], stack: contextlib.ExitStack
    ) -> None:
        self.test = test
        self.stack = stack
        self.amazon = Amazon()
        self.module = ModuleType(f"anymail.{name}_page")  # models need an installed app around them
        self.names = vars(self.module)
        self.names.update(known)
        sys.modules[self.module.__name__] = self.module
        stack.callback(sys.modules.pop, self.module.__name__)
        stack.callback(restore, all_receivers())
        stack.callback(Entry._default_manager.all().delete)
        stack.enter_context(tasks_succeed(test))
        stack.enter_context(self.amazon.at_work())
        stack.enter_context(isolate_apps("anymail"))
        stack.enter_context(use_backend(V1))

    def run(self, block: Block) -> None:
        """Run a block, and everything in it that waits to be called."""
        files = [(name, text, compile_block(block, text)) for name, text in files_of(block.text)]
        if not block.runs_with(django.VERSION[:2]):
            return
        before, receivers = set(self.names), all_receivers()
        for name, text, code in files:
            if name == "settings" or settings_of(text):
                self.run_settings(code)
            elif name == "urls":
                self.run_urls(code)
            else:
                self.run_code(code)
                if "except Anymail" in text:
                    self.run_refused(code)
                self.check_names(text)
        new = [self.names[name] for name in self.names.keys() - before]
        self.make_tables(new)
        with contextlib.redirect_stdout(io.StringIO()):
            self.send_message(block.text)
            send_signals(receivers)
            self.run_tests(new)

    def run_code(self, code: CodeType) -> None:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("error")
            exec(code, self.names)

    def run_refused(self, code: CodeType) -> None:
        """Once more, and this time Amazon refuses: what follows ``except`` shall run, too."""
        self.amazon.refuses = True
        self.run_code(code)
        self.test.assertFalse(self.amazon.refuses, "nothing was sent")

    def run_settings(self, code: CodeType) -> None:
        """Let settings count for the rest of the page, if the system checks are content."""
        given: dict[str, Any] = {"env": env, "BASE_DIR": BASE_DIR}
        names = dict(given)
        exec(code, names)
        found = {n: value for n, value in names.items() if n.isupper() and n not in given}
        for name in found:
            known = hasattr(global_settings, name) or name in SETTINGS | conf.FLAT_NAMES
            self.test.assertTrue(known, f"{name} is no setting")
        for app in found.pop("INSTALLED_APPS", ()):
            if app is not ... and app not in READERS_APPS:
                AppConfig.create(app)
        if "LOGGING" in found:
            DictConfigurator(found.pop("LOGGING"))
        self.use_mailers(found.pop("EMAIL_BACKEND", None), found.pop("MAILERS", {}))
        self.stack.enter_context(override_settings(**found))
        self.test.assertEqual(list(settings_problems()), [])

    def use_mailers(self, backend: str | None, mailers: dict[str, Any]) -> None:
        """Send by the last of these from here on; each must be possible."""
        if django.VERSION >= (6, 1) and "default" in mailers:
            self.stack.enter_context(override_settings(MAILERS=mailers))
            self.test.assertEqual(list(settings_problems()), [])
            return
        wanted = [(mailer["BACKEND"], mailer.get("OPTIONS", {})) for mailer in mailers.values()]
        wanted += [(backend, {})] if backend else []
        for name, options in wanted:
            if django.VERSION < (6, 1):
                get_connection(name, **options)
            if "mailer" in options:  # only stores: another one of these sends
                continue
            self.stack.enter_context(use_backend(name, **options))
            self.test.assertEqual(list(settings_problems()), [])

    def run_urls(self, code: CodeType) -> None:
        """Mount URLs for the rest of the page."""
        module: Any = ModuleType("urls")
        known = self.names.keys() & {"path", "include"}
        vars(module).update({name: self.names[name] for name in known})
        exec(code, vars(module))
        module.urlpatterns = [pattern for pattern in module.urlpatterns if pattern is not ...]
        self.test.assertTrue(get_resolver(module).url_patterns)
        if any(getattr(pattern, "app_name", None) == "anymail" for pattern in module.urlpatterns):
            reverse("anymail:amazon_ses_tracking_webhook", module)
            self.stack.enter_context(override_settings(ROOT_URLCONF=module))

    def send_message(self, text: str) -> None:
        """Send the message that a block makes or changes and does not send, by the API that can."""
        message = self.names.get("message")
        is_meant = "message" in text and ".send(" not in text
        if not isinstance(message, EmailMessage) or not is_meant:
            return
        try:
            message.send()
        except AnymailUnsupportedFeature:
            with use_backend(V2):
                if django.VERSION < (6, 1):
                    message.connection = None
                send_unless_too_old(message)

    def make_tables(self, new: list[Any]) -> None:
        for model in self.own_classes(new, models.Model):
            self.stack.enter_context(table(model))

    def run_tests(self, new: list[Any]) -> None:
        for case in self.own_classes(new, unittest.TestCase):
            result = unittest.TestResult()
            with use_backend("django.core.mail.backends.locmem.EmailBackend"):  # as test runners do
                unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
            self.test.assertEqual([text for _, text in result.failures + result.errors], [])
            self.test.assertGreater(result.testsRun, 0)

    def own_classes(self, new: list[Any], base: type[Any]) -> Iterator[Any]:
        for item in new:
            is_one = inspect.isclass(item) and issubclass(item, base)
            if is_one and item.__module__ == self.module.__name__:
                yield item

    def check_names(self, text: str) -> None:
        """What functions use must be there, whether or not anything calls them."""
        used = set(_global_names(symtable.symtable(text, "", "exec")))
        self.test.assertEqual(sorted(used - self.names.keys() - vars(builtins).keys()), [])


def send_unless_too_old(message: EmailMessage) -> None:
    """Send a message; the oldest botocore that is tested may not know its parameters."""
    try:
        message.send()
    except AnymailUnsupportedFeature as err:
        if "or newer, and" not in str(err):
            raise


def compile_block(block: Block, text: str) -> CodeType:
    """With the page's line numbers, so that tracebacks lead there."""
    return compile("\n" * (block.line - 1) + text, block.page, "exec", dont_inherit=True)


def files_of(text: str) -> Iterator[tuple[str | None, str]]:
    """The files that a block shows parts of; each text has its lines where the block has them."""
    starts = [(match.start(), match[1]) for match in FILE.finditer(text)]
    if not starts or text[: starts[0][0]].strip():
        starts.insert(0, (0, None))
    ends = [start for start, _ in starts[1:]] + [len(text)]
    for (start, name), end in zip(starts, ends, strict=True):
        yield name, "\n" * text.count("\n", 0, start) + text[start:end]


def settings_of(text: str) -> set[str]:
    """The settings that a block sets."""
    assignments = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    targets = [target for node in assignments for target in node.targets]
    return SETTINGS & {target.id for target in targets if isinstance(target, ast.Name)}


def settings_problems() -> Iterator[str]:
    """What ``manage.py check`` says."""
    for check in (
        settings_checks.check_deprecated_settings,
        settings_checks.check_unknown_settings,
        settings_checks.check_leftover_settings,
        settings_checks.check_setting_types,
        settings_checks.check_feedback_app,
        sending.check_send_defaults,
        sending.check_mailers,
        sending.check_senders,
        webhook_checks.check_webhook_settings,
    ):
        for message in check():
            yield f"{message.id}: {message.msg}"


@contextlib.contextmanager
def table(model: type[models.Model]) -> Iterator[None]:
    """The table of a model that no migration makes."""
    with connection.schema_editor() as editor:
        editor.create_model(model)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(model)


@contextlib.contextmanager
def tasks_succeed(test: SimpleTestCase) -> Iterator[None]:
    """Django's tasks run at once here, and keep their errors to themselves."""
    failures: list[str] = []

    def keep(task_result: Any, **kwargs: Any) -> None:
        failures.extend(error.traceback for error in task_result.errors)

    if django.VERSION < (6, 0):
        yield
        return
    from django.tasks.signals import task_finished

    task_finished.connect(keep)
    try:
        yield
    finally:
        task_finished.disconnect(keep)
    test.assertEqual(failures, [])


def all_receivers() -> dict[Any, list[Any]]:
    of_sending = (signals.pre_send, signals.recipients_resolved, signals.post_send)
    of_events = (signals.tracking, signals.inbound, signals.account_changed, feedback)
    return {signal: list(signal.receivers) for signal in (*of_sending, *of_events)}


def send_signals(before: dict[Any, list[Any]]) -> None:
    """Send each signal that has new receivers, once for every kind of event. Then disconnect them:
    the next block is about something else."""
    for signal, receivers in before.items():
        if any(receiver not in receivers for receiver in signal.receivers):
            _send_samples(signal)
    restore(before)


def restore(before: dict[Any, list[Any]]) -> None:
    """Have no other receivers than before."""
    for signal, receivers in before.items():
        signal.receivers[:] = receivers
        signal.sender_receivers_cache.clear()


def _send_samples(signal: Any) -> None:
    events: list[Any] = []
    if signal is signals.tracking:
        events = [testing.tracking_event(event_type) for event_type in EVENT_KINDS]
    elif signal is signals.inbound:
        failed = signals.EventType.INBOUND_FAILED
        events = [
            testing.inbound_event(),
            testing.inbound_event(spam_detected=True),
            testing.inbound_event(event_type=failed, message=None),
        ]
    elif signal is signals.account_changed:
        words = ("Enabled", "Disabled")
        events = [signals.AccountChange(kind=f"Sending Status {word}") for word in words]
    elif signal is feedback:
        row = Bounce(address="ann@example.com", hard=True)
        signal.send(Bounce, instance=row, message={}, notification={})
    else:
        for to in (["to@example.com", "ann@example.net"], ["ann@example.net"]):
            with contextlib.suppress(AnymailRecipientsRefused):
                simple_message(to=to).send()
    for event in events:
        signal.send(None, event=event, esp_name="Amazon SES")


def _global_names(scope: symtable.SymbolTable) -> Iterator[str]:
    for child in scope.get_children():
        for symbol in child.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                yield symbol.get_name()
        yield from _global_names(child)


def _model(name: str, **fields: Any) -> Any:
    meta = type("Meta", (), {"app_label": "shop"})
    return type(name, (models.Model,), {"__module__": __name__, "Meta": meta, **fields})


@contextlib.contextmanager
def feedback_at_work() -> Iterator[None]:
    """The feedback app with its receivers, and one address on the suppression list."""
    feedback_app.connect()
    Suppression.objects.suppress(["gone@example.com"])
    try:
        yield
    finally:
        feedback_app.disconnect()
