"""The ``mail`` object in what SES publishes: the message that the news is about.

Source: Amazon SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS"
and "Amazon SNS notification contents for Amazon SES".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from ..defaults import ACCOUNT
from ..ses.accepted import Accepted
from ..ses.addresses import split
from ..ses.raw_mail import Header, decoded, first, values

#: Who called; in Amazon's documents the name of an IAM user.
CALLER = "sandbox"
#: Headers are cut when they are longer than this.
MAX_HEADERS = 10 * 1024
#: Kinds of events whose ``mail`` has no headers.
WITHOUT_HEADERS = frozenset({"Rendering Failure", "DeliveryDelay"})
#: Kinds of events whose ``mail`` does not name the identity.
WITHOUT_IDENTITY = frozenset({"Open", "Click"})
LISTS = {"from": "from", "to": "to", "cc": "cc", "bcc": "bcc", "replyTo": "reply-to"}
TEXTS = {"sender": "sender", "returnPath": "return-path", "date": "date", "subject": "subject"}


def mail_in_event(accepted: Accepted, kind: str) -> dict[str, Any]:
    """As event publishing has it.

    :param kind: of the event: not all have the same.
    """
    mail = accepted.mail
    document = {**_common(accepted), "headersTruncated": False, "tags": _tags(accepted, kind)}
    if kind in WITHOUT_IDENTITY:
        del document["sourceArn"]
    if kind in WITHOUT_HEADERS:
        return document
    if kind == "Send" and mail.template is not None:
        # It is sent before the template is rendered.
        known = common_headers(accepted.headers, mail.id)
        document["commonHeaders"] = {key: known[key] for key in ("from", "to") if key in known}
        return document
    return {**document, **_headers(accepted.headers, mail.id)}


def mail_in_notification(accepted: Accepted, *, with_headers: bool) -> dict[str, Any]:
    """As identity notifications have it."""
    document = {
        **_common(accepted),
        "sourceIp": accepted.source_ip,
        "callerIdentity": CALLER,
    }
    if not with_headers:
        return document
    original = first(accepted.headers, "message-id") or accepted.mail.id
    return {**document, **_headers(accepted.headers, original)}


def iso(at: datetime) -> str:
    """A time as SES writes it."""
    return (
        at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"
    )


def identity_arn(region: str, identity: str) -> str:
    """The ARN of an identity."""
    partition = "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"arn:{partition}:ses:{region}:{ACCOUNT}:identity/{identity}"


def common_headers(headers: Sequence[Header], message_id: str) -> dict[str, Any]:
    """The headers that SES repeats, decoded."""
    found: dict[str, Any] = {}
    for key, name in LISTS.items():
        items = [decoded(item) for value in values(headers, name) for item in split(value)]
        if items:
            found[key] = items
    for key, name in TEXTS.items():
        value = first(headers, name)
        if value is not None:
            found[key] = decoded(value)
    return {**found, "messageId": message_id}


def _common(accepted: Accepted) -> dict[str, Any]:
    mail = accepted.mail
    return {
        "timestamp": iso(mail.at),
        "source": mail.source,
        "sourceArn": identity_arn(mail.region, accepted.identity),
        "sendingAccountId": ACCOUNT,
        "messageId": mail.id,
        "destination": list(mail.recipients),
    }


def _headers(headers: Sequence[Header], message_id: str) -> dict[str, Any]:
    kept, size = [], 0
    for name, value in headers:
        size += len(name) + len(value)
        if size > MAX_HEADERS:
            break
        kept.append({"name": name, "value": value})
    return {
        "headersTruncated": len(kept) < len(headers),
        "headers": kept,
        "commonHeaders": common_headers(headers, message_id),
    }


def _tags(accepted: Accepted, kind: str) -> dict[str, list[str]]:
    mail = accepted.mail
    tags = {
        "ses:source-tls-version": ["TLSv1.3"],
        "ses:operation": [mail.operation.rpartition(" ")[2]],
        "ses:configuration-set": [mail.configuration_set or ""],
        "ses:source-ip": [accepted.source_ip],
        "ses:from-domain": [mail.source.rpartition("@")[2]],
        "ses:caller-identity": [CALLER],
        **{name: list(found) for name, found in mail.message_tags.items()},
    }
    if kind == "Delivery":
        tags["ses:outgoing-ip"] = ["192.0.2.51"]
        tags["ses:outgoing-tls-version"] = ["TLSv1.3"]
    return {name: found for name, found in tags.items() if found != [""]}
