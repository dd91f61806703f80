"""The tags and the metadata of a message."""

from __future__ import annotations

from typing import Any

from ...amazon_ses.tags_and_metadata import custom_headers
from ..journal import SentMail
from .contents import content_of


def marks(mail: SentMail) -> dict[str, Any]:
    """The tags and the metadata that a message was sent with, as they come back in events."""
    headers = content_of(mail.raw).message.raw_items()
    tags, metadata = custom_headers([{"name": name, "value": value} for name, value in headers])
    return {"tags": tags, "metadata": metadata if isinstance(metadata, dict) else {"": metadata}}
