"""Reads the inputs of a batch one by one from a file or a pipe. Executes nothing."""

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
POLL_INTERVAL = 0.2  # seconds between checks whether to stop, while a pipe has no data

Id = str | int


class Unreadable(Exception):
    """The input as a whole is invalid. The text is for the user."""


@dataclass(frozen=True, slots=True)
class Item:
    """One message. `session`: the existing session that the input names, if any."""

    line: int
    id: Id
    message: str
    session: UUID | None = None

    @property
    def key(self) -> str:
        return key_of(self.id, self.message)


@dataclass(frozen=True, slots=True)
class Unread:
    """An invalid line, and why."""

    line: int
    reason: str


def key_of(id: Id, message: str) -> str:
    """Returns the key that identifies an input by its id and message."""
    text = json.dumps([id, message]).encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


# -- lines -----------------------------------------------------------------------------------------


def lines(file: int, stopped: threading.Event) -> Iterator[str]:
    """Yields the lines of an open file or pipe until its end, or until `stopped` is set.

    Invalid UTF-8 becomes lone surrogates, which are refused in messages.
    """
    rest = b""
    while not stopped.is_set():
        if not select.select([file], [], [], POLL_INTERVAL)[0]:
            continue
        data = os.read(file, 65_536)
        if not data:
            yield from [_text(rest)] if rest else []
            return
        *complete, rest = (rest + data).split(b"\n")
        yield from map(_text, complete)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "surrogateescape")


def read(name: str, lines: Iterable[str]) -> Iterator[Item | Unread]:
    """Yields the inputs in `lines`. `name` is the file's, for its format. Raises `Unreadable`."""
    numbered = enumerate(lines, 1)
    start = next(((number, line) for number, line in numbered if line.strip("\ufeff \t")), None)
    if start is None:
        return
    first = start[1].removeprefix("\ufeff")
    rest = chain([(start[0], first)], numbered)
    yield from _without_duplicates(_reader(name, first)(rest))


Numbered = Iterable[tuple[int, str]]
Reader = Callable[[Numbered], Iterator[Item | Unread]]


def _reader(name: str, first: str) -> Reader:
    """Returns the reader for the name's extension, or else for the format of the first line."""
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


def _without_duplicates(read: Iterable[Item | Unread]) -> Iterator[Item | Unread]:
    seen: dict[Id, int] = {}
    for item in read:
        if isinstance(item, Item) and (first := seen.setdefault(item.id, item.line)) != item.line:
            yield Unread(item.line, f"duplicate id {item.id!r}, first in line {first}")
        else:
            yield item


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
            yield Unread(number, f"invalid JSON: {error}")
            continue
        if isinstance(fields, dict):
            yield _item(number, fields)
        else:
            yield Unread(number, "not a JSON object")


def _csv_rows(numbered: Numbered) -> Iterator[Item | Unread]:
    started = 0

    def texts() -> Iterator[str]:
        nonlocal started
        for number, line in numbered:
            started = started or number
            yield line + "\n"

    rows_text = texts()
    header = next(rows_text)
    delimiter = _delimiter(header)
    if not delimiter:
        raise Unreadable("The header of the CSV has no column “message”.")
    names = _cells(header, delimiter)
    rows = csv.reader(rows_text, delimiter=delimiter, strict=True)
    while True:
        started = 0
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield Unread(started, f"invalid CSV: {error}")
            continue
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield _row(started, names, row)


def _row(number: int, names: list[str], row: list[str]) -> Item | Unread:
    if len(row) > len(names):
        return Unread(number, f"{len(row)} cells, but {len(names)} columns")
    return _item(number, {name: cell for name, cell in zip(names, row, strict=False) if cell})


def _delimiter(header: str) -> str:
    """Returns the delimiter of a header with a column `message`, or ""."""
    return next((sign for sign in DELIMITERS if "message" in _cells(header, sign)), "")


def _cells(header: str, delimiter: str) -> list[str]:
    return [cell.strip().lower() for cell in next(csv.reader([header], delimiter=delimiter), [])]


# -- one input -------------------------------------------------------------------------------------


def _item(number: int, fields: dict[str, Any]) -> Item | Unread:
    id, message, session = (fields.get(name) for name in ("id", "message", "session"))
    if id is None:
        id = str(number)
    if not _is_id(id):
        return Unread(number, f"the id has to be an integer or a text of 1 to {MAX_ID} characters")
    if not isinstance(message, str):
        return Unread(number, "no text “message”")
    try:
        return Item(number, id, checked_content(message), _session(session))
    except Refused as refused:
        return Unread(number, str(refused))
    except ValueError:
        return Unread(number, "the session is not a UUID")


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
