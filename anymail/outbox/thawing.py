"""The stored form of a message -> a Django message to send."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from email import message_from_bytes, policy
from email.message import Message, MIMEPart
from email.mime.base import MIMEBase
from typing import Any

import django
from django.core.mail.message import EmailAlternative, EmailAttachment

from ..message import AnymailMessage
from ..mime.policy import MAX_LINE, SES_POLICY
from ..outgoing import FEATURES
from .freezing import COLUMNS, VERSION

STRINGS = ("subject", "body", "content_subtype", "encoding", "mixed_subtype", "alternative_subtype")
ADDRESSES = ("to", "cc", "bcc", "reply_to")


class NewerVersion(Exception):
    """The message was stored by a newer version of this package. Says what to do."""


class UnreadableContent(Exception):
    """What is stored is no message. Says what is wrong, without showing any of it."""


class FinishedMessage(AnymailMessage):
    """A message whose class built its MIME before it was stored.

    Its ``body``, ``alternatives`` and ``attachments`` are empty.
    """

    #: The finished MIME, with CRLF.
    finished: bytes = b""

    def message(self, **kwargs: Any) -> Any:
        """The finished MIME; what is signed or encrypted in it is byte for byte as it was built.

        It gets a To header if it has none, for SES refuses it without one: in a batch, it was built
        before it had recipients.
        """
        mime = _parse(self.finished)
        to = self.extra_headers.get("To") or ", ".join(self.to)
        if to and "To" not in mime:
            mime["To"] = to
        return mime


def thaw(data: Mapping[str, Any], open_part: Callable[[int], bytes]) -> AnymailMessage:
    """A message like the one that :func:`.freezing.freeze` has got.

    The attributes that are columns of the entry (``send_at``, ``priority``, ``expires_at``,
    ``idempotency_key``, ``on_doubt``) are None, so that ``SEND_DEFAULTS`` do not bring them back.

    :param data: what :func:`parse_stored` returned.
    :param open_part: gives the content of the part of this index; :func:`part_names` says where it
        is.
    :raises NewerVersion: a newer version of this package stored it.
    :raises UnreadableContent: it is damaged.
    :raises Exception: whatever ``open_part`` raises.
    """
    try:
        sizes = _part_sizes(data)
    except (TypeError, ValueError, AttributeError) as err:
        raise _unreadable(err) from None
    contents = [open_part(index) for index in range(len(sizes))]
    for index, (content, size) in enumerate(zip(contents, sizes, strict=True)):
        if len(content) != size:
            raise UnreadableContent(
                f"The content of part {index} has {len(content)} bytes instead of {size}."
            )
    try:
        return _Thawer(contents).message(data)
    except (TypeError, ValueError, AttributeError, LookupError, RecursionError) as err:
        raise _unreadable(err) from None


def parse_stored(text: str) -> dict[str, Any]:
    """The data of a stored message.

    :param text: what :meth:`.freezing.FrozenMessage.as_json` made.
    :raises UnreadableContent: it is damaged.
    """
    try:
        data: dict[str, Any] = _checked(json.loads(text), dict)
        return data
    except (TypeError, ValueError, RecursionError) as err:
        raise _unreadable(err) from None


def part_names(data: Mapping[str, Any]) -> list[str]:
    """The names under which the large contents of a message are stored, in their order.

    :param data: what :func:`parse_stored` returned.
    """
    return list(data.get("part_names", ()))


def _part_sizes(data: Mapping[str, Any]) -> list[int]:
    version = data.get("version")
    if not isinstance(version, int) or version < 1:
        raise ValueError
    if version > VERSION:
        raise _newer(f"is in format {version}, and this version reads {VERSION} at most")
    sizes = [_checked(size, int) for size in data.get("part_sizes", ())]
    if len(sizes) != len(part_names(data)):
        raise ValueError
    return sizes


def _newer(what: str) -> NewerVersion:
    return NewerVersion(
        f"The stored message {what}. Install the version of django-anymail-ses that stored it "
        "wherever messages are delivered."
    )


def _unreadable(err: Exception) -> UnreadableContent:
    # The text of the error could show the content.
    return UnreadableContent(f"The stored message is damaged ({type(err).__name__}).")


class _Thawer:
    """:param contents: what was not stored in the database, by index."""

    def __init__(self, contents: Sequence[bytes]) -> None:
        self.contents = contents

    def message(self, data: Mapping[str, Any]) -> AnymailMessage:
        message = FinishedMessage() if "mime" in data else AnymailMessage()
        if isinstance(message, FinishedMessage):
            message.finished = _checked(self._content(data["mime"]), bytes)
        _set_envelope(message, data)
        alternatives = data.get("alternatives", [])
        message.alternatives = alternatives and [self._alternative(a) for a in alternatives]
        attachments = data.get("attachments", [])
        message.attachments = attachments and [self._attachment(a) for a in attachments]
        return message

    def _alternative(self, alternative: Sequence[Any]) -> EmailAlternative:
        mimetype, content = alternative
        return EmailAlternative(self._content(content), _checked(mimetype, str))

    def _attachment(self, attachment: Mapping[str, Any]) -> Any:
        if "part" in attachment:
            return self._part(attachment["part"])
        name, mimetype = attachment["name"], attachment["type"]
        for text in (name, mimetype):
            _checked(text, str, type(None))
        return EmailAttachment(name, self._content(attachment["content"]), mimetype)

    def _content(self, content: Mapping[str, Any]) -> Any:
        [(kind, value)] = content.items()
        if kind == "text":
            return _checked(value, str)
        if kind == "base64":
            return b64decode(_checked(value, str), validate=True)
        if kind == "stored":
            return self.contents[value]
        if kind == "stored_text":
            return self.contents[value].decode("utf-8", "surrogatepass")
        if kind == "message":
            return self.message(value)
        if kind == "part":
            return self._part(value)
        raise ValueError

    def _part(self, data: Mapping[str, Any]) -> Message:
        part = _empty_part()
        for name, value, *parsed in data["headers"]:
            header = (_checked(name, str), _checked(value, str))
            part.set_raw(*(policy.default.header_store_parse(*header) if parsed else header))
        if "parts" in data:
            part.set_payload([self._part(inner) for inner in data["parts"]])
        elif "content" in data:
            part.set_payload(self._content(data["content"]))
        part.preamble = data.get("preamble")
        part.epilogue = data.get("epilogue")
        return part


def _set_envelope(message: AnymailMessage, data: Mapping[str, Any]) -> None:
    message.from_email = data["from_email"]
    for name in STRINGS:
        if name in data:
            setattr(message, name, _checked(data[name], str))
    for name in ADDRESSES:
        addresses = data.get(name, [])
        setattr(message, name, addresses and [_checked(address, str) for address in addresses])
    message.extra_headers = _checked(data.get("extra_headers", {}), dict, type(None))
    for name, value in data.get("anymail", {}).items():
        if name not in FEATURES:
            raise _newer(f"has the attribute {name!r}, which this version does not know")
        setattr(message, name, value)
    for name in COLUMNS:
        setattr(message, name, None)


def _checked(value: Any, *types: type[Any]) -> Any:
    if not isinstance(value, types):
        raise TypeError
    return value


def _empty_part() -> Message:
    """What this version of Django takes for an attachment, without any header."""
    if django.VERSION >= (6, 0):
        return MIMEPart(policy.default)
    part = MIMEBase("", "")
    del part["Content-Type"], part["MIME-Version"]
    return part


def _parse(finished: bytes) -> Message:
    """A finished message. Its body stays as it is if it can be sent so: it may be signed."""
    head, blank, body = finished.partition(b"\r\n\r\n")
    if not _is_seven_bit(body):
        return message_from_bytes(finished, policy=SES_POLICY)
    mime = message_from_bytes(head + blank, policy=SES_POLICY)
    mime.set_payload(body.decode("ascii"))
    return mime


def _is_seven_bit(body: bytes) -> bool:
    return body.isascii() and b"\0" not in body and max(map(len, body.split(b"\r\n"))) <= MAX_LINE
