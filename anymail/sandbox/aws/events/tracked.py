"""What SES tracks: HTML parts, into which it puts a pixel and its own links, if it is asked to.

Source: Amazon SES Developer Guide, "Email sending metrics FAQs"; API v2 Reference,
"TrackingConfigurationOverrides".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from html import unescape

from ...journal import SentMail

LINK = re.compile(r"<a\s[^<>]*?href\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+)", re.IGNORECASE)


def why_untracked(kind: str, mail: SentMail, *, is_published: bool) -> str | None:
    """Why SES does not track an event of this kind; None if it does.

    :param is_published: an event destination has this kind.
    """
    if kind not in ("Open", "Click"):
        return None
    override = f"{kind}TrackingEnabled"
    choice = mail.parameters.get(override)
    if choice == "DISABLED":
        return f"There is no {kind} event: the message was sent with {override}=DISABLED."
    if choice is None and not is_published:
        return (
            f"There is no {kind} event: its configuration set has no event destination with this "
            f"type, and it was not sent with {override}=ENABLED."
        )
    if not any(True for _ in _html_parts(mail.raw)):
        return f"There is no {kind} event: the message has no HTML part, and SES tracks no others."
    if kind == "Click" and first_link(mail.raw) is None:
        return "There is no Click event: the HTML part has no link with http:// or https://."
    return None


def first_link(raw: bytes) -> str | None:
    """The first link in the HTML of a message that SES would track."""
    for text in _html_parts(raw):
        for found in LINK.findall(text):
            link = unescape(found.strip("\"'")).strip()
            if link.lower().startswith(("http://", "https://")):
                return link
    return None


def _html_parts(raw: bytes) -> Iterator[str]:
    for part in message_from_bytes(raw, policy=policy.compat32).walk():
        is_attachment = part.get_content_disposition() == "attachment"
        if part.get_content_type() == "text/html" and not is_attachment:
            content = part.get_payload(decode=True)
            yield content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
