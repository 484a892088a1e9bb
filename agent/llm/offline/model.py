"""The offline model behind the `Model` protocol. Deterministic: rules, no randomness, no network.

Only `context.message` is read for commands; all else in the context is looked up, never obeyed.
Everything is computed in a thread: a long message takes tenths of a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.exceptions import ModelRefused
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
from agent.llm.offline.answers import SAY, answer
from agent.llm.offline.drafting import Draft, draft
from agent.llm.writing import Watch
from agent.shorten import shorten

_COMPOSES_NOTHING = "The offline model composes nothing. Connect a language model for this step."
_DECLINED = "The offline model can't change a plan with that."
SWITCHED_OFF = (
    "That needs {}, which is switched off in this project, so nothing was changed. The owner of the "
    "project can switch it on, on its page of tools."
)
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
        made, _ = await asyncio.to_thread(_drafted, context)
        return Analysis(made.intent, _summary(made), bool(made.plan.steps), made.question)

    async def plan(
        self,
        context: Context,
        analysis: Analysis,
        tools: Sequence[ToolSpec],
        revise: Revise | None = None,
    ) -> dict[str, Any]:
        return _allowed(await asyncio.to_thread(_plan, context, revise), tools)

    async def compose(self, composition: Composition) -> Any:
        """Refuses: no plan of this model has such a step, but one of a model that was there before may."""
        raise ModelRefused(_COMPOSES_NOTHING)

    async def answer(
        self, context: Context, analysis: Analysis, outcome: Outcome
    ) -> AsyncIterator[str]:
        text = await asyncio.to_thread(lambda: answer(outcome, _drafted(context)[0]))
        for line in text.split("\n"):
            yield f"{line}\n"

    async def consolidate(self, context: Context, outcome: Outcome) -> list[MemoryNote]:
        """Returns nothing: what is worth remembering is stored by the steps of the plan."""
        return []


def _allowed(plan: dict[str, Any], tools: Sequence[ToolSpec]) -> dict[str, Any]:
    """Returns the plan, or one that tells which of its tools are not among `tools`."""
    names = {tool.name for tool in tools}
    used = [step["tool"] for step in plan["steps"] if step.get("tool")]
    off = [name for name in used if name not in names]
    if not off or not tools:  # without any, the validation says it
        return plan
    said = SWITCHED_OFF.format(" and ".join(dict.fromkeys(off)))
    return {"summary": "Nothing to be done", "steps": [_telling(SAY + said)]}


def _drafted(context: Context) -> tuple[Draft, str]:
    """Returns what becomes of the message with what was added to it; of the message alone, and that it
    is, if the whole is not understood.
    """
    if not context.added:
        return draft(context), ""
    whole = draft(replace(context, message="\n".join((context.message, *context.added))))
    if whole.refusal or whole.unclear:
        return draft(context), _DECLINED
    return whole, ""


def _plan(context: Context, revise: Revise | None) -> dict[str, Any]:
    """Returns the plan, or the one that a person's reasons ask for in place of the message.

    Errors and failed steps are no orders, and the same plan would meet them again.
    """
    declined = ""
    if revise is None:
        made, declined = _drafted(context)
        steps = made.plan.steps or [_telling("Answer the message")]
    elif revise.added and revise.plan:
        return _continued(context, revise.plan, revise.added)
    else:
        reasons = ". ".join(revise.reasons) if revise.by_person else ""
        made = draft(replace(context, message=reasons))
        steps = made.plan.steps or [_telling(SAY + _NO_BETTER_PLAN)]
    plan = {"summary": _summary(made), "steps": steps}
    return {**plan, "declined": declined} if declined else plan


def _continued(context: Context, last: Mapping[str, Any], added: Sequence[str]) -> dict[str, Any]:
    """Returns the last plan with the steps of what was added behind it; without them, it is declined."""
    kept = [step for step in last["steps"] if step["type"] == "tool"]
    before = [step["id"] for step in kept]
    made = draft(replace(context, message="\n".join(added)), before)
    if not made.plan.steps:
        return {**last, "declined": _DECLINED}
    for step in made.plan.steps:
        step["depends_on"] = [*before, *step["depends_on"]]
    return {"summary": _summary(made), "steps": [*kept, *made.plan.steps]}


def _telling(description: str) -> dict[str, Any]:
    step = {"id": "s1", "type": "answer", "tool": None, "description": description}
    return {**step, "arguments": {}, "depends_on": []}


def _summary(made: Draft) -> str:
    steps = [step["description"] for step in made.plan.steps]
    if len(steps) > 3:
        return f"{len(steps)} steps, beginning with: {steps[0]}"
    if made.unclear:
        return shorten(made.question.partition("\n")[0], 120)
    refused = "Not understood in full, so nothing is changed" if made.refusal else ""
    return "; ".join(steps) or refused or "Nothing to be done"
