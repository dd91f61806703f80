"""What every way of sending ends with: the checks, and the message that SES accepts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...journal import SentMail
from .. import moto_state
from ..events.simulator import is_simulated
from ..headers import first
from .addresses import addresses_in
from .configuration_sets import check_configuration_set
from .context import SesContext
from .errors import ErrorCode, SesError, invalid
from .mime import LONG_LINE, MAX_LINE, delivered

MAX_RECIPIENTS = 50
#: SES API reference, "MessageTag".
TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")


def submit(ses: SesContext, mail: SentMail) -> str:
    """Send a message.

    :param mail: with the headers and the source that its sender wrote.
    :return: its ``MessageId``.
    :raises SesError: SES does not take it.
    """
    if not mail.recipients:
        raise invalid("Missing required header 'To'.")
    check_count(len(mail.recipients))
    _check_tags(mail.message_tags)
    if mail.configuration_set:
        check_configuration_set(mail.region, mail.configuration_set)
    check_senders(ses, mail.region, mail.source, *addresses_in(mail.headers, "from"))
    if not ses.faults.allow(len(mail.recipients)):
        raise SesError(ErrorCode.THROTTLED, "Maximum sending rate exceeded.")
    if first(mail.headers, "bcc") is not None:
        note = "It has a Bcc header. Do not count on Amazon SES to hide it from others."
        mail.notes.append(note)
    if LONG_LINE.search(mail.raw):
        mail.notes.append(f"It has a line of more than {MAX_LINE} bytes, which SMTP forbids.")
    if mail.raw:
        mail.raw = delivered(mail.raw, mail.id, mail.region, mail.at)
    domain = mail.source.rpartition("@")[2]
    mail.identity = moto_state.verified_identity(mail.region, mail.source) or domain
    ses.sent[mail.region] += sum(not is_simulated(address) for address in mail.recipients)
    ses.publisher.accept(mail)
    return mail.id


def check_count(recipients: int) -> None:
    """Refuse too many recipients."""
    if recipients > MAX_RECIPIENTS:
        raise invalid(f"Recipient count exceeds {MAX_RECIPIENTS}.")


def check_senders(ses: SesContext, region: str, *addresses: str) -> None:
    """Refuse senders that are not verified, if they have to be."""
    failed = [a for a in dict.fromkeys(addresses) if not moto_state.verified_identity(region, a)]
    if failed and ses.faults.verified_only:
        raise SesError(
            ErrorCode.REJECTED,
            "Email address is not verified. The following identities failed the check in region "
            f"{region.upper()}: {', '.join(failed)}",
        )


def _check_tags(tags: Mapping[str, Sequence[str]]) -> None:
    words = "only alphanumeric ASCII characters, '_', and '-' are allowed."
    for name, values in tags.items():
        for what, text in (("name", name), *(("value", value) for value in values)):
            if not TAG.fullmatch(text):
                raise invalid(f"Invalid tag {what} <{text}>: {words}")
