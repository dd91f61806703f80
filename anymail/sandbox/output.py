"""What the sandbox prints: text for people, or JSON for scripts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from .run import Sandbox

Steps = Iterable[tuple[str, dict[str, Any]]]

WIDTH = 78
#: ANSI escape sequences (ECMA-48, "SGR").
STYLES = {"title": "1;36", "name": "36", "dim": "2", "good": "32", "bad": "31", "soft": "33"}
SEVERITIES = {
    **dict.fromkeys(("sent", "queued", "delivered"), "good"),
    **dict.fromkeys(("bounced", "complained", "rejected", "failed"), "bad"),
}
#: The Base64 of an attachment: its first line, and the others.
BASE64 = re.compile(r"^([\w+/]{76}\r?\n)(?:[\w+/]+=*\r?\n)+", re.MULTILINE)
#: The titles of the steps of the demo.
TITLES = {
    "sent": "Sent",
    "anymail_status": "message.anymail_status",
    "accepted": "What SES made of it",
    "tracking": "What became of it: the tracking signal",
    "inbound": "What was received: the inbound signal",
}


class JsonOutput:
    """One object per line: ``doing``; at the end ``demo``, or ``ready`` and then ``site``."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def doing(self, text: str) -> None:
        self._line("doing", text)

    def ready(self, sandbox: Sandbox) -> None:
        found = {"page": sandbox.page, "amazon": sandbox.aws.url, "anymail": sandbox.anymail}
        more = {"nameserver": sandbox.nameserver, "paste": sandbox.must_paste}
        self._line("ready", {**found, **more})
        if sandbox.problem:
            self._line("problem", sandbox.problem)

    def site(self, url: str, waits_for: str) -> None:
        self._line("site", {"url": url, "waits_for": waits_for})

    def demo(self, steps: Steps) -> None:
        found: dict[str, list[Any]] = {}
        for name, fields in steps:
            found.setdefault(name, []).append(fields)
        self._line("demo", found)

    def _line(self, name: str, value: Any) -> None:
        text = json.dumps({name: value}, ensure_ascii=False, default=str)
        print(text, file=self.out, flush=True)


class TextOutput:
    """Text, with colours in a terminal whose user wants them (no-color.org)."""

    def __init__(self, out: TextIO, color: bool | None = None) -> None:
        self.out = out
        wanted = out.isatty() and "NO_COLOR" not in os.environ
        self.color: bool = wanted if color is None else color

    def doing(self, text: str) -> None:
        self._line(self._style("dim", f"· {text} …"))

    def ready(self, sandbox: Sandbox) -> None:
        if sandbox.must_paste and sandbox.aws.settings_text:
            self._title("Put this at the end of your settings")
            other = sandbox.options.project["endpoint"]
            if other not in (None, sandbox.aws.url):
                self._line(f"# Your settings lead to {other}, not to this sandbox.")
            self._line(sandbox.aws.settings_text.rstrip())
        self._line()
        self._line(f"  {self._style('title', 'The sandbox is ready:')} {sandbox.page}")
        self._line(f"  {self._style('name', 'AWS APIs at')} {sandbox.aws.url}")
        if sandbox.nameserver:
            self._line(f"  {self._style('name', 'DNS at UDP')} {sandbox.nameserver}")
        self._line()
        self._line("  Ctrl-C stops everything.")
        if sandbox.problem:
            self._line(f"\n  {self._style('bad', sandbox.problem)}")

    def site(self, url: str, waits_for: str) -> None:
        if waits_for:
            self._line(self._style("soft", f"· Waiting for {url}: {waits_for}"))
        else:
            self._line(self._style("good", f"· {url} is connected"))

    def demo(self, steps: Steps) -> None:
        title = ""
        for name, fields in steps:
            if title != TITLES[name]:
                title = TITLES[name]
                self._title(title)
            if name == "tracking":
                self._event(**fields)
            else:
                for field, value in fields.items():
                    self._field(field, value)
        self._line()
        self._line("All of this went over HTTP on this machine, with signatures checked.")

    def _event(
        self, event_type: str, recipient: str, recipient_uncertain: bool, **fields: Any
    ) -> None:
        severity = SEVERITIES.get(event_type, "soft")
        who = "perhaps " * recipient_uncertain + recipient
        details = fields["description"] or fields["mta_response"] or fields["click_url"] or ""
        label, note = self._style(severity, event_type.ljust(11)), self._style("dim", details)
        self._line(f"  {label} {who}  {note}".rstrip())

    def _field(self, name: str, value: Any) -> None:
        if isinstance(value, dict):
            value = "\n".join(f"{key}: {one}" for key, one in value.items())
        elif isinstance(value, list | set):
            value = "\n".join(map(str, value))
        first, *others = BASE64.sub(r"\1…\n", str(value)).splitlines() or [""]
        self._line(f"  {self._style('name', name.ljust(19))} {first}")
        for line in others:
            self._line(f"  {'':19} {line}")

    def _title(self, title: str) -> None:
        self._line()
        self._line(self._style("title", f"── {title} ".ljust(WIDTH, "─")))

    def _style(self, name: str, text: str) -> str:
        return f"\x1b[{STYLES[name]}m{text}\x1b[0m" if self.color and text else text

    def _line(self, text: str = "") -> None:
        print(text, file=self.out, flush=True)
