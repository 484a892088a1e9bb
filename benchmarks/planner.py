"""The product's application with a model of known duration. Only for `make bench`.

Everything else is the product's own. `/benchmark/set?thinks=` sets the seconds of a call. With COUNT_SQL,
`/benchmark/counts` returns the statements and commits. The model reports its time, in microseconds, as the
input tokens of the `complete` event's `usage`. Concurrent calls (memory and answer) count once.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from samurai_site.asgi import application as product  # first: it sets Django up

from agent.engine.local import LocalEngine  # isort: skip
from agent.llm.base import (  # isort: skip
    Analysis,
    Context,
    MemoryNote,
    Outcome,
    Revise,
    ToolSpec,
    Usage,
)
from agent.llm.writing import Watch

from samurai_site import server  # isort: skip
from benchmarks import control  # isort: skip

WORDS = 10  # of the answer
control.values["thinks"] = 0.0


class SlowModel:
    """Plans one step, which creates a task or changes the existing one."""

    name = "slow"

    def __init__(self) -> None:
        self.usage = Usage()
        self.left_out: dict[str, str] = {}
        self.shown: dict[str, Mapping[str, Any]] = {}
        self.watch: Watch | None = None
        self._at_work = 0
        self._since = 0.0

    @contextmanager
    def _working(self) -> Iterator[None]:
        if not self._at_work:
            self._since = time.perf_counter()
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1
            if not self._at_work:
                self.usage.input_tokens += round((time.perf_counter() - self._since) * 1e6)

    async def _think(self, share: float = 1.0) -> None:
        with self._working():
            await asyncio.sleep(control.values["thinks"] * share)

    async def analyze(self, context: Context, tools: Sequence[ToolSpec] = ()) -> Analysis:
        await self._think()
        return Analysis("command", "One step", needs_tools=True)

    async def plan(
        self,
        context: Context,
        analysis: Analysis,
        tools: Sequence[ToolSpec],
        revise: Revise | None = None,
    ) -> dict[str, Any]:
        await self._think()
        if context.message.startswith("Create"):
            call = {"tool": "create_task", "arguments": {"title": "A task"}}
        else:
            changed = {"task": context.tasks[0].id, "description": context.message}
            call = {"tool": "update_task", "arguments": changed}
        step = {"id": "s1", "type": "tool", "description": "One step", "depends_on": [], **call}
        return {"summary": "", "steps": [step]}

    async def answer(
        self, context: Context, analysis: Analysis, outcome: Outcome
    ) -> AsyncIterator[str]:
        for number in range(WORDS):
            await self._think(1 / WORDS)
            yield f"word {number} "

    async def consolidate(self, context: Context, outcome: Outcome) -> list[MemoryNote]:
        await self._think()
        return []


def _engine(**options: Any) -> LocalEngine:
    return LocalEngine(**options, model=SlowModel())


server.LocalEngine = _engine  # type: ignore[misc, assignment]
if os.environ.get("COUNT_SQL"):
    control.count_sql()
application = control.Controlled(product)
