"""Reads what a model asks for before it plans: calls of tools that only read, in their project.

The results are data for the prompts. They are kept with the run, so that nothing is read twice.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from agent.event_log.phases import READING
from agent.exceptions import ToolFailed
from agent.llm.base import Reading, ReadRequest
from agent.models import Run
from agent.pipeline.sub_steps import Reports
from agent.plan import placeholders
from agent.runs.recorder import Finished, Recorder
from agent.shorten import shorten
from agent.support import database, tracing
from agent.support.counts import count
from agent.support.words import isolated
from agent.tools import registry, switches
from agent.tools.calling import call_plain, too_slow
from agent.tools.references import find, missing_objects
from agent.tools.registry import Tool, ToolCall

logger = logging.getLogger(__name__)

_PLACE = re.compile(r"^[a-z_]+(?:\.\w+)*: ")  # of an argument, before a problem with it
MAX_READS = 8  # of a run
MAX_NAMED, MAX_TITLE = 3, 80  # objects that a title names, and characters of a query in it


def read_requests(values: Any) -> list[ReadRequest]:
    """Returns the requests in a model's answer; what has another form is left out."""
    items = values if isinstance(values, list | tuple) else ()
    return [
        ReadRequest(item["tool"], item["arguments"])
        for item in items
        if isinstance(item, Mapping)
        and isinstance(item.get("tool"), str)
        and isinstance(item.get("arguments"), Mapping)
    ]


# Of `agent.pipeline.outside`: what a reading reads, in words; carries it out.
Title = Callable[[Run, ReadRequest], Awaitable[str]]
Read = Callable[[Run, str, ReadRequest, str, Reports], Awaitable[Reading]]


class Reader:
    """The readings of one run, in order."""

    def __init__(self, recorder: Recorder, title: Title, read: Read) -> None:
        self.recorder = recorder
        self._title = title
        self._called = read
        self.readings = [Reading(**kept) for kept in recorder.kept(READING).values()]

    @property
    def left(self) -> int:
        return MAX_READS - len(self.readings)

    async def read(self, requests: Iterable[ReadRequest]) -> bool:
        """Carries out the requests that are new, as far as some are `left`. Returns whether any was."""
        before = len(self.readings)
        for request in requests:
            known = [(reading.tool, reading.arguments) for reading in self.readings]
            if self.left and (request.tool, request.arguments) not in known:
                await self._read(request)
        return len(self.readings) > before

    async def _read(self, request: ReadRequest) -> None:
        run, key = self.recorder.run, f"r{len(self.readings) + 1}"
        title = await self._title(run, request)

        async def work() -> Finished:
            reports = Reports(run.pk, key, self.recorder.report)
            calling = self._called(run, key, request, title, reports)
            reading = await (calling if tracing.tracer is None else _traced(calling, request, key))
            state = "failed" if reading.error else "finished"
            told = reports.end(state)
            return Finished(
                f"🔎 {title}",
                reading.error or _size(reading),
                asdict(reading),
                effect=lambda: told,
                metadata={"phase": state},
                sub_steps=reports.as_json(),
            )

        kept = await self.recorder.part(READING, key, f"🔎 {title}", work)
        self.readings.append(Reading(**kept))


async def _traced(calling: Awaitable[Reading], request: ReadRequest, key: str) -> Reading:
    name = request.tool if registry.get(request.tool) else "unknown"  # a model wrote it
    with tracing.tool(name, key, request.arguments) as span:
        reading = await calling
        if reading.error:
            tracing.fail(span, "ToolFailed")
        tracing.tell_result(span, reading.result)
        return reading


async def called(run: Run, request: ReadRequest, title: str, reports: Reports) -> Reading:
    """Calls the tool until its deadline. Then its function ends by itself; nobody waits for it."""
    tool = registry.get(request.tool)
    try:
        async with asyncio.timeout(tool.timeout if tool else None):
            return await database.call(_call, run, request, title, reports)
    except TimeoutError:
        assert tool is not None, "without it, there is no deadline"
        return Reading(request.tool, dict(request.arguments), title, error=str(too_slow(tool)))


def _call(run: Run, request: ReadRequest, title: str, reports: Reports) -> Reading:
    """Calls the tool in a transaction that is rolled back: whatever it does, it changes nothing."""
    reading = Reading(request.tool, dict(request.arguments), title)
    tool = registry.get(request.tool)
    if tool is None or not tool.spec.reads:
        return replace(reading, error=f"{request.tool} is no tool that reads.")
    if tool.name in switches.switched_off(run.session.project_id):
        return replace(reading, error=f"{switches.refusal(tool.name)}.")
    if errors := _errors(run, tool, request.arguments):
        return replace(reading, error="; ".join(errors))
    try:
        arguments = tool.arguments.model_validate(request.arguments)
        call = ToolCall.of(run, READING)
        call.progress = reports
        result = call_plain(tool, call, arguments)
    except ToolFailed as error:
        return replace(reading, error=str(error))
    except database.CONNECTION_ERRORS:
        raise
    except Exception:  # tools are third-party code: an error in one must not fail the run
        logger.exception("%s raised before the plan", tool.name)
        return replace(reading, error="Unexpected error (see the server log).")
    return replace(reading, result=result)


def _errors(run: Run, tool: Tool, arguments: Mapping[str, Any]) -> list[str]:
    if any(placeholders(arguments)):
        return ["there are no results of steps before the plan"]
    missing = missing_objects(run.session.project_id, tool, arguments)
    # A person reads which object there is none of, not in which argument it was named.
    return tool.check(arguments) or [_PLACE.sub("", problem) for problem in missing]


# -- in words --------------------------------------------------------------------------------------


def title_of(project: UUID, request: ReadRequest) -> str:
    """Returns what is read, as a person is told it."""
    given = request.arguments
    query = shorten(str(given.get("query") or ""), MAX_TITLE)
    match request.tool:
        case "get_tasks":
            return f"Reading {_names(project, 'task', given.get('tasks'))} in full"
        case "get_memories":
            return f"Reading {_names(project, 'memory', given.get('memories'))} in full"
        case "get_history":
            kind = "task" if given.get("task") else "memory"
            return f"Reading the history of {_names(project, kind, [given.get(kind)])}"
        case "search_tasks" | "search_memories" | "search_messages":
            found = request.tool.removeprefix("search_")
            return f"Searching {found} for “{query}”" if query else f"Listing {found}"
        case "list_changes":
            return "Reading the latest changes"
        case "get_project":
            return "Reading the description of the project"
    return f"Reading: {request.tool.removeprefix('get_').replace('_', ' ')}"


def _names(project: UUID, kind: str, references: Any) -> str:
    texts = (
        [text for text in references if isinstance(text, str)]
        if isinstance(references, list)
        else []
    )
    rows = [find(project, kind, text) for text in texts[:MAX_NAMED]]
    titles = [
        f"“{isolated(shorten(row.title if row else text, MAX_TITLE))}”"
        for row, text in zip(rows, texts, strict=False)
    ]
    rest = len(texts) - len(titles)
    return ", ".join(titles) + (f" and {rest} more" if rest else "") if titles else f"a {kind}"


def _size(reading: Reading) -> str:
    """Returns how much was read: "5 of 12 found"."""
    result = reading.result or {}
    lists = [value for value in result.values() if isinstance(value, list)]
    number = len(lists[0]) if lists else 1
    total = result.get("total")
    if isinstance(total, int):
        return f"{number} of {total} found" if number < total else f"{total} found"
    return count(number, "object") if lists and number > 1 else ""
