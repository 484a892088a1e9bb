"""Reads what a model wrote: cleans it, drops thoughts, finds the JSON in it. No network."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from agent.llm.thoughts import without_thoughts

# Deeper JSON than this is nothing that we asked for, and would exhaust the stack of what reads it.
MAX_DEPTH = 40
# Places in a text where an object may begin that are tried; prose holds few braces.
MAX_OBJECTS = 50


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
_decoder = json.JSONDecoder(parse_float=_finite, parse_constant=_finite, strict=False)


def parse(text: str) -> Any:
    """Returns the JSON that `text` is. Raises ValueError, for too deep nesting too."""
    try:
        return cleaned(_decoder.decode(text))
    except RecursionError:
        raise ValueError("nested too deeply") from None


# What models write into JSON by mistake, outside of its strings: a comma behind the last item, and
# the words of Python. A raw line break inside a string is taken by `strict=False`.
_SLIPS = re.compile(r'("(?:\\.|[^"\\])*"?)|,(?=\s*[}\]])|\b(?:True|False|None)\b', re.DOTALL)
_WORDS = {"True": "true", "False": "false", "None": "null"}


def objects(text: str) -> Iterator[dict[str, Any]]:
    """Yields the JSON objects in `text`, the likeliest first: all of it, then those in prose."""
    with suppress(ValueError):
        whole = parse(text)
        if isinstance(whole, list) and len(whole) == 1:
            whole = whole[0]
        if isinstance(whole, dict):
            yield whole
            return
        if isinstance(whole, str):  # JSON written as a JSON string
            text = whole
    answer = without_thoughts(text)
    found = list(_embedded(answer))
    # A model that only thought has written the object there.
    yield from found or (_embedded(text) if answer != text else ())


def _embedded(text: str) -> Iterator[dict[str, Any]]:
    """Yields the objects in `text`. Slips are corrected in the first one alone: it is the outermost."""
    place, correct = text.find("{"), True
    for _ in range(MAX_OBJECTS):
        if place < 0:
            return
        end = place + 1
        try:
            found, end = _decoder.raw_decode(text, place)
            yield cleaned(found)
        except (ValueError, RecursionError):
            if correct and (found := _corrected(text[place:])) is not None:
                yield found
                return
        correct = False
        place = text.find("{", end)


def _corrected(text: str) -> dict[str, Any] | None:
    with suppress(ValueError, RecursionError):
        found, _ = _decoder.raw_decode(_SLIPS.sub(_slip, text))
        corrected: dict[str, Any] = cleaned(found)
        return corrected
    return None


def _slip(slip: re.Match[str]) -> str:
    return slip[1] or _WORDS.get(slip[0], "")


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
    for place in (message.get("content"), *_calls(message), *thoughts_of(message)):
        for found in [place] if isinstance(place, dict) else objects(text_of(place)):
            yield found
            # Some models wrap the object in its name: {"analysis": {...}}.
            inner = list(found.values())
            if len(inner) == 1 and isinstance(inner[0], dict):
                yield inner[0]


def thoughts_of(message: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns what a message, or a piece of one, holds beside its content as a thought."""
    texts = (text_of(message.get(name)) for name in ("reasoning_content", "reasoning", "thinking"))
    return tuple(text for text in texts if text)


def _calls(message: Mapping[str, Any]) -> Iterator[Any]:
    calls = message.get("tool_calls")
    named = [call.get("function") for call in calls or [] if isinstance(call, Mapping)]
    for function in (*named, message.get("function_call")):
        if isinstance(function, Mapping):
            yield function.get("arguments")


class Signs:
    """Cleans a text that arrives in pieces: joins signs that were cut in two."""

    def __init__(self) -> None:
        self._half = ""  # the first half of a sign whose second half is yet to come

    def feed(self, piece: str) -> str:
        piece, self._half = self._half + piece, ""
        if piece and "\ud800" <= piece[-1] <= "\udbff":
            piece, self._half = piece[:-1], piece[-1]
        return clean(piece)

    def rest(self) -> str:
        return clean(self._half)
