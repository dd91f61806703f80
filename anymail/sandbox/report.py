"""Steps of the loop, as text for people."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage as MimeMessage
from email.message import MIMEPart
from email.utils import getaddresses
from textwrap import indent
from typing import Any, TextIO

from ..message import AnymailMessage
from ..signals import AnymailInboundEvent, AnymailTrackingEvent
from .journal import SentMail
from .loop import Accepted, Arrived, Sent, Step, Tracked
from .sites import SiteState
from .start import Sandbox
from .transcript import inbound_fields, written

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


class TextReport:
    """Prints steps for people.

    :param out: where to.
    :param color: whether to use colours; those of a terminal, unless given.
    """

    def __init__(self, out: TextIO, color: bool | None = None) -> None:
        self.out = out
        self.color: bool = has_colors(out) if color is None else color
        self.open_section: str = ""
        self.known_facts: dict[str, Any] = {}

    def loop(self, steps: Iterable[Step]) -> None:
        """Print steps."""
        for step in steps:
            self._show(step)
        self._line()
        self._line("All of this went over HTTP on this machine, with signatures checked.")

    def _show(self, step: Step) -> None:
        match step:
            case Sent():
                self._sent(step.message)
            case Accepted():
                self._accepted(step.mail)
            case Tracked():
                self._tracked(step.event)
            case Arrived():
                self._arrived(step.event)

    def doing(self, text: str) -> None:
        """Print that something begins that may take a moment."""
        self._line(self._style("dim", f"· {text} …"))

    def ready(self, sandbox: Sandbox, *, paste: bool) -> None:
        """Print where to look.

        :param paste: the settings to paste as well.
        """
        if paste and sandbox.amazon.settings_text:
            self._section("Put this at the end of your settings")
            self._line(sandbox.amazon.settings_text)
        self._line()
        self._line(f"  {self._style('title', 'The sandbox is ready:')} {sandbox.page}")
        self._line(f"  {self._style('name', 'Amazon SES and others at')} {sandbox.amazon.url}")
        self._line()
        self._line("  Ctrl-C ends everything.")

    def problem(self, text: str) -> None:
        """Print what is wrong."""
        self._line()
        self._line(f"  {self._style('bad', text)}")

    def sites(self, states: Iterable[SiteState]) -> None:
        """Print which sites hear what happens."""
        for state in states:
            if state.waits_for:
                self._line(self._style("soft", f"· Waiting for {state.url}: {state.waits_for}"))
            else:
                self._line(self._style("good", f"· {state.url} has confirmed"))

    def _sent(self, message: AnymailMessage) -> None:
        self._section("Sent")
        for name, value in written(message):
            self._field(name, value)
        self._section("message.anymail_status")
        status = message.anymail_status
        self._field("message_id", str(status.message_id))
        lines = [f"{self._mood(str(r.status))} {name}" for name, r in status.recipients.items()]
        self._field("recipients", "\n".join(lines))

    def _accepted(self, mail: SentMail) -> None:
        mime = _parse(mail.raw)
        self._section("What Amazon SES made of it")
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
        for name, value in inbound_fields(event).items():
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


def has_colors(out: TextIO) -> bool:
    """Whether it is a terminal whose user wants colours (no-color.org)."""
    return out.isatty() and "NO_COLOR" not in os.environ


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


def _readable(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(value)
    return str(value).strip()
