"""The registry of tools. The modules beside this one register their tools on import."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.change import Change
from agent.llm.base import ToolSpec
from agent.plan import path_text, placeholders, replace
from agent.support.invalid import message
from agent.tools import schemas

if TYPE_CHECKING:
    from agent.models import Run


class Arguments(BaseModel):
    """A tool's arguments. Types are strict and unknown fields are errors. The model reads the
    descriptions of the fields.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_enum_values=True)


class Result(BaseModel):
    """What a tool returns. Placeholders in later steps may refer to its fields."""

    model_config = ConfigDict(extra="forbid")


async def ignore_progress(message: str, details: str = "") -> None:
    """The default `ToolCall.report`: does nothing."""


@dataclass(slots=True)
class ToolCall:
    """The context of one tool call: project, run and user. `key` is the same in each retry of a step."""

    project_id: UUID
    session_id: UUID
    run_id: UUID
    user_id: int | None
    message_id: UUID
    key: str
    changes: list[Change] = field(default_factory=list)
    # Reports the progress of a long call to the person; for `async` tools.
    report: Callable[..., Coroutine[Any, Any, None]] = ignore_progress

    @classmethod
    def of(cls, run: Run, step: str) -> ToolCall:
        """Returns the call for a step of the run's plan. `step`: its id."""
        return cls(
            project_id=run.session.project_id,
            session_id=run.session_id,
            run_id=run.pk,
            user_id=run.created_by_id,
            message_id=run.message_id,
            key=f"{run.pk}:{step}",
        )


Function = Callable[[ToolCall, Any], Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a step of a plan may call.

    A plain function works on the project's database. It is called in the transaction that marks its
    step as succeeded, so that its effect happens exactly once. The dry run also calls it and rolls its
    effect back.

    An `async` function calls other systems. It may be called again after a crash, with the same
    `ToolCall.key`.
    """

    name: str
    description: str
    function: Function
    arguments: type[Arguments]
    result: type[Result]
    destructive: bool  # deletes objects
    outgoing: bool  # acts outside the project's database, where nothing can be undone
    alters: int | None  # how many existing objects one call changes at most; None: any number
    reads: bool  # only reads the project's database: may be called before the plan
    retries: int  # further attempts of an `async` tool after a timeout or an unexpected error
    timeout: float  # seconds per attempt

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.function)

    @property
    def spec(self) -> ToolSpec:
        return _spec(self)

    def check(self, arguments: Mapping[str, Any]) -> list[str]:
        """Returns the errors of `arguments`, phrased for a model.

        A valid example replaces each placeholder, whose value is not yet known.
        """
        open_places = [place for place, _ in placeholders(arguments)]
        schema = self.spec.parameters
        try:
            self.arguments.model_validate(
                replace(arguments, lambda path, _: schemas.example(schemas.at(schema, path)))
            )
        except ValidationError as error:
            return [
                f"{path_text(item['loc'])}: {message(item)}"
                for item in error.errors(include_url=False)
                if item["type"] == "extra_forbidden"
                or not any(item["loc"][: len(place)] == place for place in open_places)
            ]
        return []


@cache  # a schema takes a millisecond, and each run needs the schemas of all tools
def _spec(tool: Tool) -> ToolSpec:
    return ToolSpec(
        tool.name,
        tool.description,
        tool.arguments.model_json_schema(),
        tool.result.model_json_schema(mode="serialization"),
        tool.reads and not tool.is_async,
    )


_tools: dict[str, Tool] = {}


def tool(**flags: Any) -> Callable[[Function], Function]:
    """Registers the decorated `function(call, arguments) -> Result` as a tool under its name.

    The model reads its docstring. `flags`: the keyword arguments of `make`.
    """

    def register(function: Function) -> Function:
        add(make(function, **flags))
        return function

    return register


def make(
    function: Function,
    *,
    destructive: bool = False,
    outgoing: bool = False,
    alters: int | None = None,
    reads: bool = False,
    retries: int = 0,
    timeout: float = 60.0,
) -> Tool:
    hints = get_type_hints(function)
    if retries and not inspect.iscoroutinefunction(function):
        raise ValueError(
            f"{function.__name__} has retries but is not async: only async tools retry"
        )
    arguments, result = hints[list(inspect.signature(function).parameters)[1]], hints["return"]
    return Tool(
        name=function.__name__,
        description=inspect.cleandoc(function.__doc__ or ""),
        function=function,
        arguments=arguments,
        result=result,
        destructive=destructive,
        outgoing=outgoing,
        alters=0 if reads else None if alters is True else alters,
        reads=reads,
        retries=retries,
        timeout=timeout,
    )


def add(tool: Tool) -> None:
    if tool.name in _tools:
        raise ValueError(f"a tool named {tool.name!r} is already registered")
    _tools[tool.name] = tool


def remove(name: str) -> None:
    del _tools[name]


def get(name: str) -> Tool | None:
    return _tools.get(name)


def all_tools() -> Iterable[Tool]:
    return _tools.values()
