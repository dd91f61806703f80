"""What stands in a form when somebody answers a mail, or sends it once more."""

from __future__ import annotations

import json
from typing import Any

from ...addresses import EmailAddress
from ...inbound import AnymailInboundMessage
from ..journal import ReceivedMail, SentMail
from .contents import content_of, cut, text_of_html
from .fields import header_lines, on_one_line
from .marks import marks

#: Characters of a mail that are quoted, or taken over into a form.
MAX_QUOTED, MAX_BODY = 20_000, 1_000_000
#: What a message names itself; the rest of its headers is written anew.
KEPT_HEADERS = ("In-Reply-To", "References", "List-Unsubscribe", "List-Unsubscribe-Post")


def answer_of_customer(mail: SentMail) -> dict[str, Any]:
    """A recipient answers a message that was sent: it arrives.

    :return: the fields of :class:`.forms_receive.WriteForm`.
    """
    message = content_of(mail.raw).message
    writer = next(iter([*message.to, *message.cc]), None) or next(iter(mail.recipients), "")
    return {
        "from_email": str(writer),
        "to": _answered(message) or mail.source,
        **_answer(mail),
    }


def answer_to_customer(mail: ReceivedMail) -> dict[str, Any]:
    """A received mail is answered.

    :return: the fields of :class:`.forms.ComposeForm`.
    """
    message = content_of(mail.raw).message
    known = {address.casefold() for address in mail.recipients}
    ours = [one for one in [*message.to, *message.cc] if one.addr_spec.casefold() in known]
    return {
        "from_email": str(ours[0]) if ours else next(iter(mail.recipients), ""),
        "to": _answered(message) or mail.sender,
        **_answer(mail),
    }


def again(mail: SentMail) -> dict[str, Any]:
    """A message that was sent, to change and send once more.

    :return: the fields of :class:`.forms.ComposeForm`.
    """
    content = content_of(mail.raw)
    message, found = content.message, marks(mail)
    named = {one.addr_spec.casefold() for one in [*message.to, *message.cc]}
    hidden = [address for address in mail.recipients if address.casefold() not in named]
    headers = [(name, str(message[name])) for name in KEPT_HEADERS if name in message]
    return {
        "from_email": _listed(message.get_address_header("From")) or mail.source,
        "to": _listed(message.to),
        "cc": _listed(message.cc),
        "bcc": ", ".join(hidden),
        "reply_to": _listed(message.get_address_header("Reply-To")),
        "subject": message.subject or "",
        "text": cut(content.text or "", MAX_BODY).text,
        "html": cut(content.html or "", MAX_BODY).text,
        "tags": ", ".join(found["tags"]),
        "metadata": json.dumps(found["metadata"], ensure_ascii=False) if found["metadata"] else "",
        "headers": header_lines(headers),
        "files_of": mail.id if content.files else "",
        "api": "v2" if mail.operation.startswith("v2") else "v1",
    }


def _answered(message: AnymailInboundMessage) -> str:
    """Where answers go (RFC 5322 section 3.6.2)."""
    found = message.get_address_header("Reply-To") or message.get_address_header("From")
    return _listed(found)


def _answer(mail: SentMail | ReceivedMail) -> dict[str, str]:
    """What makes a mail an answer (RFC 5322 section 3.6.4 and 3.6.5)."""
    content = content_of(mail.raw)
    message = content.message
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


def _listed(addresses: list[EmailAddress]) -> str:
    return ", ".join(map(str, addresses))
