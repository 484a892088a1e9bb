"""Tools that only tests register, and how they do it. Part of no running product."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from agent.tools import registry
from agent.tools.registry import Arguments, Result, ToolCall


class Text(Arguments):
    text: str = ""


class Said(Result):
    text: str


@contextlib.contextmanager
def having(
    name: str,
    work: Callable[[ToolCall, Text], Any],
    effect: str = "writes",
    *,
    alters: int | None = 0,
    **options: Any,
) -> Iterator[None]:
    """Has a tool `name` for as long as the block lasts, which does `work` and returns its text."""

    async def function(call: ToolCall, arguments: Text) -> Said:
        """Does what a test needs."""
        returned = work(call, arguments)
        return Said(text=str(await returned if hasattr(returned, "__await__") else returned))

    function.__name__ = name
    function.__annotations__ = {"call": ToolCall, "arguments": Text, "return": Said}
    registry.add(registry.make(function, effect, alters=alters, **options))
    try:
        yield
    finally:
        registry.remove(name)


class Flaky:
    """Fails in the ways of `failures`, one after the other, and then works."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.keys: list[str] = []

    async def __call__(self, call: ToolCall, given: Text) -> str:
        self.keys.append(call.key)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return "at last"
