"""Steps of the loop, as data for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, TextIO

from ..message import AnymailMessage, AnymailStatus
from ..signals import AnymailInboundEvent
from .journal import SentMail
from .loop import Accepted, Arrived, Sent, Step, Tracked
from .sites import SiteState
from .start import Sandbox


class JsonReport:
    """Prints JSON, one object per line: ``doing``, and at the end ``loop``, or ``ready``, ``site``.

    :param out: where to.
    """

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def doing(self, text: str) -> None:
        """Print that something begins that may take a moment."""
        self._line({"doing": text})

    def ready(self, sandbox: Sandbox, *, paste: bool) -> None:
        """Print where everything is, and the settings of a project that uses it.

        :param paste: whether that project does not have them yet.
        """
        found = {"page": sandbox.page, "amazon": sandbox.amazon.url, "anymail": sandbox.anymail}
        self._line({"ready": {**found, "paste": paste}})

    def problem(self, text: str) -> None:
        """Print what is wrong."""
        self._line({"problem": text})

    def sites(self, states: Iterable[SiteState]) -> None:
        """Print which sites hear what happens."""
        for state in states:
            self._line({"site": asdict(state)})

    def loop(self, steps: Iterable[Step]) -> None:
        """Print what steps tell."""
        self._line({"loop": transcript(steps)})

    def _line(self, value: dict[str, Any]) -> None:
        print(json.dumps(value, ensure_ascii=False, default=str), file=self.out, flush=True)


def transcript(steps: Iterable[Step]) -> dict[str, Any]:
    """All steps as one dict.

    Its keys are ``sent``, ``anymail_status``, ``accepted``, ``tracking`` and ``inbound``.
    """
    found: dict[str, Any] = {"tracking": [], "inbound": []}
    for step in steps:
        match step:
            case Sent():
                found["sent"] = dict(written(step.message))
                found["anymail_status"] = _status(step.message.anymail_status)
            case Accepted():
                found["accepted"] = _accepted(step.mail)
            case Tracked():
                found["tracking"].append(asdict(step.event))
            case Arrived():
                found["inbound"].append(inbound_fields(step.event))
    return found


def written(message: AnymailMessage) -> Iterator[tuple[str, str]]:
    """The fields of a message, as its author wrote them."""
    yield "from_email", str(message.from_email)
    yield "to", ", ".join(message.to)
    yield "bcc", ", ".join(message.bcc)
    yield "reply_to", ", ".join(message.reply_to)
    yield "subject", str(message.subject)
    yield "tags", ", ".join(message.tags)
    yield "metadata", json.dumps(message.metadata, ensure_ascii=False)
    yield "body", str(message.body).strip()


def inbound_fields(event: AnymailInboundEvent) -> dict[str, Any]:
    """What an application reads first in a received message; empty if there is none."""
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


def _accepted(mail: SentMail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "source": mail.source,
        "recipients": mail.recipients,
        "raw": mail.raw.decode("utf-8", "backslashreplace"),
    }


def _status(status: AnymailStatus) -> dict[str, Any]:
    return {
        "message_id": status.message_id,
        "status": sorted(str(word) for word in status.status or ()),
        "recipients": {name: vars(found) for name, found in status.recipients.items()},
    }
