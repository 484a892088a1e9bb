"""Calls tools, which may be other people's code: what one returns or raises is the matter of its step and
of nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agent.exceptions import QuotaReached, ToolFailed
from agent.support import database
from agent.support.words import without_refused
from agent.tools.registry import Tool, ToolCall


def call_plain(tool: Tool, call: ToolCall, arguments: Any) -> dict[str, Any]:
    """Calls a plain function, which works on the database; returns its result as JSON.

    What a tool that reads has written nevertheless is rolled back.
    """
    with _guarded(tool):
        if not tool.reads:
            return _as_json(tool.function(call, arguments))
        with database.rolled_back():
            result = _as_json(tool.function(call, arguments))
        call.changes.clear()
        return result


async def read(tool: Tool, call: ToolCall, arguments: Any) -> dict[str, Any]:
    """Calls a plain function that only reads, in a thread and outside of every commit. Raises ToolFailed
    at its deadline; the function ends by itself, with nobody who waits for it.
    """
    try:
        async with asyncio.timeout(tool.timeout) as limit:
            return await database.call(call_plain, tool, call, arguments)
    except TimeoutError:
        if limit.expired():
            raise too_slow(tool) from None
        raise


def too_slow(tool: Tool) -> ToolFailed:
    return ToolFailed(f"{tool.name} {late(tool)}.")


def late(tool: Tool) -> str:
    return f"took longer than {tool.timeout:g} s"


async def call_async(tool: Tool, call: ToolCall, arguments: Any) -> dict[str, Any]:
    """Calls an async function; returns its result as JSON."""
    with _guarded(tool):
        return _as_json(await tool.function(call, arguments))


@contextmanager
def _guarded(tool: Tool) -> Iterator[None]:
    try:
        yield
    except SystemExit as error:  # it would end the server
        raise RuntimeError(f"{tool.name} called sys.exit()") from error
    except QuotaReached:
        raise
    except ToolFailed as error:
        raise ToolFailed(without_refused(str(error))) from None


def _as_json(result: Any) -> dict[str, Any]:
    """Returns what a tool returned as JSON, without the characters that a database refuses."""
    found: dict[str, Any] = _stored(result.model_dump(mode="json"))
    return found


def _stored(value: Any) -> Any:
    match value:
        case str():
            return without_refused(value)
        case Mapping():
            return {_stored(key): _stored(item) for key, item in value.items()}
        case list():
            return [_stored(item) for item in value]
    return value
