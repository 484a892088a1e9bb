"""The registry of tools. The modules beside this one register their tools on import."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from agent.change import Change
from agent.llm.base import ToolSpec
from agent.plan import path_text, placeholders, replace
from agent.support.invalid import message
from agent.tools import schemas, signatures
from agent.tools.signatures import Arguments, Function, Result

if TYPE_CHECKING:
    from agent.models import Run, Task

__all__ = [
    "Arguments",
    "EffectKind",
    "Result",
    "Tool",
    "ToolCall",
    "tool",
]  # for other packages too


class EffectKind(StrEnum):
    """What the calls of a tool do, in one word. The approval policy and the page show and use it."""

    READS = "reads"  # changes nothing; a plain function may also be called before the plan
    WRITES = "writes"  # creates and changes objects of the project
    DELETES = "deletes"  # deletes objects of the project
    OUTGOING = "outgoing"  # acts outside the project's database, where nothing can be undone


class Progress(Protocol):
    """Reports the progress of a call. Returns at once.

    Without `step`, `message` and `details` are the line of the call's step while it works; only an
    async function's is shown. With `step`, the name of a `progress_step`, it is a sub-step: `done` and
    `of` are its counts, `unit` says of what ("pages"), `part` tells several of one `step` apart. It ends
    when `done` reaches `of`, or with the call. Without a message it has the label of the `step`.
    """

    def __call__(
        self,
        message: str = "",
        details: str = "",
        *,
        step: str = "",
        done: int | None = None,
        of: int | None = None,
        unit: str = "",
        part: str = "",
    ) -> None: ...


def ignore_progress(message: str = "", details: str = "", **counts: Any) -> None:
    """Does nothing: of the dry run nothing is told."""


@dataclass(slots=True)
class ToolCall:
    """The context of one tool call: project, run and user. `key` is the same in each retry of a step.

    `locked`: tasks that were read and locked for this call, by what its arguments refer to them with.
    """

    project_id: UUID
    session_id: UUID
    run_id: UUID
    user_id: int | None
    message_id: UUID
    key: str
    changes: list[Change] = field(default_factory=list)
    locked: dict[str, Task] = field(default_factory=dict)
    progress: Progress = ignore_progress

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


F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a step of a plan may call.

    A plain function works on the project's database. It is called in the transaction that marks its
    step as succeeded, so that its effect happens exactly once. The dry run also calls it and rolls its
    effect back.

    An `async` function calls other systems. If it is `idempotent`, it may be called again after a crash,
    with the same `ToolCall.key`; otherwise its step fails then.
    """

    name: str
    description: str
    function: Function
    arguments: type[Arguments]
    result: type[BaseModel]
    effect: EffectKind
    alters: int | None  # how many existing objects one call changes at most; None: any number
    retries: int  # further attempts of an `async` tool after a timeout or an unexpected error
    timeout: float  # seconds per attempt
    idempotent: bool  # two calls with the same `ToolCall.key` act once
    package: str  # the top package of the function's module

    @property
    def reads(self) -> bool:
        return self.effect is EffectKind.READS

    @property
    def destructive(self) -> bool:
        return self.effect is EffectKind.DELETES

    @property
    def outgoing(self) -> bool:
        return self.effect is EffectKind.OUTGOING

    @property
    def summary(self) -> str:
        """The first sentence of the description."""
        text = " ".join(self.description.split("\n\n")[0].split())
        return text.partition(". ")[0].rstrip(".") + "."

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


def tool(effect: str, **options: Any) -> Callable[[F], F]:
    """Registers the decorated function as a tool under its name. The model reads its docstring.

    Its first parameter is the `ToolCall`; what the others mean says `signatures.read`. `effect`: an
    `EffectKind`; `options`: the keyword arguments of `make`. Raises ValueError that names the function
    and what is wrong with it.
    """

    def register(function: F) -> F:
        add(make(function, effect, **options))
        return function

    return register


def make(
    function: Callable[..., Any],
    effect: str,
    *,
    alters: int | None = None,
    retries: int = 0,
    timeout: float = 60.0,
    idempotent: bool = True,
) -> Tool:
    try:
        is_async = inspect.iscoroutinefunction(function)
        _check_options(function, effect, is_async, retries, idempotent)
        called, arguments, result = signatures.read(function)
    except ValueError as error:
        raise ValueError(f"{function.__module__}.{function.__name__}: {error}") from None
    kind = EffectKind(effect)
    return Tool(
        name=function.__name__,
        description=inspect.cleandoc(function.__doc__ or ""),
        function=called,
        arguments=arguments,
        result=result,
        effect=kind,
        alters=0 if kind is EffectKind.READS else alters,
        retries=retries,
        timeout=timeout,
        idempotent=idempotent,
        package=function.__module__.partition(".")[0],
    )


def _check_options(
    function: Callable[..., Any], effect: str, is_async: bool, retries: int, idempotent: bool
) -> None:
    if not (function.__doc__ or "").strip():
        raise ValueError("it has no docstring, which the model reads")
    if effect not in tuple(EffectKind):
        raise ValueError(f"its effect is {effect!r}, not one of {', '.join(EffectKind)}")
    if not is_async and (retries or not idempotent):
        raise ValueError("only an async function may have retries or be not idempotent")
    if retries and not idempotent:
        raise ValueError("a tool that is not idempotent can't have retries")


def add(tool: Tool) -> None:
    if (other := _tools.get(tool.name)) is not None:
        raise ValueError(
            f"{tool.function.__module__}.{tool.name}: the name {tool.name!r} is taken by a tool of "
            f"{other.function.__module__}"
        )
    _tools[tool.name] = tool


def remove(name: str) -> None:
    del _tools[name]


@contextmanager
def only(tools: Iterable[Tool]) -> Iterator[None]:
    """Within the block, there are these tools, in this order, and no others."""
    before = dict(_tools)
    _tools.clear()
    _tools.update((tool.name, tool) for tool in tools)
    try:
        yield
    finally:
        _tools.clear()
        _tools.update(before)


def get(name: str) -> Tool | None:
    return _tools.get(name)


def make_schemas() -> None:
    """Makes the schemas of all tools, which takes a tenth of a second: not on the event loop."""
    for tool in list(_tools.values()):
        _spec(tool)


def all_tools() -> Iterable[Tool]:
    return _tools.values()
