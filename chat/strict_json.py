"""Parses untrusted JSON, and refuses values that JSON allows but our database or clients do not."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from agent.exceptions import Refused
from agent.support.words import is_text

MAX_DEPTH = 32
MAX_NUMBER = 2**63 - 1


def read(text: str | bytes) -> Any:
    """Returns the value that `text` holds. Raises `Refused`: `invalid_json`. `check` it, too."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (
        ValueError,
        RecursionError,
    ):  # not JSON, nested too deeply, or a number that is too long
        raise Refused("invalid_json", "Not valid JSON.") from None


def check(value: Any, depth: int = 0) -> None:
    """Raises `Refused`: `invalid_frame`."""
    if depth > MAX_DEPTH:
        raise Refused("invalid_frame", f"The JSON is nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, str) and not is_text(value):
        raise Refused("invalid_frame", "The request contains characters that are not text.")
    if isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise Refused("invalid_frame", "The JSON contains a number that is too large.")
    inside = [*value, *value.values()] if isinstance(value, dict) else value
    if isinstance(inside, list):
        for item in inside:
            check(item, depth + 1)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
