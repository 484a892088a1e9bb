"""Takes steps out of a plan when a person says so: "without the reminder", "skip step 2"."""

from __future__ import annotations

import copy
import re
from typing import Any

from agent.llm.offline.commands import plain
from agent.llm.offline.creating import comma_items
from agent.llm.offline.words import coverage
from agent.plan import placeholders

_WITHOUT = re.compile(
    r"(?:but |just |do it |the same |same |everything )*(?:without|not|no|skip|leave out|leave "
    r"away|omit|except|don['’]t|do not)"
    r"(?: (?:create|add|delete|remove|mark|do|the step))? (?P<what>.+)",
    re.I,
)
_NUMBERED = re.compile(r"(?:the )?(?:step )?(?P<number>\d{1,2})(?:st|nd|rd|th)?(?: step)?", re.I)

Steps = list[dict[str, Any]]


def without(reason: str, steps: Steps) -> Steps | None:
    """Returns `steps` without what `reason` names; None when it takes nothing away."""
    match = _WITHOUT.fullmatch(plain(reason[:500]).rstrip(" .!"))
    if match is None:
        return None
    names = comma_items(match["what"])
    left: Steps = []
    gone: set[str] = set()
    changed = False
    for number, step in enumerate(copy.deepcopy(steps), start=1):
        if step["tool"] == "create_tasks":
            changed = _drop_items(step, names) or changed
            if not step["arguments"]["tasks"]:
                gone.add(step["id"])
                continue
        elif any(_means(name, number, step) for name in names):
            gone.add(step["id"])
            continue
        left.append(step)
    return _closed(left, gone) if gone or changed else None


def _means(name: str, number: int, step: dict[str, Any]) -> bool:
    if numbered := _NUMBERED.fullmatch(name):
        return int(numbered["number"]) == number
    return coverage(name, step["description"]) == 1.0


def _drop_items(step: dict[str, Any], names: list[str]) -> bool:
    """Takes the named items out of a list of tasks and counts the others anew."""
    items = step["arguments"]["tasks"]
    keep = [
        index
        for index, item in enumerate(items)
        if not any(coverage(name, item["title"]) == 1.0 for name in names)
    ]
    place = {old: new for new, old in enumerate(keep)}
    for item in items:
        if "after" in item:
            item["after"] = [place[index] for index in item["after"] if index in place]
    step["arguments"]["tasks"] = [items[index] for index in keep]
    step["description"] = f"Create {len(keep)} task{'s' if len(keep) != 1 else ''}"
    return len(keep) < len(items)


def _closed(steps: Steps, gone: set[str]) -> Steps:
    """Returns `steps` without those that need a result of what is gone."""
    while True:
        orphans = {step["id"] for step in steps if _needs(step, gone)}
        if not orphans:
            break
        gone |= orphans
        steps = [step for step in steps if step["id"] not in orphans]
    for step in steps:
        step["depends_on"] = [before for before in step["depends_on"] if before not in gone]
    return steps


def _needs(step: dict[str, Any], gone: set[str]) -> bool:
    return any(found.step in gone for _, found in placeholders(step["arguments"]))
