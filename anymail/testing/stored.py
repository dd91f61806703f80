"""The app ``anymail.outbox`` in tests: assertions about stored messages, and their delivery.

Only the functions need the app.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from unittest import mock

from django.apps import apps
from django.core.mail import EmailMessage
from django.utils import timezone

from ..exceptions import AnymailConfigurationError
from .boxes import Box, checked_count
from .conditions import Condition, Conditions, conditions_from

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..outbox import Counts
    from ..outbox.batches.content import Contents
    from ..outbox.models import Entry

#: unittest leaves frames of this module out of tracebacks.
__unittest = True

#: What a test may have overlooked if nothing is stored at all.
NOTHING = (
    "The outbox has no messages. Django's test runner replaces e-mail backends by its own: see "
    "testing in the documentation for the settings of a test that stores messages."
)


def run_outbox(*, until: datetime | date | float | None = None) -> Counts:
    """Send everything in the outbox that is due, in this process, and return when it is done.

    Unlike :func:`anymail.outbox.deliver`, it keeps no send rate, and so never waits.

    :param until: send as well what is due until then, a time as for ``send_at``: each message as
        if it were the time for it. Meanwhile ``django.utils.timezone.now()`` gives that time.
        What fails for the moment is tried again at the next of these times, the last of which is
        ``until`` itself.
    :return: what became of the messages.
    :raises RuntimeError: the test itself has opened a transaction; that of Django's ``TestCase``
        is fine.
    :raises AnymailConfigurationError: ``"anymail.outbox"`` is not in ``INSTALLED_APPS``.
    """
    _check_installed()
    counts = _delivered()
    for moment in [] if until is None else _moments(until):
        with _time_from(moment):
            counts += _delivered()
    return counts


def assert_stored(
    *, count: int | None = None, state: str | None = "waiting", **conditions: Unpack[Conditions]
) -> EmailMessage:
    """Assert that the outbox has a message that meets all conditions, and return it.

    Its ``outbox_id`` is for the functions of ``anymail.outbox``. Of a message that is sent, only
    the subject and the recipients are left, unless :setting:`OUTBOX_KEEP_CONTENT` is set.

    :param count: how many messages meet the conditions; at least one if not given.
    :param state: ``"waiting"``, ``"sent"``, ``"failed"``, ``"expired"``, ``"cancelled"``,
        ``"in_doubt"``, ``"claimed"`` or ``"posting"``; None for any.
    :param conditions: as for :func:`~anymail.testing.assert_sent`. ``using`` is the mailer that
        delivers; ``priority`` is 0 and ``on_doubt`` ``"hold"`` unless given; ``send_at`` is None
        for a message that was to be sent at once.
    :return: the message; the first one if there are several (see :func:`stored_messages`).
    :raises AssertionError: none does, or not ``count``. The text says what is stored instead, the
        closest message first, and which conditions it does not meet.
    :raises TypeError: a condition is unknown.
    :raises ValueError: ``count`` is less than 1, or there is no such state.
    """
    __tracebackhide__ = True
    count = checked_count(count, "assert_not_stored")
    return _box().expect(_conditions(state, conditions), count)


def assert_not_stored(*, state: str | None = "waiting", **conditions: Unpack[Conditions]) -> None:
    """Assert that the outbox has no message that meets all conditions.

    :param state: as for :func:`assert_stored`.
    :param conditions: the same.
    :raises AssertionError: there is one; the text describes it.
    :raises TypeError: a condition is unknown.
    :raises ValueError: there is no such state.
    """
    __tracebackhide__ = True
    _box().expect_none(_conditions(state, conditions))


def stored_messages(
    *, state: str | None = "waiting", **conditions: Unpack[Conditions]
) -> list[EmailMessage]:
    """The messages in the outbox that meet all conditions, in the order in which they were stored.

    :param state: as for :func:`assert_stored`.
    :param conditions: the same.
    :raises TypeError: a condition is unknown.
    :raises ValueError: there is no such state.
    """
    return _box().matching(_conditions(state, conditions))


def _check_installed() -> None:
    if not apps.is_installed("anymail.outbox"):
        raise AnymailConfigurationError(
            'The outbox is not installed: add "anymail.outbox" to INSTALLED_APPS, and run: '
            "manage.py migrate"
        )


def _delivered() -> Counts:
    """What was due, and what receivers of signals have stored meanwhile."""
    from ..outbox.batches.upkeep import look_after
    from ..outbox.ledger import batches
    from ..outbox.worker import Worker

    counts = found = Worker(keeps_rate=False).run(until_empty=True)
    while found.claimed:
        found = Worker(keeps_rate=False).run(until_empty=True)
        counts += found
    look_after(batches().filter(done_at=None).values_list("pk", flat=True))
    return counts


def _moments(until: Any) -> list[datetime]:
    """When messages are due until then, and that time itself."""
    from ..attributes.outbox import aware_datetime
    from ..outbox.ledger import entries, storable

    end = aware_datetime(until, "until")
    if not isinstance(end, datetime):
        raise TypeError(
            "until must be a datetime, a date or a POSIX timestamp, such as "
            f"timezone.now() + timedelta(days=1), not {type(until).__name__}"
        )
    now, end = timezone.now(), storable(end)
    later = entries().filter(state="waiting", not_before__gt=now, not_before__lt=end)
    moments = later.order_by("not_before").values_list("not_before", flat=True).distinct()
    return [*moments, end] if end > now else []


@contextmanager
def _time_from(moment: datetime) -> Iterator[None]:
    """Have Django's clock go on from another time."""
    real_now = timezone.now
    ahead = moment - real_now()

    def now() -> datetime:
        return real_now() + ahead

    with mock.patch.object(timezone, "now", now):
        yield


def _conditions(state: str | None, conditions: Any) -> list[Condition]:
    wanted = conditions_from(conditions)
    if state is None:
        return wanted
    from ..outbox.models import State

    if state not in State.values:
        raise ValueError(f"state must be one of {', '.join(State.values)}, not {state!r}")
    return [Condition("state", state), *wanted]


def _box() -> Box:
    _check_installed()
    from ..outbox.batches.content import Contents
    from ..outbox.ledger import entries, without_direct

    rows = without_direct(entries()).prefetch_related("recipients").select_related("batch")
    contents = Contents()
    return Box(
        messages=[_message(entry, contents) for entry in rows.order_by("created_at", "id")],
        done="stored",
        name=lambda position, message: str(vars(message)["outbox_state"]),
        empty=NOTHING,
    )


def _message(entry: Entry, contents: Contents) -> EmailMessage:
    """What is stored, as a message with all attributes that it was sent with."""
    from ..outbox.ledger import has_content

    message = contents.thaw(entry) if has_content(entry) else _remembered(entry)
    is_later = entry.not_before > entry.created_at
    vars(message).update(
        outbox_id=entry.pk,
        outbox_state=str(entry.state),
        sent_using=entry.mailer,
        priority=entry.priority,
        send_at=entry.not_before if is_later else None,
        expires_at=entry.expires_at,
        idempotency_key=entry.idempotency_key,
        on_doubt=entry.on_doubt,
    )
    return message


def _remembered(entry: Entry) -> EmailMessage:
    """What is left of a message whose content was deleted."""
    from ..outbox.models import INVALID_ADDRESS

    message = EmailMessage(subject=entry.subject)
    for recipient in entry.recipients.all():
        if recipient.error_code != INVALID_ADDRESS:
            getattr(message, recipient.kind).append(recipient.address)
    return message
