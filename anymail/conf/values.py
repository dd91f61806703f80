"""What a setting may hold. Each function checks a value, and gives it in one form.

All take the value, and where it was found, and raise
:exc:`~anymail.exceptions.AnymailConfigurationError` if it is not what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.module_loading import import_string

from ..exceptions import AnymailConfigurationError

#: What ``FEEDBACK_SUPPRESS`` can name.
SUPPRESS_REASONS = ("hard_bounce", "complaint")


def truth(value: Any, where: str) -> bool:
    """A bool; 0 and 1 are accepted, the text "False" is not."""
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise wrong_number(where, "True or False", value)


def text(value: Any, where: str) -> str | None:
    """A string, or None; an empty one is None."""
    if value is None or isinstance(value, str):
        return value or None
    raise wrong_value(where, "a string or None", value)


def text_list(value: Any, where: str) -> tuple[str, ...]:
    """One string, several of them, or none (None, "" and [] are the same)."""
    if isinstance(value, str):
        return (value,) if value else ()
    if value is None:
        return ()
    if isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(v, str) for v in value):
        return tuple(v for v in value if v)
    raise wrong_value(where, "a string or a list of strings", value)


def mapping(value: Any, where: str) -> dict[str, Any]:
    """A dict, copied one level deep; None is an empty one."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return dict(value)
    raise wrong_value(where, "a dict", value)


def optional_mapping(value: Any, where: str) -> dict[str, Any] | None:
    """A dict, copied one level deep, or None."""
    return None if value is None else mapping(value, where)


def seconds(value: Any, where: str) -> float:
    """A number of seconds, 0 or more; no timedelta."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    raise wrong_number(where, "a number of seconds, 0 or more", value)


def optional_seconds(value: Any, where: str) -> float | None:
    """A number of seconds, 0 or more, or None."""
    return None if value is None else seconds(value, where)


def size(value: Any, where: str) -> int:
    """A number of bytes, more than 0."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise wrong_number(where, "a number of bytes, more than 0", value)


def count(value: Any, where: str) -> int:
    """A whole number, 1 or more."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise wrong_number(where, "a whole number, 1 or more", value)


def api_version(value: Any, where: str) -> int:
    """A version of the API of Amazon SES."""
    if isinstance(value, int) and not isinstance(value, bool) and value in (1, 2):
        return value
    raise wrong_number(where, "1 or 2", value)


def send_rate(value: Any, where: str) -> float | str | None:
    """Recipients per second, ``"account"`` for what SES grants, or None for no limit."""
    if value in (None, "account"):
        return None if value is None else "account"
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return float(value)
    raise wrong_number(
        where, 'recipients per second, above 0, "account", or None for no limit', value
    )


def name(value: Any, where: str) -> str:
    """A string that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise wrong_value(where, "a string", value)


def function_or_path(value: Any, where: str) -> Any:
    """A callable, a dotted path to one (imported later), or None."""
    if value is None or callable(value) or isinstance(value, str):
        return value or None
    raise wrong_value(where, "a callable, a dotted path to one, or None", value)


def optional_encoder(value: Any, where: str) -> Any:
    """A word for an IDNA encoder, a callable, a dotted path to one (imported later), or None."""
    if value is None or callable(value) or isinstance(value, str):
        return value or None
    raise wrong_value(
        where,
        '"idna2008", "idna2003", "uts46", "none", a callable, a dotted path to one, or None',
        value,
    )


def encoder(value: Any, where: str) -> Any:
    """The same; None is ``"idna2008"``."""
    return optional_encoder(value, where) or "idna2008"


def suppress_reasons(value: Any, where: str) -> tuple[str, ...]:
    """Which of :data:`SUPPRESS_REASONS` there are; one string or several."""
    words = text_list(value, where)
    if wrong := sorted(set(words) - set(SUPPRESS_REASONS)):
        raise AnymailConfigurationError(
            f"{where} has {wrong[0]!r}, which is none of {list(SUPPRESS_REASONS)}."
        )
    return words


#: How the text of an environment variable becomes a value that a function above takes.
CONVERSIONS: dict[Callable[[Any, str], Any] | None, str] = {
    truth: 'os.environ["..."].lower() == "true"',
    text_list: 'os.environ["..."].split(",")',
    suppress_reasons: 'os.environ["..."].split(",")',
    mapping: 'json.loads(os.environ["..."])',
    optional_mapping: 'json.loads(os.environ["..."])',
    seconds: 'float(os.environ["..."])',
    optional_seconds: 'float(os.environ["..."])',
    send_rate: 'float(os.environ["..."])',
    size: 'int(os.environ["..."])',
    count: 'int(os.environ["..."])',
    api_version: 'int(os.environ["..."])',
}


def import_callable(choice: Callable[..., Any] | str | None, where: str) -> Callable[..., Any]:
    """A callable, imported if it is a dotted path.

    :param where: it was found, for the error.
    :raises AnymailConfigurationError: it cannot be imported, or is not callable.
    """
    try:
        found: Any = import_string(choice) if isinstance(choice, str) else choice
    except Exception as err:  # whatever its module raises
        raise AnymailConfigurationError(f"{where} cannot be imported: {err}") from err
    if not callable(found):
        raise AnymailConfigurationError(f"{where} is not callable.")
    imported: Callable[..., Any] = found
    return imported


def wrong_value(where: str, wanted: str, value: Any) -> AnymailConfigurationError:
    """The error for a value of the wrong type. It may be a secret, and is not shown.

    :param where: it was found.
    :param wanted: what it should be.
    """
    return AnymailConfigurationError(f"{where} must be {wanted}, not {_kind(value)}.")


def wrong_number(where: str, wanted: str, value: Any) -> AnymailConfigurationError:
    """The same where a number is wanted: another number is shown.

    :param where: it was found.
    :param wanted: what it should be.
    """
    if isinstance(value, (int, float)):
        return AnymailConfigurationError(f"{where} must be {wanted}, not {value!r}.")
    return wrong_value(where, wanted, value)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, str) and not value:
        return "an empty string"
    kind = type(value).__name__
    if isinstance(value, (list, tuple, set, frozenset)) and value:
        return f"{kind} of {', '.join(sorted({type(item).__name__ for item in value}))}"
    return kind
