"""System checks of the outbox. The app registers them; their ids are among those of
:mod:`anymail.checks`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core import checks
from django.core.files.storage import FileSystemStorage, InvalidStorageError
from django.db import connections

from .. import conf
from ..backends.outbox import EmailBackend as OutboxBackend
from ..checks.deployment import receives_events
from ..checks.mailers import Mailer, configured_mailers, dict_or_empty, is_subclass
from ..conf import OutboxSettings
from ..exceptions import AnymailConfigurationError
from .bells import TASKS, find_bell
from .ledger import database

#: Modules of backends that send nothing.
PRETENDERS = tuple(
    f"{package}.{name}"
    for package in ("anymail.backends", "django.core.mail.backends")
    for name in ("console", "dummy", "filebased", "locmem", "test")
)
#: Those of ``django.tasks`` and ``django-tasks`` that have no workers.
WITHOUT_WORKERS = {"DummyBackend", "ImmediateBackend"}
HOW_TO_WAKE = (
    'Set ANYMAIL["OUTBOX_BELL"] to "tasks" for a task of django.tasks, to the path of a function '
    'that has outbox.deliver() called, or to "command" if manage.py anymail_deliver runs.'
)
HOW_TO_GET_TASKS = (
    "Django has tasks from version 6.0 on; before: python -m pip install django-tasks"
)


def register() -> None:
    """Register them; called when the app is ready."""
    for check in (check_bell, check_deliverers, check_database):
        checks.register(check, "mail")
    for check in (
        check_task_backend,
        check_configuration_sets,
        check_events,
        check_pretenders,
        check_use,
        check_storage,
    ):
        checks.register(check, "mail", deploy=True)


def check_bell(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W126: nothing wakes workers. E127: what is to wake them does not exist."""
    if conf.type_problems():
        return []  # E101 reports them
    bell = OutboxSettings.load().outbox_bell
    if bell is None:
        return [_no_bell()] if _outboxes() else []
    problem = _bell_problem(bell)
    if not problem:
        return []
    return [
        checks.Error(
            f'ANYMAIL["OUTBOX_BELL"] is {bell!r}, which cannot be used: {problem}',
            hint=HOW_TO_GET_TASKS if bell == TASKS else HOW_TO_WAKE,
            id="anymail.E127",
        )
    ]


def check_task_backend(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W128: tasks are to deliver, and have no workers. For ``check --deploy``."""
    if conf.type_problems() or OutboxSettings.load().outbox_bell != TASKS:
        return []
    try:
        from .tasks import deliver

        backend = type(deliver.get_backend())
    except Exception:  # E127 reports it
        return []
    if WITHOUT_WORKERS.isdisjoint(base.__name__ for base in backend.__mro__):
        return []
    return [
        checks.Warning(
            f'ANYMAIL["OUTBOX_BELL"] is "tasks", and the backend of TASKS is {backend.__name__}, '
            "which has no workers: it delivers within the request, or not at all.",
            hint='Set TASKS["default"]["BACKEND"] to one that has workers, such as that of the '
            'package django-tasks-db, or run manage.py anymail_deliver and set "command".',
            id="anymail.W128",
        )
    ]


def check_configuration_sets(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W129: messages are sent without a configuration set. For ``check --deploy``."""
    return [
        checks.Warning(
            f"{where} delivers without a configuration set, so Amazon SES publishes no events, and "
            "nothing tells what became of messages in doubt.",
            hint='Set ANYMAIL["AMAZON_SES_CONFIGURATION_SET_NAME"]. If your identities have a '
            'default one: SILENCED_SYSTEM_CHECKS = ["anymail.W129"].',
            id="anymail.W129",
        )
        for where, backend in _amazon_deliverers()
        if not _has_configuration_set(backend)
    ]


def check_events(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W130: nothing receives the events of Amazon SES. For ``check --deploy``."""
    if not conf.django_setting("ROOT_URLCONF") or receives_events():
        return []
    if not list(_amazon_deliverers()):
        return []
    return [
        checks.Warning(
            "Messages in doubt stay in doubt: the URLconf has no webhook that tracks messages.",
            hint='Add path("anymail/", include("anymail.urls")) to it, or set '
            'ANYMAIL["AMAZON_SES_QUEUES"] and run manage.py anymail_consume. If events come '
            'another way, for example to Lambda: SILENCED_SYSTEM_CHECKS = ["anymail.W130"].',
            id="anymail.W130",
        )
    ]


def check_deliverers(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E131: nothing can deliver what a mailer stores."""
    if conf.type_problems():
        return []  # E101 reports them
    return [
        checks.Error(
            f"{outbox.where} cannot be used: {backend}",
            hint="Name what sends through Amazon SES: from Django 6.1 on a mailer, as in "
            'MAILERS["default"]["OPTIONS"] = {"mailer": "ses"}, before a backend, as in '
            'ANYMAIL["OUTBOX_BACKEND"] = "anymail.backends.amazon_sesv2.EmailBackend".',
            id="anymail.E131",
        )
        for outbox in _outboxes()
        if isinstance(backend := _delivering_backend(outbox), AnymailConfigurationError)
    ]


def check_pretenders(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W132: the backend that delivers sends nothing. For ``check --deploy``."""
    if conf.django_setting("DEBUG"):
        return []
    return [
        checks.Warning(
            f"{where} delivers with {type(backend).__module__}.{type(backend).__qualname__}, which "
            "sends nothing: messages count as sent, and are lost.",
            hint='Deliver with "anymail.backends.amazon_sesv2.EmailBackend".',
            id="anymail.W132",
        )
        for where, backend in _deliverers()
        if any(base.__module__ in PRETENDERS for base in type(backend).__mro__)
    ]


def check_use(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """W133: no mailer stores messages. For ``check --deploy``."""
    if _outboxes():
        return []
    return [
        checks.Warning(
            'The app "anymail.outbox" is installed, and no mailer stores messages in it: they are '
            "sent at once, and lost if that fails.",
            hint='Set EMAIL_BACKEND = "anymail.backends.outbox.EmailBackend", or from Django 6.1 '
            'on MAILERS["default"]["BACKEND"]. If your code names it in get_connection(): '
            'SILENCED_SYSTEM_CHECKS = ["anymail.W133"].',
            id="anymail.W133",
        )
    ]


def check_database(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E135: ``OUTBOX_DATABASE`` is no database. W134: it has no effect."""
    if conf.type_problems():
        return []  # E101 reports them
    alias = OutboxSettings.load().outbox_database
    if alias is None:
        return []
    if alias not in connections:
        return [
            checks.Error(
                f'ANYMAIL["OUTBOX_DATABASE"] is {alias!r}, and DATABASES has no such database.',
                hint=f"Name one that it has: {', '.join(map(repr, connections))}.",
                id="anymail.E135",
            )
        ]
    if database() == alias:
        return []
    return [
        checks.Warning(
            f'ANYMAIL["OUTBOX_DATABASE"] is {alias!r}, and the outbox uses {database()!r}.',
            hint='Set DATABASE_ROUTERS = ["anymail.outbox.router.OutboxRouter"], in front of other '
            f"routers, and run: manage.py migrate anymail_outbox --database {alias}",
            id="anymail.W134",
        )
    ]


def check_storage(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """I136: large attachments are files of this machine. For ``check --deploy``."""
    from .attachments import ALIAS, storage  # checks are imported by every process

    try:
        is_local = isinstance(storage(), FileSystemStorage)
    except InvalidStorageError:
        return []  # Django's own error says what is wrong, wherever the storage is used
    if not is_local or not _outboxes():
        return []
    return [
        checks.Info(
            "Large attachments of stored messages are files of this machine: workers on other "
            "machines do not find them.",
            hint=f'Set STORAGES["{ALIAS}"] to a storage that all machines share, for example '
            "Amazon S3. With one machine, or a shared folder: SILENCED_SYSTEM_CHECKS = "
            '["anymail.I136"].',
            id="anymail.I136",
        )
    ]


def _bell_problem(bell: Any) -> str:
    try:
        found = find_bell(bell)
    except Exception as err:  # a module may raise anything
        return str(err)
    return "" if found is None or callable(found) else "It is no function."


def _no_bell() -> checks.CheckMessage:
    return checks.Warning(
        'ANYMAIL["OUTBOX_BELL"] is not set: nothing delivers what is in the outbox, unless you '
        "call outbox.deliver() yourself.",
        hint=HOW_TO_WAKE,
        id="anymail.W126",
    )


def _outboxes() -> list[Mailer]:
    """The mailers that store messages."""
    return [mailer for mailer in configured_mailers() if is_subclass(mailer.path, OutboxBackend)]


def _deliverers() -> Iterator[tuple[str, Any]]:
    """The backends that deliver what mailers store, with the setting of those; without the ones
    that cannot be used."""
    if conf.type_problems():
        return  # E101 reports them
    for outbox in _outboxes():
        backend = _delivering_backend(outbox)
        if not isinstance(backend, Exception):
            yield outbox.where, backend


def _amazon_deliverers() -> Iterator[tuple[str, Any]]:
    """Those that send through Amazon SES."""
    from ..backends.amazon_ses import EmailBackend  # checks are imported by every process

    return (
        (where, backend) for where, backend in _deliverers() if isinstance(backend, EmailBackend)
    )


def _delivering_backend(outbox: Mailer) -> Any:
    """The backend that delivers what a mailer stores, or the error that it raises."""
    from .mailers import delivering_backend  # checks are imported by every process

    try:
        return delivering_backend(outbox.construct().stores_for)
    except Exception as err:  # a backend may raise anything; E102 reports those of this package
        return err


def _has_configuration_set(backend: Any) -> bool:
    extra = dict_or_empty(backend.send_defaults.get("esp_extra"))
    return bool(backend.settings.configuration_set_name or extra.get("ConfigurationSetName"))
