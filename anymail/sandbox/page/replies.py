"""The fields of a form to reply to a mail, or to send it once more."""

from __future__ import annotations

from typing import Any

from ...addresses import EmailAddress
from ...inbound import AnymailInboundMessage
from ..journal import ReceivedMail, SentMail
from .contents import content_of, tags_and_metadata, text_of_html
from .fields import header_lines, on_one_line

#: Characters of a mail that are quoted, or copied into a form.
MAX_QUOTED, MAX_BODY = 20_000, 1_000_000
#: Headers that are copied; the others are written again.
KEPT_HEADERS = ("In-Reply-To", "References", "List-Unsubscribe", "List-Unsubscribe-Post")


def reply_as_recipient(mail: SentMail) -> dict[str, Any]:
    """For :class:`.forms.WriteForm`."""
    message = content_of(mail.raw).message
    writer = next(iter([*message.to, *message.cc]), None) or next(iter(mail.recipients), "")
    return {
        "from_email": str(writer),
        "to": _reply_address(message) or mail.source,
        **_reply(mail),
    }


def reply(mail: ReceivedMail) -> dict[str, Any]:
    """For :class:`.forms.ComposeForm`."""
    message = content_of(mail.raw).message
    known = {address.casefold() for address in mail.recipients}
    ours = [one for one in [*message.to, *message.cc] if one.addr_spec.casefold() in known]
    return {
        "from_email": str(ours[0]) if ours else next(iter(mail.recipients), ""),
        "to": _reply_address(message) or mail.sender,
        **_reply(mail),
    }


def again(mail: SentMail) -> dict[str, Any]:
    """For :class:`.forms.ComposeForm`."""
    content = content_of(mail.raw)
    message = content.message
    named = {one.addr_spec.casefold() for one in [*message.to, *message.cc]}
    hidden = [address for address in mail.recipients if address.casefold() not in named]
    found = tags_and_metadata(mail.raw)
    return {
        "from_email": _joined(message.get_address_header("From")) or mail.source,
        "to": _joined(message.to),
        "cc": _joined(message.cc),
        "bcc": ", ".join(hidden),
        "reply_to": _joined(message.get_address_header("Reply-To")),
        "subject": message.subject or "",
        "text": (content.text or "")[:MAX_BODY],
        "html": (content.html or "")[:MAX_BODY],
        "tags": ", ".join(found["tags"]),
        "metadata": found["metadata"] or None,
        "headers": header_lines(
            (name, str(message[name])) for name in KEPT_HEADERS if name in message
        ),
        "files_of": mail.id if content.files else "",
        "api": "v2" if mail.operation.startswith("v2") else "v1",
    }


def _reply_address(message: AnymailInboundMessage) -> str:
    """RFC 5322 section 3.6.2."""
    return _joined(message.get_address_header("Reply-To") or message.get_address_header("From"))


def _reply(mail: SentMail | ReceivedMail) -> dict[str, str]:
    """RFC 5322 sections 3.6.4 and 3.6.5."""
    message = content_of(mail.raw).message
    id = on_one_line(message.get("Message-ID", ""))
    before = on_one_line(message.get("References", "") or message.get("In-Reply-To", ""))
    subject = message.subject or ""
    headers = [("In-Reply-To", id), ("References", f"{before} {id}".strip())] if id else []
    return {
        "subject": subject if subject[:3].casefold() == "re:" else f"Re: {subject}",
        "headers": header_lines(headers),
        "text": _quoted(mail),
    }


def _quoted(mail: SentMail | ReceivedMail) -> str:
    content = content_of(mail.raw)
    text = content.text or text_of_html((content.html or "")[:MAX_QUOTED])
    lines = text[:MAX_QUOTED].strip().splitlines()
    writer = on_one_line(content.message.get("From", ""))
    quoted = "\n".join(f"> {line}".rstrip() for line in lines)
    return f"\n\nOn {mail.at:%d %b %Y at %H:%M}, {writer} wrote:\n{quoted}\n"


def _joined(addresses: list[EmailAddress]) -> str:
    return ", ".join(map(str, addresses))
