"""Consumers that are killed again and again: what do they lose, what do they store twice?"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anymail.amazon_ses.carriers import parse_notifications
from anymail.amazon_ses.feedback import is_feedback
from anymail.amazon_ses.receive import receive
from anymail.conf import AmazonSESSettings
from anymail.feedback.recording import MODELS, build_rows
from anymail.testing import ses_received

from ..command_processes import ROOT, end
from ..local_sqs import LocalSqs, bodies
from . import envelope, wait_until
from .processes import Site

EVENTS = Path(__file__).parent.parent / "payloads" / "events"
POISON = ("hello", "[1]", "{}", "\ufeff", '{"Type": "x"}', "привет", "[" * 3000, "x" * 200_000)
Row = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to do.

    :param events: messages of SES, of all kinds and carriers.
    :param poison: other messages between them.
    :param kills: how often a consumer is killed while it is at work.
    """

    events: int
    poison: int
    kills: int
    consumers: int = 3
    seed: int = 0


@dataclass(kw_only=True)
class Expected:
    """What has to become of the messages.

    :param rows: of the feedback app.
    :param events: that receivers have to get: ids and recipients.
    """

    rows: set[Row] = field(default_factory=set)
    events: set[tuple[str, str]] = field(default_factory=set)
    poison: list[str] = field(default_factory=list)


def documents(count: int) -> Iterator[dict[str, Any]]:
    """Documents of SES, each about a message of its own."""
    samples = [json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json"))]
    samples += [ses_received(b"Subject: Hi\r\n\r\nText\r\n")] * 5
    for number in range(count):
        document = json.loads(json.dumps(samples[number % len(samples)]))
        if isinstance(document.get("mail"), dict):
            document["mail"]["messageId"] = str(uuid.uuid4())
        yield document


def carried(document: dict[str, Any], number: int) -> str:
    """A document as one of the carriers brings it."""
    if number % 4 == 1:
        return json.dumps(document)  # raw message delivery
    if number % 4 == 2 and "eventType" in document:
        event = {
            "id": str(uuid.uuid4()),
            "source": "aws.ses",
            "detail-type": "Email Event",
            "time": "2026-09-30T12:00:00Z",
            "detail": document,
        }
        return json.dumps(event)
    return envelope(json.dumps(document))


def messages(plan: Plan) -> list[str]:
    """The bodies of all messages, poison in between."""
    found = [carried(document, n) for n, document in enumerate(documents(plan.events))]
    chance = random.Random(plan.seed)
    for number in range(plan.poison):
        found.insert(chance.randrange(len(found) + 1), f"{POISON[number % len(POISON)]}")
    return found


def expect(body: str, sqs_id: str, expected: Expected) -> None:
    """Note what has to become of a message."""
    try:
        found = parse_notifications(body, proof=lambda envelope: True, message_id=sqs_id)
    except Exception:
        expected.poison.append(body)
        return
    for notification in found:
        for event in receive(notification, AmazonSESSettings.load({})):
            expected.events.add((str(event.event_id), str(getattr(event, "recipient", None))))
            if getattr(event, "is_first_in_notification", False) and is_feedback(event):
                expected.rows |= {
                    (type(row).__name__, row.sns_messageid, row.address_key)
                    for row in build_rows(MODELS[event.event_type], event)
                }


class Consumers:
    """Several consumers of a queue, of which one or the other is killed."""

    def __init__(self, made: Site, name: str, count: int) -> None:
        self._start = lambda: made.start(name, "--threads", "4")
        self._site = made
        self.running = [self._start() for _ in range(count)]

    def kill_the_busiest(self) -> None:
        """Kill the one that was last at work, and start another."""
        pid = self._site.last_at_work()
        [victim] = [process for process in self.running if process.pid == pid]
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        self.running[self.running.index(victim)] = self._start()

    def end(self) -> None:
        """End all of them in order."""
        for process in self.running:
            process.terminate()
        codes = [end(process)[0] for process in self.running]
        assert codes == [0] * len(codes), codes

    def kill(self) -> None:
        """Kill what still runs."""
        for process in self.running:
            process.kill()
            process.communicate()


def run(sqs: LocalSqs, made: Site, name: str, plan: Plan) -> dict[str, float]:
    """Do what the plan says, in an SQS of this process; gives what is to be looked at.

    :param name: of a queue with a dead-letter queue.
    """
    expected, start = Expected(), time.monotonic()
    consumers = Consumers(made, name, plan.consumers)
    chance = random.Random(plan.seed)
    size = -(-(plan.events + plan.poison) // (plan.kills + 1))
    everything = messages(plan)
    try:
        for first in range(0, len(everything), size):
            portion = everything[first : first + size]
            before = made.notes_size()
            for body, id_ in zip(portion, sqs.send(name, *portion), strict=True):
                expect(body, id_, expected)
            if first + size < len(everything):
                more = chance.randrange(1, len(portion)) * 50
                wait_until(lambda wanted=before + more: made.notes_size() > wanted)
                consumers.kill_the_busiest()
        wait_until(lambda: sqs.count(name) == 0, patience=300)
        consumers.end()
    finally:
        consumers.kill()
    return compare(expected, stored_rows(made), made.notes(), bodies(f"{name}-dead")) | {
        "messages": len(everything),
        "kills": plan.kills,
        "seconds": round(time.monotonic() - start),
    }


def compare(
    expected: Expected, rows: list[Row], events: set[tuple[str, str]], dead: list[str]
) -> dict[str, float]:
    """What is wrong: nothing is lost, invented or double, if nothing is."""
    poison = [body for body in dead if body in set(expected.poison)]
    return {
        "rows": len(expected.rows),
        "rows lost": len(expected.rows - set(rows)),
        "rows invented": len(set(rows) - expected.rows),
        "rows double": len(rows) - len(set(rows)),
        "events lost": len(expected.events - events),
        "poison": len(expected.poison),
        "poison not in the dead-letter queue": len(expected.poison) - len(poison),
        "others in the dead-letter queue": len(dead) - len(poison),
    }


def stored_rows(made: Site) -> list[Row]:
    """The rows that consumers stored."""
    command = [sys.executable, "-m", "tests.consumer.stored_rows"]
    done = subprocess.run(
        command, cwd=ROOT, env=made.environment, check=True, capture_output=True, text=True
    )
    return [(model, id_, key) for model, id_, key in json.loads(done.stdout)]
