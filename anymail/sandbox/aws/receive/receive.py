"""Receive mail as SES does.

Source: Amazon SES Developer Guide, "Email receiving with Amazon SES", and its pages about the
actions.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ... import SandboxError
from ...journal import Journal, ReceivedMail, SesEvent
from ..api import ApiError
from ..moto_state import receipt_rules
from .actions import ACTIONS
from .envelope import add_headers, check_addresses, choose_verdicts, new_id
from .notification import received_document
from .rules import RuleAction, actions_for

if TYPE_CHECKING:
    from ..sns.local_sns import LocalSns

#: SES receives mails of at most 40 MB; an SNS action takes at most 150 KB.
MAX_SIZE = 40 * 1024 * 1024
MAX_SNS_SIZE = 150 * 1024
SUBJECT = "Amazon SES Email Receipt Notification"


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
    """Receive a mail: do what the active receipt rule set says.

    :param sender: of the envelope; empty for a bounce.
    :param recipients: of the envelope.
    :param rule: the only rule to use.
    :param verdicts: see :func:`.envelope.choose_verdicts`.
    :raises SandboxError: no rule takes the mail, or an action fails.
    """
    check_addresses(sender, recipients)
    actions = actions_for(receipt_rules(region), recipients, rule)
    chosen = dict(verdicts or {})
    mail = ReceivedMail(
        id=new_id(),
        sender=sender,
        recipients=list(recipients),
        raw=raw,
        rule=", ".join(dict.fromkeys(found.rule.name for found in actions)),
        action="",
        verdicts=choose_verdicts(chosen, scans=any(found.rule.scans for found in actions)),
    )
    mail.raw = add_headers(mail, region)
    _check_size(len(mail.raw), actions)
    events = _run(actions, mail, sns, chosen.get("dmarc_policy", "none"))
    journal.add_received(mail)
    for event in events:
        _publish(event, mail, sns, journal)
    return mail


def _check_size(size: int, actions: Sequence[RuleAction]) -> None:
    if size > MAX_SIZE:
        raise SandboxError(f"SES bounces this mail: it has more than {MAX_SIZE:,} bytes.")
    for action in actions:
        if action.kind == "SNSAction" and size > MAX_SNS_SIZE:
            raise SandboxError(
                f"SES bounces this mail to its sender: it has {size:,} bytes, and the SNS action "
                f"of the receipt rule {action.rule.name!r} takes at most {MAX_SNS_SIZE:,}. Use a "
                "rule with an S3 action, which takes 40 MB."
            )


def _run(
    actions: Sequence[RuleAction], mail: ReceivedMail, sns: LocalSns, dmarc_policy: str
) -> list[SesEvent]:
    """Run the actions. Returns the events to publish."""
    start, events, labels = time.monotonic(), [], []
    for action in actions:
        name = action.rule.name
        run = ACTIONS.get(action.kind)
        if run is None:
            kind = action.kind.removesuffix("Action")
            mail.notes.append(
                f"The receipt rule {name!r} has a {kind} action, which the sandbox ignores."
            )
            continue
        result = run(mail, name, action.params)
        labels += [result.label] if result.label else []
        topic_arn = action.params.get("TopicArn")
        if topic_arn:
            _check_topic(topic_arn, name, sns)
            document = received_document(
                mail,
                dmarc_policy=dmarc_policy,
                recipients=action.recipients,
                action={**result.action, "topicArn": topic_arn},
                milliseconds=int((time.monotonic() - start) * 1000),
                content=result.content,
            )
            events.append(SesEvent(kind="Received", document=document, topic_arns=[topic_arn]))
        elif result.label:
            mail.notes.append(
                f"This mail is published nowhere: the {result.label} action of the receipt rule "
                f"{name!r} has no SNS topic."
            )
    mail.action = ", ".join(labels)
    return events


def _check_topic(topic_arn: str, rule: str, sns: LocalSns) -> None:
    try:
        sns.check_topic(topic_arn)
    except ApiError as err:
        raise SandboxError(
            f"The receipt rule {rule!r} names the SNS topic {topic_arn}: {err}."
        ) from err


def _publish(event: SesEvent, mail: ReceivedMail, sns: LocalSns, journal: Journal) -> None:
    # Before it is posted: a signal finds the event by its mail.
    journal.add_event(mail, event)
    text = json.dumps(event.document, ensure_ascii=False, separators=(",", ":"))
    try:
        sns.publish(event.topic_arns[0], text, SUBJECT, event)
    except ApiError as err:
        raise SandboxError(f"The notification of this mail cannot be published: {err}") from err
