"""A plan as a value: parsed, validated, ordered, hashed. No rows, no model, no tools' effects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# More than this is not a plan that a person reads; long lists go into the tools that take a list.
MAX_STEPS = 20


class StepType(StrEnum):
    TOOL = "tool"  # calls a tool
    ANSWER = "answer"  # is answered in words, at the end
    ASK = "ask"  # asks the person back; the answer is the question


@dataclass(frozen=True, slots=True)
class Step:
    """One item of a plan. An argument may be a placeholder for a part of an earlier step's result."""

    id: str
    type: StepType
    description: str
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()

    @property
    def does(self) -> list[Any]:
        """What the step does, as JSON; the words that describe it do not count."""
        return [self.id, self.type, self.tool, self.arguments, sorted(self.depends_on)]

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": str(self.type),
            "tool": self.tool or None,
            "description": self.description,
            "arguments": dict(self.arguments),
            "depends_on": list(self.depends_on),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    summary: str
    steps: tuple[Step, ...]

    @property
    def digest(self) -> str:
        """SHA-256, hexadecimal, over what the plan does."""
        does = [step.does for step in self.steps]
        return hashlib.sha256(json.dumps(does, sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        return {"summary": self.summary, "steps": [step.as_json() for step in self.steps]}


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`{"$from": "s1", "path": "task_id"}`: a part of what step `s1` will have returned."""

    step: str
    path: str


def as_placeholder(value: Any) -> Placeholder | None:
    """Returns what `value` stands for, or None when it stands for itself."""
    if not isinstance(value, Mapping) or set(value) != {"$from", "path"}:
        return None
    if not isinstance(value["$from"], str) or not isinstance(value["path"], str):
        return None
    return Placeholder(value["$from"], value["path"])


# Where something stands in arguments: names, and indexes of lists.
ArgumentPath = tuple[str | int, ...]


def placeholders(value: Any) -> Iterator[tuple[ArgumentPath, Placeholder]]:
    """Yields each placeholder in `value` with its place in it."""
    for place, one in _objects(value, ()):
        if (found := as_placeholder(one)) is not None:
            yield place, found


def broken_placeholders(value: Any) -> Iterator[ArgumentPath]:
    """Yields the place of each object in `value` that was to be a placeholder and is none."""
    for place, one in _objects(value, ()):
        if "$from" in one and as_placeholder(one) is None:
            yield place


def _objects(value: Any, place: ArgumentPath) -> Iterator[tuple[ArgumentPath, Mapping[str, Any]]]:
    """Yields the objects in `value` with their places; not what is inside of a placeholder."""
    if isinstance(value, Mapping):
        yield place, value
        if as_placeholder(value) is None:
            for key, item in value.items():
                yield from _objects(item, (*place, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _objects(item, (*place, index))


def follow(result: Any, path: str) -> Any:
    """Returns the part of `result` at the dotted `path` (`tasks.0.id`). Raises LookupError."""
    for part in path.split("."):
        if isinstance(result, Mapping):
            result = result[part]
        elif isinstance(result, list) and part.isdigit():
            result = result[int(part)]
        else:
            raise LookupError(f"there is no {part!r}")
    return result


def fill(value: Any, results: Mapping[str, Any]) -> Any:
    """Returns `value` with each placeholder replaced from `results`. Raises LookupError."""
    return replace(value, lambda _, found: follow(results[found.step], found.path))


def replace(
    value: Any, give: Callable[[ArgumentPath, Placeholder], Any], place: ArgumentPath = ()
) -> Any:
    """Returns `value` with what `give` returns for each placeholder and its place."""
    if (found := as_placeholder(value)) is not None:
        return give(place, found)
    if isinstance(value, Mapping):
        return {key: replace(item, give, (*place, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [replace(item, give, (*place, index)) for index, item in enumerate(value)]
    return value


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Returns `steps` so that each comes after those that it depends on, else in the plan's order.

    Steps of a circle are left out; a valid plan has none.
    """
    ordered: dict[str, Step] = {}
    left = list(steps)
    while ready := [step for step in left if ordered.keys() >= set(step.depends_on)]:
        ordered[ready[0].id] = ready[0]
        left.remove(ready[0])
    return list(ordered.values())


def answer_only(description: str = "Answer the message") -> Plan:
    """The plan of a plain question: nothing is touched."""
    return Plan("", (Step("s1", StepType.ANSWER, description),))
