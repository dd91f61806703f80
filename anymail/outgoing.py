"""OutgoingMessage: a Django message, read once."""

from __future__ import annotations

import codecs
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.charset import Charset
from types import NoneType
from typing import Any

from django.core.mail import EmailMessage
from django.utils.encoding import force_str

from .addresses import EmailAddress, parse_address_list, parse_single_address
from .attachments import check_alternative, check_attachment
from .attributes import AttributeReader, force_non_lazy
from .attributes.outbox import outbox_values
from .exceptions import (
    AnymailInvalidAddress,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from .mime.headers import CaseInsensitiveCasePreservingDict, check_no_line_break

#: Attributes that Django itself turns into MIME.
MIME_ATTRIBUTES = (
    "to",
    "cc",
    "bcc",
    "subject",
    "reply_to",
    "extra_headers",
    "body",
    "alternatives",
    "attachments",
)
#: Every feature beyond a plain Django message. A send API names those that it can express, so that
#: a new one is refused until someone adds it there.
FEATURES = (
    "esp_extra",
    "envelope_sender",
    "metadata",
    "merge_headers",
    "merge_metadata",
    "merge_track_clicks",
    "merge_track_opens",
    "send_at",
    "tags",
    "tenant",
    "track_clicks",
    "track_opens",
    "template_id",
    "merge_data",
    "merge_global_data",
    "priority",
    "expires_at",
    "idempotency_key",
    "on_doubt",
)
#: Those that no send API has: the app ``anymail.outbox`` itself acts on them.
OUTBOX_FEATURES = ("send_at", "priority", "expires_at", "idempotency_key", "on_doubt")
#: Those with a value for each recipient.
PERSONAL = (
    "merge_data",
    "merge_headers",
    "merge_metadata",
    "merge_track_clicks",
    "merge_track_opens",
)


@dataclass(frozen=True, kw_only=True, repr=False)
class OutgoingMessage:
    """A message to send: addresses parsed, defaults merged, lazy strings forced; absent is None.

    :param source: the Django message, for its MIME.
    :param from_emails: what the From header shows; at least one.
    :param to: as ``cc``, ``bcc`` and ``reply_to``: addresses; empty for none.
    :param subject: may be empty.
    :param body: may be empty.
    :param content_subtype: of the body: ``"plain"`` or ``"html"``.
    :param alternatives: pairs of content and media type.
    :param attachments: in Django's forms;
        :class:`~anymail.attachments.Attachment` reads them.
    :param headers: extra headers without From, To and Reply-To.
    :param header_to: what the To header shows instead of ``to``.
    :param envelope_sender: where bounces go, if not to From.
    :param send_at: an aware datetime, if the value could be converted.
    :param expires_at: an aware datetime.
    :param template_id: and the attributes after it: as on
        :class:`~anymail.message.AnymailMessageMixin`, merged with ``SEND_DEFAULTS``.
    :param defaulted: the names of Django's own attributes that ``SEND_DEFAULTS`` has.
    :param message_tags: SES message tags that this package itself adds, name to value; those of the
        user win.
    """

    source: EmailMessage
    from_emails: tuple[EmailAddress, ...]
    to: tuple[EmailAddress, ...]
    cc: tuple[EmailAddress, ...]
    bcc: tuple[EmailAddress, ...]
    reply_to: tuple[EmailAddress, ...]
    subject: str
    body: str
    content_subtype: str
    alternatives: tuple[tuple[Any, str], ...]
    attachments: tuple[Any, ...]
    headers: CaseInsensitiveCasePreservingDict
    header_to: str | None
    envelope_sender: EmailAddress | None
    metadata: dict[str, Any] | None
    tags: tuple[str, ...] | None
    send_at: Any
    priority: int | None
    expires_at: datetime | None
    idempotency_key: str | None
    on_doubt: str | None
    tenant: str | None
    track_clicks: bool | None
    track_opens: bool | None
    template_id: str | None
    merge_data: dict[str, dict[str, Any]] | None
    merge_global_data: dict[str, Any] | None
    merge_headers: dict[str, dict[str, Any]] | None
    merge_metadata: dict[str, dict[str, Any]] | None
    merge_track_clicks: dict[str, bool] | None
    merge_track_opens: dict[str, bool] | None
    esp_extra: dict[str, Any] | None
    defaulted: frozenset[str]
    message_tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_django(cls, message: EmailMessage, defaults: Mapping[str, Any]) -> OutgoingMessage:
        """Read any Django message.

        :param message: with or without the attributes of Anymail; it is not changed.
        :param defaults: ``SEND_DEFAULTS``: attribute name to value.
        :raises AnymailInvalidAddress: no From, or an address that cannot be parsed.
        :raises AnymailSerializationError: an attribute has the wrong type, or a dict in it is
            nested too deeply or contains itself.
        :raises ValueError: a line break in an address or header (``BadHeaderError`` before
            Django 6.0), as Django itself raises.
        """
        value = AttributeReader(message, defaults)
        _check_encoding(message.encoding)
        headers = CaseInsensitiveCasePreservingDict(value.dictionary("extra_headers") or {})
        _check_line_breaks(value, headers)
        from_emails, envelope_sender = _senders(value, headers.pop("From", None))
        return cls(
            source=message,
            from_emails=from_emails,
            to=value.addresses("to"),
            cc=value.addresses("cc"),
            bcc=value.addresses("bcc"),
            reply_to=_reply_to(headers.pop("Reply-To", None), value),
            subject=str(value.single("subject") or ""),
            body=force_str(value.single("body") or "", errors="surrogateescape"),
            content_subtype=_content_subtype(message),
            alternatives=_alternatives(value),
            attachments=_attachments(value),
            header_to=headers.pop("To", None),
            headers=headers,
            envelope_sender=envelope_sender,
            metadata=value.dictionary("metadata"),
            tags=value.strings("tags"),
            tenant=value.string("tenant"),
            track_clicks=value.boolean("track_clicks"),
            track_opens=value.boolean("track_opens"),
            template_id=value.single("template_id") or None,
            merge_data=value.dictionary("merge_data"),
            merge_global_data=value.dictionary("merge_global_data"),
            merge_headers=value.dictionary("merge_headers"),
            merge_metadata=value.dictionary("merge_metadata"),
            merge_track_clicks=value.dictionary("merge_track_clicks"),
            merge_track_opens=value.dictionary("merge_track_opens"),
            esp_extra=value.dictionary("esp_extra"),
            **outbox_values(value),
            defaulted=frozenset(set(defaults) & set(MIME_ATTRIBUTES)),
        )

    def __repr__(self) -> str:  # error reports show it: no recipients, no content
        return f"<OutgoingMessage: {len(self.recipients)} recipients>"

    @property
    def recipients(self) -> tuple[EmailAddress, ...]:
        """To, Cc and Bcc, in this order."""
        return self.to + self.cc + self.bcc

    @property
    def is_batch(self) -> bool:
        """Whether something of it differs from recipient to recipient."""
        return any(getattr(self, name) is not None for name in PERSONAL)

    @property
    def features(self) -> list[str]:
        """The names of :data:`FEATURES` that this message uses."""
        return [name for name in FEATURES if getattr(self, name) not in (None, ())]

    def reduced_to(self, supported: Collection[str]) -> OutgoingMessage:
        """The same message without the features that are not supported.

        :param supported: names of :data:`FEATURES`.
        """
        dropped: dict[str, Any] = {name: None for name in self.features if name not in supported}
        return replace(self, **dropped)

    def check_supported(
        self, supported: Collection[str], wording: Mapping[str, str], esp_name: str
    ) -> None:
        """Refuse features that a send API cannot express.

        :param supported: those that it can: names of :data:`FEATURES`.
        :param wording: feature to how the error calls it; the feature's own name unless given.
        :param esp_name: the service, for the error.
        :raises AnymailUnsupportedFeature: the message uses another one.
        """
        for name in self.features:
            if name not in supported:
                raise unsupported(wording.get(name, name), esp_name)


def unsupported(feature: str, esp_name: str) -> AnymailUnsupportedFeature:
    """The error for a feature that cannot be expressed.

    :param feature: what the text calls it.
    :param esp_name: the service.
    """
    return AnymailUnsupportedFeature(f"{esp_name} does not support {feature}")


def _check_line_breaks(value: AttributeReader, headers: Mapping[str, Any]) -> None:
    """Refuse line breaks, which would inject a header or a recipient, before parsing anything."""
    check_no_line_break("From", str(value.single("from_email") or ""))
    for name in ("to", "cc", "bcc", "reply_to"):
        for address in value.items(name) or ():
            check_no_line_break(name, str(address))
    for name, content in headers.items():
        check_no_line_break(name, str(content))


def _senders(
    value: AttributeReader, header_from: Any
) -> tuple[tuple[EmailAddress, ...], EmailAddress | None]:
    """What the From header shows, and the envelope sender."""
    from_emails = _from_emails(value.single("from_email"))
    envelope_sender = _optional_address(value.single("envelope_sender"), "envelope_sender")
    if header_from:
        envelope_sender = envelope_sender or _only(from_emails)
        from_emails = tuple(parse_address_list(header_from, "extra_headers['From']"))
    return from_emails, envelope_sender


def _from_emails(from_email: Any) -> tuple[EmailAddress, ...]:
    if from_email is None:
        raise AnymailInvalidAddress(
            "The message has no From: set from_email, or DEFAULT_FROM_EMAIL in your settings."
        )
    parsed = parse_address_list(from_email, "from_email")
    if not parsed:
        raise AnymailInvalidAddress("`from_email` holds no address.")
    return tuple(parsed)


def _attachments(value: AttributeReader) -> tuple[Any, ...]:
    attachments = value.items("attachments") or ()
    for position, attachment in enumerate(attachments, start=1):
        check_attachment(attachment, position)
    return tuple(attachments)


def _alternatives(value: AttributeReader) -> tuple[tuple[Any, str], ...]:
    alternatives = value.items("alternatives") or ()
    for position, alternative in enumerate(alternatives, start=1):
        check_alternative(alternative, position)
    return tuple((force_non_lazy(content), str(mimetype)) for content, mimetype in alternatives)


def _content_subtype(message: EmailMessage) -> str:
    subtype: object = message.content_subtype
    if not isinstance(subtype, str):
        raise AnymailSerializationError(
            f"`content_subtype` must be a string, not {type(subtype).__name__}"
        )
    check_no_line_break("content_subtype", subtype)
    return subtype


def _check_encoding(encoding: object) -> None:
    if not isinstance(encoding, (str, Charset, NoneType)):
        raise AnymailSerializationError(
            f"`encoding` must be a string or a Charset, not {type(encoding).__name__}"
        )
    try:
        codecs.lookup(str(encoding or "utf-8"))
    except (LookupError, ValueError) as err:
        raise AnymailSerializationError("`encoding` is not a charset that Python knows") from err


def _reply_to(header: Any, value: AttributeReader) -> tuple[EmailAddress, ...]:
    if header is None:
        return value.addresses("reply_to")
    return tuple(parse_address_list(header, "extra_headers['Reply-To']"))


def _optional_address(value: Any, field: str) -> EmailAddress | None:
    return None if value is None else parse_single_address(value, field)


def _only(from_emails: tuple[EmailAddress, ...]) -> EmailAddress:
    if len(from_emails) > 1:
        raise AnymailInvalidAddress(
            f"`from_email` holds {len(from_emails)} addresses. With a From header in "
            "`extra_headers` it is the envelope sender, which must be a single one."
        )
    return from_emails[0]
