"""What is kept in Django's cache for a moment. Whatever is wrong with the cache, the page goes on
without it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.core.cache import cache
from django.utils.crypto import salted_hmac

#: Of the values: another version of this package may share the cache.
VERSION = 1


def recall(name: str) -> Any:
    """What :func:`keep` has kept; None if there is nothing.

    The cache is not ours alone: check what it returns.
    """
    key = _key(name)
    with suppress(Exception):  # a cache may raise anything
        return cache.get(key)
    return None


def keep(name: str, value: Any, seconds: float) -> None:
    """Keep a value for a moment.

    :param name: any text; nobody can read it in the key.
    """
    key = _key(name)
    with suppress(Exception):
        cache.set(key, value, seconds)


def _key(name: str) -> str:
    """Projects that share a cache have different ones."""
    mac = salted_hmac("anymail.outbox.account", f"{VERSION}\n{name}", algorithm="sha256")
    return f"anymail.account.{mac.hexdigest()}"
