"""What is in a part of a received mail: decoding, charsets, file names; all of it forgiving."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from email import errors
from email.errors import MessageDefect
from email.generator import BytesGenerator
from email.message import EmailMessage
from email.utils import decode_params
from io import BytesIO
from typing import IO, Any, cast

from .inbound_headers import (
    INBOUND,
    MAX_HEADER_LENGTH,
    MAX_NAME_LENGTH,
    HeaderTooLongDefect,
    is_ascii,
    is_charset,
    replace_surrogates,
)
from .inbound_parser import MAX_NESTING

#: Bytes that are read at once.
CHUNK_SIZE = 64 * 1024

#: Content-Type and Content-Disposition as nearly every mail has them (RFC 2045 section 5.1).
SIMPLE_TYPE = re.compile(r"\s*([A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+)\s*(?:;|$)")
SIMPLE_DISPOSITION = re.compile(r"\s*([A-Za-z0-9!#$&^_.+-]+)\s*(?:;|$)")
#: What matters when parameters are separated.
QUOTE_OR_SEMICOLON = re.compile(r'\\"|[";]')
#: What the standard library raises when it reads hostile mail.
FORGIVEN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    errors.MessageError,
)


class UnknownCharsetDefect(MessageDefect):
    """Text was decoded with another charset than the one declared."""


class ForgivingGenerator(BytesGenerator):
    """Writes a message again, a broken one as well."""

    def write(self, s: str) -> None:
        """Write text.

        :param s: bytes in it that are not ASCII may be surrogates.
        """
        self._fp.write(encode_source(s))  # type: ignore[attr-defined]

    def _handle_multipart(self, msg: Any) -> None:
        # The standard library decodes the content of a multipart without parts.
        if isinstance(msg._payload, str):
            self.write(msg._payload)
        else:
            super()._handle_multipart(msg)  # type: ignore[misc]


class ForgivingMessage(EmailMessage):
    """A message whose methods do not raise, except where they say so.

    :param policy: of the standard library; the one for received mail unless given.
    """

    #: How many parts this one is nested in.
    nesting = 0
    #: It is a delivery status (RFC 3464), or a block of one.
    is_in_status = False

    _headers: list[tuple[str, str]]
    _payload: Any
    defects: list[MessageDefect]

    def __init__(self, policy: Any = None) -> None:
        super().__init__(policy or INBOUND)

    def get_content_bytes(self) -> bytes:
        """The decoded content; for a ``message/*`` part, the message in it.

        :raises ValueError: it is a multipart; ask its parts.
        """
        kind = self.get_content_maintype()
        if kind == "message" and self.is_multipart():
            return b"\n".join(part.as_bytes() for part in self._payload)
        if kind == "multipart" or self.is_multipart():
            raise ValueError("A multipart has no content of its own: ask its parts.")
        return self._decoded_payload()

    def get_content_text(self, charset: str | None = None, errors: str | None = None) -> str:
        r"""The decoded content as text, with ``\n`` at the ends of lines.

        :param charset: instead of the one declared. Text in an unknown charset is read as UTF-8,
            and so is text without one that is not ASCII.
        :param errors: what to do with bytes that are not of that charset; ``"replace"`` unless
            given.
        :raises ValueError: it is a multipart; or ``errors`` is ``"strict"`` and there are such
            bytes (a UnicodeDecodeError).
        :raises LookupError: ``charset`` or ``errors`` is none that Python knows.
        """
        content = self.get_content_bytes()
        if charset is None:
            declared = self.get_content_charset()
            charset, is_guess = usable_charset(declared, content)
            if is_guess:
                self._note(UnknownCharsetDefect(f"decoded as {charset}"))
        text = content.decode(charset, errors or "replace")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def set_raw(self, name: str, value: str) -> None:
        """Add a header as it stands in the mail (the parser's way in).

        :param name: beyond 1,000 characters it is cut off.
        :param value: folded or not; beyond 65,536 characters it is cut off.
        """
        if len(value) > MAX_HEADER_LENGTH or len(name) > MAX_NAME_LENGTH:
            self._note(HeaderTooLongDefect(f"{name[:50]}: beyond {MAX_HEADER_LENGTH} characters"))
            name, value = name[:MAX_NAME_LENGTH], value[:MAX_HEADER_LENGTH]
        super().set_raw(name, value)

    def attach(self, payload: Any) -> None:
        """Add a part, which makes this a multipart.

        :param payload: another message.
        :raises TypeError: the content is no list of parts.
        """
        if isinstance(payload, ForgivingMessage):
            payload.nesting = self.nesting + 1
        super().attach(payload)

    def get_content_type(self) -> str:
        """The content type; ``application/octet-stream`` for parts that are nested too deep."""
        return "application/octet-stream" if self.is_nested_too_deep() else self._declared_type()

    def is_nested_too_deep(self) -> bool:
        """Whether there are parts in it that were left unparsed, for it is nested too deep."""
        deep = self.nesting >= MAX_NESTING
        return deep and self._declared_type().startswith(("multipart/", "message/"))

    def get_params(
        self, failobj: Any = None, header: str = "content-type", unquote: bool = True
    ) -> Any:
        """The parameters of a header, or ``failobj``; see :mod:`email.message`."""
        return self._forgive(super().get_params, failobj, failobj, header, unquote)

    def get_param(
        self, param: str, failobj: Any = None, header: str = "content-type", unquote: bool = True
    ) -> Any:
        """A parameter of a header, or ``failobj``; see :mod:`email.message`."""
        return self._forgive(super().get_param, failobj, param, failobj, header, unquote)

    def get_filename(self, failobj: Any = None) -> Any:
        """The file name as the sender wrote it, or ``failobj``. Do not use it as a path."""
        return self._forgive(super().get_filename, failobj, failobj)

    def get_boundary(self, failobj: Any = None) -> Any:
        """The boundary between the parts, or ``failobj``."""
        return self._forgive(super().get_boundary, failobj, failobj)

    def get_content_charset(self, failobj: Any = None) -> Any:
        """The declared charset in lower case, or ``failobj``. It may be one that nobody knows."""
        return self._forgive(super().get_content_charset, failobj, failobj)

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
        payload = self._payload
        fallback = replace_surrogates(payload) if isinstance(payload, str) else payload
        return self._forgive(super().get_payload, fallback)

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

    def as_bytes(self, unixfrom: bool = False, policy: Any = None) -> bytes:
        """The source, with the line ends of the policy.

        :param unixfrom: begin with a line ``From …`` (of the mbox format).
        :param policy: instead of the message's own.
        """
        file = BytesIO()
        writer = ForgivingGenerator(file, mangle_from_=False, policy=policy or self.policy)
        writer.flatten(self, unixfrom=unixfrom)
        return file.getvalue()

    def as_string(
        self, unixfrom: bool = False, maxheaderlen: int | None = None, policy: Any = None
    ) -> str:
        """The source as text; see :meth:`as_bytes`. Headers are written as they came."""
        text: str | None = self._forgive(super().as_string, None, unixfrom, maxheaderlen, policy)
        return self.as_bytes(unixfrom).decode("utf-8", "replace") if text is None else text

    def get_content_disposition(self) -> str | None:
        """The Content-Disposition without parameters, in lower case, or None."""
        simple = self._simple_value("content-disposition", SIMPLE_DISPOSITION)
        return super().get_content_disposition() if simple is None else simple

    def _get_params_preserve(self, failobj: Any, header: str) -> Any:
        # The standard library's own, which all its methods for parameters call, takes quadratic
        # time before Python 3.13.6.
        value = self.get(header)
        if value is None:
            return failobj
        params = []
        for piece in split_parameters(str(value)):
            name, equals, content = piece.partition("=")
            name = name.strip()
            params.append((name.lower() if equals else name, content.strip()))
        return decode_params(params)

    def _declared_type(self) -> str:
        simple = self._simple_value("content-type", SIMPLE_TYPE)
        return super().get_content_type() if simple is None else simple

    def _simple_value(self, header: str, pattern: re.Pattern[str]) -> str | None:
        """What a header begins with, if that can be told without parsing all of it.

        The parser asks each part several times.
        """
        for name, value in self._headers:
            if name.lower() == header:
                match = pattern.match(value)
                return match[1].lower() if match else None
        return None

    def _decoded_payload(self) -> bytes:
        payload = self._payload
        encoding = str(self.get("Content-Transfer-Encoding", "")).strip().lower()
        if encoding == "base64" and isinstance(payload, str):
            content = decode_base64(payload)
            if content is not None:
                return content
        raw = encode_source(payload) if isinstance(payload, str) else payload
        decoded = self._forgive(super().get_payload, raw, decode=True)
        return decoded if isinstance(decoded, bytes) else b""

    def _note(self, defect: MessageDefect) -> None:
        """Add a defect, once however often the cause is met."""
        if all((type(d), d.args) != (type(defect), defect.args) for d in self.defects):
            self.defects.append(defect)

    def _forgive(
        self, method: Callable[..., Any], otherwise: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """What a method of the standard library returns, or ``otherwise`` if it raises."""
        try:
            return method(*args, **kwargs)
        except FORGIVEN:
            self._note(errors.InvalidHeaderDefect("the standard library cannot read this part"))
            return otherwise


def split_parameters(value: str) -> Iterator[str]:
    """The pieces of a header between those semicolons that are not in quotes (RFC 2045)."""
    start, is_quoted = 0, False
    for match in QUOTE_OR_SEMICOLON.finditer(value):
        if match.group() == '"':
            is_quoted = not is_quoted
        elif match.group() == ";" and not is_quoted:
            yield value[start : match.start()]
            start = match.end()
    yield value[start:]


def decode_base64(payload: str) -> bytes | None:
    """The bytes of flawless base64, at a fraction of what the standard library takes for them.

    :return: None if there is any flaw: leave it to the standard library, which repairs it.
    """
    try:
        return base64.b64decode(payload.encode("ascii").translate(None, b"\r\n"), validate=True)
    except ValueError:
        return None


def usable_charset(declared: str | None, content: bytes) -> tuple[str, bool]:
    """The charset to decode with, and whether it is another one than the one declared.

    :param declared: in the Content-Type; None if it declares none.
    :param content: the bytes to decode.
    """
    if declared is None or is_ascii(declared):
        # Most 8-bit text that is labelled wrongly, or not at all, is UTF-8.
        return "utf-8", declared is not None and not content.isascii()
    if is_charset(declared):
        return declared, False
    return "utf-8", True


def safe_filename(name: str) -> str:
    """The last component of a file name, without what a file system or a log may choke on."""
    last = re.split(r"[/\\]", name)[-1]
    cleaned = "".join(character for character in last if character.isprintable()).strip()
    return cleaned if cleaned.strip(".") else "attachment"


def encode_source(source: str) -> bytes:
    """A mail that came as text, in bytes. Never raises, whatever surrogates are in it."""
    try:
        return source.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return source.encode("utf-8", "replace")


def read_chunks(file: IO[bytes] | IO[str]) -> Iterator[bytes]:
    """What is in a file, binary or text, in pieces of up to :data:`CHUNK_SIZE`."""
    while chunk := file.read(CHUNK_SIZE):
        yield encode_source(chunk) if isinstance(chunk, str) else chunk


def slices(content: bytes) -> Iterator[memoryview]:
    """Bytes in pieces of up to :data:`CHUNK_SIZE`, without a copy."""
    view = memoryview(content)
    return (view[start : start + CHUNK_SIZE] for start in range(0, len(view), CHUNK_SIZE))
