"""What ``anymail_batches`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..models import Batch, BatchState
from .figures import Figures

HEADERS = ("Batch", "State", "Recipients", "Done", "Sent", "Waiting", "Not sent", "Speed")
#: Characters of a name.
MAX_NAME = 40
#: States that a reason belongs to.
HELD = (BatchState.PAUSED, BatchState.STOPPED)


def table(rows: Iterable[tuple[Batch, Figures]]) -> Iterator[str]:
    """The lines of a table; why a batch does not run follows in a line of its own."""
    found = [(batch, cells(batch, figures)) for batch, figures in rows]
    lines = [HEADERS, *(line for _, line in found)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADERS))]
    yield _line(HEADERS, widths)
    for batch, line in found:
        yield _line(line, widths)
        if batch.state in HELD:
            yield f"    {why_held(batch)}"


def cells(batch: Batch, figures: Figures) -> Sequence[str]:
    """A row of the table."""
    lost = batch.failed + batch.expired + batch.cancelled + batch.in_doubt
    numbers = [f"{number:,}" for number in (batch.sent, batch.waiting, lost)]
    total = f"{batch.recipients_count:,}{'' if batch.stored_at else '+'}"
    name = printable(batch.name)
    short = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
    return (short, batch.state, total, figures.percent, *numbers, figures.pace or "-")


def why_held(batch: Batch) -> str:
    """Who or what has stopped a batch, and why."""
    who = f"by {batch.by}" if batch.by else "by itself"
    text = f"{batch.state} {who}: {batch.reason}" if batch.reason else f"{batch.state} {who}"
    return printable(text)


def note(batch: Batch, figures: Figures) -> str:
    """How fast a batch gets on, or why it does not."""
    if batch.state in HELD:
        return why_held(batch)
    return figures.pace or batch.state


def printable(text: str) -> str:
    """A text that cannot do anything to a terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    """The first two columns are texts, the others numbers."""
    aligned = [
        text.ljust(width) if column < 2 else text.rjust(width)
        for column, (text, width) in enumerate(zip(texts, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()
