"""Statuses of recipients, and the errors that follow from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from ..amazon_ses.error_meanings import describe_status
from ..amazon_ses.masking import mask_addresses
from ..calls import ApiCall
from ..exceptions import AnymailAPIError
from ..message import AnymailRecipientStatus, AnymailStatus
from ..outgoing import OutgoingMessage

#: The error text of recipients whose call was interrupted, for example by Ctrl-C.
INTERRUPTED = "Sending was interrupted."


#: How many reasons an error lists.
MAX_REASONS = 5


def refused_addresses(status: AnymailStatus) -> set[str]:
    """The recipients that are invalid or rejected, as they are spelled in the message."""
    return {name for name, r in status.recipients.items() if r.status in ("invalid", "rejected")}


def refusals(status: AnymailStatus) -> str:
    """The reasons why recipients are refused, with their numbers but without addresses."""
    counts = Counter(
        _refusal(result)
        for result in status.recipients.values()
        if result.status in ("invalid", "rejected")
    )
    found = [f"{count} {reason}" for reason, count in counts.most_common(MAX_REASONS)]
    if others := counts.total() - sum(count for _, count in counts.most_common(MAX_REASONS)):
        found.append(f"{others} for other reasons")
    return ", ".join(found)


def without_addresses(outgoing: OutgoingMessage, left_out: set[str]) -> OutgoingMessage:
    """The message for the other recipients; its headers do not show those that are left out."""
    return replace(
        outgoing,
        to=tuple(a for a in outgoing.to if a.addr_spec not in left_out),
        cc=tuple(a for a in outgoing.cc if a.addr_spec not in left_out),
        bcc=tuple(a for a in outgoing.bcc if a.addr_spec not in left_out),
    )


def record_copies_without_original(status: AnymailStatus, outgoing: OutgoingMessage) -> None:
    """Reject cc and bcc of a template: they get copies of mail to a ``to``, and there is none."""
    text = "Copy of messages to other recipients, of which there are none."
    result = AnymailRecipientStatus(None, "rejected", "NoOriginal", text, "recipient")
    status.set_recipient_status({r.addr_spec: result for r in outgoing.recipients})


def restore_order(status: AnymailStatus, calls: Sequence[ApiCall]) -> None:
    """Put the recipients into the order that they have in the message.

    :param calls: of the message; without positions they follow its order already.
    """
    places: dict[str, int] = {}
    for call in calls:
        for position, recipient in zip(call.positions or (), call.recipients, strict=False):
            places.setdefault(recipient.addr_spec, position)
    by_place = sorted(status.recipients.items(), key=lambda item: places.get(item[0], -1))
    status.recipients = dict(by_place)


def count_accepted(status: AnymailStatus) -> int:
    """How many recipients SES accepted."""
    return sum(r.status in ("queued", "sent") for r in status.recipients.values())


def may_have_arrived(recipients: Mapping[str, AnymailRecipientStatus]) -> bool:
    """Whether any recipient was accepted, or may have been."""
    surely_not = ("failed", "invalid", "rejected")
    return any(result.status not in surely_not for result in recipients.values())


def failed_statuses(
    call: ApiCall, error: BaseException | None, failures: Sequence[Exception]
) -> dict[str, AnymailRecipientStatus]:
    """The statuses of a failed call's recipients: ``unknown`` if it may have arrived.

    :param error: the call's error; None if it was not tried.
    :param failures: those of all calls of the message.
    """
    word = "unknown" if error and not getattr(error, "is_unsent", False) else "failed"
    reason = error or (failures[0] if failures else None)
    code = getattr(reason, "error_code", None)
    text = mask_addresses(str(reason) or type(reason).__name__) if reason else INTERRUPTED
    scope = getattr(reason, "scope", None)
    if error is None and scope == "recipient":  # others were refused
        scope = None
    result = AnymailRecipientStatus(None, word, code, text, scope)
    return {recipient.addr_spec: result for recipient in call.recipients}


def record_unknown(
    status: AnymailStatus,
    calls: Sequence[ApiCall],
    results: Sequence[Future[Any]],
    error: BaseException,
) -> None:
    """Give the recipients of calls that may have been accepted a status, if they have none.

    :param calls: of the message.
    :param results: of the calls that were started.
    :param error: the error of the message, for calls without one of their own.
    """
    for call, result in zip(calls, results, strict=False):
        reason = (result.exception() if result.done() else None) or error
        if not getattr(reason, "is_unsent", False):
            found = failed_statuses(call, reason, ())
            known = status.recipients
            status.set_recipient_status({k: v for k, v in found.items() if k not in known})


def add_counts(status: AnymailStatus, error: Exception) -> None:
    """Add to an error how many recipients were accepted."""
    found = Counter(result.status for result in status.recipients.values())
    accepted, unknown = count_accepted(status), found["unknown"]
    doubtful = f", {unknown} may have been" if unknown else ""
    error.args = (
        *error.args,
        f"{accepted} of {found.total()} recipients were accepted{doubtful}: "
        "see the message's anymail_status.recipients.",
    )


def common_failure(status: AnymailStatus) -> AnymailAPIError | None:
    """The error, if all recipients failed with the same."""
    refused = refused_addresses(status)
    results = [result for name, result in status.recipients.items() if name not in refused]
    reasons = {(result.error_code, result.error_message) for result in results}
    if {result.status for result in results} != {"failed"} or len(reasons) > 1:
        return None
    code, text = reasons.pop()
    error = AnymailAPIError(
        f"{code}: {text}" if text else str(code),
        response=status.esp_response,
        **describe_status(code, text),
    )
    scopes = {result.error_scope for result in results}
    error.scope = scopes.pop() if len(scopes) == 1 else error.scope
    return error


def _refusal(result: AnymailRecipientStatus) -> str:
    """The reason in a status, as the end of a sentence."""
    text = mask_addresses(result.error_message or "").strip().rstrip(".")
    if text:
        return text[0].lower() + text[1:]
    return f"{result.status} ({result.error_code})" if result.error_code else str(result.status)
