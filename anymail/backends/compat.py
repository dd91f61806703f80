"""Hooks of django-anymail's backends: removed ones, and one with other arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeVar

from ..message import AnymailStatus

#: Methods that are never called here; docs/migrating names their replacements.
REMOVED_HOOKS = ("_send", "build_message_payload", "post_to_esp", "parse_recipient_status")

Hook = TypeVar("Hook", bound=Callable[..., None])


def accept_payload(hook: Hook) -> Hook:
    """Let ``raise_for_recipient_status`` also be called as django-anymail calls it.

    A subclass that was written for django-anymail calls ``super()`` with ``(status, response,
    payload, message)``.
    """

    @wraps(hook)
    def called(self: Any, anymail_status: AnymailStatus, *others: Any, **named: Any) -> None:
        if len(others) + len(named) == 3:
            message = named["message"] if "message" in named else others[-1]
            return hook(self, anymail_status, message)
        return hook(self, anymail_status, *others, **named)

    return called  # type: ignore[return-value]


def call_recipient_status_hook(
    hook: Callable[..., None], status: AnymailStatus, message: Any
) -> None:
    """Call an overridden ``raise_for_recipient_status`` with the arguments that it takes.

    :raises Exception: what the hook raises.
    """
    if _takes_payload(hook):
        hook(status, status.esp_response, None, message)
    else:
        hook(status, message)


def _takes_payload(hook: Callable[..., None]) -> bool:
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = signature(hook).parameters.values()
    except (TypeError, ValueError):
        return False
    return sum(p.kind in positional and p.default is p.empty for p in parameters) > 2
