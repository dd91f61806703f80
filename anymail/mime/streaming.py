"""Large messages: MIME whose attachments are encoded while it is read, never all at once."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Sequence
from io import SEEK_CUR, SEEK_END, SEEK_SET

#: Up to this size a message is real ``bytes``, which applications' tests may read.
MAX_BYTES = 1 << 20
#: The content of one line of Base64 (RFC 2045 section 6.8): 57 bytes are 76 characters.
LINE_BYTES = 57
#: The content that is encoded at a time.
CHUNK_BYTES = LINE_BYTES * 1024

_LINE = re.compile(rb".{1,76}")


class StreamedFile:
    """A read-only, seekable binary file whose content is generated again for each reading.

    :param chunks: returns a new iterator over the content.
    :param size: of the content, in bytes.
    """

    #: As files report it: there is nothing to close.
    closed = False

    def __init__(self, chunks: Callable[[], Iterator[bytes]], size: int) -> None:
        self.chunks = chunks
        self.size = size
        self._position = 0
        self._rewind()

    def seekable(self) -> bool:
        """Whether it can seek, as files report it: yes."""
        return True

    def readable(self) -> bool:
        """Whether it can be read, as files report it: yes."""
        return True

    def tell(self) -> int:
        """The position, in bytes from the start."""
        return self._position

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Go to a position, as :meth:`io.IOBase.seek` does.

        :param offset: in bytes.
        :param whence: what it is counted from: 0 the start, 1 the position, 2 the end.
        """
        start = {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self.size}[whence]
        self._position = max(0, start + offset)
        self._rewind()
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes.

        :param size: the maximum; None or a negative number to read to the end.
        """
        if self._iterator is None:
            self._start()
        wanted = self.size if size is None or size < 0 else size
        pieces = list(self._take(wanted))
        result = b"".join(pieces)
        self._position += len(result)
        return result

    def _rewind(self) -> None:
        self._iterator: Iterator[bytes] | None = None
        self._rest = memoryview(b"")

    def _start(self) -> None:
        self._iterator = self.chunks()
        for _ in self._take(self._position):
            pass

    def _take(self, wanted: int) -> Iterator[memoryview]:
        assert self._iterator is not None  # noqa: S101 - read() has started it
        while wanted > 0:
            if not self._rest:
                self._rest = memoryview(next(self._iterator, b""))
                if not self._rest:
                    return
            piece, self._rest = self._rest[:wanted], self._rest[wanted:]
            wanted -= len(piece)
            yield piece


class Base64Body:
    """The body of a part in lines of Base64, without a line break after the last.

    :param content: the bytes to encode; they are not copied.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        characters = (len(content) + 2) // 3 * 4
        self.size: int = characters + 2 * max(0, (characters - 1) // 76)

    def chunks(self) -> Iterator[bytes]:
        """The lines, many at a time."""
        content = memoryview(self.content)
        for start in range(0, len(content), CHUNK_BYTES):
            encoded = b2a_base64(content[start : start + CHUNK_BYTES], newline=False)
            lines = b"\r\n".join(_LINE.findall(encoded))
            yield lines if start == 0 else b"\r\n" + lines


def join(pieces: Sequence[bytes | Base64Body]) -> bytes | StreamedFile:
    """Join the pieces of a message.

    :return: ``bytes`` up to 1 MB, above that a file.
    """
    size = sum(piece.size if isinstance(piece, Base64Body) else len(piece) for piece in pieces)

    def chunks() -> Iterator[bytes]:
        for piece in pieces:
            if isinstance(piece, Base64Body):
                yield from piece.chunks()
            elif piece:
                yield piece

    return b"".join(chunks()) if size <= MAX_BYTES else StreamedFile(chunks, size)


def encode_base64(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Base64 (RFC 4648) without lines, of content that comes in chunks of any size."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk if rest else chunk
        complete = len(data) - len(data) % 3
        yield b2a_base64(memoryview(data)[:complete], newline=False)
        rest = data[complete:]
    if rest:
        yield b2a_base64(rest, newline=False)


def percent_encode(base64: bytes) -> bytes:
    """Base64 as a value of a form (``application/x-www-form-urlencoded``)."""
    return base64.replace(b"+", b"%2B").replace(b"/", b"%2F").replace(b"=", b"%3D")
