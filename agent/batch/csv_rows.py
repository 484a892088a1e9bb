"""Reads the rows of a CSV with a header. An invalid row is named and takes no other row with it."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator

from agent.batch.items import Unread
from agent.batch.lines import Unreadable

MAX_CELL = 10_000_000  # characters; a message has a limit of its own, which says how long it is
DELIMITERS = ",;\t"
COLUMNS = ("id", "message", "session")
_SEPARATOR = re.compile(r'"?sep=([^"])"?', re.IGNORECASE)  # a first line that Excel understands

Row = tuple[int, dict[str, str]]


def is_csv(first: str) -> bool:
    """Tells whether a text with this first line is a CSV."""
    return bool(_SEPARATOR.fullmatch(first.rstrip(" ")) or _delimiter(first))


def rows(numbered: Iterable[tuple[int, str]]) -> Iterator[Row | Unread]:
    """Yields line number and cells by column of each row that is not empty. Raises `Unreadable`."""
    lines = _Lines(numbered)
    names, delimiter = _header(lines)
    broken = 0  # the line of the first quoted text that reached invalidly into another line
    for number, row in _records(lines, delimiter):
        if isinstance(row, str):
            broken = broken or (number if len(lines.taken) > 1 else 0)
            yield Unread(number, row)
        elif not any(cell.strip() for cell in row):
            continue
        elif len(row) > len(names):
            yield Unread(number, f"{len(row)} cells, but {len(names)} columns")
        elif broken and (len(row) < len(names) or lines.quotes % 2):
            yield Unread(number, f"perhaps a part of the quoted text that begins in line {broken}")
        else:
            yield number, {name: cell for name, cell in zip(names, row, strict=False) if cell}


class _Lines:
    """Numbered lines, with their ends, that can be given back."""

    def __init__(self, numbered: Iterable[tuple[int, str]]) -> None:
        self._rest = iter(numbered)
        self._given_back: deque[tuple[int, str]] = deque()
        self.taken: list[tuple[int, str]] = []  # by the current record

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._given_back.popleft() if self._given_back else next(self._rest)
        self.taken.append(line)
        return line[1] + "\n"

    @property
    def quotes(self) -> int:
        """The number of quotes in the current record."""
        return sum(line.count('"') for _, line in self.taken)

    def give_back_all_but_first(self) -> None:
        self._given_back.extendleft(reversed(self.taken[1:]))


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yields the line number and the cells of each record, or what is wrong with it.

    A quote that is not closed takes in the following lines until it is found out: these are read again.
    """
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.taken.clear()
        try:
            row: list[str] | str | None = next(reader, None)
        except csv.Error:
            row = "a quoted text is not closed, or goes on after its closing quote"
            lines.give_back_all_but_first()
        if row is None:
            return
        yield lines.taken[0][0], row


def _header(lines: _Lines) -> tuple[list[str], str]:
    """Returns the columns and the delimiter. Raises `Unreadable`."""
    header = next(lines).rstrip("\n")
    if named := _SEPARATOR.fullmatch(header.rstrip(" ")):
        header = next((line for line in lines if line.strip()), "").rstrip("\n")
    delimiter = _delimiter(header, named[1] if named else DELIMITERS)
    if not delimiter:
        raise Unreadable("The header of the CSV has no column “message”.")
    names = _cells(header, delimiter)
    for name in COLUMNS:
        if names.count(name) > 1:
            raise Unreadable(f"The header of the CSV has several columns “{name}”.")
    return names, delimiter


def _delimiter(header: str, signs: str = DELIMITERS) -> str:
    """Returns the delimiter of a header with a column `message`, or ""."""
    return next((sign for sign in signs if "message" in _cells(header, sign)), "")


def _cells(header: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error:  # a cell that is too long
        return []
    return [cell.strip().lower() for cell in cells]
