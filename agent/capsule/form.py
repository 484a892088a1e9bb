"""The form of a capsule: one run as JSON. Reads and writes files, and says what is wrong with one.

`docs/agent.md` describes the fields. A file is another person's text: it is bounded and validated before
anything is done with it.
"""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

FORMAT: Literal["samurai-capsule"] = "samurai-capsule"
VERSION: Literal[1] = 1

MAX_BYTES = 64 * 1024 * 1024  # of a file, and of what it is compressed from
MAX_EVENTS, MAX_CALLS, MAX_STEPS, MAX_TOOLS = 20_000, 500, 200, 1_000
MAX_TASKS, MAX_MEMORIES, MAX_MESSAGES, MAX_CHANGES, MAX_PEOPLE = 1_000, 500, 40, 300, 500
MAX_TEXT = 400_000  # characters of one text
MAX_ERRORS = 3  # that a message about a file names
_TOO_LARGE = f"The file is larger than {MAX_BYTES // 1024 // 1024} MiB."

Text = Annotated[str, Field(max_length=MAX_TEXT)]
Name = Annotated[str, Field(max_length=200)]
Moment = Annotated[str, Field(max_length=40)]
Json = dict[str, Any]


class NoCapsule(Exception):
    """The file is no capsule that this version can read. The text says why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError("there is no such time zone") from None
    return name


class Settings(_Part):
    """The settings that a run depends on, in their bounds."""

    time_zone: Annotated[Name, AfterValidator(_zone)]
    model_context: Literal[0] | Annotated[int, Field(ge=256)]
    approval_hours: Annotated[int, Field(ge=1, le=1_000_000)]


class ToolSpecForm(_Part):
    """What a model is told of a tool of another package."""

    description: Text
    parameters: Json
    result: Json


class ToolForm(_Part):
    """A tool as it was: what its schemas were, and how it was called."""

    digest: Annotated[str, Field(max_length=64)]
    package: Name
    spec: ToolSpecForm | None
    effect: Literal["reads", "writes", "deletes", "outgoing"]
    is_async: bool
    alters: int | None
    retries: Annotated[int, Field(ge=0, le=100)]
    timeout: Annotated[float, Field(gt=0, le=86_400)]
    idempotent: bool


class Person(_Part):
    name: Name
    role: Literal["owner", "editor", "viewer", ""]


class TaskRow(_Part):
    """A task as it was when the run started. `parent` and `depends_on`: numbers of other tasks."""

    id: UUID
    number: Annotated[int, Field(ge=1)]
    title: Name
    description: Text
    status: Name
    priority: Name
    due: Annotated[str, Field(max_length=10)] | None
    estimate: float | None
    labels: list[Name]
    criteria: list[Json]
    assignee: Name | None
    parent: int | None
    depends_on: list[int]
    position: int
    deleted: bool


class MemoryRow(_Part):
    id: UUID
    title: Name
    content: Text
    kind: Name
    category: Name
    changed: Moment
    deleted: bool


class Said(_Part):
    """An earlier message of the session. `number`: of its run."""

    role: Literal["user", "assistant"]
    content: Text
    at: Moment
    number: int | None


# What a session and its members are at the time of the export, and "off" where the audit log begins later.
SESSION_AT_EXPORT = ("session_title", "session_approval", "session_task", "people.role")
_AT_EXPORT = (*SESSION_AT_EXPORT, "off")


class State(_Part):
    """What the run found: as far as it used it. `counts`: of all tasks and memories of the project.

    `at_export`: names what is told as it was when the file was made, where nothing tells how the run found
    it.
    """

    at_export: list[Name] = [*_AT_EXPORT, "project", "description", "people"]  # of an older file
    project_id: UUID
    project: Name
    description: Text
    last_task_number: Annotated[int, Field(ge=0)]
    last_position: int | None  # of the board
    people: Annotated[list[Person], Field(max_length=MAX_PEOPLE)]
    session_id: UUID
    session_title: Name
    session_approval: Name
    session_task: UUID | None
    off: list[Name]
    tasks: Annotated[list[TaskRow], Field(max_length=MAX_TASKS)]
    memories: Annotated[list[MemoryRow], Field(max_length=MAX_MEMORIES)]
    messages: Annotated[list[Said], Field(max_length=MAX_MESSAGES)]
    changes: Annotated[list[Json], Field(max_length=MAX_CHANGES)]  # events, oldest first
    changed_by: dict[UUID, int]  # the numbers of the runs that made them, by id
    counts: dict[str, int]
    context: Json  # what the context phase gathered
    recalled: list[Json] | None  # the memories that were recalled for the words of the analysis
    former: Former | None


class Former(_Part):
    """The run that this one tries again: rows by their columns."""

    id: UUID
    number: int
    status: Literal["failed", "cancelled", "succeeded"]
    continues: bool  # adopts what the former run had finished
    phases: Annotated[list[Json], Field(max_length=100)]
    plan: Json | None
    steps: Annotated[list[Json], Field(max_length=MAX_STEPS)]
    approvals: Annotated[list[Json], Field(max_length=50)]


class RunForm(_Part):
    id: UUID
    number: Annotated[int, Field(ge=1)]
    status: Literal["succeeded", "failed", "cancelled"]
    approval: Name
    task: UUID | None
    given: Json
    person: Name
    message_id: UUID
    content: Text
    client_id: UUID | None
    into: UUID | None
    started_at: Moment
    model: Name
    error: Text
    error_code: Name
    retryable: bool


class Call(_Part):
    """A call to the model. `turns`: the prompt; None if it is not in the capsule. `at`: when it began; empty
    in capsules of earlier versions.
    """

    verb: Literal["analyze", "plan", "compose", "answer", "consolidate"]
    turns: Annotated[list[dict[str, Text]], Field(max_length=20)] | None
    text: Text
    thoughts: Text
    error: Text
    used: Annotated[list[int], Field(min_length=2, max_length=2)]
    at: Moment = ""


class Capsule(_Part):
    format: Literal["samurai-capsule"]
    version: Literal[1]
    redacted: bool
    cannot_be_replayed: Text  # why; empty if it can be
    product: Name
    made_at: Moment
    settings: Settings
    tools: Annotated[dict[str, ToolForm], Field(max_length=MAX_TOOLS)]
    run: RunForm
    state: State | None
    events: Annotated[list[Json], Field(max_length=MAX_EVENTS, min_length=1)]
    calls: Annotated[list[Call], Field(max_length=MAX_CALLS)]
    readings: Annotated[list[Json], Field(max_length=20)]


State.model_rebuild()
Capsule.model_rebuild()


def to_bytes(capsule: Capsule, *, compressed: bool) -> bytes:
    """Returns the text of a file. Raises `NoCapsule` if it would be too large to be read."""
    text = capsule.model_dump_json(indent=None if compressed else 1).encode()
    if len(text) > MAX_BYTES:
        raise NoCapsule(_TOO_LARGE)
    return gzip.compress(text, mtime=0) if compressed else text


def write(capsule: Capsule, path: Path) -> None:
    """Writes a file, compressed if its name ends with `.gz`. Raises as `to_bytes`, and OSError."""
    path.write_bytes(to_bytes(capsule, compressed=path.suffix == ".gz"))


def read(path: Path) -> Capsule:
    """Returns the capsule in a file. Raises `NoCapsule`, and OSError."""
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    return from_bytes(content)


def from_bytes(content: bytes) -> Capsule:
    """Returns the capsule with this JSON text, which may be compressed. Raises `NoCapsule`."""
    text = _expanded(content)
    values = _values(text)
    found = values.get("format") if isinstance(values, dict) else None
    if found != FORMAT:
        raise NoCapsule(f"The file is no capsule: its format is not “{FORMAT}”.")
    if values.get("version") != VERSION:
        raise NoCapsule(
            f"The capsule has the version {values.get('version')!r:.40}, not {VERSION}."
        )
    try:
        return Capsule.model_validate_json(text)
    except ValidationError as error:
        raise NoCapsule(f"The capsule is not valid: {problems(error)}.") from None


def _expanded(content: bytes) -> bytes:
    if len(content) > MAX_BYTES:
        raise NoCapsule(_TOO_LARGE)
    if not content.startswith(b"\x1f\x8b"):
        return content
    expanding = zlib.decompressobj(31)
    try:
        text = expanding.decompress(content, MAX_BYTES + 1)
    except zlib.error:
        raise NoCapsule("The file is compressed, and damaged.") from None
    if len(text) > MAX_BYTES:
        raise NoCapsule(_TOO_LARGE)
    if not expanding.eof:
        raise NoCapsule("The file is compressed, and ends too early.")
    return text


def _values(text: bytes) -> Any:
    try:
        return json.loads(text.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise NoCapsule("The file is not JSON.") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def problems(error: ValidationError) -> str:
    """Returns the first `MAX_ERRORS` of them, and how many more there are."""
    items = error.errors(include_url=False, include_input=False)
    named = [f"{'.'.join(map(str, item['loc']))[:80]}: {item['msg']}" for item in items]
    rest = len(named) - MAX_ERRORS
    return "; ".join(named[:MAX_ERRORS]) + (f"; and {rest} more" if rest > 0 else "")
