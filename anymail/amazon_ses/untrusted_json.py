"""JSON that anybody may have written (RFC 8259): limits for it, and values of a certain type."""

from __future__ import annotations

import json
import math
from typing import Any

from ..exceptions import AnymailWebhookValidationFailure

#: A message has at most 256 KiB ("Amazon SNS endpoints and quotas"; SES publishes no larger ones).
#: In a document it is escaped, which makes JSON at most twice as long. To parse a document takes up
#: to 25 times its size in memory, before anything is known about who wrote it.
MAX_BODY_SIZE = 512 * 1024
JSON_WHITESPACE = " \t\r\n"  # RFC 8259 section 2
#: Documents of SNS have 2 levels, those of SES 6. Deeper ones could exceed Python's recursion limit
#: wherever a document is copied, compared or printed.
MAX_NESTING = 32


def _finite(number: str) -> float:
    """A number of JSON. Python's parser also takes NaN, and reads 1e999 as infinity."""
    if math.isfinite(value := float(number)):
        return value
    raise ValueError(number)


JSON_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


def parse_json(text: str | bytes, what: str) -> dict[str, Any]:
    """Parse a JSON object (RFC 8259) from an untrusted source.

    :param text: bytes are UTF-8.
    :param what: for the error.
    :return: the object. How deep it is nested is checked where it becomes an
        :class:`.SnsEnvelope` or a :class:`.SesNotification`.
    :raises AnymailWebhookValidationFailure: it is not a JSON object, or is too large.
    """
    if len(text) > MAX_BODY_SIZE:
        raise AnymailWebhookValidationFailure(f"{what} is too large.")
    try:
        # json.loads() would guess the encoding.
        text = (text if isinstance(text, str) else text.decode()).lstrip(JSON_WHITESPACE)
        document, end = JSON_DECODER.raw_decode(text)
    except ValueError as err:
        raise AnymailWebhookValidationFailure(
            f"{what} is not JSON ({type(err).__name__})."
        ) from None
    except RecursionError:
        raise nested_too_deep(what) from None
    if not isinstance(document, dict) or text[end:].strip(JSON_WHITESPACE):
        raise AnymailWebhookValidationFailure(f"{what} is not a JSON object.")
    return document


def nested_too_deep(what: str) -> AnymailWebhookValidationFailure:
    """The error for a document that is nested more than ``MAX_NESTING`` levels deep.

    :param what: the document.
    """
    return AnymailWebhookValidationFailure(f"{what} is nested more than {MAX_NESTING} levels deep.")


def is_nested_deeper(value: object, limit: int) -> bool:
    """Whether lists or objects in a value from JSON are nested deeper than ``limit`` levels."""
    level: list[Any] = [[value]]
    for _ in range(limit + 1):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True


def as_object(value: object) -> dict[str, Any]:
    """The value if it is an object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The value if it is a list, otherwise a list of it."""
    return value if isinstance(value, list) else [value]


def as_objects(value: object) -> list[dict[str, Any]]:
    """The objects in a list, or the value itself if it is one; nothing else."""
    return [item for item in as_list(value) if isinstance(item, dict)]


def as_string(value: object) -> str | None:
    """The value if it is a string, otherwise None."""
    return value if isinstance(value, str) else None
