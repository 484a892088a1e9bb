"""What a tool is and which there are. The families beside this file register theirs on import."""

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
from agent.plan import placeholders, replace
from agent.tools import schemas

if TYPE_CHECKING:
    from agent.models import Run


class Arguments(BaseModel):
    """A tool's arguments: strictly of their types, none unknown. Field descriptions are the model's."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_enum_values=True)


class Result(BaseModel):
    """What a tool returns: the JSON that later steps may take parts of."""

    model_config = ConfigDict(extra="forbid")


async def ignore_progress(message: str, details: str = "") -> None:
    """Drops what a tool says of its progress."""


@dataclass(slots=True)
class ToolCall:
    """For whom and where a tool works. `key` is the same each time this step is tried."""

    project_id: UUID
    session_id: UUID
    run_id: UUID
    user_id: int | None
    message_id: UUID
    key: str
    changes: list[Change] = field(default_factory=list)
    # Tells the person how far a long tool is; for `async` tools.
    report: Callable[..., Coroutine[Any, Any, None]] = ignore_progress

    @classmethod
    def of(cls, run: Run, step: str) -> ToolCall:
        """Returns the call for the step with the id `step` of the run's plan."""
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
    """A function that a plan's step may call.

    A plain function works on our database, inside the transaction that marks its step as done: its
    effect happens exactly once. (Before a person is asked about a plan it is also tried, and rolled
    back, to tell what it would change.) An `async` one calls out and may be called again after a
    crash, with the same `ToolCall.key`.
    """

    name: str
    description: str
    function: Function
    arguments: type[Arguments]
    result: type[Result]
    destructive: bool  # deletes
    outgoing: bool  # acts outside of our database, where nothing can be undone
    alters: bool  # may change what is there already, and not only add to it or read it
    retries: int  # times that an `async` one is tried again when it does not answer, or breaks
    timeout: float  # seconds, each time

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.function)

    @property
    def spec(self) -> ToolSpec:
        return _spec(self)

    def check(self, arguments: Mapping[str, Any]) -> list[str]:
        """Returns what is wrong with `arguments`, phrased for a model.

        An example that fits stands in for each placeholder: its own value is not known yet.
        """
        open_places = [place for place, _ in placeholders(arguments)]
        schema = self.spec.parameters
        try:
            self.arguments.model_validate(
                replace(arguments, lambda place, _: schemas.example(schemas.at(schema, place)))
            )
        except ValidationError as error:
            return [
                f"{'.'.join(map(str, item['loc'])) or 'arguments'}: {item['msg']}"
                for item in error.errors(include_url=False)
                if item["type"] == "extra_forbidden"
                or not any(item["loc"][: len(place)] == place for place in open_places)
            ]
        return []


@cache  # a schema takes a millisecond, and each run is told all tools
def _spec(tool: Tool) -> ToolSpec:
    return ToolSpec(
        tool.name,
        tool.description,
        tool.arguments.model_json_schema(),
        tool.result.model_json_schema(mode="serialization"),
    )


_tools: dict[str, Tool] = {}


def tool(**flags: Any) -> Callable[[Function], Function]:
    """Registers `function(call, arguments) -> Result` under its name; its docstring is for the model.

    `flags` are those of `make`.
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
    alters: bool = True,
    retries: int = 0,
    timeout: float = 60.0,
) -> Tool:
    hints = get_type_hints(function)
    if retries and not inspect.iscoroutinefunction(function):
        raise ValueError(f"{function.__name__} is no async tool: a transaction is not tried again")
    arguments, result = hints[list(inspect.signature(function).parameters)[1]], hints["return"]
    return Tool(
        name=function.__name__,
        description=inspect.cleandoc(function.__doc__ or ""),
        function=function,
        arguments=arguments,
        result=result,
        destructive=destructive,
        outgoing=outgoing,
        alters=alters,
        retries=retries,
        timeout=timeout,
    )


def add(tool: Tool) -> None:
    if tool.name in _tools:
        raise ValueError(f"there is a tool {tool.name!r} already")
    _tools[tool.name] = tool


def remove(name: str) -> None:
    del _tools[name]


def get(name: str) -> Tool | None:
    return _tools.get(name)


def all_tools() -> Iterable[Tool]:
    return _tools.values()
