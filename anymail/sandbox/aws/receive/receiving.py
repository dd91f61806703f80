"""Receiving: what SES does with a mail that arrives.

Source: Amazon SES Developer Guide, "Email receiving with Amazon SES", and its pages about the
actions.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ... import SandboxError
from ...journal import Journal, ReceivedMail, SesEvent, now
from ..api import ApiError
from ..ses.state import receipt_rules
from .arrivals import (
    Arrival,
    add_headers,
    check_envelope,
    choose_verdicts,
    new_id,
    unfolded_headers,
)
from .receipt_actions import MAX_SIZE, MAX_SNS_SIZE, PLAYERS, Played, Playing
from .receipt_plan import Step, plan
from .received import received_document

if TYPE_CHECKING:
    from ..sns.local_sns import LocalSns

SUBJECT = "Amazon SES Email Receipt Notification"


@dataclass(frozen=True, kw_only=True)
class News:
    """What is to be published.

    :param document: what SES says.
    """

    topic_arn: str
    document: Mapping[str, Any]


def receive(
    raw: bytes,
    *,
    sender: str,
    recipients: Sequence[str],
    region: str,
    sns: LocalSns,
    journal: Journal,
    rule: str | None = None,
    verdicts: Mapping[str, str] | None = None,
) -> ReceivedMail:
    """A mail arrives; the active receipt rule set says what becomes of it.

    :param sender: of the envelope; empty for a bounce.
    :param recipients: of the envelope.
    :param rule: the only rule to use.
    :param verdicts: see :func:`.arrivals.choose_verdicts`.
    :raises SandboxError: no rule takes the mail, or the rule's action cannot.
    """
    check_envelope(sender, recipients)
    steps = plan(receipt_rules(region), recipients, rule)
    chosen = dict(verdicts or {})
    arrival = Arrival(
        id=new_id(),
        sender=sender,
        recipients=list(recipients),
        region=region,
        at=now(),
        verdicts=choose_verdicts(chosen, scans=any(step.rule.scans for step in steps)),
        dmarc_policy=chosen.get("dmarc_policy", "none"),
    )
    mail = ReceivedMail(
        id=arrival.id,
        sender=sender,
        recipients=list(recipients),
        raw=add_headers(raw, arrival),
        rule=", ".join(dict.fromkeys(step.rule.name for step in steps)),
        action="",
        verdicts=arrival.verdicts,
        at=arrival.at,
    )
    _check_size(len(mail.raw), steps)
    news = _play(steps, mail, arrival, sns)
    journal.add_received(mail)
    for found in news:
        _publish(found, mail, sns, journal)
    return mail


def _check_size(size: int, steps: Sequence[Step]) -> None:
    if size > MAX_SIZE:
        raise SandboxError(f"SES bounces this mail: it has more than {MAX_SIZE:,} bytes.")
    for step in steps:
        if step.kind == "SNSAction" and size > MAX_SNS_SIZE:
            raise SandboxError(
                f"SES bounces this mail to its sender: it has {size:,} bytes, and the SNS action "
                f"of the receipt rule {step.rule.name!r} takes at most {MAX_SNS_SIZE:,}. Use a "
                "rule with an S3 action, which takes 40 MB."
            )


def _play(steps: Sequence[Step], mail: ReceivedMail, arrival: Arrival, sns: LocalSns) -> list[News]:
    """Do what the rules say, but for publishing."""
    start, news, labels = time.monotonic(), [], []
    for step in steps:
        player = PLAYERS.get(step.kind)
        if player is None:
            kind = step.kind.removesuffix("Action")
            mail.notes.append(
                f"The receipt rule {step.rule.name!r} has a {kind} action, which the sandbox does "
                "not play."
            )
            continue
        playing = Playing(id=mail.id, mail=mail.raw, rule=step.rule.name, params=step.params)
        played = player(playing)
        mail.raw = played.mail or mail.raw
        labels += [played.label] if played.label else []
        milliseconds = int((time.monotonic() - start) * 1000)
        found = _news(step, played, mail, arrival, milliseconds, sns)
        news += [] if found is None else [found]
    mail.action = ", ".join(labels)
    return news


def _news(
    step: Step,
    played: Played,
    mail: ReceivedMail,
    arrival: Arrival,
    milliseconds: int,
    sns: LocalSns,
) -> News | None:
    topic_arn = step.params.get("TopicArn")
    if not topic_arn:
        if played.label:
            mail.notes.append(
                f"Nobody hears of this mail: the {played.label} action of the receipt rule "
                f"{step.rule.name!r} names no SNS topic."
            )
        return None
    try:
        sns.check_topic(topic_arn)
    except ApiError as err:
        raise SandboxError(
            f"The receipt rule {step.rule.name!r} names the SNS topic {topic_arn}: {err}."
        ) from err
    type_, *rest = played.action.items()
    action = dict([type_, ("topicArn", topic_arn), *rest])
    document = received_document(
        arrival,
        unfolded_headers(mail.raw),
        recipients=step.recipients,
        action=action,
        milliseconds=milliseconds,
        content=played.content,
    )
    return News(topic_arn=topic_arn, document=document)


def _publish(news: News, mail: ReceivedMail, sns: LocalSns, journal: Journal) -> None:
    event = SesEvent(kind="Received", document=news.document, topic_arns=[news.topic_arn])
    # Before it is posted: a signal finds the event by its mail.
    journal.add_event(mail, event)
    text = json.dumps(news.document, ensure_ascii=False, separators=(",", ":"))
    try:
        sns.publish(news.topic_arn, text, SUBJECT, event)
    except ApiError as err:
        raise SandboxError(f"SNS does not take the news of this mail: {err}") from err
