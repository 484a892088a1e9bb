"""Arguments that name an object of the project, and whether they name one. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from agent.board import tasks
from agent.exceptions import AmbiguousReference, ToolFailed
from agent.memory import memories
from agent.plan import as_placeholder, placeholders
from agent.tools import schemas
from agent.tools.registry import Arguments, Tool

# The mark in a JSON schema: this text refers to a task, or a memory.
MARK = "x-object"

TaskRef = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(
        description="A task: its id, or its exact title. Prefer the id.",
        json_schema_extra={MARK: "task"},
    ),
]
MemoryRef = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(
        description="A memory: its id, or its exact title. Prefer the id.",
        json_schema_extra={MARK: "memory"},
    ),
]

# What a model does about several that fit: it must not take its pick.
_ASK = (
    "If the message does not say which of them, do not choose: make a plan of one step of type ask "
    "that names them."
)

_FIND: Mapping[str, Callable[[UUID, str], object]] = {
    "task": tasks.find_task,
    "memory": memories.find_memory,
}


def named_objects(tool: Tool, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yields each reference in `arguments`: its place (`tasks.0.depends_on.1`), what it refers to
    ("task" or "memory") and its text. Placeholders name nothing yet, and an empty text nothing."""
    schema = _schema(tool.arguments)
    yield from _walk(schema, schema.get("$defs", {}), arguments, ())


def missing_objects(project_id: UUID, tool: Tool, arguments: Mapping[str, Any]) -> list[str]:
    """Returns, in words, which objects that `arguments` name do not exist or may be several."""
    missing = []
    for place, kind, reference in named_objects(tool, arguments):
        try:
            _FIND[kind](project_id, reference)
        except AmbiguousReference as error:
            missing.append(f"{place}: {error} {_ASK}")
        except ToolFailed as error:
            missing.append(f"{place}: {error}")
    return missing


def kinds_of_placeholders(tool: Tool, arguments: Mapping[str, Any]) -> set[str]:
    """Returns the kinds of the objects that `arguments` name by placeholders, known only later."""
    schema = _schema(tool.arguments)
    places = [place for place, _ in placeholders(arguments)]
    options = [option for place in places for option in _within(schemas.at(schema, place))]
    return {option[MARK] for option in options if MARK in option}


def _within(options: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yields the options, and what a list among them is a list of."""
    for option in options:
        yield option
        if isinstance(option.get("items"), Mapping):
            yield option["items"]


def object_id(project_id: UUID, kind: str, reference: str) -> UUID | None:
    """Returns which object `reference` means; None when it means none, or may mean several."""
    try:
        found: Any = _FIND[kind](project_id, reference)
    except ToolFailed:
        return None
    key: UUID = found.pk
    return key


@cache
def _schema(arguments: type[Arguments]) -> dict[str, Any]:
    return arguments.model_json_schema()


def _walk(
    schema: Mapping[str, Any], defs: Mapping[str, Any], value: Any, place: tuple[str, ...]
) -> Iterator[tuple[str, str, str]]:
    if as_placeholder(value) is not None:
        return
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    if MARK in schema and isinstance(value, str) and value.strip():
        yield ".".join(place), schema[MARK], value
    for branch in schema.get("anyOf", ()):
        yield from _walk(branch, defs, value, place)
    for key, inner, item in _inside(schema, value):
        yield from _walk(inner, defs, item, (*place, key))


def _inside(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """Yields the parts of `value` that `schema` describes: name, schema and value of each."""
    if isinstance(value, Mapping):
        for key, inner in schema.get("properties", {}).items():
            if key in value:
                yield key, inner, value[key]
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield str(index), schema.get("items", {}), item
