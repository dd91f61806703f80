"""The source of a mail in pieces, so that it need not all be in memory twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from .text import encode_source

#: Bytes that are read at once.
CHUNK_SIZE = 64 * 1024


def read_chunks(file: IO[bytes] | IO[str]) -> Iterator[bytes]:
    """The content of a file, binary or text, in pieces of up to :data:`CHUNK_SIZE`."""
    while chunk := file.read(CHUNK_SIZE):
        yield encode_source(chunk) if isinstance(chunk, str) else chunk


def slices(content: bytes) -> Iterator[memoryview]:
    """Bytes in pieces of up to :data:`CHUNK_SIZE`, without a copy."""
    view = memoryview(content)
    return (view[start : start + CHUNK_SIZE] for start in range(0, len(view), CHUNK_SIZE))
