"""What tests of batches share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from anymail import outbox
from anymail.message import AnymailMessage

if TYPE_CHECKING:
    from anymail.outbox.models import Batch

V2 = "anymail.backends.amazon_sesv2.EmailBackend"
NAME = "newsletter/2026-11"


def letter(**kwargs: Any) -> AnymailMessage:
    """A message with a template, without recipients."""
    return AnymailMessage(**{"from_email": "news@example.com", "template_id": "news", **kwargs})


def plain_letter(**kwargs: Any) -> AnymailMessage:
    """A message with a text."""
    defaults = {"subject": "News", "body": "Text", "from_email": "news@example.com"}
    return AnymailMessage(**{**defaults, **kwargs})


def people(count: int, start: int = 0) -> list[str]:
    """Addresses."""
    return [f"to{number}@example.com" for number in range(start, start + count)]


def send(to: Iterable[Any], message: Any = None, name: str = NAME) -> Batch:
    """Store a batch."""
    return outbox.send_many(message or letter(), to, name=name)
