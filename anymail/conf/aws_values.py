"""The types of settings whose values are Amazon's: ARNs, names of tenants and tags, rates.

The functions are like those in :mod:`.values`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..exceptions import AnymailConfigurationError
from .values import dictionary, import_callable, optional_string, strings, wrong_number, wrong_type

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
#: The ARN of an SES identity (Service Authorization Reference, "Amazon Simple Email Service v2").
IDENTITY_ARN = re.compile(r"arn:[a-z-]+:ses:[a-z0-9-]+:\d{12}:identity/\S+")
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


def api_version(value: Any, where: str) -> int:
    """A version of the API of Amazon SES."""
    if isinstance(value, int) and not isinstance(value, bool) and value in (1, 2):
        return value
    raise wrong_number(where, "1 or 2", value)


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


def optional_identity_arn(value: Any, where: str) -> str | None:
    """The ARN of an SES identity, or None; an empty string is None."""
    arn = optional_string(value, where)
    if arn and not IDENTITY_ARN.fullmatch(arn):
        raise AnymailConfigurationError(
            f"{where} is not the ARN of an SES identity, such as "
            '"arn:aws:ses:us-east-1:123456789012:identity/example.com".'
        )
    return arn


def endpoint_id(value: Any, where: str) -> str | None:
    """The id of a multi-region endpoint, or None; an empty one is None."""
    found = optional_string(value, where)
    if found and not re.fullmatch(_HOST_LABELS, found):
        raise AnymailConfigurationError(
            f"{where} is {found[:80]!r}, which cannot be the id of a multi-region endpoint: "
            'it looks like "abcdef12.g3h".'
        )
    return found


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


def import_tenant(choice: str, where: str) -> Callable[..., Any] | str:
    """The function that a dotted path names, or a name of a tenant as it is: it has no dots.

    :param where: it was found, for the error.
    :raises AnymailConfigurationError: it cannot be imported, or is not callable.
    """
    return import_callable(choice, where) if "." in choice else choice


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


def send_rate(value: Any, where: str) -> float | str | None:
    """Recipients per second, ``"account"`` for what SES grants, or None for no limit."""
    if value in (None, "account"):
        return None if value is None else "account"
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return float(value)
    raise wrong_number(
        where, 'recipients per second, above 0, "account", or None for no limit', value
    )
