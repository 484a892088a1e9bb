"""The acceptance criteria of a task: a list of {"id": "c1", "text": …, "done": …}. No queries.

A person and a coding agent check each of them alone. Each function raises ToolFailed for what the rules
forbid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.exceptions import ToolFailed
from agent.support.counts import too_long
from agent.support.words import same_text, storable

MAX_CRITERIA, MAX_CRITERION = 30, 500


def revised(
    values: Iterable[str | Mapping[str, Any]], before: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Returns acceptance criteria as they are stored: id, text and done.

    `values`: texts or mappings, whose `id` and `done` may be missing. A criterion of `before` with the
    same id, or else the same text, keeps its id, and its tick where the value has none.
    """
    items = [{"text": value} if isinstance(value, str) else dict(value) for value in values]
    if len(items) > MAX_CRITERIA:
        raise ToolFailed(f"A task has at most {MAX_CRITERIA} acceptance criteria.")
    left = {item["id"]: item for item in before}
    last = max((int(item["id"][1:]) for item in before), default=0)
    found: list[dict[str, Any]] = []
    for item in items:
        text = _criterion(str(item["text"]))
        if any(same_text(one["text"]) == same_text(text) for one in found):
            raise ToolFailed(f"The acceptance criterion “{text}” is there twice.")
        same = left.get(item.get("id", "")) or next(
            (one for one in left.values() if one["text"] == text), None
        )
        if same is None:
            last += 1
        key = f"c{last}" if same is None else same["id"]
        left.pop(key, None)
        done = item.get("done", same["done"] if same else False)
        found.append({"id": key, "text": text, "done": bool(done)})
    return found


def merged(
    edited: Iterable[Mapping[str, Any]],
    before: Iterable[Mapping[str, Any]],
    now: Sequence[Mapping[str, Any]],
) -> list[Mapping[str, Any]]:
    """Returns `edited`, which was made of `before`, with what others changed meanwhile into `now`: the
    ticks that the edit left as they were, further criteria, and those that are gone.
    """
    was = {item["text"]: item["done"] for item in before}
    current = {item["text"]: item["done"] for item in now}
    found: list[Mapping[str, Any]] = []
    for item in edited:
        text = item["text"]
        is_edited = text not in was or item.get("done", was[text]) != was[text]
        if is_edited or text in current:
            found.append(item if is_edited else {**item, "done": current[text]})
    known = was.keys() | {item["text"] for item in found}
    return [*found, *(item for item in now if item["text"] not in known)]


def _criterion(text: str) -> str:
    line = " ".join(storable(text).split())
    if not line:
        raise ToolFailed("An acceptance criterion is empty.")
    if len(line) > MAX_CRITERION:
        raise ToolFailed(f"{too_long('An acceptance criterion', len(line), MAX_CRITERION)}.")
    return line


def ticked(items: Sequence[Mapping[str, Any]], named: str, done: bool) -> list[dict[str, Any]]:
    """Returns `items` with the tick of one of them set. `named`: its text, or its place from 1."""
    said = same_text(named)
    found = [item for item in items if same_text(item["text"]) == said]
    if not found and said.isdecimal() and 0 < int(said) <= len(items):
        found = [items[int(said) - 1]]
    if len(found) != 1:
        known = "; ".join(f"{place}. {item['text']}" for place, item in enumerate(items, 1))
        raise ToolFailed(
            f"There is no acceptance criterion “{named}”. There are: {known or 'none'}."
        )
    return [{**item, "done": done if item is found[0] else item["done"]} for item in items]
