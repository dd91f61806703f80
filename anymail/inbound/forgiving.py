"""A message of the standard library that reads any mail, however broken."""

from __future__ import annotations

from collections.abc import Generator
from email.errors import MessageDefect
from email.message import EmailMessage
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from ..mime.charsets import decode, is_known, python_codec
from . import parameters
from .encodings import decode_transfer, transfer_encoding
from .headers import HeaderReader, ReceivedHeader, policy_for_one_mail
from .limits import (
    MAX_HEADER_LENGTH,
    MAX_NAME_LENGTH,
    MAX_NESTING,
    MAX_PARAMETERS,
    HeaderTooLongDefect,
    UnknownCharsetDefect,
)
from .source import SourceSlice
from .text import encode_source, html_charset, storable, unfold, with_line_ends
from .writer import write_message

if TYPE_CHECKING:
    from typing_extensions import Self


class ForgivingMessage(EmailMessage):
    """A message whose methods do not raise, except where they say so.

    :param policy: of the standard library; the one for received mail unless given.
    """

    #: How many parts this one is nested in.
    nesting = 0

    _headers: list[tuple[str, str]]
    _payload: Any
    defects: list[MessageDefect]
    #: The content of a message part as it came, where that was decoded to be parsed.
    _transferred: str | None = None
    #: The source of the message that is the content of this part.
    _source: SourceSlice | None = None

    def __init__(self, policy: Any = None) -> None:
        super().__init__(policy or policy_for_one_mail())

    # Headers

    def get(self, name: str, failobj: Any = None) -> Any:
        """The first header of that name, or ``failobj``."""
        return self._with_defects(super().get(name, failobj))

    def get_all(self, name: str, failobj: Any = None) -> Any:
        """All headers of that name, or ``failobj``."""
        found = super().get_all(name, failobj)
        return found if found is failobj else [self._with_defects(header) for header in found]

    def items(self) -> Any:
        """All headers: their names and values."""
        return [(name, self._with_defects(value)) for name, value in super().items()]

    def values(self) -> Any:
        """The values of all headers."""
        return [value for _, value in self.items()]

    def set_raw(self, name: str, value: str) -> None:
        """Add a header as it appears in the mail.

        :param name: beyond 1,000 characters it is cut off.
        :param value: folded or not; beyond 98,304 characters it is cut off.
        """
        if len(value) > MAX_HEADER_LENGTH or len(name) > MAX_NAME_LENGTH:
            too_long = f"{name[:50]}: beyond {MAX_HEADER_LENGTH} characters"
            self.note_defect(HeaderTooLongDefect(too_long))
            name, value = name[:MAX_NAME_LENGTH], value[:MAX_HEADER_LENGTH]
        super().set_raw(name, value)

    def header_source(self, header: str) -> str | None:
        """The source of the first header of that name, unfolded, or None."""
        header = header.lower()
        for name, value in self._headers:
            if name.lower() == header:
                return value.source if isinstance(value, ReceivedHeader) else unfold(value)
        return None

    def cut_headers(self, count: int) -> None:
        """Leave only the first headers.

        :param count: how many.
        """
        del self._headers[count:]

    def note_defect(self, defect: MessageDefect) -> None:
        """Add a defect to ``defects``, unless it is there already."""
        if all((type(d), d.args) != (type(defect), defect.args) for d in self.defects):
            self.defects.append(defect)

    # Type and parameters

    def get_content_type(self) -> str:
        """The content type; ``application/octet-stream`` for parts that are nested too deep."""
        kind = self._declared_type()
        is_deep = self.nesting >= MAX_NESTING and kind.startswith(("multipart/", "message/"))
        return "application/octet-stream" if is_deep else kind

    def is_nested_too_deep(self) -> bool:
        """Whether its parts were not parsed because it is nested too deep."""
        deep = self.nesting >= MAX_NESTING
        return deep and self._declared_type().startswith(("multipart/", "message/"))

    def get_content_disposition(self) -> str | None:
        """The Content-Disposition without parameters, in lower case, or None."""
        source = self.header_source("content-disposition")
        return None if source is None else parameters.disposition(source)

    @property
    def transfer_encoding(self) -> str:
        """The Content-Transfer-Encoding.

        ``"base64"``, ``"quoted-printable"``, ``"uuencode"``, empty if it is not encoded, or the
        name of an unknown encoding.
        """
        return transfer_encoding(self.header_source("content-transfer-encoding") or "")

    def get_params(
        self, failobj: Any = None, header: str = "content-type", unquote: bool = True
    ) -> Any:
        """The value and the parameters of a header, decoded, or ``failobj``.

        :param unquote: ignored.
        """
        return self._get_params_preserve(failobj, header)

    def get_param(
        self, param: str, failobj: Any = None, header: str = "content-type", unquote: bool = True
    ) -> Any:
        """A parameter of a header, decoded, or ``failobj``.

        :param unquote: ignored.
        """
        source = self.header_source(header)
        if source is None or param.lower() not in source.lower():
            return failobj
        return self._parameters(source).get(param.lower(), failobj)

    def get_filename(self, failobj: Any = None) -> Any:
        """The file name as the sender wrote it, or ``failobj``. Do not use it as a path."""
        name = self.get_param("filename", "", "content-disposition").strip()
        return name or self.get_param("name", "").strip() or failobj

    def get_boundary(self, failobj: Any = None) -> Any:
        """The boundary between the parts, or ``failobj``."""
        boundary = self.get_param("boundary")
        return failobj if boundary is None else boundary.rstrip()

    def get_content_charset(self, failobj: Any = None) -> Any:
        """The declared charset in lower case, or ``failobj``. It may be unknown."""
        words = self.get_param("charset", "").replace('"', " ").replace("'", " ").split()
        return words[0].lower() if words else failobj

    # Content

    def get_content_bytes(self) -> bytes:
        """The decoded content; for a ``message/*`` part, the source of the message in it.

        That is as it came, with the line ends that it came with.

        :raises ValueError: it is a multipart.
        """
        if self._source is not None:
            return self._source.content()
        kind = self.get_content_maintype()
        if kind == "message" and self.is_multipart():
            return b"\n".join(part.as_bytes() for part in self._payload)
        if kind == "multipart" or self.is_multipart():
            raise ValueError("A multipart has no content of its own: ask its parts.")
        return self._decoded_payload()

    def get_content_text(self, charset: str | None = None, errors: str | None = None) -> str:
        r"""The decoded content as text, with ``\n`` at the ends of lines, and without NUL.

        :param charset: instead of the one declared: by the Content-Type, or in an HTML document
            without one. Text in an unknown charset or in none is read as UTF-8, and as windows-1252
            if it is not that.
        :param errors: what to do with bytes that are not of that charset; ``"replace"`` unless
            given.
        :raises ValueError: it is a multipart; or ``errors`` is ``"strict"`` and there are such
            bytes (a UnicodeDecodeError).
        :raises LookupError: ``charset`` or ``errors`` is not known to Python.
        """
        content = self.get_content_bytes()
        declared = charset or self._declared_charset(content)
        if charset is not None:
            text = content.decode(charset, errors or "replace")
        elif errors is not None:
            text = content.decode(python_codec(declared), errors)
        else:
            text = decode(content, declared)
        if charset is None and declared is not None and not is_known(declared):
            self.note_defect(UnknownCharsetDefect("decoded as UTF-8 or windows-1252"))
        return storable(with_line_ends(text, "\n"))

    def attach(self, payload: Any) -> None:
        """Add a part, which makes this a multipart.

        :param payload: another message.
        :raises TypeError: the content is not a list of parts.
        """
        if isinstance(payload, ForgivingMessage):
            payload.nesting = self.nesting + 1
        super().attach(payload)

    def get_payload(self, i: int | None = None, decode: bool = False) -> Any:
        """The parts, or the content; see :mod:`email.message`.

        :param i: only the part with this index, from 0.
        :param decode: undo the Content-Transfer-Encoding, and return bytes; None for a multipart.
        :raises IndexError: there is no such part.
        :raises TypeError: ``i`` is given, and it has no parts.
        """
        if i is not None or self.is_multipart():
            return cast(Any, super()).get_payload(i, decode)
        if decode:
            return self._decoded_payload()
        return self._text_payload() if isinstance(self._payload, str) else self._payload

    def get_content(self, *args: Any, **kwargs: Any) -> Any:
        """The content as the standard library's content manager gives it.

        :raises KeyError: it is a multipart.
        """
        kind = self.get_content_maintype()
        if kind == "multipart" or args or kwargs.get("content_manager"):
            return super().get_content(*args, **kwargs)
        if kind == "text" and not self.is_multipart():
            return self.get_content_text(errors=kwargs.get("errors"))
        if kind == "message" and self.is_multipart():
            return super().get_content()
        return self._decoded_payload()

    def walk(self) -> Generator[Self, None, None]:
        """This message and all of its parts, the parts of attached messages included."""
        waiting: list[Any] = [self]
        while waiting:
            part = waiting.pop()
            yield part
            if part.is_multipart():
                waiting.extend(reversed(part._payload))

    # For the parser: the source, where it differs from the content

    def raw_boundary(self) -> str | None:
        """The boundary as it appears in the mail."""
        source = self.header_source("content-type") or ""
        pieces = islice(parameters.split_parameters(source), MAX_PARAMETERS)
        plain = next((text for name, text in pieces if name == "boundary"), "")
        boundary = plain or self.get_param("boundary")
        return boundary.rstrip() if boundary else None

    def keep_source(self, source: SourceSlice) -> None:
        """Remember the source of the message that is the content of this part."""
        self._source = source

    def keep_transferred(self, text: str) -> None:
        """Remember the content as it came, before it is decoded and parsed."""
        self._transferred = text

    def get_transferred(self) -> Any:
        """The content to write when the message is written again: text, or a list of parts."""
        return self._payload if self._transferred is None else self._transferred

    # Writing

    def as_bytes(self, unixfrom: bool = False, policy: Any = None) -> bytes:
        """The source, with the line ends of the policy.

        :param unixfrom: begin with a line ``From …`` (of the mbox format).
        :param policy: instead of the message's own; only its line ends count.
        """
        file = BytesIO()
        line_end = (policy or self.policy).linesep
        if unixfrom:
            envelope = self.get_unixfrom() or "From nobody Thu Jan  1 00:00:00 1970"
            file.write(encode_source(envelope + line_end))
        write_message(self, line_end, file.write)
        return file.getvalue()

    def as_string(
        self, unixfrom: bool = False, maxheaderlen: int | None = None, policy: Any = None
    ) -> str:
        """The source as text; bytes of it that are not UTF-8 become U+FFFD.

        :param unixfrom: begin with a line ``From …`` (of the mbox format).
        :param maxheaderlen: ignored: headers are written as they came.
        :param policy: instead of the message's own; only its line ends count.
        """
        return self.as_bytes(unixfrom, policy).decode("utf-8", "replace")

    # Reading

    def _with_defects(self, header: Any) -> Any:
        for defect in getattr(header, "defects", ()):
            self.note_defect(defect)
        return header

    def _get_params_preserve(self, failobj: Any, header: str) -> Any:
        source = self.header_source(header.lower())
        if source is None:
            return failobj
        value = source.partition(";")[0].strip()
        return [(value, ""), *self._parameters(source).items()]

    def _parameters(self, source: str) -> dict[str, str]:
        parameters, defects = self._reader().parameters(source)
        for defect in defects:
            self.note_defect(defect)
        return parameters

    def _reader(self) -> HeaderReader:
        reader = getattr(self.policy, "header_factory", None)
        return reader if isinstance(reader, HeaderReader) else HeaderReader()

    def _declared_type(self) -> str:
        source = self.header_source("content-type")
        if source is None or not source:
            return self.get_default_type()
        return parameters.content_type(source) or "text/plain"

    def _declared_charset(self, content: bytes) -> str | None:
        declared: str | None = self.get_content_charset()
        if declared is None and self.get_content_type() == "text/html":
            declared = html_charset(content)
            declared = declared if declared and is_known(declared) else None
        return declared

    def _decoded_payload(self) -> bytes:
        payload = self._payload
        content = encode_source(payload) if isinstance(payload, str) else payload or b""
        return decode_transfer(content, self.transfer_encoding, self.note_defect)

    def _text_payload(self) -> str:
        payload: str = self._payload
        if payload.isascii():
            return payload
        return decode(encode_source(payload), self.get_content_charset())
