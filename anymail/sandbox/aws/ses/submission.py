"""What every way of sending has in common: the checks, and the message that SES accepts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...journal import SentMail, now
from ..api import ApiRequest
from ..events.documents import new_id
from ..events.simulator import is_simulated
from . import raw_mail, state
from .accepted import Accepted
from .configuration_sets import check_configuration_set
from .raw_mail import Header
from .refusals import Reason, Refused, invalid

if TYPE_CHECKING:
    from .desk import Desk

MAX_RECIPIENTS = 50
#: SES API reference, "MessageTag".
TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A message that somebody wants to send.

    :param source: the envelope sender: a bare address.
    :param recipients: bare addresses.
    :param headers: as they are in ``raw``; or would be, if the template could be rendered.
    :param raw: empty if it could not.
    :param senders: other addresses whose identities have to be verified.
    :param failure: why the template could not be rendered.
    """

    source: str
    recipients: Sequence[str]
    headers: Sequence[Header]
    raw: bytes
    configuration_set: str | None = None
    tags: Mapping[str, list[str]] = field(default_factory=dict)
    senders: Sequence[str] = ()
    template: str | None = None
    failure: str | None = None


def check_tags(tags: Mapping[str, Sequence[str]]) -> None:
    """Refuse message tags that SES does not take.

    :raises Refused: there is one.
    """
    words = "only alphanumeric ASCII characters, '_', and '-' are allowed."
    for name, values in tags.items():
        if not TAG.fullmatch(name):
            raise invalid(f"Invalid tag name <{name}>: {words}")
        for value in values:
            if not TAG.fullmatch(value):
                raise invalid(f"Invalid tag value <{value}>: {words}")


def check_sender(desk: Desk, request: ApiRequest, *addresses: str) -> None:
    """Refuse senders that are not verified, if the account is as strict as Amazon's.

    :raises Refused: the account is paused, or one is not verified.
    """
    if desk.account.is_paused(request.region):
        raise Refused(Reason.ACCOUNT_PAUSED, "Email sending is disabled for your account.")
    if not desk.switches.verified_only:
        return
    failed = [a for a in dict.fromkeys(addresses) if not state.verified_identity(request.region, a)]
    if failed:
        raise Refused(
            Reason.REJECTED,
            "Email address is not verified. The following identities failed the check in region "
            f"{request.region.upper()}: {', '.join(failed)}",
        )


def check_recipients(recipients: Sequence[str]) -> None:
    """Refuse a message to nobody, or to too many.

    :raises Refused: it is.
    """
    if not recipients:
        raise invalid("Missing required header 'To'.")
    if len(recipients) > MAX_RECIPIENTS:
        raise invalid(f"Recipient count exceeds {MAX_RECIPIENTS}.")


def throttled() -> Refused:
    """The refusal of what comes too fast."""
    return Refused(Reason.THROTTLED, "Maximum sending rate exceeded.")


def chosen_set(region: str, source: str, name: str | None) -> str | None:
    """The configuration set of a message: the one that is named, or that of its sender.

    :raises Refused: there is none with this name, or it is paused.
    """
    name = name or state.default_configuration_set(region, source)
    if name:
        check_configuration_set(region, name)
    return name or None


def submit(desk: Desk, request: ApiRequest, submission: Submission) -> str:
    """Send a message.

    :return: its ``MessageId``.
    :raises Refused: SES does not take it.
    """
    check_recipients(submission.recipients)
    check_tags(submission.tags)
    configuration_set = chosen_set(request.region, submission.source, submission.configuration_set)
    check_sender(desk, request, submission.source, *submission.senders)
    if not desk.switches.admit(len(submission.recipients)):
        raise throttled()
    accepted = _accepted(request, submission, configuration_set)
    counted = [a for a in submission.recipients if not is_simulated(a)]
    desk.account.count(request.region, len(counted))
    desk.publisher.accept(accepted)
    return accepted.mail.id


def _accepted(
    request: ApiRequest, submission: Submission, configuration_set: str | None
) -> Accepted:
    at = now()
    id = new_id(request.region, at)
    raw = submission.raw
    version = "v2 " if request.service == "sesv2" else ""
    mail = SentMail(
        id=id,
        operation=version + request.operation,
        region=request.region,
        source=submission.source,
        recipients=list(submission.recipients),
        raw=raw_mail.delivered(raw, id, request.region, at) if raw else b"",
        configuration_set=configuration_set,
        template=submission.template,
        message_tags=submission.tags,
        notes=_notes(submission),
        at=at,
    )
    return Accepted(
        mail=mail,
        headers=submission.headers,
        source_ip=request.source_ip,
        identity=state.verified_identity(request.region, submission.source)
        or submission.source.rpartition("@")[2],
        failure=submission.failure,
    )


def _notes(submission: Submission) -> list[str]:
    notes = []
    if raw_mail.first(submission.headers, "bcc") is not None:
        notes.append("It has a Bcc header. Do not count on Amazon SES to hide it from others.")
    if raw_mail.has_long_line(submission.raw):
        notes.append(f"It has a line of more than {raw_mail.MAX_LINE} bytes, which SMTP forbids.")
    return notes
