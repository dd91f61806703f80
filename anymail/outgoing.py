"""OutgoingMessage: a Django message, read once."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timezone
from email.message import Message
from email.utils import unquote
from typing import Any

from django.core.mail import EmailMessage
from django.utils.encoding import force_str
from django.utils.functional import Promise
from django.utils.timezone import get_current_timezone, is_naive, make_aware

from .addresses import EmailAddress, parse_address_list, parse_single_address
from .conf import UNSET
from .exceptions import (
    AnymailInvalidAddress,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from .headers import CaseInsensitiveCasePreservingDict

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
#: Attributes whose defaults are merged two levels deep: address, then key.
MERGED_BY_ADDRESS = ("merge_data", "merge_metadata", "merge_headers")
#: Every feature beyond a plain Django message. A send API names those that it can express, so that
#: a new one is refused until someone adds it there.
FEATURES = (
    "esp_extra",
    "envelope_sender",
    "metadata",
    "merge_headers",
    "merge_metadata",
    "send_at",
    "tags",
    "track_clicks",
    "track_opens",
    "template_id",
    "merge_data",
    "merge_global_data",
)


@dataclass(frozen=True, kw_only=True)
class OutgoingMessage:
    """What to send: addresses parsed, defaults merged, lazy strings forced; absent is None.

    :param source: the Django message, for its MIME.
    :param from_emails: what the From header shows; at least one.
    :param to: as ``cc``, ``bcc`` and ``reply_to``: addresses; empty for none.
    :param subject: may be empty.
    :param body: may be empty.
    :param content_subtype: of the body: ``"plain"`` or ``"html"``.
    :param alternatives: pairs of content and media type.
    :param attachments: in Django's forms; :class:`Attachment` reads them.
    :param headers: extra headers without From, To and Reply-To.
    :param header_to: what the To header shows instead of ``to``.
    :param envelope_sender: where bounces go, if not to From.
    :param send_at: aware datetime for whatever could be made into one.
    :param template_id: and the attributes after it: as on
        :class:`~anymail.message.AnymailMessageMixin`, merged with ``SEND_DEFAULTS``.
    :param defaulted: the names of Django's own attributes that ``SEND_DEFAULTS`` has.
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
    track_clicks: bool | None
    track_opens: bool | None
    template_id: str | None
    merge_data: dict[str, dict[str, Any]] | None
    merge_global_data: dict[str, Any] | None
    merge_headers: dict[str, dict[str, Any]] | None
    merge_metadata: dict[str, dict[str, Any]] | None
    esp_extra: dict[str, Any] | None
    defaulted: frozenset[str]

    @classmethod
    def from_django(cls, message: EmailMessage, defaults: Mapping[str, Any]) -> OutgoingMessage:
        """Read any Django message.

        :param message: with or without the attributes of Anymail; it is not changed.
        :param defaults: ``SEND_DEFAULTS``: attribute name to value.
        :raises AnymailInvalidAddress: no From, or an address that cannot be parsed.
        :raises AnymailSerializationError: a dict is nested too deeply, or contains itself.
        :raises TypeError: an attribute has the wrong type.
        """
        value = _Reader(message, defaults)
        headers = CaseInsensitiveCasePreservingDict(value.dictionary("extra_headers") or {})
        from_emails = _from_emails(value.single("from_email"))
        envelope_sender = _optional_address(value.single("envelope_sender"), "envelope_sender")
        if header_from := headers.pop("From", None):
            envelope_sender = envelope_sender or _only(from_emails)
            from_emails = tuple(parse_address_list(header_from, "extra_headers['From']"))
        reply_to = headers.pop("Reply-To", None)
        return cls(
            source=message,
            from_emails=from_emails,
            to=value.addresses("to"),
            cc=value.addresses("cc"),
            bcc=value.addresses("bcc"),
            reply_to=(
                value.addresses("reply_to")
                if reply_to is None
                else tuple(parse_address_list(reply_to, "extra_headers['Reply-To']"))
            ),
            subject=str(value.single("subject") or ""),
            body=force_str(value.single("body") or "", errors="surrogateescape"),
            content_subtype=message.content_subtype,
            alternatives=tuple(value.items("alternatives") or ()),
            attachments=tuple(value.items("attachments") or ()),
            header_to=headers.pop("To", None),
            headers=headers,
            envelope_sender=envelope_sender,
            metadata=value.dictionary("metadata"),
            tags=value.strings("tags"),
            send_at=_aware_datetime(value.single("send_at")),
            track_clicks=value.single("track_clicks"),
            track_opens=value.single("track_opens"),
            template_id=value.single("template_id") or None,
            merge_data=value.dictionary("merge_data"),
            merge_global_data=value.dictionary("merge_global_data"),
            merge_headers=value.dictionary("merge_headers"),
            merge_metadata=value.dictionary("merge_metadata"),
            esp_extra=value.dictionary("esp_extra"),
            defaulted=frozenset(set(defaults) & set(MIME_ATTRIBUTES)),
        )

    @property
    def recipients(self) -> tuple[EmailAddress, ...]:
        """To, Cc and Bcc, in this order."""
        return self.to + self.cc + self.bcc

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


class Attachment:
    """One attachment of a Django message, whatever its form.

    ``name`` may be None; ``content`` is bytes; ``mimetype`` its media type; ``inline`` whether it
    belongs into the body; ``content_id`` as in its header, or None.

    :param attachment: a ``(filename, content, mimetype)`` tuple or a MIME part.
    :param encoding: the charset for text.
    :raises UnicodeEncodeError: the charset cannot hold the text.
    """

    def __init__(self, attachment: Any, encoding: str | None = "utf-8") -> None:
        self.inline: bool = False
        self.content: bytes
        self.mimetype: str
        self.content_id: str | None = None
        if isinstance(attachment, Message):
            self.name = attachment.get_filename()
            self.content = _part_content(attachment)
            self.mimetype = attachment.get_content_type()
            self.content_id = attachment["Content-ID"]
            self.inline = attachment.get_content_disposition() == "inline"
        else:
            self.name, content, mimetype = (*attachment, None)[:3]
            self.content = _content_bytes(content, encoding or "utf-8")
            self.mimetype = mimetype or "application/octet-stream"

    @property
    def cid(self) -> str | None:
        """The content id without angle brackets, or None."""
        return None if self.content_id is None else unquote(str(self.content_id))

    @property
    def b64content(self) -> str:
        """The content in Base64."""
        return b64encode(self.content).decode("ascii")


def unsupported(feature: str, esp_name: str) -> AnymailUnsupportedFeature:
    """The error for a feature that cannot be expressed.

    :param feature: what the text calls it.
    :param esp_name: the service.
    """
    return AnymailUnsupportedFeature(f"{esp_name} does not support {feature}")


def combine(*values: Any) -> Any:
    """Merge defaults with a message's own value: dicts by key, lists by concatenation.

    Later ones win; UNSET is passed over; None forgets what came before.

    :param values: all dicts, or all iterables.
    :return: UNSET if there is nothing.
    """
    result: Any = UNSET
    for value in values:
        if value is None:
            result = UNSET
        elif value is UNSET:
            continue
        elif result is UNSET:
            result = dict(value) if isinstance(value, Mapping) else value
        elif isinstance(result, dict):
            result = {**result, **value}
        else:
            result = [*result, *value]
    return result


def combine_deeply(*values: Any, levels: int | None = None) -> Any:
    """Like :func:`combine`, but dicts within dicts are merged too.

    :param values: dicts.
    :param levels: how many dicts deep; None for all the way.
    :return: UNSET if there is nothing.
    """
    result: Any = UNSET
    for value in values:
        if value is None:
            result = UNSET
        elif value is not UNSET:
            result = _merge({} if result is UNSET else result, value, levels)
    return result


def last(*values: Any) -> Any:
    """The last value that is not UNSET; None counts as UNSET."""
    found = next((value for value in reversed(values) if value is not UNSET), UNSET)
    return UNSET if found is None else found


def force_non_lazy(value: Any) -> Any:
    """A str for a lazy string, anything else as it is."""
    return str(value) if isinstance(value, Promise) else value


def force_non_lazy_list(values: Iterable[Any] | None) -> list[Any] | None:
    """A list with every lazy string forced."""
    return None if values is None else [force_non_lazy(value) for value in values]


def force_non_lazy_dict(values: Mapping[Any, Any] | None) -> dict[Any, Any] | None:
    """A dict with every lazy string forced, in dicts and lists inside it too."""
    return None if values is None else {key: _force_deeply(item) for key, item in values.items()}


class _Reader:
    """Reads attributes of a message, each merged with its default."""

    def __init__(self, message: EmailMessage, defaults: Mapping[str, Any]) -> None:
        self.message = message
        self.defaults = defaults

    def _both(self, name: str) -> tuple[Any, Any]:
        return self.defaults.get(name, UNSET), getattr(self.message, name, UNSET)

    def single(self, name: str) -> Any:
        return _absent_to_none(force_non_lazy(last(*self._both(name))))

    def items(self, name: str) -> list[Any] | None:
        both = self._both(name)
        for value in both:
            if value is not UNSET and value is not None:
                _check_list(name, value)
        merged = _absent_to_none(combine(*both))
        return None if merged is None else list(merged)

    def strings(self, name: str) -> tuple[str, ...] | None:
        found = force_non_lazy_list(self.items(name))
        for value in found or ():
            if not isinstance(value, str):
                raise TypeError(f"`{name}` must hold strings, not {type(value).__name__}")
        return None if found is None else tuple(found)

    def addresses(self, name: str) -> tuple[EmailAddress, ...]:
        return tuple(parse_address_list(self.items(name), name))

    def dictionary(self, name: str) -> dict[str, Any] | None:
        both = self._both(name)
        for value in both:
            if value is UNSET or value is None:
                continue
            if not isinstance(value, Mapping):
                raise TypeError(f"`{name}` must be a dict, not {type(value).__name__}")
            if name in MERGED_BY_ADDRESS:
                _check_by_address(name, value)
        if name == "esp_extra":
            merged = combine_deeply(*both)
        elif name in MERGED_BY_ADDRESS:
            merged = combine_deeply(*both, levels=2)
        else:
            merged = combine(*both)
        try:
            return force_non_lazy_dict(_absent_to_none(merged))
        except RecursionError as err:
            raise AnymailSerializationError(
                f"The {name} of the message is nested too deeply, or contains itself."
            ) from err


def _merge(one: Mapping[str, Any], two: Mapping[str, Any], levels: int | None) -> dict[str, Any]:
    merged = dict(one)
    for key, value in two.items():
        deeper = levels is None or levels > 1
        if deeper and isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merge(merged[key], value, None if levels is None else levels - 1)
        else:
            merged[key] = value
    return merged


def _absent_to_none(value: Any) -> Any:
    return None if value is UNSET else value


def _check_list(name: str, value: Any) -> None:
    if isinstance(value, (str, bytes, Mapping, Promise)) or not isinstance(value, Iterable):
        raise TypeError(f"`{name}` must be a list or other iterable, not {type(value).__name__}")


def _check_by_address(name: str, value: Mapping[Any, Any]) -> None:
    for address, data in value.items():
        if not isinstance(address, (str, Promise)) or not isinstance(data, Mapping):
            kinds = f"{type(address).__name__} to {type(data).__name__}"
            raise TypeError(f"`{name}` must be a dict of address to dict, not of {kinds}")


def _force_deeply(value: Any) -> Any:
    if isinstance(value, dict):
        return force_non_lazy_dict(value)
    if isinstance(value, (list, tuple)):
        return force_non_lazy_list([_force_deeply(item) for item in value])
    return force_non_lazy(value)


def _part_content(part: Message) -> bytes:
    payload: Any = part.get_payload()
    if part.get_content_maintype() == "message" and isinstance(payload, list):
        return b"".join(_content_bytes(inner, "utf-8") for inner in payload)
    data: Any = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _content_bytes(content: Any, encoding: str) -> bytes:
    if isinstance(content, (str, Promise)):
        return str(content).encode(encoding)
    if isinstance(content, EmailMessage):  # attached as message/rfc822
        content = content.message()
    return content.as_bytes() if isinstance(content, Message) else bytes(content)


def _from_emails(from_email: Any) -> tuple[EmailAddress, ...]:
    if from_email is None:
        raise AnymailInvalidAddress(
            "The message has no From: set from_email, or DEFAULT_FROM_EMAIL in your settings."
        )
    return tuple(parse_address_list(from_email, "from_email"))


def _optional_address(value: Any, field: str) -> EmailAddress | None:
    return None if value is None else parse_single_address(value, field)


def _only(from_emails: tuple[EmailAddress, ...]) -> EmailAddress:
    if len(from_emails) > 1:
        raise AnymailInvalidAddress(
            f"`from_email` holds {len(from_emails)} addresses. With a From header in "
            "`extra_headers` it is the envelope sender, which must be a single one."
        )
    return from_emails[0]


def _aware_datetime(value: Any) -> Any:
    """A datetime for what can be one: naive is in the current time zone, a date its midnight."""
    if isinstance(value, datetime):
        return make_aware(value, get_current_timezone()) if is_naive(value) else value
    if isinstance(value, date):
        return make_aware(datetime.combine(value, time.min), get_current_timezone())
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, tz=timezone.utc)
    return value
