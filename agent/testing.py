"""A scripted model for tests of the agent and of projects that embed it. Not used by the product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from agent.llm.base import (
    Analysis,
    Composition,
    Context,
    MemoryNote,
    Outcome,
    Revise,
    ToolSpec,
    Usage,
)
from agent.llm.writing import Watch

Turn = Any  # a return value, or an exception to raise


class ScriptedModel:
    """Returns its turns from a queue per method; the last turn of a queue is repeated.

    `gates`: events by method name. A method with a gate waits until the event is set.
    """

    name = "scripted"

    def __init__(
        self,
        *,
        analyses: Sequence[Turn] = (Analysis("command", "Do it", needs_tools=True),),
        plans: Sequence[Turn] = (),
        compositions: Sequence[Turn] = (),
        answers: Sequence[Turn] = (["Done."],),
        notes: Sequence[Turn] = ([],),
        gates: Mapping[str, asyncio.Event] | None = None,
    ) -> None:
        self.usage = Usage()
        self.left_out: dict[str, str] = {}
        self.watch: Watch | None = None
        self.shown: dict[str, Mapping[str, Any]] = {}
        self.gates = dict(gates or {})
        self.asked: list[tuple[str, Any]] = []  # method name and argument of each call
        self._turns = {
            "analyze": list(analyses),
            "plan": list(plans),
            "compose": list(compositions),
            "answer": list(answers),
            "consolidate": list(notes),
        }

    async def analyze(self, context: Context, tools: Sequence[ToolSpec] = ()) -> Analysis:
        turn: Analysis = await self._turn("analyze", context)
        return turn

    async def plan(
        self,
        context: Context,
        analysis: Analysis,
        tools: Sequence[ToolSpec],
        revise: Revise | None = None,
    ) -> dict[str, Any]:
        turn: dict[str, Any] = await self._turn("plan", revise)
        return turn

    async def compose(self, composition: Composition) -> Any:
        return await self._turn("compose", composition)

    async def answer(
        self, context: Context, analysis: Analysis, outcome: Outcome
    ) -> AsyncIterator[str]:
        for chunk in await self._turn("answer", outcome):
            if isinstance(chunk, Exception):
                raise chunk
            if isinstance(chunk, asyncio.Event):
                await chunk.wait()
            else:
                yield chunk

    async def consolidate(self, context: Context, outcome: Outcome) -> list[MemoryNote]:
        turn: list[MemoryNote] = await self._turn("consolidate", outcome)
        return turn

    async def _turn(self, method: str, argument: Any) -> Any:
        self.asked.append((method, argument))
        if method in self.gates:
            await self.gates[method].wait()
        self.usage.calls += 1
        turns = self._turns[method]
        turn = turns.pop(0) if len(turns) > 1 else turns[0]
        if isinstance(turn, Exception):
            raise turn
        return turn
