"""A Django message -> the form that it is stored in.

The stored form is a dict that JSON can hold, and the contents that are too large for a database:

.. code-block:: text

   version            of this format
   subject, body, from_email, to, cc, bcc, reply_to, extra_headers, content_subtype, encoding,
   mixed_subtype, alternative_subtype, alternatives, attachments      as on the message
   anymail            Anymail's own attributes by name, without those that are not set
   mime               instead of the body, alternatives and attachments: the finished MIME
   part_sizes         how many bytes each content has that is stored elsewhere
   part_names         where they are stored

   alternative        [media type, content]
   attachment         {"name", "type", "content"}, or {"part"} for a MIME part
   content            {"text"}, {"base64"}, {"stored"} (an index, for bytes), {"stored_text"},
                      {"part"} for a MIME part, {"message"} for a Django message
   MIME part          {"headers"}, with "content" or "parts", "preamble", "epilogue"

Absent keys stand for what a new message has.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any

import django
from django.core.mail import EmailMessage
from django.utils.encoding import force_str
from django.utils.functional import Promise

from ..amazon_ses.tags_and_metadata import dump_json
from ..attachments import check_alternative, check_attachment
from ..attributes import force_non_lazy, force_non_lazy_dict
from ..conf import UNSET
from ..exceptions import AnymailSerializationError
from ..mime.attachments import is_built_by_django
from ..mime.policy import SES_POLICY, as_bytes, text_errors
from ..outgoing import FEATURES, PERSONAL

#: Of the stored form.
VERSION = 1
#: In bytes. Larger contents of attachments are not stored in the database.
MAX_INLINE = 32 * 1024
CHUNK = 64 * 1024
#: Attributes of a message that are columns of its entry.
COLUMNS = frozenset({"send_at", "priority", "expires_at", "idempotency_key", "on_doubt"})

Bytes = bytes | bytearray | memoryview


@dataclass(frozen=True, kw_only=True)
class StoredPart:
    """The content of an attachment that is too large for the database.

    :param index: its place in :attr:`FrozenMessage.parts`.
    :param content: the message's own, not a copy.
    :param size: in bytes.
    """

    index: int
    content: Bytes | str
    size: int

    def chunks(self) -> Iterator[bytes]:
        """The content in small pieces; text as UTF-8, with lone surrogates."""
        return chunks_of(self.content)

    def __repr__(self) -> str:
        return f"StoredPart(index={self.index}, size={self.size})"


@dataclass(frozen=True, kw_only=True, repr=False)
class FrozenMessage:
    """A message in the form that it is stored in.

    :param data: what JSON can hold; the module's docstring describes it.
    :param parts: what to store elsewhere, see
        :func:`anymail.outbox.attachments.save_parts`.
    """

    data: dict[str, Any]
    parts: tuple[StoredPart, ...]

    def as_json(self, names: Sequence[str] = ()) -> str:
        """The text to store. It is ASCII without NUL characters: PostgreSQL stores neither those
        nor lone surrogates, which the message may have.

        :param names: under which the parts are stored, in their order; :func:`.part_names` reads
            them.
        """
        return json.dumps({**self.data, "part_names": list(names)} if names else self.data)


def freeze(message: EmailMessage) -> FrozenMessage:
    """The form that a message is stored in. It is the same for equal messages.

    All attributes of Django and of Anymail are stored but ``connection`` and those that are columns
    of the entry. Lazy strings become text in the language that is active now. Attributes and
    methods of a class of your own are lost; but a class that builds its MIME in a way of its own,
    to sign or encrypt it, is stored as the finished MIME, and its text is not stored.

    :param message: any Django message, which is not changed. A charset that is not just a name is
        stored as its name.
    :raises AnymailSerializationError: names an attribute that cannot be stored: JSON cannot hold
        it, or it is an iterator, which could be read only once.
    :raises Exception: whatever a ``message()`` of your own raises.
    """
    return _Freezer(builds=True).freeze(message)


def freeze_attributes(message: EmailMessage) -> FrozenMessage:
    """Like :func:`freeze`, but without building any MIME, whatever the class.

    :param message: any Django message, which is not changed.
    :raises AnymailSerializationError: as :func:`freeze`.
    """
    return _Freezer(builds=False).freeze(message)


def freeze_personal(message: EmailMessage) -> dict[str, Any]:
    """What is different in a message of a batch, as JSON can hold it: its recipients, and what each
    of them gets. The keys are those of :func:`freeze`.

    :param message: any Django message, which is not changed.
    :raises AnymailSerializationError: as :func:`freeze`.
    """
    own = _anymail_attributes(message, PERSONAL)
    return {"version": VERSION, "to": [str(one) for one in message.to], "anymail": own}


def chunks_of(content: Bytes | str) -> Iterator[bytes]:
    """A content in small pieces; text as UTF-8, with lone surrogates.

    :param content: is never copied as a whole.
    """
    for start in range(0, len(content), CHUNK):
        piece = content[start : start + CHUNK]
        yield piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else bytes(piece)


class _Freezer:
    """Collects large contents while it goes through a message.

    :param builds: whether classes that build their MIME in a way of their own do so.
    """

    def __init__(self, *, builds: bool) -> None:
        self.builds = builds
        self.parts: list[StoredPart] = []

    def freeze(self, message: EmailMessage) -> FrozenMessage:
        try:
            data = {"version": VERSION, **self._message(message)}
        except RecursionError as err:
            raise AnymailSerializationError(
                "The message is nested too deeply, or contains itself."
            ) from err
        if self.parts:
            data["part_sizes"] = [part.size for part in self.parts]
        return FrozenMessage(data=data, parts=tuple(self.parts))

    def _message(self, message: EmailMessage) -> dict[str, Any]:
        data = _envelope(message)
        if self.builds and not is_built_by_django(type(message)):
            return {**data, "mime": self._content(_finished_mime(message))}
        data["body"] = force_str(force_non_lazy(message.body) or "", errors="surrogateescape")
        for name, freeze_item in (
            ("alternatives", self._alternative),
            ("attachments", self._attachment),
        ):
            items = _items(message, name)
            if items:
                data[name] = [freeze_item(item, n) for n, item in enumerate(items, start=1)]
            elif items is None:
                data[name] = None
        return data

    def _alternative(self, alternative: Any, position: int) -> list[Any]:
        check_alternative(alternative, position)
        content, mimetype = map(force_non_lazy, alternative)
        # A body, even if it is large: storages are slow.
        return [mimetype, {"text": content} if isinstance(content, str) else self._content(content)]

    def _attachment(self, attachment: Any, position: int) -> dict[str, Any]:
        check_attachment(attachment, position)
        if isinstance(attachment, Message):
            return {"part": self._part(attachment)}
        name, content, mimetype = map(force_non_lazy, (*attachment, None)[:3])
        return {"name": name, "type": mimetype, "content": self._content(content)}

    def _content(self, content: Any) -> dict[str, Any]:
        if isinstance(content, Message):
            return {"part": self._part(content)}
        if isinstance(content, EmailMessage):  # its Date is that of sending
            return {"message": self._message(content)}
        if isinstance(content, str):
            size = _text_size(content)
            return self._stored("stored_text", content, size) or {"text": content}
        if isinstance(content, memoryview):
            content = content.cast("B") if content.c_contiguous else content.tobytes()
        return self._stored("stored", content, len(content)) or {
            "base64": b64encode(content).decode("ascii")
        }

    def _stored(self, kind: str, content: Bytes | str, size: int) -> dict[str, int] | None:
        if size <= MAX_INLINE:
            return None
        index = len(self.parts)
        self.parts.append(StoredPart(index=index, content=content, size=size))
        return {kind: index}

    def _part(self, part: Message) -> dict[str, Any]:
        """A MIME part piece by piece: parsing it from bytes again could change it."""
        data: dict[str, Any] = {"headers": [_header(*header) for header in part.raw_items()]}
        payload: Any = part._payload  # type: ignore[attr-defined] # get_payload() decodes it
        if isinstance(payload, list):
            data["parts"] = [self._part(inner) for inner in payload]
        elif payload is not None:
            data["content"] = self._content(payload)
        for name in ("preamble", "epilogue"):
            if getattr(part, name) is not None:
                data[name] = getattr(part, name)
        return data


def _envelope(message: EmailMessage) -> dict[str, Any]:
    """Everything but the content."""
    data: dict[str, Any] = {
        "subject": str(force_non_lazy(message.subject) or ""),
        "from_email": _sender(message.from_email),
        "content_subtype": str(message.content_subtype),
    }
    data |= _addresses(message)
    if message.extra_headers or message.extra_headers is None:
        data["extra_headers"] = _headers(message.extra_headers)
    if message.encoding:
        data["encoding"] = str(message.encoding)
    for name, usual in (("mixed_subtype", "mixed"), ("alternative_subtype", "alternative")):
        if getattr(message, name, usual) != usual:  # gone in Django 6
            data[name] = str(getattr(message, name))
    if own := _anymail_attributes(message, FEATURES):
        data["anymail"] = own
    return data


def _addresses(message: EmailMessage) -> dict[str, list[str] | None]:
    found: dict[str, list[str] | None] = {}
    for name in ("to", "cc", "bcc", "reply_to"):
        addresses = _items(message, name)
        if addresses or addresses is None:
            found[name] = addresses and [str(address) for address in addresses]
    return found


def _anymail_attributes(message: EmailMessage, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(message, name, UNSET) for name in names if name not in COLUMNS}
    return {name: _json(value, name) for name, value in values.items() if value is not UNSET}


def _json(value: Any, name: str) -> Any:
    """What JSON makes of the value of an attribute."""
    if value is None or isinstance(value, (bool, str, Promise)):
        return value if value is None or isinstance(value, bool) else str(value)
    if isinstance(value, Mapping):
        value = {force_non_lazy(key): item for key, item in value.items()}
        if name == "merge_headers":
            value = {key: _headers(fields) for key, fields in value.items()}
        value = force_non_lazy_dict(value)
    elif isinstance(value, Iterable):
        value = [force_non_lazy(item) for item in _list(value, name)]
    return json.loads(dump_json(value, name))


def _headers(fields: Any) -> Any:
    if not isinstance(fields, Mapping):
        return fields
    return {str(name): _header_value(value) for name, value in fields.items()}


def _header_value(value: Any) -> Any:
    if type(value) in (str, int, bool) or value is None:
        return value
    # From and Reply-To may be lists of addresses.
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else str(value)


def _items(message: EmailMessage, name: str) -> list[Any] | None:
    value = getattr(message, name, ())
    return None if value is None else _list(value, name)


def _list(value: Any, name: str) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping, Promise)) or not isinstance(value, Iterable):
        raise AnymailSerializationError(
            f"`{name}` must be a list or other iterable, not {type(value).__name__}"
        )
    if isinstance(value, Iterator):
        raise AnymailSerializationError(
            f"`{name}` is an iterator, which can be read only once: make it a list."
        )
    return sorted(value, key=str) if isinstance(value, (set, frozenset)) else list(value)


def _sender(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [str(address) for address in value]
    return None if value is None else str(value)


def _header(name: str, value: Any) -> list[Any]:
    """A header of a MIME part: its name, its text, and whether it is one that has been parsed."""
    text = str(value)
    return [name, text, True] if hasattr(value, "params") else [name, text]


def _finished_mime(message: EmailMessage) -> bytes:
    with text_errors():
        # As when it is sent directly: Django 5.2 knows no policy.
        mime: Any = (
            message.message() if django.VERSION < (6, 0) else message.message(policy=SES_POLICY)
        )
        return as_bytes(mime)


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else sum(map(len, chunks_of(text)))
