"""Steps of the loop, for people and for scripts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from email import message_from_bytes, policy
from email.message import EmailMessage as MimeMessage
from email.message import MIMEPart
from email.utils import getaddresses
from textwrap import indent
from typing import Any, TextIO

from ..message import AnymailMessage, AnymailStatus
from ..signals import AnymailInboundEvent, AnymailTrackingEvent
from .amazon import ReceivedMail
from .loop import Arrived, Doing, Received, Sent, Step, Subscribed, Tracked

WIDTH = 78
#: ANSI escape sequences (ECMA-48, "SGR").
STYLES = {"title": "1;36", "name": "36", "dim": "2", "good": "32", "bad": "31", "soft": "33"}
MOODS = {
    "sent": "good",
    "queued": "good",
    "delivered": "good",
    "deferred": "soft",
    "bounced": "bad",
    "complained": "bad",
    "rejected": "bad",
    "failed": "bad",
}


class Report:
    """Prints steps for people.

    :param out: where to.
    :param color: whether to use colours; those of a terminal, unless given.
    """

    def __init__(self, out: TextIO, color: bool | None = None) -> None:
        self.out = out
        self.color = out.isatty() and "NO_COLOR" not in os.environ if color is None else color
        self.open_section = ""
        self.known_facts: dict[str, Any] = {}

    def show(self, step: Step) -> None:
        """Print a step."""
        match step:
            case Doing():
                self._line(self._style("dim", f"· {step.text} …"))
            case Sent():
                self._sent(step.message)
            case Received():
                self._received(step.mail)
            case Subscribed():
                self._section("A webhook is subscribed")
                self._field("topic", step.topic)
                self._field("webhook", step.path)
                challenge = "asked for the password, " if step.challenged else ""
                self._field("", f"{challenge}checked the signature, confirmed")
            case Tracked():
                self._tracked(step.event)
            case Arrived():
                self._arrived(step.event)

    def end(self) -> None:
        """Print the last words."""
        self._line()
        self._line(
            "All of this went over HTTP on 127.0.0.1, with signatures checked. "
            "Nothing is left running."
        )

    def _sent(self, message: AnymailMessage) -> None:
        self._section("Sent")
        for name, value in _written(message):
            self._field(name, value)
        self._section("message.anymail_status")
        status = message.anymail_status
        self._field("message_id", str(status.message_id))
        lines = [f"{self._mood(str(r.status))} {name}" for name, r in status.recipients.items()]
        self._field("recipients", "\n".join(lines))

    def _received(self, mail: ReceivedMail) -> None:
        mime = _parse(mail.raw)
        self._section("What Amazon SES received")
        self._field("Envelope", f"from {mail.source}")
        visible = {address for _, address in _visible_recipients(mime)}
        for address in mail.recipients:
            note = "" if address in visible else self._style("dim", "  bcc: in no header")
            self._field("", f"to {address}{note}")
        self._heading("Parts")
        for line in _tree(mime):
            self._line(f"    {line}")
        self._heading("Headers, decoded")
        for name, value in mime.items():
            self._field(f"  {name}", value, width=16)
        self._heading(f"Source, {len(mail.raw):,} bytes")
        source = mail.raw.decode("ascii", "backslashreplace").replace("\r\n", "\n")
        self._line(indent(source.rstrip("\n"), self._style("dim", "    │ "), lambda _: True))

    def _tracked(self, event: AnymailTrackingEvent) -> None:
        self._section("What became of it: the tracking signal")
        facts = {"tags": event.tags, "metadata": event.metadata}
        if facts != self.known_facts:
            self.known_facts = facts
            for name, value in facts.items():
                self._field(name, json.dumps(value, ensure_ascii=False))
        details = event.description or event.mta_response
        note = self._style("dim", f"  {details}") if details else ""
        self._line(f"  {self._mood(event.event_type)}  {event.recipient}{note}")

    def _arrived(self, event: AnymailInboundEvent) -> None:
        self._section("A mail that arrived: the inbound signal")
        for name, value in _inbound_fields(event).items():
            self._field(name, _readable(value), width=19)

    def _section(self, title: str) -> None:
        if title != self.open_section:
            self.open_section = title
            self._line()
            self._line(self._style("title", f"── {title} ".ljust(WIDTH, "─")))

    def _heading(self, title: str) -> None:
        self._line(self._style("name", f"  {title}"))

    def _field(self, name: str, value: str, width: int = 12) -> None:
        lines = value.splitlines() or [""]
        self._line(f"  {self._style('name', name.ljust(width))} {lines[0]}")
        for line in lines[1:]:
            self._line(f"  {'':{width}} {line}")

    def _mood(self, word: str) -> str:
        return self._style(MOODS.get(word, "soft"), word.ljust(11))

    def _style(self, name: str, text: str) -> str:
        return f"\x1b[{STYLES[name]}m{text}\x1b[0m" if self.color and text else text

    def _line(self, text: str = "") -> None:
        print(text, file=self.out, flush=True)


def as_json(steps: Iterable[Step]) -> str:
    """All steps as one JSON document, for scripts."""
    found: dict[str, Any] = {"subscriptions": [], "tracking": [], "inbound": []}
    for step in steps:
        match step:
            case Sent():
                found["sent"] = dict(_written(step.message))
                found["anymail_status"] = _status(step.message.anymail_status)
            case Received():
                source = step.mail.raw.decode("utf-8", "backslashreplace")
                found["received"] = {**asdict(step.mail), "raw": source}
            case Subscribed():
                found["subscriptions"].append(asdict(step))
            case Tracked():
                found["tracking"].append(asdict(step.event))
            case Arrived():
                found["inbound"].append(_inbound_fields(step.event))
    return json.dumps(found, indent=2, ensure_ascii=False, default=str)


def _written(message: AnymailMessage) -> Iterator[tuple[str, str]]:
    """The fields of the message, as its author wrote them."""
    yield "from_email", str(message.from_email)
    yield "to", ", ".join(message.to)
    yield "bcc", ", ".join(message.bcc)
    yield "reply_to", ", ".join(message.reply_to)
    yield "subject", str(message.subject)
    yield "tags", ", ".join(message.tags)
    yield "metadata", json.dumps(message.metadata, ensure_ascii=False)
    yield "body", str(message.body).strip()


def _status(status: AnymailStatus) -> dict[str, Any]:
    return {
        "message_id": status.message_id,
        "status": sorted(str(word) for word in status.status or ()),
        "recipients": {name: vars(found) for name, found in status.recipients.items()},
    }


def _parse(raw: bytes) -> MimeMessage:
    return message_from_bytes(raw, policy=policy.default)


def _visible_recipients(mime: MimeMessage) -> list[tuple[str, str]]:
    return getaddresses([str(value) for name in ("To", "Cc") for value in mime.get_all(name, ())])


def _tree(part: MIMEPart, trunk: str = "", branch: str = "") -> Iterator[str]:
    """The structure of a message, one line per part."""
    yield f"{trunk}{branch}{_describe_part(part)}"
    children = list(part.iter_parts()) if part.is_multipart() else []
    trunk += {"├── ": "│   ", "└── ": "    "}.get(branch, "")
    for child in children:
        yield from _tree(child, trunk, "└── " if child is children[-1] else "├── ")


def _describe_part(part: MIMEPart) -> str:
    if part.is_multipart():
        return part.get_content_type()
    content = part.get_payload(decode=True)
    size = len(content) if isinstance(content, bytes) else 0
    facts = [
        part.get_content_type(),
        part.get_content_charset(),
        part.get("Content-Transfer-Encoding"),
        f"{size:,} bytes",
        f"“{name}”" if (name := part.get_filename()) else None,
    ]
    return ", ".join(str(fact) for fact in facts if fact)


def _inbound_fields(event: AnymailInboundEvent) -> dict[str, Any]:
    message = event.message
    if message is None:
        return {}
    sender = message.from_email
    return {
        "from_email": None if sender is None else str(sender),
        "to": [str(address) for address in message.to],
        "subject": message.subject,
        "text": message.text,
        "attachments": [
            f"{part.get_filename()}, {part.get_content_type()}, "
            f"{len(part.get_content_bytes()):,} bytes"
            for part in message.attachments
        ],
        "envelope_sender": message.envelope_sender,
        "envelope_recipients": list(message.envelope_recipients),
        "spam_detected": message.spam_detected,
        "virus_detected": message.virus_detected,
        "spf_verdict": message.spf_verdict,
        "dkim_verdict": message.dkim_verdict,
        "dmarc_verdict": message.dmarc_verdict,
    }


def _readable(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(value)
    return str(value).strip()
