"""Values that every database accepts.

What SES sends is longer, stranger and less complete than its documentation says, and a row that
the database refuses would be refused forever: nothing here raises.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone
from hashlib import sha256
from typing import Any

from django.utils.timezone import is_aware, make_naive

from ..addresses import idna_encoder
from ..addresses.keys import MAX_LENGTH, comparison_form
from ..conf import AmazonSESSettings, SendSettings, current_settings, django_setting

ADDRESS_LENGTH = MAX_LENGTH
MAX_INTEGER = 2**31 - 1
#: MariaDB refuses JSON that is nested deeper than 32.
MAX_DEPTH = 24
# PostgreSQL cannot store NUL, and no database half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def address_key(address: str) -> str:
    """A key for comparing addresses: the same for every spelling of an address.

    It is ``anymail.addresses.keys.comparison_form()`` in ASCII and at most
    :data:`ADDRESS_LENGTH` long, so that no database's collation finds two of them equal, and the
    key of a key is that key.

    :param address: with or without a display name; or any text.
    """
    return truncate(_escape(comparison_form(address, _encode_domain)), ADDRESS_LENGTH)


def storable_text(value: str) -> str:
    """Text without characters that a database refuses."""
    return _UNSTORABLE.sub("\ufffd", value)


def truncate(value: str, length: int) -> str:
    """Text for a column: if it is too long, its beginning and its hash.

    :param length: of the column; more than 65.
    """
    value = storable_text(value)
    if len(value) <= length:
        return value
    digest = sha256(value.encode()).hexdigest()
    return f"{value[: length - len(digest) - 1]}~{digest}"


def storable_time(value: datetime | None) -> datetime | None:
    """A time for a DateTimeField: aware, or in naive UTC with ``USE_TZ = False``.

    A naive one is taken for UTC. A year that no e-mail has, and that would overflow in some
    database or time zone, gives None.
    """
    if value is None or not 1900 <= value.year <= 9000:
        return None
    if is_aware(value):
        value = value.astimezone(timezone.utc)
    value = value.replace(tzinfo=timezone.utc)
    return value if django_setting("USE_TZ") else value.replace(tzinfo=None)


def local_time(moment: datetime) -> datetime:
    """A time as ``timezone.now()`` gives it: with ``USE_TZ = False``, naive in the project's zone.

    :param moment: aware.
    """
    return moment if django_setting("USE_TZ") else make_naive(moment)


def clamp_int(value: int) -> int:
    """A number for an IntegerField: the nearest that fits into 32 bits."""
    return max(-MAX_INTEGER, min(int(value), MAX_INTEGER))


def storable_json(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A JSON document without anything that a database refuses.

    :param value: values that are not valid JSON become text.
    :param depth: of levels that are kept; deeper ones become text.
    """
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int)):
        return value
    if depth == 0:
        return storable_text(str(value))
    if isinstance(value, dict):
        return {
            storable_text(str(key)): storable_json(item, depth - 1) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [storable_json(item, depth - 1) for item in value]
    return storable_text(str(value))


def _encode_domain(domain: str) -> str:
    settings = current_settings()
    choice = settings.get(AmazonSESSettings).idna_encoder or settings.get(SendSettings).idna_encoder
    return idna_encoder(choice)(domain)


def _escape(value: str) -> str:
    if value.isascii() and value.isprintable():
        return value
    return "".join(
        char if char.isascii() and char.isprintable() else f"\\u{ord(char):04x}" for char in value
    )
