"""The inputs of a batch, read one by one from a file or a pipe. Starts nothing and keeps no results."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import select
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

from agent.exceptions import Refused
from agent.runs.runs import checked_content
from agent.text.words import is_text

MAX_ID = 200  # characters
DELIMITERS = ",;\t"
# Seconds between looks whether to stop, while a pipe has nothing to read.
LOOK = 0.2

Id = str | int


class Unreadable(Exception):
    """The whole input makes no sense. The text is for the person."""


@dataclass(frozen=True, slots=True)
class Item:
    """One message to carry out. `session`: one that is there, when the input names it."""

    line: int
    id: Id
    message: str
    session: UUID | None = None

    @property
    def key(self) -> str:
        return key_of(self.id, self.message)


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that is no input, and why."""

    line: int
    why: str


def key_of(id: Id, message: str) -> str:
    """Returns what tells an input from all others; one with another text is another input."""
    said = json.dumps([id, message]).encode()
    return hashlib.blake2b(said, digest_size=16).hexdigest()


# -- lines -----------------------------------------------------------------------------------------


def lines(file: int, stopped: threading.Event) -> Iterator[str]:
    """Yields the lines of an open file or pipe until its end, or until `stopped` is set.

    What is not UTF-8 comes as halves of surrogate pairs, which no message may hold.
    """
    rest = b""
    while not stopped.is_set():
        if not select.select([file], [], [], LOOK)[0]:
            continue
        piece = os.read(file, 65_536)
        if not piece:
            yield from [_text(rest)] if rest else []
            return
        *whole, rest = (rest + piece).split(b"\n")
        yield from map(_text, whole)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "surrogateescape")


def read(name: str, told: Iterable[str]) -> Iterator[Item | Unread]:
    """Yields what the lines say. Raises `Unreadable`. `name`, the file's, helps to tell the format."""
    numbered = enumerate(told, 1)
    start = next(((number, line) for number, line in numbered if line.strip("\ufeff \t")), None)
    if start is None:
        return
    first = start[1].removeprefix("\ufeff")
    whole = chain([(start[0], first)], numbered)
    yield from _without_doubles(_reader(name, first)(whole))


Numbered = Iterable[tuple[int, str]]
Reader = Callable[[Numbered], Iterator[Item | Unread]]


def _reader(name: str, first: str) -> Reader:
    """Returns the reader of the format that the name ends in or, failing that, the first line shows."""
    by_name: dict[str, Reader] = {
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".json": _json_lines,
        ".csv": _csv_rows,
        ".txt": _plain_lines,
    }
    if reader := by_name.get(Path(name).suffix.lower()):
        return reader
    if first.lstrip().startswith("{"):
        return _json_lines
    return _csv_rows if _delimiter(first) else _plain_lines


def _without_doubles(read: Iterable[Item | Unread]) -> Iterator[Item | Unread]:
    seen: dict[Id, int] = {}
    for one in read:
        if isinstance(one, Item) and (before := seen.setdefault(one.id, one.line)) != one.line:
            yield Unread(one.line, f"the id {one.id!r} was in line {before} already")
        else:
            yield one


# -- formats ---------------------------------------------------------------------------------------


def _plain_lines(numbered: Numbered) -> Iterator[Item | Unread]:
    for number, line in numbered:
        if line.strip():
            yield _item(number, {"message": line})


def _json_lines(numbered: Numbered) -> Iterator[Item | Unread]:
    for number, line in numbered:
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Unread(number, f"it is not JSON: {error}")
            continue
        if isinstance(fields, dict):
            yield _item(number, fields)
        else:
            yield Unread(number, "it is not a JSON object")


def _csv_rows(numbered: Numbered) -> Iterator[Item | Unread]:
    started = 0

    def texts() -> Iterator[str]:
        nonlocal started
        for number, line in numbered:
            started = started or number
            yield line + "\n"

    told = texts()
    header = next(told)
    delimiter = _delimiter(header)
    if not delimiter:
        raise Unreadable("The header of the CSV has no column “message”.")
    names = _cells(header, delimiter)
    rows = csv.reader(told, delimiter=delimiter, strict=True)
    while True:
        started = 0
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield Unread(started, f"it is not CSV: {error}")
            continue
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield _row(started, names, row)


def _row(number: int, names: list[str], row: list[str]) -> Item | Unread:
    if len(row) > len(names):
        return Unread(number, f"it has {len(row)} cells and the header {len(names)}")
    return _item(number, {name: cell for name, cell in zip(names, row, strict=False) if cell})


def _delimiter(header: str) -> str:
    """Returns what separates the columns of a header that has one called `message`; else ""."""
    return next((sign for sign in DELIMITERS if "message" in _cells(header, sign)), "")


def _cells(header: str, delimiter: str) -> list[str]:
    return [cell.strip().lower() for cell in next(csv.reader([header], delimiter=delimiter), [])]


# -- one input -------------------------------------------------------------------------------------


def _item(number: int, fields: dict[str, Any]) -> Item | Unread:
    id, message, session = (fields.get(name) for name in ("id", "message", "session"))
    if id is None:
        id = str(number)
    if not _is_id(id):
        return Unread(number, f"its id is not a whole number or a text of 1 to {MAX_ID} characters")
    if not isinstance(message, str):
        return Unread(number, "it has no text “message”")
    try:
        return Item(number, id, checked_content(message), _session(session))
    except Refused as refused:
        return Unread(number, str(refused))
    except ValueError:
        return Unread(number, "its session is not the id of a session")


def _is_id(id: Any) -> bool:
    if isinstance(id, str):
        return 1 <= len(id) <= MAX_ID and is_text(id)
    return isinstance(id, int) and not isinstance(id, bool)


def _session(session: Any) -> UUID | None:
    """Raises ValueError."""
    if session is None or session == "":
        return None
    if not isinstance(session, str):
        raise ValueError("not a text")
    return UUID(session)
