"""AnymailMessage, which applications send, and AnymailStatus, which reports the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from email.mime.image import MIMEImage
from email.utils import make_msgid, unquote
from pathlib import Path
from typing import Any

import django
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.utils.functional import Promise

from .conf import UNSET
from .exceptions import AnymailAPIError, ErrorScope

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


class AnymailMessageMixin(EmailMessage):
    """Adds the attributes of Anymail to an e-mail message class of your own.

    Each is also a keyword of the constructor; None means "none, even if ``SEND_DEFAULTS`` has one".
    They work on plain Django messages too, once they are set. Nothing is checked before the message
    is sent.

    :param esp_extra: dict of parameters for the API call, by the names of SES.
    :param envelope_sender: the one address that bounces go to.
    :param metadata: dict that JSON can hold; comes back in tracking events.
    :param tags: list of strings; come back in tracking events.
    :param template_id: the name of an SES template.
    :param merge_data: dict of address (without display name) to dict of variables.
    :param merge_global_data: dict of variables for every recipient.
    :param merge_metadata: dict of address to metadata.
    :param merge_headers: dict of address to dict of headers.
    :param merge_track_clicks: dict of address to bool: ``track_clicks`` for this recipient.
        Recipients with different values are in different API calls.
    :param merge_track_opens: dict of address to bool: ``track_opens`` for this recipient.
    :param send_at: datetime; not supported by SES.
    :param tenant: the name of an SES tenant, in whose name it is sent; v2 API only.
    :param track_clicks: bool: whether SES tracks clicks on links, whatever the configuration set
        says; v2 API only.
    :param track_opens: bool: whether SES tracks opens, whatever the configuration set says; v2 API
        only.
    """

    #: For :class:`anymail.backends.test.EmailBackend`: the response to return or error to raise.
    anymail_test_response: AnymailAPIError | Mapping[str, Any] | None
    #: The parameters that that backend recorded.
    anymail_test_params: dict[str, Any]

    def __init__(
        self,
        *args: Any,
        esp_extra: Mapping[str, Any] | type[UNSET] | None = UNSET,
        envelope_sender: str | Promise | type[UNSET] | None = UNSET,
        metadata: Mapping[str, Any] | type[UNSET] | None = UNSET,
        merge_headers: Mapping[str, Mapping[str, Any]] | type[UNSET] | None = UNSET,
        merge_metadata: Mapping[str, Mapping[str, Any]] | type[UNSET] | None = UNSET,
        merge_track_clicks: Mapping[str, bool] | type[UNSET] | None = UNSET,
        merge_track_opens: Mapping[str, bool] | type[UNSET] | None = UNSET,
        send_at: datetime | date | float | type[UNSET] | None = UNSET,
        tags: Iterable[str | Promise] | type[UNSET] | None = UNSET,
        tenant: str | Promise | type[UNSET] | None = UNSET,
        track_clicks: bool | type[UNSET] | None = UNSET,
        track_opens: bool | type[UNSET] | None = UNSET,
        template_id: str | Promise | type[UNSET] | None = UNSET,
        merge_data: Mapping[str, Mapping[str, Any]] | type[UNSET] | None = UNSET,
        merge_global_data: Mapping[str, Any] | type[UNSET] | None = UNSET,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.esp_extra: Any = esp_extra
        self.envelope_sender: Any = envelope_sender
        self.metadata: Any = metadata
        self.merge_headers: Any = merge_headers
        self.merge_metadata: Any = merge_metadata
        self.merge_track_clicks: Any = merge_track_clicks
        self.merge_track_opens: Any = merge_track_opens
        self.send_at: Any = send_at
        self.tags: Any = tags
        self.tenant: Any = tenant
        self.track_clicks: Any = track_clicks
        self.track_opens: Any = track_opens
        self.template_id: Any = template_id
        self.merge_data: Any = merge_data
        self.merge_global_data: Any = merge_global_data
        #: The result of sending; a new one each time.
        self.anymail_status: AnymailStatus = AnymailStatus()

    def attach_inline_image_file(
        self,
        path: str | Path,
        subtype: str | None = None,
        idstring: str = "img",
        domain: str | None = None,
    ) -> str:
        """Attach an image file for use in the HTML body.

        Arguments, result and errors are those of :func:`attach_inline_image_file`.
        """
        return attach_inline_image_file(self, path, subtype, idstring, domain)

    def attach_inline_image(
        self,
        content: bytes,
        filename: str | None = None,
        subtype: str | None = None,
        idstring: str = "img",
        domain: str | None = None,
    ) -> str:
        """Attach an image for use in the HTML body.

        Arguments, result and errors are those of :func:`attach_inline_image`.
        """
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
    """Attach an image file for use in the HTML body.

    The other arguments, the result and the other errors are those of :func:`attach_inline_image`.

    :param message: any Django message.
    :param path: of the file; its name is the attachment's.
    :raises OSError: the file cannot be read.
    """
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
    """Attach an image for use in the HTML body (``cid:`` URLs, RFC 2392).

    :param message: any Django message.
    :param content: the image file's bytes.
    :param filename: its name; None for no name.
    :param subtype: for example ``"png"``; guessed from the content unless given.
    :param idstring: a part of the content id.
    :param domain: the end of the content id; ``"inline"`` unless given.
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
