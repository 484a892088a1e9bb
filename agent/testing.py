"""A model for tests: says what it was told to say, and can be held back. Part of no running product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from agent.llm.base import (
    Analysis,
    Context,
    MemoryNote,
    Outcome,
    Revise,
    ToolSpec,
    Usage,
)

Turn = Any  # a value, or an exception to raise


class ScriptedModel:
    """Takes its turns from queues, one for each verb; the last turn of a queue is repeated.

    A verb that has a gate in `gates` waits for it to be set before it answers.
    """

    name = "scripted"

    def __init__(
        self,
        *,
        analyses: Sequence[Turn] = (Analysis("command", "Do it", needs_tools=True),),
        plans: Sequence[Turn] = (),
        answers: Sequence[Turn] = (["Done."],),
        notes: Sequence[Turn] = ([],),
        gates: Mapping[str, asyncio.Event] | None = None,
    ) -> None:
        self.usage = Usage()
        self.gates = dict(gates or {})
        self.asked: list[tuple[str, Any]] = []  # verb and what it was given
        self._turns = {
            "analyze": list(analyses),
            "plan": list(plans),
            "answer": list(answers),
            "consolidate": list(notes),
        }

    async def analyze(self, context: Context) -> Analysis:
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

    async def answer(
        self, context: Context, analysis: Analysis, outcome: Outcome
    ) -> AsyncIterator[str]:
        for piece in await self._turn("answer", outcome):
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            else:
                yield piece

    async def consolidate(self, context: Context, outcome: Outcome) -> list[MemoryNote]:
        turn: list[MemoryNote] = await self._turn("consolidate", outcome)
        return turn

    async def _turn(self, verb: str, given: Any) -> Any:
        self.asked.append((verb, given))
        if verb in self.gates:
            await self.gates[verb].wait()
        self.usage.calls += 1
        turns = self._turns[verb]
        turn = turns.pop(0) if len(turns) > 1 else turns[0]
        if isinstance(turn, Exception):
            raise turn
        return turn
