"""JSON values as people read them: what a step is given and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def facts(values: Any, numbers: Mapping[str, int]) -> list[list[str]]:
    """Returns name and text of each field. `numbers`: those of the plan's steps by id."""
    if not isinstance(values, Mapping):
        return []
    return [[key.replace("_", " "), value_text(one, numbers)] for key, one in values.items()]


def value_text(one: Any, numbers: Mapping[str, int]) -> str:
    """Returns a JSON value as words: no brackets, and of a placeholder where it comes from."""
    if one is None or one == "" or one == [] or one == {}:
        return "–"
    if isinstance(one, bool):
        return "yes" if one else "no"
    if isinstance(one, float) and one.is_integer():
        return str(int(one))
    if isinstance(one, list):
        return "; ".join(value_text(each, numbers) for each in one)
    if not isinstance(one, Mapping):
        return str(one)
    if "$from" in one:
        source = str(one["$from"])  # of a draft, it may be anything
        return f"{one.get('path', '…')} of step {numbers.get(source, source)}"
    parts = (f"{key.replace('_', ' ')} {value_text(each, numbers)}" for key, each in one.items())
    return ", ".join(parts)
