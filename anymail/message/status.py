"""AnymailStatus: what became of a message, and of each recipient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..exceptions import ErrorScope

#: Every status that a recipient can have.
ANYMAIL_STATUSES = ["sent", "queued", "invalid", "rejected", "failed", "unknown"]


class AnymailRecipientStatus:
    """The status of one recipient. Compares by value, and is hashable.

    :param message_id: SES's id of the message, or None.
    :param status: one of :data:`ANYMAIL_STATUSES`, or None while nothing is known.
    :param error_code: SES's code for a failure, for example ``"AccountThrottled"``.
    :param error_message: SES's error text.
    :param error_scope: what else will fail for the same reason; see ``scope`` of
        :exc:`~anymail.exceptions.AnymailAPIError`.
    :raises TypeError: the id is not hashable.
    :raises ValueError: the status is not valid.
    """

    def __init__(
        self,
        message_id: str | None,
        status: str | None,
        error_code: str | None = None,
        error_message: str | None = None,
        error_scope: ErrorScope | None = None,
    ) -> None:
        try:
            hash(message_id)
        except TypeError as err:
            raise TypeError(f"Invalid message_id {message_id!r}: must be a scalar type") from err
        if status is not None and status not in ANYMAIL_STATUSES:
            raise ValueError(f"Invalid status {status!r}: must be one of {ANYMAIL_STATUSES}")
        self.message_id = message_id
        self.status = status
        self.error_code = error_code
        self.error_message = error_message
        self.error_scope = error_scope

    def __repr__(self) -> str:
        error = f", error_code={self.error_code!r}" if self.error_code else ""
        return f"AnymailRecipientStatus({self.message_id!r}, {self.status!r}{error})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AnymailRecipientStatus):
            return NotImplemented
        return vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))


class AnymailStatus:
    """The result of sending a message: ``message.anymail_status``."""

    def __init__(self) -> None:
        #: SES's id of the message; a set if there are several; None if there is none.
        self.message_id: str | set[str | None] | None = None
        #: The set of all recipients' statuses; None before sending.
        self.status: set[str | None] | None = None
        #: By address, as the message spells it, without a display name.
        self.recipients: dict[str, AnymailRecipientStatus] = {}
        #: SES's last answer, the dict that boto3 returned; None before sending.
        self.esp_response: Any = None

    def set_recipient_status(self, recipients: Mapping[str, AnymailRecipientStatus]) -> None:
        """Add or replace the statuses of recipients, and update the summary.

        :param recipients: address, as the message spells it, to status.
        """
        self.recipients.update(recipients)
        self.status = {recipient.status for recipient in self.recipients.values()} or None
        # Recipients that were refused beforehand have no id.
        ids = {
            recipient.message_id
            for recipient in self.recipients.values()
            if recipient.message_id is not None or recipient.status not in ("rejected", "invalid")
        }
        self.message_id = ids if len(ids) > 1 else next(iter(ids), None)

    def __repr__(self) -> str:
        details = [f"status={_repr_set(self.status)}"]
        if self.message_id:
            details.append(f"message_id={_repr_set(self.message_id)}")
        if self.recipients:
            details.append(f"{len(self.recipients)} recipients")
        return f"AnymailStatus<{', '.join(details)}>"


def _repr_set(value: Any) -> str:
    if not isinstance(value, set):
        return repr(value)
    return "{" + ", ".join(repr(v) for v in sorted(value, key=lambda v: (v is None, v))) + "}"
