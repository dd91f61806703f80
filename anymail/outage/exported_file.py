"""The file of an export job of SES -> the ids of the messages in it.

Amazon documents neither its columns nor its form. So this looks for one column only, and says what
else it finds.
"""

from __future__ import annotations

import codecs
import csv
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ..amazon_ses.masking import mask_addresses

#: What the name of the column comes down to: its letters in lower case.
COLUMN = "messageid"
MESSAGE_ID = re.compile(r"[\w.-]{1,200}", re.ASCII)
#: RFC 1952, "Member header and trailer".
GZIP = b"\x1f\x8b"
#: Bytes, after decompression; and characters of a line. Of 10,000 messages it is a tenth.
MAX_BYTES = 100 * 1024 * 1024
MAX_LINE = 1024 * 1024
#: Of the columns in an error, and of the characters of each.
SHOWN_COLUMNS, SHOWN_CHARACTERS = 30, 40


class ExportError(Exception):
    """An export job failed, or its file is not what it was taken for. The text is for people."""


def message_ids(chunks: Iterable[bytes]) -> Iterator[str]:
    """The message id in each row; empty where there is none that SES could have given.

    :param chunks: the file, piece by piece. It is compressed, or not.
    :raises ExportError: it is no CSV file, has no such column, or is too large.
    """
    rows = csv.reader(_lines(_limited(_plain(chunks))))
    try:
        column = None
        for row in rows:
            if not row:
                continue
            if column is None:
                column = _column(row)
            else:
                found = row[column].strip() if column < len(row) else ""
                yield found if MESSAGE_ID.fullmatch(found) else ""
    except (csv.Error, zlib.error) as err:
        text = f"The file cannot be read as CSV, after line {rows.line_num}: {err}."
        raise ExportError(text) from err


def _column(names: Sequence[str]) -> int:
    plain = [re.sub("[^a-z]", "", name.lower()) for name in names]
    if COLUMN in plain:
        return plain.index(COLUMN)
    shown = ", ".join(_shown(name) for name in names[:SHOWN_COLUMNS])
    raise ExportError(
        f"The file has no column with message ids, but: {shown}. Amazon does not document its "
        "columns, so they may have changed. Use --ask-insights instead of --export, and report "
        "these columns to us."
    )


def _shown(name: str) -> str:
    """A name without addresses, in case that it is none."""
    text = mask_addresses("".join(one if one.isprintable() else "?" for one in name))
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _plain(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes, decompressed if they are compressed."""
    pieces = iter(chunks)
    first = next(pieces, b"")
    if not first.startswith(GZIP):
        yield first
        yield from pieces
        return
    decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)  # with gzip's header
    for piece in chain([first], pieces):
        rest = piece
        while rest:
            yield decompressor.decompress(rest, MAX_LINE)
            rest = decompressor.unconsumed_tail
    yield decompressor.flush()
    if not decompressor.eof:
        raise ExportError("The file ends in the middle.")


def _limited(chunks: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_BYTES:
            raise ExportError(f"The file has more than {MAX_BYTES:,} bytes.")
        yield chunk


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = ""
    for text in codecs.iterdecode(chunks, "utf-8-sig", "replace"):
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            yield f"{line}\n"
        if len(rest) > MAX_LINE:
            raise ExportError(f"The file has a line of more than {MAX_LINE:,} characters.")
    if rest:
        yield rest
