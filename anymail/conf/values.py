"""The types that a setting can have: each function checks a value and normalises it.

All take the value, and where it was found, and raise
:exc:`~anymail.exceptions.AnymailConfigurationError` if it is not what they say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from django.utils.module_loading import import_string

from ..exceptions import AnymailConfigurationError

#: Values of ``FEEDBACK_SUPPRESS``.
SUPPRESS_REASONS = ("hard_bounce", "complaint")
#: Values of ``OUTBOX_EVENTS``: those of :class:`~anymail.signals.EventType` about sent messages.
OUTBOX_EVENTS = (
    "queued",
    "sent",
    "rejected",
    "failed",
    "bounced",
    "deferred",
    "delivered",
    "autoresponded",
    "opened",
    "clicked",
    "complained",
    "unsubscribed",
    "subscribed",
    "unknown",
)
#: Values of ``FEEDBACK_SUPPRESS_SYNC``.
SUPPRESS_SYNC = ("pull", "both")
#: Words for ``OUTBOX_BELL``.
OUTBOX_BELLS = ("tasks", "command")
#: Values of ``AMAZON_SES_QUEUE_TRUST``.
QUEUE_TRUST = ("queue", "signature")
#: Values of ``AMAZON_SES_QUEUE_POISON``.
QUEUE_POISON = ("keep", "delete")

#: Good enough to find what is no address; it is parsed when it is used.
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")


def boolean(value: Any, where: str) -> bool:
    """A bool; 0 and 1 are accepted, the text "False" is not."""
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise wrong_number(where, "True or False", value)


def optional_string(value: Any, where: str) -> str | None:
    """A string, or None; an empty one is None."""
    if value is None or isinstance(value, str):
        return value or None
    raise wrong_type(where, "a string or None", value)


def strings(value: Any, where: str) -> tuple[str, ...]:
    """One string, several of them, or none (None, "" and [] are the same)."""
    if isinstance(value, str):
        return (value,) if value else ()
    if value is None:
        return ()
    if isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(v, str) for v in value):
        return tuple(v for v in value if v)
    raise wrong_type(where, "a string or a list of strings", value)


def optional_address(value: Any, where: str) -> str | None:
    """An email address without a name, or None; an empty string is None."""
    address = optional_string(value, where)
    if address and not _ADDRESS.fullmatch(address):
        raise AnymailConfigurationError(
            f'{where} is not an email address, such as "bounces@example.com".'
        )
    return address


def dictionary(value: Any, where: str) -> dict[str, Any]:
    """A dict, copied one level deep; None is an empty one."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return dict(value)
    raise wrong_type(where, "a dict", value)


def optional_dictionary(value: Any, where: str) -> dict[str, Any] | None:
    """A dict, copied one level deep, or None."""
    return None if value is None else dictionary(value, where)


def seconds(value: Any, where: str) -> float:
    """A number of seconds, 0 or more; not a timedelta."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    raise wrong_number(where, "a number of seconds, 0 or more", value)


def positive_seconds(value: Any, where: str) -> float:
    """A number of seconds, more than 0; not a timedelta."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return float(value)
    raise wrong_number(where, "a number of seconds, more than 0", value)


def optional_seconds(value: Any, where: str) -> float | None:
    """A number of seconds, 0 or more, or None."""
    return None if value is None else seconds(value, where)


def optional_share(value: Any, where: str) -> float | None:
    """A part of a whole, from 0 to 1, or None."""
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise wrong_number(where, "a number from 0 to 1, or None", value)


def byte_count(value: Any, where: str) -> int:
    """A number of bytes, more than 0."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise wrong_number(where, "a number of bytes, more than 0", value)


def positive_int(value: Any, where: str) -> int:
    """A whole number, 1 or more."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise wrong_number(where, "a whole number, 1 or more", value)


def string(value: Any, where: str) -> str:
    """A string that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise wrong_type(where, "a string", value)


def callable_or_path(value: Any, where: str) -> Any:
    """A callable, a dotted path to one (imported later), or None."""
    if value is None or callable(value) or isinstance(value, str):
        return value or None
    raise wrong_type(where, "a callable, a dotted path to one, or None", value)


def outbox_bell(value: Any, where: str) -> Any:
    """One of :data:`OUTBOX_BELLS`, a callable, a dotted path to one (imported later), or None."""
    is_path = isinstance(value, str) and (value in OUTBOX_BELLS or "." in value)
    if not value or callable(value) or is_path:
        return value or None
    raise wrong_type(where, '"tasks", "command", a callable, a dotted path to one, or None', value)


def optional_idna_encoder(value: Any, where: str) -> Any:
    """The name of an IDNA encoder, a callable, a dotted path to one (imported later), or None."""
    if value is None or callable(value) or isinstance(value, str):
        return value or None
    raise wrong_type(
        where,
        '"idna2008", "idna2003", "uts46", "none", a callable, a dotted path to one, or None',
        value,
    )


def idna_encoder(value: Any, where: str) -> Any:
    """Like :func:`optional_idna_encoder`, but None means ``"idna2008"``."""
    return optional_idna_encoder(value, where) or "idna2008"


def suppress_reasons(value: Any, where: str) -> tuple[str, ...]:
    """One or several of :data:`SUPPRESS_REASONS`."""
    return _choices(value, where, SUPPRESS_REASONS)


def outbox_events(value: Any, where: str) -> tuple[str, ...]:
    """Some of :data:`OUTBOX_EVENTS`; None is all of them, and [] none."""
    return OUTBOX_EVENTS if value is None else _choices(value, where, OUTBOX_EVENTS)


def suppress_sync(value: Any, where: str) -> str | None:
    """One of :data:`SUPPRESS_SYNC`, or None."""
    return None if value is None else _choice(value, where, SUPPRESS_SYNC)


def queue_trust(value: Any, where: str) -> str:
    """One of :data:`QUEUE_TRUST`."""
    return _choice(value, where, QUEUE_TRUST)


def queue_poison(value: Any, where: str) -> str:
    """One of :data:`QUEUE_POISON`."""
    return _choice(value, where, QUEUE_POISON)


def _choices(value: Any, where: str, words: tuple[str, ...]) -> tuple[str, ...]:
    chosen = strings(value, where)
    if wrong := sorted(set(chosen) - set(words)):
        raise AnymailConfigurationError(
            f"{where} has {wrong[0]!r}, which is not one of {list(words)}."
        )
    return chosen


def _choice(value: Any, where: str, words: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in words:
        return value
    raise wrong_type(where, " or ".join(f'"{word}"' for word in words), value)


def import_callable(choice: Callable[..., Any] | str | None, where: str) -> Callable[..., Any]:
    """A callable, imported if it is a dotted path.

    :param where: it was found, for the error.
    :raises AnymailConfigurationError: it cannot be imported, or is not callable.
    """
    try:
        found: Any = import_string(choice) if isinstance(choice, str) else choice
    except Exception as err:  # a module may raise anything
        raise AnymailConfigurationError(f"{where} cannot be imported: {err}") from err
    if not callable(found):
        raise AnymailConfigurationError(f"{where} is not callable.")
    imported: Callable[..., Any] = found
    return imported


def wrong_type(where: str, wanted: str, value: Any) -> AnymailConfigurationError:
    """The error for a value of the wrong type. It may be a secret, and is not shown.

    :param where: it was found.
    :param wanted: what it should be.
    """
    return AnymailConfigurationError(f"{where} must be {wanted}, not {_kind(value)}.")


def wrong_number(where: str, wanted: str, value: Any) -> AnymailConfigurationError:
    """Like :func:`wrong_type` where a number is wanted: another number is shown.

    :param where: it was found.
    :param wanted: what it should be.
    """
    if isinstance(value, (int, float)):
        return AnymailConfigurationError(f"{where} must be {wanted}, not {value!r}.")
    return wrong_type(where, wanted, value)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, str) and not value:
        return "an empty string"
    kind = type(value).__name__
    if isinstance(value, (list, tuple, set, frozenset)) and value:
        return f"{kind} of {', '.join(sorted({type(item).__name__ for item in value}))}"
    return kind
