"""Has plans made by the model and checked, and made anew after a failure. Writes nothing, runs nothing.

A plan that is not valid goes back to the model once; then a plan that only answers takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.exceptions import PlanInvalid
from agent.llm.base import Analysis, Context, Model, Revise, ToolSpec
from agent.models import PlanRevision, PlanStep, Run
from agent.plan import Plan, Step, StepType, answer_only
from agent.plans import parser, store, validation
from agent.runs import approvals
from agent.support import database
from agent.tools import registry


@dataclass(frozen=True, slots=True)
class Checked:
    """A valid plan. `errors`: why it only answers, if so; `mended`: the first one was not valid."""

    plan: Plan
    errors: Sequence[str] = ()
    mended: bool = False


class Planner:
    """Makes the plans of one run. What it has carried out stays in each of them, as it is."""

    def __init__(self, model: Model, run: Run, context: Context, analysis: Analysis) -> None:
        self.model = model
        self.run = run
        self.context = context
        self.analysis = analysis

    async def make(self) -> dict[str, Any]:
        """Returns the plan as the model makes it, unchecked; after a rejection one that heeds it."""
        if not self.analysis.needs_tools or self.analysis.question:
            return _words_only(self.analysis).as_json()
        if self.run.attempt == 1:  # nobody has seen a plan yet
            return await self._ask(None)
        return await self._ask(await database.call(approvals.requested_revision, self.run))

    async def check(self, raw: Any, kept: Mapping[str, PlanStep]) -> Checked:
        """Returns the plan that `raw` is, or one in its place. `kept`: what is carried out already."""
        plan, errors = await self._checked(raw, kept)
        mended = bool(errors)
        if errors and self.analysis.needs_tools:
            last = raw if isinstance(raw, dict) else None
            raw = await self._ask(Revise((*errors, *_about(kept)), last))
            plan, errors = await self._checked(raw, kept)
        if plan is None or errors:
            return Checked(_only_say(errors, kept), errors, mended)
        return Checked(plan, (), mended)

    async def again(self, revision: PlanRevision) -> Plan | None:
        """Returns a plan in which something else stands for what failed; None when there is none."""
        steps = list(revision.steps.all())
        kept = store.succeeded_steps(revision)
        reasons = [
            f"step {step.key} ({step.description}) did not succeed: {step.error}"
            for step in steps
            if step.status in (PlanStep.Status.FAILED, PlanStep.Status.SKIPPED)
        ]
        last = store.as_plan(revision)
        raw = await self._ask(Revise((*reasons, *_about(kept)), last.as_json()))
        checked = await self.check(raw, kept)
        fresh = _work(checked.plan, kept)
        if checked.errors or not fresh or fresh == _work(last, kept):
            return None
        return checked.plan

    async def _ask(self, revise: Revise | None) -> dict[str, Any]:
        return await self.model.plan(self.context, self.analysis, tool_specs(), revise)

    async def _checked(
        self, raw: Any, kept: Mapping[str, PlanStep]
    ) -> tuple[Plan | None, list[str]]:
        try:
            plan = parser.parse(_with_kept(raw, kept))
        except PlanInvalid as error:
            return None, error.errors
        return plan, await database.call(self._problems, plan, kept)

    def _problems(self, plan: Plan, kept: Mapping[str, PlanStep]) -> list[str]:
        project, user = self.run.session.project, self.run.created_by
        return validation.problems(plan, project, user, done=kept)


def tool_specs() -> list[ToolSpec]:
    return [tool.spec for tool in registry.all_tools()]


def _words_only(analysis: Analysis) -> Plan:
    if analysis.question:
        return Plan("", (Step("s1", StepType.ASK, analysis.question),))
    return answer_only()


def _with_kept(raw: Any, kept: Mapping[str, PlanStep]) -> Any:
    """Returns the plan with the steps `kept` before its own, whether it repeats them or not."""
    if not kept or not isinstance(raw, Mapping) or not isinstance(raw.get("steps"), list):
        return raw
    before = [store.as_step(step).as_json() for step in kept.values()]
    fresh = [
        item for item in raw["steps"] if not (isinstance(item, Mapping) and item.get("id") in kept)
    ]
    return {**raw, "steps": [*before, *fresh]}


def _about(kept: Mapping[str, PlanStep]) -> list[str]:
    """Returns what a model is told of the steps that stay. Not their results: those are only data."""
    return [
        f"step {key} ({step.description}) is done and stays; do not do it again, but later steps may "
        f"depend on {key} and take parts of its result"
        for key, step in kept.items()
    ]


def _work(plan: Plan, kept: Mapping[str, PlanStep]) -> list[tuple[str, Any]]:
    """Returns what `plan` still does, whatever its steps are called."""
    return [
        (step.tool, step.arguments)
        for step in plan.steps
        if step.type == StepType.TOOL and step.id not in kept
    ]


def _only_say(errors: Sequence[str], kept: Mapping[str, PlanStep]) -> Plan:
    """Returns the plan that does nothing more, and says that no valid one was found."""
    said = f"Say that no valid plan was found: {'; '.join(errors)}"[:500]
    before = [store.as_step(step) for step in kept.values()]
    free = next(name for n in range(1, 99) if (name := f"s{n}") not in kept)
    return Plan(
        "The plan could not be made valid; nothing more is changed.",
        (*before, Step(free, StepType.ANSWER, said)),
    )
