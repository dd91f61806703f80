"""The documentation as its tests read it: pages, code blocks, tables. Needs no docutils."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

#: Above a block: ``.. not run: why``, ``.. needs Django 6.1: why`` or ``.. until Django 6.0: why``.
MARKER = re.compile(
    r"\.\. (?:not run: (?P<reason>\S.+)"
    r"|needs Django (?P<needs>\d+\.\d+): \S.+|until Django (?P<until>\d+\.\d+): \S.+)"
)
Version = tuple[int, ...]
_BLOCK = re.compile(r"( *)\.\. code-block:: *(\S+)$")
_LITERAL = re.compile(r"( *)(?! |\.\. )\S?.*::$")
_TABLE = re.compile(r"( *)\.\. list-table::")
_OPTION = re.compile(r" +:([a-z-]+): *(.*)$")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A code block.

    :param page: its path within the repository.
    :param line: of its first line of code, from 1.
    :param language: ``"literal"`` for what follows ``::``.
    :param caption: what stands above it on the page, for example the name of a file.
    :param reason: why it is not run; None if it is.
    :param needs: the oldest Django that can run it, or None.
    :param until: the newest.
    """

    page: str
    line: int
    language: str
    text: str
    caption: str | None = None
    reason: str | None = None
    needs: Version | None = None
    until: Version | None = None

    def runs_with(self, django: Version) -> bool:
        """Whether it is to be run with a version of Django."""
        too_old = self.needs is not None and django < self.needs
        too_new = self.until is not None and django > self.until
        return self.reason is None and not too_old and not too_new

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A ``list-table``. Cells are as they are written, lines and roles included."""

    page: str
    line: int
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def pages() -> list[Path]:
    """Everything that people read."""
    found = [path for pattern in ("*.rst", "*.inc") for path in sorted(DOCS.rglob(pattern))]
    return [ROOT / "README.rst", *(path for path in found if "_build" not in path.parts)]


def blocks(page: Path) -> Iterator[Block]:
    """The code blocks of a page, in their order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if match := _BLOCK.match(line):
            language, start = match[2], number
        elif match := _LITERAL.match(line):
            language, start = "literal", _start_of_paragraph(lines, number)
        else:
            continue
        options, first, body = _body(lines, number + 1, len(match[1]))
        if not body:
            continue
        yield Block(
            page=str(page.relative_to(ROOT)),
            line=first + 1,
            language=language,
            text="\n".join(body) + "\n",
            caption=options.get("caption"),
            **_marker(lines, start, len(match[1])),
        )


def tables(page: Path) -> Iterator[Table]:
    """The list-tables of a page, in their order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if not (match := _TABLE.match(line)):
            continue
        options, _, body = _body(lines, number + 1, len(match[1]))
        rows = list(_rows(body))
        header = rows.pop(0) if "header-rows" in options else []
        yield Table(page=str(page.relative_to(ROOT)), line=number + 1, header=header, rows=rows)


def table(page: Path, *header: str) -> Table:
    """The one table of a page that has this header."""
    [found] = [table for table in tables(page) if list(table.header) == list(header)]
    return found


def literals(cell: str) -> list[str]:
    """What stands in double backquotes in a cell, each on one line."""
    return [" ".join(text.split()) for text in re.findall(r"``(.+?)``(?!`)", cell, re.DOTALL)]


def _body(lines: list[str], start: int, indent: int) -> tuple[dict[str, str], int, list[str]]:
    """Options, the number of the first line, and the lines of a directive, without indentation."""
    options: dict[str, str] = {}
    while start < len(lines) and (match := _OPTION.match(lines[start])):
        options[match[1]] = match[2]
        start += 1
    while start < len(lines) and not lines[start].strip():
        start += 1
    body: list[str] = []
    for line in lines[start:]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        body.append(line)
    while body and not body[-1].strip():
        body.pop()
    width = min((len(line) - len(line.lstrip()) for line in body if line.strip()), default=0)
    return options, start, [line[width:] for line in body]


def _start_of_paragraph(lines: list[str], number: int) -> int:
    while number > 0 and lines[number - 1].strip():
        number -= 1
    return number


def _marker(lines: list[str], directive: int, indent: int) -> dict[str, Any]:
    """Why the block below is not run, and the versions of Django that can run it."""
    above = [line for line in lines[:directive] if line.strip()]
    match = MARKER.fullmatch(above[-1].strip()) if above else None
    if match is None or len(above[-1]) - len(above[-1].lstrip()) != indent:
        return {}
    return {
        "reason": match["reason"],
        "needs": match["needs"] and tuple(map(int, match["needs"].split("."))),
        "until": match["until"] and tuple(map(int, match["until"].split("."))),
    }


def _rows(body: list[str]) -> Iterator[list[str]]:
    row: list[list[str]] = []
    for line in body:
        if line.startswith("* -"):
            if row:
                yield ["\n".join(cell).strip() for cell in row]
            row = [[line[3:].strip()]]
        elif line.startswith("  -"):
            row.append([line[3:].strip()])
        elif row:
            row[-1].append(line.strip())
    if row:
        yield ["\n".join(cell).strip() for cell in row]
