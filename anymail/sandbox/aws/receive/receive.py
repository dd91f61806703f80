"""Receive mail as SES does: run the actions of the active receipt rule set.

Source: Amazon SES Developer Guide, "Email receiving with Amazon SES", and its pages about the
actions.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import SandboxError
from ...journal import Journal, ReceivedMail, SesEvent
from ..api import ApiError
from ..moto_state import ReceiptRule, receipt_rules
from .documents import VERDICTS, add_headers, received_document
from .s3 import s3_action

if TYPE_CHECKING:
    from ..sns.local_sns import LocalSns

#: SES receives mails of at most 40 MB; an SNS action takes at most 150 KB.
MAX_SIZE = 40 * 1024 * 1024
MAX_SNS_SIZE = 150 * 1024
SUBJECT = "Amazon SES Email Receipt Notification"
ID_CHARACTERS = "0123456789abcdefghijklmnopqrstuv"

_ADDRESS = re.compile(r"(?s)(?!.*[\s<>\x00-\x1f\x7f\ud800-\udfff])[^@]{1,256}@[^@]+")


class Action(NamedTuple):
    """An action of a receipt rule: its kind, such as ``"S3Action"``, and its parameters."""

    rule: ReceiptRule
    kind: str
    params: Mapping[str, Any]


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
    :param verdicts: those of :data:`~.documents.VERDICTS` that are not to be ``PASS``.
    :raises SandboxError: no rule takes the mail, or an action fails.
    """
    _check_addresses(sender, recipients)
    actions = _actions(region, recipients, rule)
    scans = any(action.rule.scans for action in actions)
    mail = ReceivedMail(
        id="".join(secrets.choice(ID_CHARACTERS) for _ in range(40)),
        sender=sender,
        recipients=list(recipients),
        raw=raw,
        rule=", ".join(dict.fromkeys(action.rule.name for action in actions)),
        action=", ".join(filter(None, map(_label, actions))),
        verdicts={
            **dict.fromkeys(VERDICTS, "PASS"),
            **({} if scans else {"spam": "DISABLED", "virus": "DISABLED"}),
            **(verdicts or {}),
        },
    )
    mail.raw = add_headers(mail, region)
    _check_size(len(mail.raw), actions)
    events = [event for action in actions if (event := _run(action, mail)) is not None]
    journal.add_received(mail)
    for event in events:
        _publish(event, mail, sns, journal)
    return mail


def _check_addresses(sender: str, recipients: Sequence[str]) -> None:
    """Refuse what no mail server would take."""
    if not recipients:
        raise SandboxError("A mail needs at least one recipient.")
    for address in (*recipients, *filter(None, [sender])):
        if not _ADDRESS.fullmatch(address):
            raise SandboxError(f"{address!r} is not a mail address.")


def _actions(region: str, recipients: Sequence[str], name: str | None) -> list[Action]:
    """The actions for a mail, in their order.

    :param name: of the only rule to use.
    :raises SandboxError: no rule takes the mail.
    """
    rules = [
        rule
        for rule in receipt_rules(region)
        if name in (None, rule.name) and any(map(rule.takes, recipients))
    ]
    actions = list(_until_one_stops(rules))
    if not actions:
        which = "no enabled rule" if name is None else f"no enabled rule {name!r}"
        raise SandboxError(
            f"SES does not take this mail: its active receipt rule set has {which} with an action "
            f"for {', '.join(recipients)}."
        )
    return actions


def _until_one_stops(rules: Sequence[ReceiptRule]) -> Iterator[Action]:
    for rule in rules:
        for action in rule.actions:
            for kind, params in action.items():
                yield Action(rule, kind, params or {})
                if kind == "StopAction":
                    return


def _label(action: Action) -> str:
    """What the action does with the mail, for people; empty if it does not deliver it."""
    if action.kind == "S3Action":
        return "S3, encrypted" if action.params.get("KmsKeyArn") else "S3"
    return "SNS" if action.kind == "SNSAction" else ""


def _check_size(size: int, actions: Sequence[Action]) -> None:
    if size > MAX_SIZE:
        raise SandboxError(f"SES bounces this mail: it has more than {MAX_SIZE:,} bytes.")
    for action in actions:
        if action.kind == "SNSAction" and size > MAX_SNS_SIZE:
            raise SandboxError(
                f"SES bounces this mail to its sender: it has {size:,} bytes, and the SNS action "
                f"of the receipt rule {action.rule.name!r} takes at most {MAX_SNS_SIZE:,}. Use a "
                "rule with an S3 action, which takes 40 MB."
            )


def _run(action: Action, mail: ReceivedMail) -> SesEvent | None:
    """Run an action. Returns the event to publish."""
    rule, topic_arn = action.rule, action.params.get("TopicArn")
    result = _result(action, mail)
    if result is None:
        kind = action.kind.removesuffix("Action")
        mail.notes.append(
            f"The receipt rule {rule.name!r} has a {kind} action, which the sandbox ignores."
        )
    elif topic_arn:
        recipients = list(filter(rule.takes, mail.recipients))
        document = received_document(mail, recipients, {**result, "topicArn": topic_arn})
        return SesEvent(kind="Received", document=document, topic_arns=[topic_arn])
    elif label := _label(action):
        mail.notes.append(
            f"This mail is published nowhere: the {label} action of the receipt rule "
            f"{rule.name!r} has no SNS topic."
        )
    return None


def _result(action: Action, mail: ReceivedMail) -> dict[str, Any] | None:
    """``receipt.action`` of the notification; None: the sandbox does not have such actions."""
    params = action.params
    match action.kind:
        case "SNSAction":
            encoding = "BASE64" if params.get("Encoding") == "Base64" else "UTF8"
            return {"type": "SNS", "encoding": encoding}
        case "S3Action":
            return s3_action(mail, action.rule.name, params)
        case "AddHeaderAction":
            header = f"{params.get('HeaderName')}: {params.get('HeaderValue')}\r\n"
            mail.raw = header.encode() + mail.raw
            return {"type": "AddHeader"}
        case "StopAction":
            return {"type": "Stop"}
    return None


def _publish(event: SesEvent, mail: ReceivedMail, sns: LocalSns, journal: Journal) -> None:
    # Before it is posted: a signal finds the event by its mail.
    journal.add_event(mail, event)
    text = json.dumps(event.document, ensure_ascii=False, separators=(",", ":"))
    try:
        sns.publish(event.topic_arns[0], text, SUBJECT, event)
    except ApiError as err:
        raise SandboxError(f"The notification of this mail cannot be published: {err}") from err
