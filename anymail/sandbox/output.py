"""What the sandbox prints: text for people, or JSON for scripts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from email import message_from_bytes, policy
from email.message import EmailMessage as MimeMessage
from email.message import MIMEPart
from email.utils import getaddresses
from textwrap import indent
from typing import TYPE_CHECKING, Any, TextIO

from ..message import AnymailMessage
from ..signals import AnymailInboundEvent, AnymailTrackingEvent
from .journal import SentMail
from .webhooks import SiteState

if TYPE_CHECKING:
    from .run import Sandbox

WIDTH = 78
#: ANSI escape sequences (ECMA-48, "SGR").
STYLES = {"title": "1;36", "name": "36", "dim": "2", "good": "32", "bad": "31", "soft": "33"}
SEVERITIES = {
    **dict.fromkeys(("sent", "queued", "delivered"), "good"),
    **dict.fromkeys(("bounced", "complained", "rejected", "failed"), "bad"),
}


class JsonOutput:
    """One object per line: ``doing``; at the end ``demo``, or ``ready`` and then ``site``."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.demo: dict[str, Any] = {"tracking": [], "inbound": []}

    def doing(self, text: str) -> None:
        self._line({"doing": text})

    def ready(self, sandbox: Sandbox) -> None:
        found = {"page": sandbox.page, "amazon": sandbox.aws.url, "anymail": sandbox.anymail}
        self._line({"ready": {**found, "paste": sandbox.must_paste}})

    def problem(self, text: str) -> None:
        self._line({"problem": text})

    def site(self, state: SiteState) -> None:
        self._line({"site": asdict(state)})

    def sent(self, message: AnymailMessage) -> None:
        status = message.anymail_status
        self.demo["sent"] = _written(message)
        self.demo["anymail_status"] = {
            "message_id": status.message_id,
            "status": sorted(map(str, status.status or ())),
            "recipients": {name: vars(found) for name, found in status.recipients.items()},
        }

    def accepted(self, mail: SentMail) -> None:
        raw = mail.raw.decode("utf-8", "backslashreplace")
        names = ("id", "source", "recipients")
        self.demo["accepted"] = {**{name: getattr(mail, name) for name in names}, "raw": raw}

    def tracked(self, event: AnymailTrackingEvent) -> None:
        self.demo["tracking"].append(asdict(event))

    def received(self, event: AnymailInboundEvent) -> None:
        self.demo["inbound"].append(_inbound_fields(event))

    def finish(self) -> None:
        self._line({"demo": self.demo})

    def _line(self, value: dict[str, Any]) -> None:
        print(json.dumps(value, ensure_ascii=False, default=str), file=self.out, flush=True)


class TextOutput:
    """Text, with colours in a terminal whose user wants them (no-color.org)."""

    def __init__(self, out: TextIO, color: bool | None = None) -> None:
        self.out = out
        wanted = out.isatty() and "NO_COLOR" not in os.environ
        self.color: bool = wanted if color is None else color
        self.open_section: str = ""

    def doing(self, text: str) -> None:
        self._line(self._style("dim", f"· {text} …"))

    def ready(self, sandbox: Sandbox) -> None:
        if sandbox.must_paste and sandbox.aws.settings_text:
            self._section("Put this at the end of your settings")
            self._line(sandbox.aws.settings_text)
        self._line()
        self._line(f"  {self._style('title', 'The sandbox is ready:')} {sandbox.page}")
        self._line(f"  {self._style('name', 'Amazon SES and others at')} {sandbox.aws.url}")
        self._line()
        self._line("  Ctrl-C ends everything.")

    def problem(self, text: str) -> None:
        self._line()
        self._line(f"  {self._style('bad', text)}")

    def site(self, state: SiteState) -> None:
        if state.waits_for:
            self._line(self._style("soft", f"· Waiting for {state.url}: {state.waits_for}"))
        else:
            self._line(self._style("good", f"· {state.url} has confirmed"))

    def sent(self, message: AnymailMessage) -> None:
        self._section("Sent")
        for name, value in _written(message).items():
            self._field(name, value)
        self._section("message.anymail_status")
        self._field("message_id", str(message.anymail_status.message_id))
        recipients = message.anymail_status.recipients.items()
        lines = [f"{self._state(str(found.status))} {name}" for name, found in recipients]
        self._field("recipients", "\n".join(lines))

    def accepted(self, mail: SentMail) -> None:
        mime = message_from_bytes(mail.raw, policy=policy.default)
        self._section("What Amazon SES made of it")
        self._field("Envelope", f"from {mail.source}")
        visible = _addresses_in_headers(mime)
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

    def tracked(self, event: AnymailTrackingEvent) -> None:
        self._section("What became of it: the tracking signal")
        details = event.description or event.mta_response or event.click_url
        note = self._style("dim", f"  {details}") if details else ""
        who = "perhaps " * event.recipient_uncertain + str(event.recipient)
        self._line(f"  {self._state(event.event_type)}  {who}{note}")

    def received(self, event: AnymailInboundEvent) -> None:
        self._section("A mail that arrived: the inbound signal")
        for name, value in _inbound_fields(event).items():
            text = "\n".join(value) if isinstance(value, list) else str(value).strip()
            self._field(name, text, width=19)

    def finish(self) -> None:
        self._line()
        self._line("All of this went over HTTP on this machine, with signatures checked.")

    def _section(self, title: str) -> None:
        if title != self.open_section:
            self.open_section = title
            self._line()
            self._line(self._style("title", f"── {title} ".ljust(WIDTH, "─")))

    def _heading(self, title: str) -> None:
        self._line(self._style("name", f"  {title}"))

    def _field(self, name: str, value: str, width: int = 12) -> None:
        first, *others = value.splitlines() or [""]
        self._line(f"  {self._style('name', name.ljust(width))} {first}")
        for line in others:
            self._line(f"  {'':{width}} {line}")

    def _state(self, label: str) -> str:
        return self._style(SEVERITIES.get(label, "soft"), label.ljust(11))

    def _style(self, name: str, text: str) -> str:
        return f"\x1b[{STYLES[name]}m{text}\x1b[0m" if self.color and text else text

    def _line(self, text: str = "") -> None:
        print(text, file=self.out, flush=True)


Output = JsonOutput | TextOutput


def _written(message: AnymailMessage) -> dict[str, str]:
    """The fields of a message, as its author wrote them."""
    return {
        "from_email": str(message.from_email),
        "to": ", ".join(message.to),
        "cc": ", ".join(message.cc),
        "bcc": ", ".join(message.bcc),
        "reply_to": ", ".join(message.reply_to),
        "subject": str(message.subject),
        "tags": ", ".join(message.tags),
        "metadata": json.dumps(message.metadata, ensure_ascii=False),
        "body": str(message.body).strip(),
    }


def _inbound_fields(event: AnymailInboundEvent) -> dict[str, Any]:
    """What an application reads first in a received message."""
    message = event.message
    if message is None:
        return {}
    sender = message.from_email
    names = ("subject", "text", "envelope_sender", "envelope_recipients", "spam_detected")
    more = ("virus_detected", "spf_verdict", "dkim_verdict", "dmarc_verdict")
    return {
        "from_email": None if sender is None else str(sender),
        "to": [str(address) for address in message.to],
        **{name: getattr(message, name) for name in names + more},
        "attachments": [
            f"{part.get_filename()}, {part.get_content_type()}, "
            f"{len(part.get_content_bytes()):,} bytes"
            for part in message.attachments
        ],
    }


def _addresses_in_headers(mime: MimeMessage) -> set[str]:
    values = [str(value) for name in ("To", "Cc") for value in mime.get_all(name, ())]
    return {address for _, address in getaddresses(values)}


def _tree(part: MIMEPart, depth: int = 0) -> Iterator[str]:
    """The structure of a message, one line per part."""
    facts: list[str | None] = [part.get_content_type()]
    if not part.is_multipart():
        content = part.get_payload(decode=True)
        size = len(content) if isinstance(content, bytes) else 0
        name = part.get_filename()
        facts += [part.get_content_charset(), part.get("Content-Transfer-Encoding")]
        facts += [f"{size:,} bytes", name and f"“{name}”"]
    yield "  " * depth + ", ".join(filter(None, facts))
    for child in part.iter_parts() if part.is_multipart() else ():
        yield from _tree(child, depth + 1)
