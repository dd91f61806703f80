"""What every way of sending ends with: the checks, and the message that SES accepts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...journal import SentMail, now
from .. import moto_state
from ..api import ApiRequest
from ..events.documents import new_id
from ..events.simulator import is_simulated
from ..headers import Header, first
from .configuration_sets import check_configuration_set
from .context import SesContext
from .errors import ErrorCode, SesError, invalid
from .mime import MAX_LINE, delivered, has_long_line

MAX_RECIPIENTS = 50
#: SES API reference, "MessageTag".
TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A message that somebody wants to send.

    :param source: the envelope sender: a bare address.
    :param recipients: bare addresses.
    :param raw: empty if its template could not be rendered.
    :param headers: those in ``raw``, as they are written.
    :param senders: other addresses whose identities have to be verified.
    :param failure: why the template could not be rendered.
    """

    source: str
    recipients: Sequence[str]
    raw: bytes = b""
    headers: Sequence[Header] = ()
    configuration_set: str | None = None
    tags: Mapping[str, list[str]] = field(default_factory=dict)
    senders: Sequence[str] = ()
    template: str | None = None
    failure: str | None = None


def submit(ses: SesContext, request: ApiRequest, submission: Submission) -> str:
    """Send a message.

    :return: its ``MessageId``.
    :raises SesError: SES does not take it.
    """
    if not submission.recipients:
        raise invalid("Missing required header 'To'.")
    check_count(len(submission.recipients))
    _check_tags(submission.tags)
    if submission.configuration_set:
        check_configuration_set(request.region, submission.configuration_set)
    check_senders(ses, request, submission.source, *submission.senders)
    if not ses.faults.allow(len(submission.recipients)):
        raise SesError(ErrorCode.THROTTLED, "Maximum sending rate exceeded.")
    mail = _accepted(request, submission)
    ses.sent.add(request.region, sum(not is_simulated(a) for a in submission.recipients))
    ses.publisher.accept(mail)
    return mail.id


def check_count(recipients: int) -> None:
    """Refuse too many recipients.

    :raises SesError: there are too many.
    """
    if recipients > MAX_RECIPIENTS:
        raise invalid(f"Recipient count exceeds {MAX_RECIPIENTS}.")


def check_senders(ses: SesContext, request: ApiRequest, *addresses: str) -> None:
    """Refuse senders that are not verified, if they have to be.

    :raises SesError: one is not.
    """
    if not ses.faults.verified_only:
        return
    region = request.region
    failed = [a for a in dict.fromkeys(addresses) if not moto_state.verified_identity(region, a)]
    if failed:
        raise SesError(
            ErrorCode.REJECTED,
            "Email address is not verified. The following identities failed the check in region "
            f"{region.upper()}: {', '.join(failed)}",
        )


def _check_tags(tags: Mapping[str, Sequence[str]]) -> None:
    words = "only alphanumeric ASCII characters, '_', and '-' are allowed."
    for name, values in tags.items():
        if not TAG.fullmatch(name):
            raise invalid(f"Invalid tag name <{name}>: {words}")
        for value in values:
            if not TAG.fullmatch(value):
                raise invalid(f"Invalid tag value <{value}>: {words}")


def _accepted(request: ApiRequest, submission: Submission) -> SentMail:
    at, region, raw = now(), request.region, submission.raw
    id = new_id(region, at)
    domain = submission.source.rpartition("@")[2]
    return SentMail(
        id=id,
        operation=("v2 " if request.service == "sesv2" else "") + request.operation,
        region=region,
        source=submission.source,
        recipients=list(submission.recipients),
        raw=delivered(raw, id, region, at) if raw else b"",
        configuration_set=submission.configuration_set,
        template=submission.template,
        message_tags=submission.tags,
        headers=submission.headers,
        source_ip=request.source_ip,
        identity=moto_state.verified_identity(region, submission.source) or domain,
        failure=submission.failure,
        notes=_notes(submission),
        at=at,
    )


def _notes(submission: Submission) -> list[str]:
    notes = []
    if first(submission.headers, "bcc") is not None:
        notes.append("It has a Bcc header. Do not count on Amazon SES to hide it from others.")
    if has_long_line(submission.raw):
        notes.append(f"It has a line of more than {MAX_LINE} bytes, which SMTP forbids.")
    return notes
