"""The fields of a form to reply to a message, as its recipient would."""

from __future__ import annotations

from typing import Any

from ..journal import SentMail
from .contents import content_of
from .fields import on_one_line

#: Characters of a message that are quoted.
MAX_QUOTED = 20_000


def reply_as_recipient(mail: SentMail) -> dict[str, Any]:
    """For :class:`.forms.ReceiveForm`: RFC 5322 sections 3.6.2, 3.6.4 and 3.6.5."""
    content = content_of(mail.raw)
    message = content.message
    reply_to = message.get_address_header("Reply-To") or message.get_address_header("From")
    subject, writer = message.subject or "", on_one_line(message.get("From", ""))
    lines = (content.text or "")[:MAX_QUOTED].strip().splitlines()
    quoted = "\n".join(f"> {line}".rstrip() for line in lines)
    return {
        "from_email": str(next(iter([*message.to, *message.cc, *mail.recipients]), "")),
        "to": ", ".join(map(str, reply_to)) or mail.source,
        "subject": subject if subject[:3].casefold() == "re:" else f"Re: {subject}",
        "headers": _headers(message),
        "text": f"\n\nOn {mail.at:%d %b %Y at %H:%M}, {writer} wrote:\n{quoted}\n",
    }


def _headers(message: Any) -> str:
    id = on_one_line(message.get("Message-ID", ""))
    before = on_one_line(message.get("References", "") or message.get("In-Reply-To", ""))
    return f"In-Reply-To: {id}\nReferences: {before} {id}" if id else ""
