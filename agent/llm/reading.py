"""Reads what a model wrote: cleans it, drops thoughts, finds the JSON in it. No network."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

# Deeper JSON than this is nothing that we asked for, and would exhaust the stack of what reads it.
MAX_DEPTH = 40
# Places in a text where an object may begin that are tried; prose holds few braces.
MAX_OBJECTS = 50
THOUGHTS = {"<think>": "</think>", "<thinking>": "</thinking>"}


def clean(text: str) -> str:
    """Returns `text` as UTF-8 and PostgreSQL take it: no NUL, half signs joined or replaced."""
    text = text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def cleaned(value: Any, depth: int = 0) -> Any:
    """Returns JSON with each text in it clean. Raises ValueError when it is nested too deeply."""
    if depth > MAX_DEPTH:
        raise ValueError(f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): cleaned(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item, depth + 1) for item in value]
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number in JSON")
    return number


# NaN and numbers beyond a float would be written back as something that no other reader takes.
_decoder = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)


def parse(text: str) -> Any:
    """Returns the JSON that `text` is. Raises ValueError, for too deep nesting too."""
    try:
        return cleaned(_decoder.decode(text))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def objects(text: str) -> Iterator[dict[str, Any]]:
    """Yields the JSON objects in `text`, the likeliest first: all of it, then those in prose."""
    with suppress(ValueError):
        whole = parse(text)
        if isinstance(whole, dict):
            yield whole
            return
        if isinstance(whole, str):  # JSON written as a JSON string
            text = whole
    for end in THOUGHTS.values():
        text = text.rpartition(end)[2]
    yield from _embedded(text)


def _embedded(text: str) -> Iterator[dict[str, Any]]:
    place = text.find("{")
    for _ in range(MAX_OBJECTS):
        if place < 0:
            return
        end = place + 1
        with suppress(ValueError, RecursionError):
            found, end = _decoder.raw_decode(text, place)
            yield cleaned(found)
        place = text.find("{", end)


def text_of(content: Any) -> str:
    """Returns the text of a message's `content`: a string, or parts of which some are text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(_part(part) for part in content)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, Mapping) else None
    return (
        text if isinstance(text, str) and part.get("type") in (None, "text", "output_text") else ""
    )


def candidates(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields what may be the object asked for, from the content or the call of a function.

    The texts of `message` are clean already; those inside its JSON texts are not.
    """
    content = message.get("content")
    if isinstance(content, dict):
        yield content
    yield from objects(text_of(content))
    for arguments in _calls(message):
        if isinstance(arguments, dict):
            yield arguments
        elif isinstance(arguments, str):
            yield from objects(arguments)


def _calls(message: Mapping[str, Any]) -> Iterator[Any]:
    calls = message.get("tool_calls")
    named = [call.get("function") for call in calls or [] if isinstance(call, Mapping)]
    for function in (*named, message.get("function_call")):
        if isinstance(function, Mapping):
            yield function.get("arguments")


class Pieces:
    """Cleans a text that arrives in pieces: drops thoughts before it, joins signs cut in two."""

    def __init__(self) -> None:
        self._half = ""  # the first half of a sign whose second half is yet to come
        self._held = ""  # the beginning, while it may be that of a thought
        self._end = ""  # what ends the thought that the text is in
        self._begun = False

    def feed(self, piece: str) -> str:
        """Returns what may be shown now."""
        piece, self._half = self._half + piece, ""
        if piece and "\ud800" <= piece[-1] <= "\udbff":
            piece, self._half = piece[:-1], piece[-1]
        piece = clean(piece)
        return piece if self._begun else self._begin(piece)

    def rest(self) -> str:
        """Returns what was held back and is no thought, at the end of the text."""
        rest = "" if self._end else self._held.lstrip()
        return rest + clean(self._half)

    def _begin(self, piece: str) -> str:
        self._held += piece
        while self._step():
            pass
        if not self._begun:
            return ""
        shown, self._held = self._held, ""
        return shown

    def _step(self) -> bool:
        """Goes over one border of a thought. Returns whether there may be another."""
        if self._end:
            return self._leave_thought()
        start = self._held = self._held.lstrip()
        for tag, end in THOUGHTS.items():
            if start.startswith(tag):
                self._held, self._end = start[len(tag) :], end
                return True
        if not any(tag.startswith(start) for tag in THOUGHTS):
            self._begun = True
        return False

    def _leave_thought(self) -> bool:
        _, end, after = self._held.partition(self._end)
        if end:
            self._held, self._end = after, ""
        else:
            self._held = self._held[-len(self._end) + 1 :]
        return bool(end)
