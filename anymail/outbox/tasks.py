"""The bell for Django's tasks: imported only where ``OUTBOX_BELL`` is ``"tasks"``.

Django has tasks from version 6.0 on; before, the package ``django-tasks`` has them.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime

try:
    from django.tasks import task
except ImportError:  # Django 5.2
    from django_tasks import task  # type: ignore[import-not-found,no-redef,unused-ignore]

from .ledger import storable
from .logs import OwnLogger
from .worker import Worker

logger: OwnLogger = OwnLogger(__name__)

#: Seconds that one task delivers at most, so that a worker of tasks can be restarted between two.
MAX_SECONDS = 50.0


@task
def deliver() -> dict[str, int]:
    """Deliver what is due; what is left, or put off, is for later tasks.

    :return: the numbers in :class:`~anymail.outbox.Counts`.
    """
    ends_at = time.monotonic() + MAX_SECONDS
    try:
        worker = Worker()
        counts = worker.run(max_seconds=MAX_SECONDS, until_empty=True)
        if time.monotonic() >= ends_at:
            ring()
        for moment in worker.put_off:
            ring(run_after=moment)
    except Exception as err:
        # Not every backend of tasks says so in a log.
        logger.exception(
            "The task that delivers the outbox has failed. The next one tries again",
            extra={"anymail_error_code": type(err).__name__},
        )
        raise
    return asdict(counts)


def ring(run_after: datetime | None = None) -> None:
    """Enqueue a task that delivers.

    :param run_after: not before that time; nothing is enqueued then if the backend cannot wait.
    """
    if run_after is None:
        deliver.enqueue()
    elif deliver.get_backend().supports_defer:
        deliver.using(run_after=storable(run_after)).enqueue()
