"""A message -> its source, in one pass. A received mail is written as it came, even if broken."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from .headers import header_source
from .text import encode_source, with_line_ends

Write = Callable[[bytes], object]


class _Writable(Protocol):
    """The members of :class:`~.forgiving.ForgivingMessage` that writing needs."""

    preamble: Any
    epilogue: Any

    def raw_items(self) -> Iterable[tuple[str, Any]]: ...

    def raw_boundary(self) -> str | None: ...

    def set_boundary(self, boundary: str) -> None: ...

    def get_content_maintype(self) -> str: ...

    def get_transferred(self) -> Any: ...


def write_message(message: _Writable, line_end: str, write: Write) -> None:
    """Write a message or part: its headers, a blank line, its content.

    :param line_end: of every line.
    :param write: called with pieces of the source.
    """
    payload = message.get_transferred()
    is_multipart = message.get_content_maintype() == "multipart" and not isinstance(payload, str)
    if is_multipart and not message.raw_boundary():
        message.set_boundary(f"=_{secrets.token_hex(16)}")
    for name, value in message.raw_items():
        write(header_source(name, value, line_end))
    write(line_end.encode())
    if isinstance(payload, str):
        write(encode_source(with_line_ends(payload, line_end)))
    elif is_multipart:
        _write_multipart(message, payload or [], line_end, write)
    else:
        _write_parts(payload or [], line_end.encode(), line_end, write)


def _write_multipart(message: _Writable, parts: Any, line_end: str, write: Write) -> None:
    end = line_end.encode()
    delimiter = b"--" + encode_source(message.raw_boundary() or "")
    if message.preamble is not None:
        write(encode_source(with_line_ends(message.preamble, line_end)) + end)
    if parts:
        write(delimiter + end)
        _write_parts(parts, end + delimiter + end, line_end, write)
        write(end)
    write(delimiter + b"--" + end)
    if message.epilogue is not None:
        write(encode_source(with_line_ends(message.epilogue, line_end)))


def _write_parts(parts: Iterable[Any], separator: bytes, line_end: str, write: Write) -> None:
    for position, part in enumerate(parts):
        if position:
            write(separator)
        write_message(part, line_end, write)
