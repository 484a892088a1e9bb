"""What was read before the plan, as text for a prompt. Long texts stand as they are, without quoting."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

LONG = 100  # characters from which a text stands on lines of its own


def as_text(reading: Mapping[str, Any]) -> str:
    """Returns the title of a reading and its result, a field per line."""
    arguments = json.dumps(reading["arguments"], ensure_ascii=False)
    lines = [f"{reading['title']} ({reading['tool']} {arguments})"]
    if reading["error"]:
        lines.append(f"failed: {reading['error']}")
    return "\n".join([*lines, *_lines(reading["result"] or {}, "")])


def _lines(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, item in value.items():
        if isinstance(item, list):
            yield from _list(name, item, indent)
        elif isinstance(item, str) and (len(item) > LONG or "\n" in item):
            yield f"{indent}{name}, {len(item):,} characters:\n{item}\n{indent}(end of {name})"
        elif item not in (None, ""):
            yield f"{indent}{name}: {item}"


def _list(name: str, items: list[Any], indent: str) -> Iterator[str]:
    if not all(isinstance(item, Mapping) for item in items):
        yield f"{indent}{name}: {json.dumps(items, ensure_ascii=False)}"
    elif items:
        yield f"{indent}{name}:"
        for item in items:
            first, *others = _lines(item, f"{indent}  ")
            yield f"{indent}- {first.lstrip()}"
            yield from others


def texts(readings: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Yields each long text in results: the object that holds it and its name."""
    items = readings.values() if isinstance(readings, Mapping) else readings
    if isinstance(readings, dict):
        for name, item in readings.items():
            if isinstance(item, str) and len(item) > LONG:
                yield readings, name
    for item in items:
        if isinstance(item, Mapping | list | tuple):
            yield from texts(item)
