"""A plan as a value, with the functions that need nothing else. No database, no model, no tools."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# People do not read longer plans. For many objects there are tools that take a list.
MAX_STEPS = 20


class StepType(StrEnum):
    TOOL = "tool"  # calls a tool
    COMPOSE = "compose"  # has a model write a value out of earlier results
    ANSWER = "answer"  # is done by the answer, after all tools
    ASK = "ask"  # asks the person a question, which is the answer of the run


# What the execution carries out, with a result for later steps. The other types are words.
WORK = (StepType.TOOL, StepType.COMPOSE)


@dataclass(frozen=True, slots=True)
class Step:
    """One item of a plan. An argument may contain placeholders for results of earlier steps.

    `untrusted`: its arguments were filled from such results before a person saw them.
    """

    id: str
    type: StepType
    description: str
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    untrusted: bool = False

    @property
    def action(self) -> list[Any]:
        """What the step does, as JSON: everything but its description."""
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
class Assumption:
    """What the plan takes for granted and nobody said. `steps`: the ids of those that rest on it."""

    text: str
    steps: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"text": self.text, "steps": list(self.steps)}


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """What the plan leaves open for the person. `choices`: likely answers."""

    question: str
    choices: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"question": self.question, "choices": list(self.choices)}


@dataclass(frozen=True, slots=True)
class Plan:
    summary: str
    steps: tuple[Step, ...]
    assumptions: tuple[Assumption, ...] = ()
    questions: tuple[OpenQuestion, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal of the steps' actions. Summary and descriptions do not count."""
        actions = [step.action for step in self.steps]
        return hashlib.sha256(json.dumps(actions, sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Returns the plan as a model writes it: what is open only if something is."""
        opened = {
            "assumptions": [one.as_json() for one in self.assumptions],
            "questions": [one.as_json() for one in self.questions],
        }
        steps = [step.as_json() for step in self.steps]
        given = {name: items for name, items in opened.items() if items}
        return {"summary": self.summary, "steps": steps, **given}


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`{"$from": "s1", "path": "task_id"}` stands for the field `task_id` of the result of step `s1`."""

    step: str
    path: str


def as_placeholder(value: Any) -> Placeholder | None:
    """Returns `value` as a placeholder; None if it is not one."""
    if not isinstance(value, Mapping) or set(value) != {"$from", "path"}:
        return None
    if not isinstance(value["$from"], str) or not isinstance(value["path"], str):
        return None
    return Placeholder(value["$from"], value["path"])


# A path within arguments: the names of fields and the indexes of list items.
ArgumentPath = tuple[str | int, ...]


def path_text(path: ArgumentPath) -> str:
    """Returns the path as errors show it: "tasks.0.title", or "arguments" for the whole."""
    return ".".join(map(str, path)) or "arguments"


def placeholders(value: Any) -> Iterator[tuple[ArgumentPath, Placeholder]]:
    """Yields each placeholder in `value` with its path."""
    for path, item in _objects(value, ()):
        if (placeholder := as_placeholder(item)) is not None:
            yield path, placeholder


def broken_placeholders(value: Any) -> Iterator[ArgumentPath]:
    """Yields the path of each object in `value` that has the key `$from` but is no placeholder."""
    for path, item in _objects(value, ()):
        if "$from" in item and as_placeholder(item) is None:
            yield path


def _objects(value: Any, path: ArgumentPath) -> Iterator[tuple[ArgumentPath, Mapping[str, Any]]]:
    """Yields the objects in `value` with their paths, without the contents of placeholders."""
    if isinstance(value, Mapping):
        yield path, value
        if as_placeholder(value) is None:
            for key, item in value.items():
                yield from _objects(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _objects(item, (*path, index))


def follow(result: Any, path: str) -> Any:
    """Returns the part of `result` at the dotted `path` (`tasks.0.id`). Raises LookupError."""
    for part in path.split("."):
        if isinstance(result, Mapping):
            result = result[part]
        elif isinstance(result, list) and part.isdigit():
            result = result[int(part)]
        else:
            raise LookupError(f"no {part!r} in the result")
    return result


def fill(value: Any, results: Mapping[str, Any]) -> Any:
    """Returns `value` with each placeholder replaced by the value in `results`. Raises LookupError."""
    return replace(
        value, lambda _, placeholder: follow(results[placeholder.step], placeholder.path)
    )


def replace(
    value: Any, substitute: Callable[[ArgumentPath, Placeholder], Any], path: ArgumentPath = ()
) -> Any:
    """Returns `value` with each placeholder replaced by `substitute(path, placeholder)`."""
    if (placeholder := as_placeholder(value)) is not None:
        return substitute(path, placeholder)
    if isinstance(value, Mapping):
        return {key: replace(item, substitute, (*path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [replace(item, substitute, (*path, index)) for index, item in enumerate(value)]
    return value


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Returns `steps` with each step after its dependencies, otherwise in the plan's order.

    Steps that depend on each other in a circle are left out; a valid plan has none.
    """
    ordered: dict[str, Step] = {}
    pending = list(steps)
    while ready := [step for step in pending if ordered.keys() >= set(step.depends_on)]:
        ordered[ready[0].id] = ready[0]
        pending.remove(ready[0])
    return list(ordered.values())


def answer_only(description: str = "Answer the message") -> Plan:
    """Returns the plan for a message that needs no tool."""
    return Plan("", (Step("s1", StepType.ANSWER, description),))
