"""How the process that waits hears of events that another process receives.

By Django's cache, in which :mod:`anymail.probes` notes them; and by the tables of
``anymail.feedback``, where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.apps import apps
from django.core.cache import DEFAULT_CACHE_ALIAS, caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache

from .... import probes
from ....database.columns import address_key
from ....exceptions import AnymailConfigurationError
from .messages import MAILBOXES

#: The model of ``anymail.feedback`` for each mailbox.
MODELS = {"success": "Delivery", "bounce": "Bounce", "complaint": "Complaint"}
#: Caches that no other process sees.
PRIVATE = (LocMemCache, DummyCache)

#: The types of the events that have come, each with its note.
Listener = Callable[[], Mapping[str, Any]]


def cache_is_shared() -> bool:
    """Whether other processes see what is in the default cache."""
    return not isinstance(caches[DEFAULT_CACHE_ALIAS], PRIVATE)


def start_listening(nonce: str, *, hears_inbound: bool) -> list[Listener]:
    """All ways to hear of the events of a probe, from now on.

    :param hears_inbound: received mail is to be heard of, too.
    :raises AnymailConfigurationError: there is none.
    """
    is_shared = cache_is_shared() and probes.begin(nonce)
    has_tables = apps.is_installed("anymail.feedback")
    if not is_shared and (hears_inbound or not has_tables):
        name = type(caches[DEFAULT_CACHE_ALIAS]).__name__
        tables = "" if hears_inbound else ', or add "anymail.feedback" to INSTALLED_APPS'
        raise AnymailConfigurationError(
            "The probe was not sent: nothing tells this process of the events that another "
            f'receives. Set CACHES["default"] ({name}) to a cache that both use, '
            f"such as Redis, Memcached, files or the database{tables}."
        )
    found: list[Listener] = []
    if is_shared:
        found.append(lambda: probes.noted(nonce))
    if has_tables:
        found.append(lambda: stored(nonce))
    return found


def stored(nonce: str) -> dict[str, Any]:
    """The events of a probe in the tables of ``anymail.feedback``."""
    return {
        event_type: True
        for mailbox, event_type in MAILBOXES.items()
        if _is_stored(MODELS[mailbox], probes.simulator_address(mailbox, nonce))
    }


def _is_stored(model: str, address: str) -> bool:
    rows = apps.get_model("anymail_feedback", model)._default_manager
    found: bool = rows.filter(address_key=address_key(address)).exists()
    return found
