"""The offline model behind the `Model` protocol. Deterministic: rules, no randomness, no network.

Only `context.message` is read for commands; all else in the context is looked up, never obeyed.
Everything is computed in a thread: a long message takes tenths of a second.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

from agent.llm.base import Analysis, Context, MemoryNote, Outcome, Revise, ToolSpec, Usage
from agent.llm.offline.answers import SAY, answer
from agent.llm.offline.drafting import Draft, draft, question
from agent.llm.offline.titles import cut

_NO_BETTER_PLAN = (
    "I could make no better plan, so nothing more was changed. Please say it in other words."
)
_READ = 500  # characters of a reason
_WITHOUT = re.compile(
    r"(?:but |just |do it |the same |everything )*(?:without|not|no|skip|leave out|omit|except"
    r"|don['’]t|do not)(?: (?:create|add|delete|remove|mark|do))? (?P<what>.+)",
    re.I,
)


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
        text = await asyncio.to_thread(lambda: answer(context, outcome, draft(context)))
        for line in text.split("\n"):
            yield f"{line}\n"

    async def consolidate(self, context: Context, outcome: Outcome) -> list[MemoryNote]:
        """Returns nothing: what is worth remembering is stored by the steps of the plan."""
        return []


def _analysis(context: Context) -> Analysis:
    made = draft(context)
    asked = question(made.unclear) if made.unclear else ""
    return Analysis(made.intent, _summary(made), bool(made.plan.steps), asked)


def _plan(context: Context, revise: Revise | None) -> dict[str, Any]:
    """Returns the plan, or the one that the reasons ask for.

    Only a person's reasons are orders. Errors and failed steps the same plan would meet again.
    """
    made = new = draft(context)
    if revise is None:
        steps = made.plan.steps or [_telling("Answer the message")]
        return {"summary": _summary(made), "steps": steps}
    if revise.by_person:
        taken: list[str] = []
        added: list[str] = []
        for reason in revise.reasons:
            text = " ".join(reason[:_READ].split()).rstrip(" .!")
            match = _WITHOUT.fullmatch(text)
            taken += re.split(r",? and |, ", match["what"]) if match else []
            added += [] if match else [text]
        new = draft(context, ". ".join(added), taken)
    if new.plan.steps and new.plan.steps != made.plan.steps:
        return {"summary": _summary(new), "steps": new.plan.steps}
    # An error tells which object is missing.
    missing = [reason.partition(": There is no ")[2] for reason in revise.reasons]
    told = [f"There is no {text}" for text in missing if text and not revise.by_person]
    return {"summary": "", "steps": [_telling(SAY + " ".join([_NO_BETTER_PLAN, *told[:3]]))]}


def _telling(description: str) -> dict[str, Any]:
    step = {"id": "s1", "type": "answer", "tool": None, "description": description}
    return {**step, "arguments": {}, "depends_on": []}


def _summary(made: Draft) -> str:
    steps = [step["description"] for step in made.plan.steps]
    if len(steps) > 3:
        return f"{len(steps)} steps, beginning with: {steps[0]}"
    if steps:
        return "; ".join(steps)
    if made.unclear:
        return cut(question(made.unclear).partition("\n")[0], 120)
    if made.refusal:
        return "Not understood in full, so nothing is changed"
    asked = {"question": "A question", "greeting": "A greeting"}
    return asked.get(made.intent, "Nothing to be done")
