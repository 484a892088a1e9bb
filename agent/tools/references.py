"""Arguments that refer to a task or memory by number, id or title: finds and checks them. Changes
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from agent.board import finding, task_rules
from agent.exceptions import AmbiguousReference, ToolFailed
from agent.llm.schema_texts import SHORT
from agent.memory import memories
from agent.plan import as_placeholder, placeholders
from agent.support.words import name_of, same_text
from agent.text import dates
from agent.text.references import as_number
from agent.tools import schemas
from agent.tools.registry import Arguments, Tool

# The JSON schema keyword of a string that refers to a "task", a "memory", a "day" or a "member".
MARK = "x-object"
# The JSON schema keywords of arguments that replace the long text of an object, or edit it. Their value
# names the argument beside them that refers to the object; "" stands for the project itself.
REPLACES, EDITS = "x-replaces", "x-edits"

TaskRef = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(
        description="A task: its number, e.g. “#12”, or its exact title.",
        json_schema_extra={MARK: "task", SHORT: "task"},
    ),
]
MemoryRef = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(
        description="A memory: its id, or its exact title. Prefer the id.",
        json_schema_extra={MARK: "memory", SHORT: "memory"},
    ),
]

# Tells the model not to choose one of several matches itself.
_ASK = (
    "If the message does not say which one, do not choose: make a plan of one step of type ask that "
    "names them."
)

_FIND: Mapping[str, Callable[[UUID, str], object]] = {
    "task": finding.find_task,
    "memory": memories.find_memory,
    "member": task_rules.member,
}


def name(text: str) -> str:
    """Returns `text` as the name of an object. Raises ValueError if it shows nothing."""
    if not (shown := name_of(text)):
        raise ValueError("the text shows nothing")
    return shown


def different(texts: list[str]) -> list[str]:
    """Returns `texts`. Raises ValueError if two of them are the same but for their case and spaces."""
    if len({same_text(text) for text in texts}) < len(texts):
        raise ValueError("two of the texts are the same; give each once")
    return texts


def day(text: str) -> str:
    """Returns the day that `text` means, in the server's time zone, as an ISO date. Keeps "". Raises
    ValueError for a text that is no day, and for a day that is no due date.
    """
    found = dates.resolve(text, dates.today())
    if text and found is None:
        raise ValueError(f"not a date that is known here; use one of: {dates.EXAMPLES}")
    try:
        task_rules.due(found)
    except ToolFailed as error:
        raise ValueError(str(error)) from None
    return found.isoformat() if found else ""


def named_objects(tool: Tool, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yields each reference to an object in `arguments`: its path ("tasks.0.depends_on.1"), its kind
    ("task" or "memory") and its text. Skips placeholders and empty strings.
    """
    return (one for one in _texts(tool, arguments) if one[1] in ("task", "memory"))


def _texts(tool: Tool, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for path, kind, value in _marked(tool, MARK, arguments):
        if isinstance(value, str) and value.strip():
            yield ".".join(path), kind, value


@dataclass(frozen=True, slots=True)
class Rewrite:
    """An argument that replaces the text of an object, or edits it. `value`: the argument's.

    `kind`: of the object, "task", "memory" or "project"; `reference`: a text or a placeholder.
    """

    path: str
    kind: str
    reference: Any
    value: Any


def rewrites(tool: Tool, arguments: Mapping[str, Any], keyword: str) -> Iterator[Rewrite]:
    """Yields the arguments that are marked with `keyword`: `REPLACES` or `EDITS`."""
    if not _mentions(tool.arguments, keyword):
        return
    kinds = {path: kind for path, kind, _ in _marked(tool, MARK, arguments)}
    for path, beside, value in _marked(tool, keyword, arguments):
        if value is None or (keyword == EDITS and value == []):
            continue
        reference: Any = arguments
        for part in (*path[:-1], beside) if beside else ():
            reference = reference[int(part)] if isinstance(reference, list) else reference.get(part)
        kind = kinds.get((*path[:-1], beside), "") if beside else "project"
        yield Rewrite(".".join(path), kind, reference if beside else "", value)


def missing_objects(project_id: UUID, tool: Tool, arguments: Mapping[str, Any]) -> list[str]:
    """Returns an error for each reference in `arguments` that matches no object, or several."""
    errors = []
    for path, kind, reference in _texts(tool, arguments):
        try:
            if kind != "day":  # the tool has checked it
                _found(project_id, kind, reference)
        except AmbiguousReference as error:
            errors.append(f"{path}: {error} {_ASK}")
        except ToolFailed as error:
            errors.append(f"{path}: {error}")
    return errors


def resolved(
    project_id: UUID, tool: Tool, arguments: Mapping[str, Any], *, with_titles: bool = False
) -> Mapping[str, Any]:
    """Returns valid `arguments` with the ids of tasks in place of their numbers, dates in place of
    words such as "next friday", and user names in place of other names of members. `with_titles`: ids
    also in place of titles.
    """
    texts = {
        path: text
        for path, kind, said in _texts(tool, arguments)
        if (text := _meaning(project_id, kind, said, with_titles)) != said
    }
    return {name: _replaced(value, texts, name) for name, value in arguments.items()}


def _meaning(project_id: UUID, kind: str, text: str, with_titles: bool) -> str:
    if kind == "day":
        return day(text)
    if kind == "member":
        person = task_rules.member(project_id, text)
        return person.get_username() if person else ""
    if kind == "task" and as_number(text) is not None:
        return str(_found(project_id, kind, text).pk)
    if with_titles and (row := find(project_id, kind, text)) is not None:
        return str(row.pk)
    return text


def _replaced(value: Any, texts: Mapping[str, str], path: str) -> Any:
    """Returns `value` with the text in `texts` at each of their paths."""
    if path in texts:
        return texts[path]
    if isinstance(value, Mapping):
        return {key: _replaced(item, texts, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, texts, f"{path}.{index}") for index, item in enumerate(value)]
    return value


def kinds_of_placeholders(tool: Tool, arguments: Mapping[str, Any]) -> set[str]:
    """Returns the kinds of the objects that placeholders in `arguments` will refer to."""
    schema = _schema(tool.arguments)
    paths = [path for path, _ in placeholders(arguments)]
    options = [option for path in paths for option in schemas.at(schema, path)]
    inner = [one for option in options for one in schemas.within(option, schema.get("$defs", {}))]
    return {option[MARK] for option in inner if MARK in option}


def object_id(project_id: UUID, kind: str, reference: str) -> UUID | None:
    """Returns the id of the object that `reference` refers to; None for no match, or several."""
    row = find(project_id, kind, reference)
    return None if row is None else row.pk


def find(project_id: UUID, kind: str, reference: str, *, lock: bool = False) -> Any:
    """Returns the task or memory that `reference` refers to; None for no match, or several. `lock`: a task,
    until the transaction ends.
    """
    try:
        if lock and kind == "task":
            return finding.find_locked(project_id, reference)
        return _found(project_id, kind, reference)
    except ToolFailed:
        return None


_known: ContextVar[dict[tuple[UUID, str, str], Any] | None] = ContextVar("_known", default=None)


@contextmanager
def found_once() -> Iterator[None]:
    """Within it, an object that was found is not looked up again. Not for a block that changes objects."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def _found(project_id: UUID, kind: str, reference: str) -> Any:
    known = _known.get()
    if known is None:
        return _FIND[kind](project_id, reference)
    key = (project_id, kind, reference)
    if key not in known:
        known[key] = _FIND[kind](project_id, reference)
    return known[key]


@cache
def _schema(arguments: type[Arguments]) -> dict[str, Any]:
    return arguments.model_json_schema()


@cache
def _mentions(arguments: type[Arguments], keyword: str) -> bool:
    return keyword in json.dumps(_schema(arguments))


Path = tuple[str, ...]


def _marked(
    tool: Tool, keyword: str, arguments: Mapping[str, Any]
) -> Iterator[tuple[Path, str, Any]]:
    """Yields each argument with `keyword` in its schema: its path, what the keyword says, its value."""
    schema = _schema(tool.arguments)
    yield from _walk(keyword, schema, schema.get("$defs", {}), arguments, ())


def _walk(
    keyword: str, schema: Mapping[str, Any], defs: Mapping[str, Any], value: Any, path: Path
) -> Iterator[tuple[Path, str, Any]]:
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    if keyword in schema:
        yield path, schema[keyword], value
    for branch in schema.get("anyOf", ()):
        yield from _walk(keyword, branch, defs, value, path)
    if as_placeholder(value) is not None:
        return
    for key, inner, item in _inside(schema, value):
        yield from _walk(keyword, inner, defs, item, (*path, key))


def _inside(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """Yields name, schema and value of each field or item of `value` that `schema` describes."""
    if isinstance(value, Mapping):
        for key, inner in schema.get("properties", {}).items():
            if key in value:
                yield key, inner, value[key]
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield str(index), schema.get("items", {}), item
