"""Reads a model's text: cleans it, removes reasoning, extracts JSON. No network."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from agent.llm.reasoning import without_reasoning

MAX_DEPTH = 40  # levels of JSON; much deeper ones would exhaust the stack of later readers
MAX_OBJECTS = 50  # opening braces of a text that are tried as the start of an object


def clean(text: str) -> str:
    """Returns `text` without NULs and lone surrogates, which UTF-8 and PostgreSQL refuse."""
    text = text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def cleaned(value: Any, depth: int = 0) -> Any:
    """Returns a JSON value with clean texts. Raises ValueError when it is nested too deeply."""
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


# NaN and infinite numbers are refused: written back, they would not be valid JSON.
_decoder = json.JSONDecoder(parse_float=_finite, parse_constant=_finite, strict=False)


def parse(text: str) -> Any:
    """Parses JSON. Raises ValueError, also when it is nested too deeply."""
    try:
        return cleaned(_decoder.decode(text))
    except RecursionError:
        raise ValueError("nested too deeply") from None


# Common mistakes of models outside of strings: a comma after the last item, and Python's literals.
# `strict=False` above accepts a raw line break inside a string.
_MISTAKES = re.compile(r'("(?:\\.|[^"\\])*"?)|,(?=\s*[}\]])|\b(?:True|False|None)\b', re.DOTALL)
_LITERALS = {"True": "true", "False": "false", "None": "null"}


def objects(text: str) -> Iterator[dict[str, Any]]:
    """Yields `text` if it is a JSON object, or else the JSON objects within its prose."""
    with suppress(ValueError):
        whole = parse(text)
        if isinstance(whole, list) and len(whole) == 1:
            whole = whole[0]
        if isinstance(whole, dict):
            yield whole
            return
        if isinstance(whole, str):  # JSON written as a JSON string
            text = whole
    answer = without_reasoning(text)
    values = list(_embedded(answer))
    # Some models write the object within their reasoning.
    yield from values or (_embedded(text) if answer != text else ())


def _embedded(text: str) -> Iterator[dict[str, Any]]:
    """Yields the objects in `text`. Mistakes are corrected only in the first, outermost one."""
    place, correct = text.find("{"), True
    for _ in range(MAX_OBJECTS):
        if place < 0:
            return
        end = place + 1
        try:
            value, end = _decoder.raw_decode(text, place)
            yield cleaned(value)
        except (ValueError, RecursionError):
            if correct and (value := _corrected(text[place:])) is not None:
                yield value
                return
        correct = False
        place = text.find("{", end)


def _corrected(text: str) -> dict[str, Any] | None:
    with suppress(ValueError, RecursionError):
        value, _ = _decoder.raw_decode(_MISTAKES.sub(_correction, text))
        corrected: dict[str, Any] = cleaned(value)
        return corrected
    return None


def _correction(mistake: re.Match[str]) -> str:
    return mistake[1] or _LITERALS.get(mistake[0], "")


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
    """Yields the JSON objects in a message's content and in its function calls.

    The strings of `message` are already clean; `objects` cleans those inside its JSON texts.
    """
    for place in (message.get("content"), *_calls(message), *reasoning_of(message)):
        for value in [place] if isinstance(place, dict) else objects(text_of(place)):
            yield value
            # Some models wrap the object in its name: {"analysis": {...}}.
            inner = list(value.values())
            if len(inner) == 1 and isinstance(inner[0], dict):
                yield inner[0]


def reasoning_of(message: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the reasoning that a message, or a chunk of one, has beside its content."""
    texts = (text_of(message.get(name)) for name in ("reasoning_content", "reasoning", "thinking"))
    return tuple(text for text in texts if text)


def _calls(message: Mapping[str, Any]) -> Iterator[Any]:
    calls = message.get("tool_calls")
    named = [call.get("function") for call in calls or [] if isinstance(call, Mapping)]
    for function in (*named, message.get("function_call")):
        if isinstance(function, Mapping):
            yield function.get("arguments")


class SurrogateJoiner:
    """Cleans a text that arrives in chunks, and joins surrogate pairs that were cut in two."""

    def __init__(self) -> None:
        self._surrogate = ""  # the first half of a pair whose second half is yet to come

    def feed(self, chunk: str) -> str:
        chunk, self._surrogate = self._surrogate + chunk, ""
        if chunk and "\ud800" <= chunk[-1] <= "\udbff":
            chunk, self._surrogate = chunk[:-1], chunk[-1]
        return clean(chunk)

    def rest(self) -> str:
        return clean(self._surrogate)
