"""Parses untrusted JSON, and refuses values that JSON allows but our database or clients do not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain, islice
from typing import Any, NoReturn

from agent.exceptions import Refused
from agent.support.words import is_text

MAX_DEPTH = 32
MAX_VALUES = 10_000  # keys count, too
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


def check(value: Any) -> None:
    """Raises `Refused`: `invalid_frame`. Looks at no more than `MAX_VALUES` values."""
    level, left = [value], MAX_VALUES
    for _ in range(MAX_DEPTH + 1):
        if len(level) > left:
            raise Refused("invalid_frame", f"The JSON has more than {MAX_VALUES:,} values.")
        left -= len(level)
        level = list(islice(chain.from_iterable(map(_checked, level)), left + 1))
        if not level:
            return
    raise Refused("invalid_frame", f"The JSON is nested more than {MAX_DEPTH} levels deep.")


def _checked(value: Any) -> Iterable[Any]:
    """Returns the values inside of `value`, which is checked."""
    if isinstance(value, dict):
        return chain(value, value.values())
    if isinstance(value, list):
        return value
    if isinstance(value, str) and not is_text(value):
        raise Refused("invalid_frame", "The request contains characters that are not text.")
    if isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise Refused("invalid_frame", "The JSON contains a number that is too large.")
    return ()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
