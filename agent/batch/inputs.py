"""Reads the inputs of a batch one by one from lines, by their format. Executes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from agent.batch import csv_rows, json_values
from agent.batch.items import Id, Item, Notice, Unread, item
from agent.batch.lines import SPREADSHEET, Lines, Unreadable

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
SPREADSHEET_SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".numbers")

Numbered = Iterable[tuple[int, str]]
Reader = Callable[[Numbered], Iterator[Item | Unread]]


def may_guess(name: str) -> bool:
    """Tells whether a file of this name may have an encoding other than Unicode, which JSON may not."""
    return Path(name).suffix.lower() not in JSON_SUFFIXES


def read(name: str, lines: Lines) -> Iterator[Item | Unread | Notice]:
    """Yields the inputs in `lines`. `name` is the file's, for its format. Raises `Unreadable`."""
    is_told = False
    for one in _without_duplicates(_inputs(name, lines)):
        if lines.notice and not is_told:
            is_told = True
            yield Notice(lines.notice)
        yield one


def _inputs(name: str, lines: Iterable[str]) -> Iterator[Item | Unread]:
    if Path(name).suffix.lower() in SPREADSHEET_SUFFIXES:
        raise Unreadable(SPREADSHEET)
    numbered = enumerate(lines, 1)
    start = next(((number, line) for number, line in numbered if line.strip("\ufeff \t")), None)
    if start is None:
        return
    first = start[1].removeprefix("\ufeff")
    rest = chain([(start[0], first)], numbered)
    yield from _reader(name, first)(rest)


def _reader(name: str, first: str) -> Reader:
    """Returns the reader for the name's extension, or else for the format of the first line."""
    by_name: dict[str, Reader] = {
        ".jsonl": json_values.lines,
        ".ndjson": json_values.lines,
        ".json": json_values.document,
        ".csv": _csv_rows,
        ".txt": _plain_lines,
    }
    if reader := by_name.get(Path(name).suffix.lower()):
        return reader
    if first.lstrip().startswith("{"):
        return json_values.lines
    if json_values.starts_array(first):
        return json_values.document
    return _csv_rows if csv_rows.is_csv(first) else _plain_lines


def _without_duplicates(read: Iterable[Item | Unread]) -> Iterator[Item | Unread]:
    seen: dict[Id, int] = {}
    for one in read:
        if not isinstance(one, Item):
            yield one
        elif one.id in seen:
            first = "the same line" if seen[one.id] == one.line else f"line {seen[one.id]}"
            yield Unread(one.line, f"duplicate id {one.id!r}, first in {first}")
        else:
            seen[one.id] = one.line
            yield one


def _plain_lines(numbered: Numbered) -> Iterator[Item | Unread]:
    for number, line in numbered:
        if line.strip():
            yield item(number, {"message": line})


def _csv_rows(numbered: Numbered) -> Iterator[Item | Unread]:
    for row in csv_rows.rows(numbered):
        yield row if isinstance(row, Unread) else item(*row)
