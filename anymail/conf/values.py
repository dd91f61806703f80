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
#: Source: AWS Identity and Access Management User Guide, "IAM identifiers".
ROLE_ARN = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
#: Parameters of AssumeRole. The others are for a person with an MFA device, whom nobody can ask
#: when the credentials are renewed.
ROLE_PARAMS = (
    "RoleSessionName",
    "ExternalId",
    "DurationSeconds",
    "Policy",
    "PolicyArns",
    "Tags",
    "TransitiveTagKeys",
    "SourceIdentity",
)
#: Values of ``AMAZON_SES_QUEUE_TRUST``.
QUEUE_TRUST = ("queue", "signature")
#: Values of ``AMAZON_SES_QUEUE_POISON``.
QUEUE_POISON = ("keep", "delete")
#: Amazon SES API v2 Reference, "CreateTenant".
TENANT_NAME = r"[A-Za-z0-9_-]{1,64}"
#: Labels of a host name (RFC 1123): the endpoint's host begins with it.
_HOST_LABELS = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}))*"
#: Value of an SES message tag. The SES API reference, "MessageTag", says "256 characters or
#: fewer", and SES answers "Tag value cannot exceed 255 characters."
MESSAGE_TAG = re.compile(r"[A-Za-z0-9_-]{1,255}")
#: Of a name. The two with a colon are for the Feedback-ID header, which SES writes (Amazon SES
#: Developer Guide, "Fine-grained feedback through email campaign").
MESSAGE_TAG_NAME = re.compile(rf"ses:feedback-id-[ab]|{MESSAGE_TAG.pattern}")

#: The ARN of an SES identity (Service Authorization Reference, "Amazon Simple Email Service v2").
IDENTITY_ARN = re.compile(r"arn:[a-z-]+:ses:[a-z0-9-]+:\d{12}:identity/\S+")
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


def optional_identity_arn(value: Any, where: str) -> str | None:
    """The ARN of an SES identity, or None; an empty string is None."""
    arn = optional_string(value, where)
    if arn and not IDENTITY_ARN.fullmatch(arn):
        raise AnymailConfigurationError(
            f"{where} is not the ARN of an SES identity, such as "
            '"arn:aws:ses:us-east-1:123456789012:identity/example.com".'
        )
    return arn


def optional_address(value: Any, where: str) -> str | None:
    """An email address without a name, or None; an empty string is None."""
    address = optional_string(value, where)
    if address and not _ADDRESS.fullmatch(address):
        raise AnymailConfigurationError(
            f'{where} is not an email address, such as "bounces@example.com".'
        )
    return address


def optional_tag_name(value: Any, where: str) -> str | None:
    """The name of an SES message tag, or None; an empty one is None."""
    name = optional_string(value, where)
    if name:
        _check_tag_name(name, where)
    return name


def tag_names(value: Any, where: str) -> tuple[str, ...]:
    """Names of SES message tags: one, several or none."""
    names = strings(value, where)
    for name in names:
        _check_tag_name(name, where)
    return names


def _check_tag_name(name: str, where: str) -> None:
    if not MESSAGE_TAG_NAME.fullmatch(name):
        raise AnymailConfigurationError(
            f"{where} has {name!r}, which cannot be the name of an SES message tag: it is made of "
            "1 to 255 ASCII letters, digits, '_' and '-'."
        )


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


def optional_seconds(value: Any, where: str) -> float | None:
    """A number of seconds, 0 or more, or None."""
    return None if value is None else seconds(value, where)


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


def tenant(value: Any, where: str) -> Any:
    """The name of a tenant, a callable, a dotted path to one (imported later), or None."""
    if value is None or callable(value):
        return value
    if not isinstance(value, str):
        raise wrong_type(
            where, "the name of a tenant, a callable, a dotted path to one, or None", value
        )
    if value and "." not in value and not re.fullmatch(TENANT_NAME, value):
        raise AnymailConfigurationError(
            f"{where} is {value[:80]!r}, which cannot be the name of a tenant: that has 1 to "
            "64 ASCII letters, digits, '_' and '-'."
        )
    return value or None


def endpoint_id(value: Any, where: str) -> str | None:
    """The id of a multi-region endpoint, or None; an empty one is None."""
    found = optional_string(value, where)
    if found and not re.fullmatch(_HOST_LABELS, found):
        raise AnymailConfigurationError(
            f"{where} is {found[:80]!r}, which cannot be the id of a multi-region endpoint: "
            'it looks like "abcdef12.g3h".'
        )
    return found


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
    words = strings(value, where)
    if wrong := sorted(set(words) - set(SUPPRESS_REASONS)):
        raise AnymailConfigurationError(
            f"{where} has {wrong[0]!r}, which is not one of {list(SUPPRESS_REASONS)}."
        )
    return words


def queue_trust(value: Any, where: str) -> str:
    """One of :data:`QUEUE_TRUST`."""
    return _choice(value, where, QUEUE_TRUST)


def queue_poison(value: Any, where: str) -> str:
    """One of :data:`QUEUE_POISON`."""
    return _choice(value, where, QUEUE_POISON)


def _choice(value: Any, where: str, words: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in words:
        return value
    raise wrong_type(where, " or ".join(f'"{word}"' for word in words), value)


def role_arn(value: Any, where: str) -> str | None:
    """The ARN of an IAM role, or None; an empty string is None."""
    if (arn := optional_string(value, where)) and not ROLE_ARN.fullmatch(arn):
        raise AnymailConfigurationError(
            f'{where} is not the ARN of an IAM role, like "arn:aws:iam::123456789012:role/mail".'
        )
    return arn


def role_params(value: Any, where: str) -> dict[str, Any]:
    """A dict with keys of :data:`ROLE_PARAMS`."""
    params = dictionary(value, where)
    if wrong := sorted(map(str, params.keys() - set(ROLE_PARAMS))):
        raise AnymailConfigurationError(
            f"{where} has {wrong[0]!r}, which is not one of {list(ROLE_PARAMS)}."
        )
    return params


#: Function above -> code that converts an environment variable to its type.
CONVERSIONS: dict[Callable[[Any, str], Any] | None, str] = {
    boolean: 'os.environ["..."].lower() == "true"',
    strings: 'os.environ["..."].split(",")',
    tag_names: 'os.environ["..."].split(",")',
    suppress_reasons: 'os.environ["..."].split(",")',
    dictionary: 'json.loads(os.environ["..."])',
    role_params: 'json.loads(os.environ["..."])',
    optional_dictionary: 'json.loads(os.environ["..."])',
    seconds: 'float(os.environ["..."])',
    optional_seconds: 'float(os.environ["..."])',
    send_rate: 'float(os.environ["..."])',
    byte_count: 'int(os.environ["..."])',
    positive_int: 'int(os.environ["..."])',
    api_version: 'int(os.environ["..."])',
}


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


def import_tenant(choice: str, where: str) -> Callable[..., Any] | str:
    """The function that a dotted path names, or a name of a tenant as it is: it has no dots.

    :param where: it was found, for the error.
    :raises AnymailConfigurationError: it cannot be imported, or is not callable.
    """
    return import_callable(choice, where) if "." in choice else choice


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
