"""Reads JSON Lines, and a JSON document: an array of objects, or one object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from agent.batch.items import Item, Unread, item
from agent.batch.lines import Unreadable

Numbered = Iterable[tuple[int, str]]
ERRORS = (ValueError, RecursionError)


def lines(numbered: Numbered) -> Iterator[Item | Unread]:
    """Yields the object of each line that is not empty."""
    for number, line in numbered:
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except ERRORS as error:
            yield Unread(number, f"invalid JSON: {error}")
            continue
        yield item(number, fields) if isinstance(fields, dict) else Unread(number, "no JSON object")


def document(numbered: Numbered) -> Iterator[Item | Unread]:
    """Yields the objects of an array, the one object of the text, or else those of its lines.

    Raises `Unreadable` for an invalid array, before the first object.
    """
    numbered = iter(numbered)
    number, first = next(numbered)
    if first.lstrip().startswith("["):
        return _array(number, "\n".join([first, *(line for _, line in numbered)]))
    if _is_json(first):
        return lines(chain([(number, first)], numbered))
    rest = list(numbered)
    text = "\n".join([first, *(line for _, line in rest)])
    whole = [(number, text)] if _is_json(text) else [(number, first), *rest]
    return lines(whole)


def starts_array(first: str) -> bool:
    """Tells whether a text with this first line is an array of objects, and not a text in brackets."""
    return "".join(first.split())[:2] in ("[", "[{")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ERRORS:
        return False
    return True


def _array(start: int, text: str) -> Iterator[Item | Unread]:
    """Yields the inputs of an array whose first line has the number `start`."""
    for place, (number, value) in enumerate(_elements(start, text), 1):
        if not isinstance(value, dict):
            yield Unread(number, f"element {place} of the array is no JSON object")
            continue
        read = item(number, value, default_id=str(place))
        if isinstance(read, Unread):
            read = Unread(number, f"element {place} of the array: {read.reason}")
        yield read


def _elements(start: int, text: str) -> list[tuple[int, Any]]:
    """Returns each element of an array with the number of its line."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {start + error.lineno - 1}, column {error.colno}"
        raise Unreadable(f"Invalid JSON in {where}: {error.msg}. Nothing was started.") from None
    except ERRORS as error:
        raise Unreadable(f"Invalid JSON: {error}. Nothing was started.") from None
    elements = []
    decoder, at, counted = json.JSONDecoder(), text.index("[") + 1, 0
    while (at := _skip(text, at)) < len(text) and text[at] != "]":
        start, counted = start + text.count("\n", counted, at), at
        value, at = decoder.raw_decode(text, at)
        elements.append((start, value))
    return elements


def _skip(text: str, at: int) -> int:
    """Returns the place of the next character that is neither a space nor a comma."""
    while text[at : at + 1] in (" ", "\t", "\n", ","):
        at += 1
    return at
