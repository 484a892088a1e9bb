"""The offline model behind the `Model` protocol. Deterministic: rules, no randomness, no network.

Only `context.message` is read for commands; all else in the context is looked up, never obeyed.
Everything is computed in a thread: a long message takes tenths of a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from agent.llm.base import Analysis, Context, MemoryNote, Outcome, Revise, ToolSpec, Usage
from agent.llm.offline import answers, revising
from agent.llm.offline.drafting import Draft, draft
from agent.llm.offline.steps import answer_step
from agent.llm.offline.titles import cut


class OfflineModel:
    """Carries out what the grammar says exactly; refuses the rest, and says which part it is."""

    name = "offline"

    def __init__(self) -> None:
        self.usage = Usage()
        self.left_out: dict[str, str] = {}

    async def analyze(self, context: Context) -> Analysis:
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
        for piece in await asyncio.to_thread(_answer, context, outcome):
            yield piece

    async def consolidate(self, context: Context, outcome: Outcome) -> list[MemoryNote]:
        """Returns nothing: what is worth remembering is stored by the steps of the plan."""
        return []


def _analysis(context: Context) -> Analysis:
    made = draft(context)
    question = made.question.text if made.question else ""
    return Analysis(made.intent, _summary(made), bool(made.made.steps), question)


def _plan(context: Context, revise: Revise | None) -> dict[str, Any]:
    if revise is not None:
        return revising.revised(context, revise)
    made = draft(context)
    steps = made.made.steps or [answer_step("s1", "Answer the message")]
    return {"summary": _summary(made), "steps": steps}


def _answer(context: Context, outcome: Outcome) -> list[str]:
    return list(answers.answer(context, outcome, draft(context)))


def _summary(made: Draft) -> str:
    steps = [step["description"] for step in made.made.steps]
    if len(steps) > 3:
        return f"{len(steps)} steps, beginning with: {steps[0]}"
    if steps:
        return "; ".join(steps)
    if made.question:
        return cut(made.question.text.partition("\n")[0], 120)
    if made.refusal:
        return "Not understood in full, so nothing is changed"
    return {"question": "A question", "greeting": "A greeting"}.get(
        made.intent, "Nothing to be done"
    )
