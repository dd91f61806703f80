"""Attributes that the app ``anymail.outbox`` acts on: checked and normalised."""

from __future__ import annotations

from datetime import date, datetime, time, timezone
from typing import Any

from django.utils.timezone import get_current_timezone, is_naive, make_aware

from ..exceptions import AnymailSerializationError
from .reader import AttributeReader, shown

#: The same as those of ``django.tasks``.
MIN_PRIORITY, MAX_PRIORITY = -100, 100
#: In characters.
MAX_KEY = 256
#: Values of ``on_doubt``.
ON_DOUBT = ("hold", "resend")


def outbox_values(value: AttributeReader) -> dict[str, Any]:
    """When, how urgently and how often a message is to be sent; absent is None.

    Datetimes become aware: naive ones are in the current time zone, a date is midnight. Only
    ``send_at`` may be something else, and then stays as it is.

    :param value: reads the message.
    :return: attribute name to value.
    :raises AnymailSerializationError: one has the wrong type, is out of range, or contradicts
        another.
    """
    send_at = aware_datetime(value.single("send_at"), "send_at")
    return {
        "send_at": send_at,
        "priority": _priority(value.single("priority")),
        "expires_at": _expires_at(value.single("expires_at"), send_at),
        "idempotency_key": _idempotency_key(value.single("idempotency_key")),
        "on_doubt": _on_doubt(value.single("on_doubt")),
    }


def aware_datetime(value: Any, name: str) -> Any:
    """A moment: a naive datetime is in the current time zone, a date is midnight, a number a POSIX
    timestamp. Anything else stays as it is.

    :param name: of the attribute, for the error.
    :raises AnymailSerializationError: there is no such timestamp.
    """
    if isinstance(value, datetime):
        return make_aware(value, get_current_timezone()) if is_naive(value) else value
    if isinstance(value, date):
        return make_aware(datetime.combine(value, time.min), get_current_timezone())
    if isinstance(value, (int, float)):
        try:
            return datetime.fromtimestamp(value, tz=timezone.utc)
        except (ValueError, OverflowError, OSError) as err:
            raise AnymailSerializationError(f"`{name}` is not a valid timestamp") from err
    return value


def moment_of(value: Any, name: str) -> datetime:
    """The moment that :func:`aware_datetime` makes of a value.

    :raises AnymailSerializationError: there is none.
    """
    moment = None if isinstance(value, bool) else aware_datetime(value, name)
    if isinstance(moment, datetime):
        return moment
    raise AnymailSerializationError(
        f"`{name}` must be a datetime, a date or a POSIX timestamp, such as "
        f"timezone.now() + timedelta(hours=1), not {shown(value)}"
    )


def _expires_at(value: Any, send_at: Any) -> datetime | None:
    if value is None:
        return None
    expires_at = moment_of(value, "expires_at")
    if isinstance(send_at, datetime) and expires_at <= send_at:
        raise AnymailSerializationError(
            "`expires_at` is not after `send_at`, so the message would never be sent: set a later "
            "one, or none"
        )
    return expires_at


def _priority(value: Any) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if value is None or (is_number and MIN_PRIORITY <= value <= MAX_PRIORITY):
        number: int | None = value
        return number
    raise AnymailSerializationError(
        f"`priority` must be a whole number from {MIN_PRIORITY} to {MAX_PRIORITY}, "
        f"not {shown(value)}"
    )


def _idempotency_key(value: Any) -> str | None:
    is_key = isinstance(value, str) and 0 < len(value) <= MAX_KEY and value.isprintable()
    if value is None or is_key:
        key: str | None = value
        return key
    raise AnymailSerializationError(
        f"`idempotency_key` must be a string of 1 to {MAX_KEY} printable characters, such as "
        f'"order/17/receipt", not {_length(value)}'
    )


def _length(value: Any) -> str:
    return f"one of {len(value)}" if isinstance(value, str) else shown(value)


def _on_doubt(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value in ON_DOUBT):
        word: str | None = value
        return word
    wrong = "another text" if isinstance(value, str) else shown(value)
    raise AnymailSerializationError(f'`on_doubt` must be "hold" or "resend", not {wrong}')
