"""The offline model behind the `Model` protocol. Deterministic: rules, no randomness, no network.

Only `context.message` is read for commands; all else in the context is looked up, never obeyed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from agent.llm.base import Analysis, Context, MemoryNote, Outcome, Revise, ToolSpec, Usage
from agent.llm.offline import answers
from agent.llm.offline.answers import SAY
from agent.llm.offline.planning import draft
from agent.llm.offline.reading import read
from agent.llm.offline.revising import without
from agent.llm.offline.steps import Draft, answer_step
from agent.llm.offline.titles import cut

NO_BETTER_PLAN = (
    "I could make no better plan, so nothing more was changed. Please say it in other words."
)


class OfflineModel:
    """Understands commands, lists, chains and statements to remember; says what it cannot do."""

    name = "offline"

    def __init__(self) -> None:
        self.usage = Usage()

    async def analyze(self, context: Context) -> Analysis:
        made = _draft(context)
        return Analysis(_intent(made), _summary(made), bool(made.steps), _question(made))

    async def plan(
        self,
        context: Context,
        analysis: Analysis,
        tools: Sequence[ToolSpec],
        revise: Revise | None = None,
    ) -> dict[str, Any]:
        made = _draft(context)
        if revise is None:
            return _plan(made)
        return _revised(context, made, revise)

    async def answer(
        self, context: Context, analysis: Analysis, outcome: Outcome
    ) -> AsyncIterator[str]:
        for piece in answers.answer(context, analysis, outcome, _draft(context)):
            yield piece

    async def consolidate(self, context: Context, outcome: Outcome) -> list[MemoryNote]:
        """Returns nothing: what is worth remembering is stored by the steps of the plan."""
        return []


def _draft(context: Context) -> Draft:
    return draft(context, read(context.message))


# -- what the message wants ------------------------------------------------------------------------


def _intent(made: Draft) -> str:
    tools = {step["tool"] for step in made.steps}
    if tools:
        if tools == {"search_tasks"}:
            return "question"
        return "statement" if tools <= {"create_memory", "update_memory"} else "command"
    if made.recalls or made.facts:
        return "question"
    if made.questions:
        return "command"
    kinds = [aside.kind for aside in made.asides]
    if made.notes or "project" in kinds:
        return "statement"
    if "help" in kinds:
        return "question"
    return "greeting" if kinds else "unsupported"


def _summary(made: Draft) -> str:
    if len(made.steps) > 3:
        return f"{len(made.steps)} steps, beginning with: {made.steps[0]['description']}"
    if made.steps:
        return "; ".join(step["description"] for step in made.steps)
    if made.recalls:
        return "A question to the memory"
    if made.facts:
        return "A question to the board"
    if made.questions:
        return "Ask back: " + cut(made.questions[0].partition("\n")[0], 120)
    return {
        "statement": "Nothing to be done",
        "question": "Tell what I can do",
        "greeting": "A greeting",
    }.get(_intent(made), "Something that the offline model cannot do")


def _question(made: Draft) -> str:
    """Returns what to ask back; nothing when there is something to do or to tell first."""
    if made.steps or made.recalls or made.facts or not made.questions:
        return ""
    return "\n\n".join(_besides(made))


def _besides(made: Draft) -> list[str]:
    """Returns what there is to say beside the work: questions, notes, what was not understood."""
    return [*made.questions, *made.notes, *answers.not_understood(made.not_understood)]


# -- the plan --------------------------------------------------------------------------------------


def _plan(made: Draft) -> dict[str, Any]:
    steps = list(made.steps)
    if not steps:
        return {"summary": "", "steps": [answer_step("s1", "Answer the message")]}
    if besides := _besides(made):
        steps.append(answer_step(f"s{len(steps) + 1}", SAY + "\n\n".join(besides)))
    return {"summary": _summary(made), "steps": steps}


def _revised(context: Context, made: Draft, revise: Revise) -> dict[str, Any]:
    """Returns the plan with what the reasons take from it or add to it, or one that only answers.

    Only a person's are orders. Errors and failed steps the same plan would meet again.
    """
    steps = list(made.steps)
    understood = False
    for reason in revise.reasons if revise.by_person else ():
        left = without(reason, steps)
        if left is not None:
            steps, understood = left, True
        elif added := _added(context, reason):
            steps, understood = added.steps, True
    if not (understood and steps):
        return {"summary": "", "steps": [answer_step("s1", SAY + NO_BETTER_PLAN)]}
    made.steps = steps
    return _plan(made)


def _added(context: Context, reason: str) -> Draft | None:
    """Returns the draft with `reason` as one more instruction, when it is one from start to end."""
    alone = read(reason)
    both = read(f"{context.message}\n\n{reason}")
    if len(read(context.message).clauses) == len(both.clauses):
        return None
    own = draft(context, alone)
    if own.not_understood or own.recalls or own.asides or not alone.clauses:
        return None
    made = draft(context, both)
    return made if len(made.steps) > len(draft(context, read(context.message)).steps) else None
