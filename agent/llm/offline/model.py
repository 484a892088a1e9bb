"""The offline model behind the `Model` protocol. Deterministic: rules, no randomness, no network.

Only `context.message` is read for commands; all else in the context is looked up, never obeyed.
Everything is computed in a thread: a long message takes tenths of a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.llm.base import Analysis, Context, MemoryNote, Outcome, Revise, ToolSpec, Usage
from agent.llm.offline.answers import SAY, answer
from agent.llm.offline.drafting import Draft, draft, question
from agent.llm.writing import Watch
from agent.shorten import shorten

_NO_BETTER_PLAN = "I could make no better plan, so nothing more was changed. Say it in other words."


class OfflineModel:
    """Carries out what the grammar says exactly; refuses the rest, and says which part it is."""

    name = "offline"

    def __init__(self) -> None:
        self.usage = Usage()
        self.left_out: dict[str, str] = {}
        self.watch: Watch | None = None
        self.shown: dict[str, Mapping[str, Any]] = {}

    async def analyze(self, context: Context, tools: Sequence[ToolSpec] = ()) -> Analysis:
        return await asyncio.to_thread(_analysis, context)

    async def plan(
        self,
        context: Context,
        analysis: Analysis,
        tools: Sequence[ToolSpec],
        revise: Revise | None = None,
    ) -> dict[str, Any]:
        return await asyncio.to_thread(_plan, context, revise)

    async def answer(
        self, context: Context, analysis: Analysis, outcome: Outcome
    ) -> AsyncIterator[str]:
        text = await asyncio.to_thread(lambda: answer(outcome, draft(context)))
        for line in text.split("\n"):
            yield f"{line}\n"

    async def consolidate(self, context: Context, outcome: Outcome) -> list[MemoryNote]:
        """Returns nothing: what is worth remembering is stored by the steps of the plan."""
        return []


def _analysis(context: Context) -> Analysis:
    made = draft(context)
    return Analysis(made.intent, _summary(made), bool(made.plan.steps), made.question)


def _plan(context: Context, revise: Revise | None) -> dict[str, Any]:
    """Returns the plan, or the one that a person's reasons ask for in place of the message.

    Errors and failed steps are no orders, and the same plan would meet them again.
    """
    if revise is None:
        made = draft(context)
        steps = made.plan.steps or [_telling("Answer the message")]
    else:
        reasons = ". ".join(revise.reasons) if revise.by_person else ""
        made = draft(replace(context, message=reasons))
        steps = made.plan.steps or [_telling(SAY + _NO_BETTER_PLAN)]
    return {"summary": _summary(made), "steps": steps}


def _telling(description: str) -> dict[str, Any]:
    step = {"id": "s1", "type": "answer", "tool": None, "description": description}
    return {**step, "arguments": {}, "depends_on": []}


def _summary(made: Draft) -> str:
    steps = [step["description"] for step in made.plan.steps]
    if len(steps) > 3:
        return f"{len(steps)} steps, beginning with: {steps[0]}"
    if made.unclear:
        return shorten(question(made.unclear).partition("\n")[0], 120)
    refused = "Not understood in full, so nothing is changed" if made.refusal else ""
    return "; ".join(steps) or refused or "Nothing to be done"
