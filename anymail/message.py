"""What an application sends, and what it learns about it: AnymailMessage and AnymailStatus."""

from __future__ import annotations

from collections.abc import Mapping
from email.mime.image import MIMEImage
from email.utils import make_msgid, unquote
from pathlib import Path
from typing import Any

import django
from django.core.mail import EmailMessage, EmailMultiAlternatives

from .conf import UNSET

__all__ = [
    "ANYMAIL_STATUSES",
    "UNSET",
    "AnymailMessage",
    "AnymailMessageMixin",
    "AnymailRecipientStatus",
    "AnymailStatus",
    "attach_inline_image",
    "attach_inline_image_file",
]

#: Every status that a recipient can have.
ANYMAIL_STATUSES = ["sent", "queued", "invalid", "rejected", "failed", "unknown"]


class AnymailRecipientStatus:
    """What became of one recipient.

    :param message_id: SES's id of the message, or None.
    :param status: one of :data:`ANYMAIL_STATUSES`, or None while nothing is known.
    :param error_code: SES's word for what went wrong, for example ``"AccountThrottled"``.
    :param error_message: SES's text about it.
    :raises TypeError: the id is not hashable.
    :raises ValueError: no such status.
    """

    def __init__(
        self,
        message_id: str | None,
        status: str | None,
        error_code: str | None = None,
        error_message: str | None = None,
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

    def __repr__(self) -> str:
        error = f", error_code={self.error_code!r}" if self.error_code else ""
        return f"AnymailRecipientStatus({self.message_id!r}, {self.status!r}{error})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AnymailRecipientStatus):
            return NotImplemented
        return vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.message_id, self.status, self.error_code, self.error_message))


class AnymailStatus:
    """What became of a message: ``message.anymail_status`` after it was sent.

    ``message_id`` is the one id that SES gave, a set when there are several, or None; ``status`` a
    set of :data:`ANYMAIL_STATUSES`, or None before sending; ``recipients`` maps each address (as
    the message spells it) to its :class:`AnymailRecipientStatus`; ``esp_response`` is the last
    answer as boto3 returned it.
    """

    def __init__(self) -> None:
        self.message_id: str | set[str | None] | None = None
        self.status: set[str | None] | None = None
        self.recipients: dict[str, AnymailRecipientStatus] = {}
        self.esp_response: Any = None

    def set_recipient_status(self, recipients: Mapping[str, AnymailRecipientStatus]) -> None:
        """Add recipients, or replace what is known of them, and update the summary."""
        self.recipients.update(recipients)
        self.status = {recipient.status for recipient in self.recipients.values()} or None
        # Nothing was sent to those that were refused beforehand, so there is no id to miss.
        ids = {r.message_id for r in self.recipients.values() if r.status != "rejected"}
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


class AnymailMessageMixin(EmailMessage):
    """Adds the attributes of Anymail to an e-mail message class of your own.

    Each is also a keyword of the constructor; None means "none, whatever ``SEND_DEFAULTS`` says".
    They work on plain Django messages too, once they are set.

    :param esp_extra: parameters for the API call, by the names of SES.
    :param envelope_sender: the address that bounces go to.
    :param metadata: dict, comes back in tracking events.
    :param tags: list of strings, likewise.
    :param template_id: the name of an SES template.
    :param merge_data: dict of address to dict of variables.
    :param merge_global_data: variables for every recipient.
    :param merge_metadata: dict of address to metadata.
    :param merge_headers: dict of address to headers.
    :param send_at: not supported by SES.
    :param track_clicks: not supported by SES for a single message; use a configuration set.
    :param track_opens: likewise.
    """

    def __init__(
        self,
        *args: Any,
        esp_extra: Any = UNSET,
        envelope_sender: Any = UNSET,
        metadata: Any = UNSET,
        merge_headers: Any = UNSET,
        merge_metadata: Any = UNSET,
        send_at: Any = UNSET,
        tags: Any = UNSET,
        track_clicks: Any = UNSET,
        track_opens: Any = UNSET,
        template_id: Any = UNSET,
        merge_data: Any = UNSET,
        merge_global_data: Any = UNSET,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.esp_extra = esp_extra
        self.envelope_sender = envelope_sender
        self.metadata = metadata
        self.merge_headers = merge_headers
        self.merge_metadata = merge_metadata
        self.send_at = send_at
        self.tags = tags
        self.track_clicks = track_clicks
        self.track_opens = track_opens
        self.template_id = template_id
        self.merge_data = merge_data
        self.merge_global_data = merge_global_data
        self.anymail_status = AnymailStatus()

    def attach_inline_image_file(
        self,
        path: str | Path,
        subtype: str | None = None,
        idstring: str = "img",
        domain: str | None = None,
    ) -> str:
        """Attach an image for use in the HTML body; see :func:`attach_inline_image_file`."""
        return attach_inline_image_file(self, path, subtype, idstring, domain)

    def attach_inline_image(
        self,
        content: bytes,
        filename: str | None = None,
        subtype: str | None = None,
        idstring: str = "img",
        domain: str | None = None,
    ) -> str:
        """Attach an image for use in the HTML body; see :func:`attach_inline_image`."""
        return attach_inline_image(self, content, filename, subtype, idstring, domain)


class AnymailMessage(AnymailMessageMixin, EmailMultiAlternatives):
    """A Django message with the attributes of Anymail: see :class:`AnymailMessageMixin`."""


def attach_inline_image_file(
    message: EmailMessage,
    path: str | Path,
    subtype: str | None = None,
    idstring: str = "img",
    domain: str | None = None,
) -> str:
    """Attach an image file for use in the HTML body. Arguments and result are those of
    :func:`attach_inline_image`; the file's name is the attachment's."""
    path = Path(path)
    return attach_inline_image(message, path.read_bytes(), path.name, subtype, idstring, domain)


def attach_inline_image(
    message: EmailMessage,
    content: bytes,
    filename: str | None = None,
    subtype: str | None = None,
    idstring: str = "img",
    domain: str | None = None,
) -> str:
    """Attach an image for use in the HTML body (RFC 2392).

    :param message: any Django message.
    :param content: the image.
    :param filename: what to call it.
    :param subtype: for example ``"png"``; guessed from the content unless given.
    :param idstring: a part of the content id.
    :param domain: what the content id ends with; ``"inline"`` unless given.
    :return: the content id, for ``<img src="cid:…">``: without angle brackets.
    :raises TypeError: the subtype was not given and cannot be guessed.
    :raises ValueError: a line break in the file name.
    """
    if filename and ("\n" in filename or "\r" in filename):
        raise ValueError("The file name of an inline image can't contain newlines.")
    # Not the host's name, which make_msgid takes by default: some clients (Gmail) then show the
    # image as an attachment.
    content_id = make_msgid(idstring, domain or "inline")
    message.attach(_image_part(content, filename, subtype, content_id))
    return unquote(content_id)


def _image_part(content: bytes, filename: str | None, subtype: str | None, cid: str) -> Any:
    image = MIMEImage(content, subtype) if subtype else MIMEImage(content)
    if django.VERSION < (6, 0):  # from there on a MIMEBase is deprecated, before it a MIMEPart
        disposition = {} if filename is None else {"filename": filename}
        image.add_header("Content-Disposition", "inline", **disposition)
        image["Content-ID"] = cid
        return image
    from email.message import MIMEPart

    part = MIMEPart()
    part.set_content(
        content,
        maintype="image",
        subtype=image.get_content_subtype(),
        disposition="inline",
        filename=filename,
        cid=cid,
    )
    return part
