"""The tools of a replay: those that read, or that act elsewhere, return what was recorded.

Tools that change tasks and memories do it again, in the replay's own database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from agent.capsule.form import Capsule, NoCapsule, ToolForm
from agent.capsule.pace import Frame, Pace
from agent.event_log.phases import kind_of
from agent.exceptions import ToolFailed
from agent.tools import registry
from agent.tools.registry import Arguments, EffectKind, Tool, ToolCall

_NOT_RECORDED = "The capsule has no result of this step."


class _Anything(Arguments):
    """The arguments of a tool that is not installed here: they were valid when they were recorded."""

    model_config = ConfigDict(extra="allow")


def _with_schema(base: type[BaseModel], schema: dict[str, Any]) -> Any:
    """Returns a class whose JSON Schema is `schema`, and which accepts everything."""
    told = classmethod(lambda cls, **options: schema)
    return type(base.__name__, (base,), {"model_json_schema": told})


class _Result(BaseModel):
    model_config = ConfigDict(extra="allow")


@dataclass(slots=True)
class _Execution:
    """One execution of a step in the recorded log: from its start to where its end begins.

    `reports`: the places of what its tool reported; `failures`: of attempts that failed before the last.
    """

    start: int
    end: int | None = None  # None: it has none, since the run was cancelled
    result: Any = None
    error: str = ""
    reports: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class RecordedTools:
    """What the steps of one run returned, by step and in order."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._steps = _executions(pace.recorded)

    def _of(self, call: ToolCall) -> _Execution:
        """Returns the execution that goes on now, or the next one for a dry run."""
        found = self._steps.get(call.key.partition(":")[2], ())
        begun = [one for one in found if one.start < self._pace.count]
        if not found:
            raise ToolFailed(_NOT_RECORDED)
        return begun[-1] if begun else found[0]

    async def call(self, call: ToolCall, arguments: Any) -> _Result:
        """Is an async tool."""
        one = self._of(call)
        failure = one.failures.pop(0) if one.failures else ""
        for place in one.reports:
            if failure and place > one.start and self._is_after_retry(place, call):
                break
            await self._pace.until(place)
            report(call.progress, self._pace.recorded[place])
        if failure:
            await self._pace.people()
            raise type(failure, (Exception,), {})
        if one.end is None:
            await self._pace.never()
        await self._pace.until(one.end or 0)
        return _ended(one)

    def read(self, call: ToolCall, arguments: Any) -> _Result:
        """Is a plain tool that reads."""
        one = self._of(call)
        if one.start < self._pace.count:
            for place in one.reports:
                self._pace.until_now(place)
                report(call.progress, self._pace.recorded[place])
        return _ended(one)

    def _is_after_retry(self, place: int, call: ToolCall) -> bool:
        """Tells whether a retry of the step, which is still to come, is before the report."""
        key = call.key.partition(":")[2]
        between = self._pace.recorded[self._pace.count : place]
        return any(_retried(frame, key) for frame in between)


def _ended(one: _Execution) -> _Result:
    if one.error:
        raise ToolFailed(one.error)
    return _Result(**one.result) if isinstance(one.result, Mapping) else _Result()


def report(progress: Any, frame: Frame) -> None:
    """Reports once more what the event reports, unless the end of the call reports it."""
    told = frame["progress"]
    about = told["metadata"]
    if "part" not in about:
        progress(told["message"], told["details"])
        return
    kind = kind_of(told["step"])
    message = told["message"].removeprefix(f"{kind.icon} " if kind and kind.icon else "")
    counts = {name: about[name] for name in ("done", "of", "unit") if name in about}
    is_whole = "of" in counts and counts.get("done", 0) >= counts["of"]
    if about.get("phase") not in ("finished", "failed") or is_whole:
        progress(message, step=told["step"], part=about["part"], **counts)


def is_report(frame: Frame, key: str) -> bool:
    """Tells whether the tool of the step or reading `key` reported this while it worked."""
    if frame["type"] != "progress":
        return False
    about = frame["progress"]["metadata"]
    is_own = "part" in about or (
        "phase" not in about and not frame["progress"]["message"].startswith("🔁 Retrying ")
    )
    return bool(is_own and about.get("step_id") == key)


def _retried(frame: Frame, key: str) -> bool:
    if frame["type"] != "progress" or "🔁 Retrying " not in frame["progress"]["message"]:
        return False
    return bool(frame["progress"]["metadata"].get("step_id") == key)


def _executions(recorded: Sequence[Frame]) -> dict[str, list[_Execution]]:
    found: dict[str, list[_Execution]] = {}
    for place, frame in enumerate(recorded):
        if frame["type"] == "step" and frame["step"]["status"] == "running":
            found.setdefault(frame["step"]["id"], []).append(_execution(recorded, place))
    return found


def _execution(recorded: Sequence[Frame], start: int) -> _Execution:
    key = recorded[start]["step"]["id"]
    one = _Execution(start)
    for place in range(start + 1, len(recorded)):
        frame = recorded[place]
        if is_report(frame, key):
            one.reports.append(place)
        elif _retried(frame, key):
            one.failures.append(frame["progress"]["details"].rpartition("failed with ")[2])
        elif frame["type"] == "step" and frame["step"]["id"] == key:
            if frame["step"]["status"] in ("succeeded", "failed"):
                one.end = _begin_of_end(recorded, place, key)
                one.result, one.error = frame["step"]["result"], frame["step"]["error"] or ""
            break
    return one


def _begin_of_end(recorded: Sequence[Frame], end: int, key: str) -> int:
    """Returns where the events begin that were committed with the end of the step."""
    place = end
    while place and _ends_with(recorded[place - 1], key):
        place -= 1
    return place


def _ends_with(frame: Frame, key: str) -> bool:
    if frame["type"] == "change":
        return bool(frame["change"].get("step") == key)
    return is_report(frame, key) and "phase" in frame["progress"]["metadata"]


@contextmanager
def replaced(capsule: Capsule, pace: Pace) -> Iterator[None]:
    """Within the block, the tools that do not work on the database alone return what was recorded.

    Raises `NoCapsule` for a tool that is missing here, and whose work cannot be recorded.
    """
    recorded = RecordedTools(pace)
    used = {
        step["tool"]
        for frame in capsule.events
        if frame["type"] == "plan"
        for step in frame["plan"]["steps"]
    }
    tools = [
        _tool(name, form, recorded, is_used=name in used) for name, form in capsule.tools.items()
    ]
    with registry.only(tools):
        yield


def _tool(name: str, form: ToolForm, recorded: RecordedTools, *, is_used: bool) -> Tool:
    """Returns the tool that does its own work in a replay, or what takes its place."""
    tool = registry.get(name)
    if not form.is_async and EffectKind(form.effect) is not EffectKind.READS:
        if tool is not None:
            return tool
        if is_used:
            raise NoCapsule(
                f"The tool {name} is not installed here. It changes the database, which a capsule does "
                "not record: install its package to carry the run out again."
            )
    function = recorded.call if form.is_async else recorded.read
    if tool is not None:
        return replace(tool, function=function)
    if form.spec is None:
        raise NoCapsule(f"The tool {name} does not exist in this version.")
    return Tool(
        name=name,
        description=form.spec.description,
        function=function,
        arguments=_with_schema(_Anything, form.spec.parameters),
        result=_with_schema(_Result, form.spec.result),
        effect=EffectKind(form.effect),
        alters=form.alters,
        retries=form.retries,
        timeout=form.timeout,
        idempotent=form.idempotent,
        package=form.package,
    )
