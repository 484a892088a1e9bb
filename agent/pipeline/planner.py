"""Asks the model for plans, validates them, and replans after a failure. Writes and executes nothing.

An invalid plan goes back to the model once; after that, a plan that only answers replaces it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.event_log.phases import Phase
from agent.exceptions import PlanInvalid
from agent.llm.base import Analysis, Context, Model, Revise, ToolSpec
from agent.models import PhaseResult, PlanRevision, PlanStep, Run
from agent.pipeline.reading import Reader, read_requests
from agent.plan import WORK, Plan, Step, StepType, answer_only
from agent.plans import open_points, parser, store, validation
from agent.plans.rewriting import seen_texts
from agent.runs import approvals, steering_rows
from agent.shorten import shorten
from agent.support import database
from agent.support.offers import without_offers
from agent.tools import references, registry

# What a model is told besides the words, which are a part of the message.
_SENT = "the person sent this into the run, after the plan was made: {}"


@dataclass(frozen=True, slots=True)
class Checked:
    """A valid plan. `errors`: why it only answers, if so; `repaired`: the first plan was invalid."""

    plan: Plan
    errors: Sequence[str] = ()
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Replanned:
    """A plan for the rest of a run; None: the last one stays. `refused`: why no plan was made with what
    was sent into the run, if so.
    """

    plan: Plan | None
    refused: str = ""


class Planner:
    """Makes the plans of one run. Each plan contains the finished steps unchanged."""

    def __init__(
        self,
        model: Model,
        run: Run,
        context: Context,
        analysis: Analysis,
        reader: Reader,
        tools: Sequence[ToolSpec],
    ) -> None:
        self.model = model
        self.run = run
        self.context = context
        self.analysis = analysis
        self.reader = reader
        self.tools = tools  # those that the plan may use
        # The marks of the texts that the prompt of the last plan contained; None if that is unknown.
        self.seen: Sequence[str] | None = []
        self._is_kept = False  # the planning phase has kept it
        # The messages, sent into the run, that this prompt contained and no plan was made with before,
        # by their ids; and why the plan was made without them, if it was.
        self.steered: Sequence[str] = []
        self.declined = ""

    async def make(self) -> dict[str, Any]:
        """Returns the model's plan, not validated, after what has to be read was read.

        After a rejection the model gets its reason.
        """
        if not self.analysis.question:
            await self.reader.read(self.analysis.read_first)
        is_clear = self.analysis.needs_tools and not self.analysis.question
        if not is_clear and not await self._take_up():
            return _answer_only(self.analysis).as_json()
        if self.run.attempt == 1 and self.run.retry_of_id is None:  # no plan has been rejected yet
            return await self._ask(None)
        return await self._ask(await database.call(approvals.requested_revision, self.run))

    def take_up(self, planned: Mapping[str, Any]) -> None:
        """Adopts what the planning phase has kept."""
        self.seen, self._is_kept = planned.get("seen"), True
        self.steered = planned.get("steered", [])
        self.declined = planned.get("declined", "")

    def keep_seen(self) -> None:
        """Keeps `seen` with the run, inside the effect that saves a repaired or new plan."""
        if self._is_kept:
            return
        row = PhaseResult.objects.filter(run=self.run, phase=Phase.PLANNING).first()
        if row is not None:
            row.result = {**row.result, "seen": self.seen}
            row.save(update_fields=["result"])

    async def check(self, raw: Any, done: Mapping[str, PlanStep]) -> Checked:
        """Returns the plan in `raw` if it is valid, or one in its place. `done`: the finished steps."""
        plan, errors = await self._checked(raw, done)
        repaired = bool(errors)
        if errors and (self.analysis.needs_tools or self.steered):
            last = raw if isinstance(raw, dict) else None
            raw = await self._ask(Revise((*errors, *_describe(done)), last))
            plan, errors = await self._checked(raw, done)
        if plan is None or errors:
            return Checked(_no_valid_plan(errors, done), errors, repaired)
        return Checked(open_points.written(plan, done), (), repaired)

    async def replan(self, revision: PlanRevision) -> Replanned:
        """Returns a plan that replaces the failed steps and has what was sent into the run."""
        steps = list(revision.steps.all())
        done = store.succeeded_steps(revision)
        reasons = [
            f"step {step.key} ({step.description}) did not succeed: {step.error}"
            for step in steps
            if step.status in (PlanStep.Status.FAILED, PlanStep.Status.SKIPPED)
        ]
        last = store.as_plan(revision)
        raw = await self._ask(Revise((*reasons, *_describe(done)), last.as_json()))
        checked = await self.check(raw, done)
        if self.declined or checked.errors:
            return Replanned(None, self.declined or "No valid plan was found with it.")
        remaining = _work(checked.plan, done)
        works = any(step.type in WORK and step.id not in done for step in checked.plan.steps)
        is_less = not works and not self.steered
        return Replanned(None if is_less or remaining == _work(last, done) else checked.plan)

    async def _ask(self, revise: Revise | None) -> dict[str, Any]:
        """Asks for a plan. A model that asks to read something first is asked once more with that."""
        words = await self._take_up()
        if revise is not None and words:
            said = [_SENT.format(text) for text in words if text not in revise.reasons]
            reasons = (*said, *revise.reasons)
            revise = replace(revise, reasons=reasons, by_person=True, added=words)
        plan = await self._plan(revise, self.reader.left)
        if await self.reader.read(read_requests(plan.pop("read_first", None))):
            plan = await self._plan(revise, 0)
            plan.pop("read_first", None)
        self.declined = plan.pop("declined", "")
        return plan

    async def _take_up(self) -> tuple[str, ...]:
        """Adds to the context what was sent into the run; returns what no plan was made with yet."""
        known, new = await database.call(steering_rows.words_and_open_of, self.run)
        words = tuple(one.content for one in new)
        self.context = replace(self.context, added=(*known, *words))
        self.steered = [str(one.message) for one in new]
        return words

    async def _plan(self, revise: Revise | None, reads_left: int) -> dict[str, Any]:
        context = replace(self.context, readings=tuple(self.reader.readings), reads_left=reads_left)
        plan = await self.model.plan(context, self.analysis, self.tools, revise)
        shown = self.model.shown.pop("plan", None)
        self.seen = seen_texts(context.as_json() if shown is None else shown)
        self._is_kept = False
        return dict(plan)

    async def _checked(
        self, raw: Any, done: Mapping[str, PlanStep]
    ) -> tuple[Plan | None, list[str]]:
        try:
            plan = parser.parse(_with_done_steps(raw, done))
        except PlanInvalid as error:
            return None, error.errors
        return await database.call(self._validated, plan, done)

    def _validated(self, plan: Plan, done: Mapping[str, PlanStep]) -> tuple[Plan, list[str]]:
        project, user = self.run.session.project, self.run.created_by
        with references.found_once():
            problems = validation.problems(plan, project, user, done, self.seen)
            return (plan if problems else validation.resolved(plan, project, done)), problems


def tool_specs(off: Collection[str] = ()) -> list[ToolSpec]:
    """Returns the tools as a model is told them, without those that are switched `off`."""
    return [tool.spec for tool in registry.all_tools() if tool.name not in off]


def _answer_only(analysis: Analysis) -> Plan:
    if analysis.question:
        return Plan("", (Step("s1", StepType.ASK, without_offers(analysis.question)),))
    return answer_only()


def _with_done_steps(raw: Any, done: Mapping[str, PlanStep]) -> Any:
    """Returns the plan with the `done` steps first, whether the model repeated them or not."""
    if not done or not isinstance(raw, Mapping) or not isinstance(raw.get("steps"), list):
        return raw
    first = [store.as_step(step).as_json() for step in done.values()]
    others = [
        item for item in raw["steps"] if not (isinstance(item, Mapping) and item.get("id") in done)
    ]
    return {**raw, "steps": [*first, *others]}


def _describe(done: Mapping[str, PlanStep]) -> list[str]:
    """Returns what the model is told about the finished steps; not their results, which are data."""
    return [
        f"step {key} ({step.description}) is done and stays in the plan. Do not repeat it; later steps may "
        f"depend on {key} and use its result"
        for key, step in done.items()
    ]


def _work(plan: Plan, done: Mapping[str, PlanStep]) -> list[tuple[str, Any]]:
    """Returns what `plan` still has to execute, and its questions, without the ids of its steps."""
    return [
        (step.tool, step.arguments if step.type in WORK else step.description)
        for step in plan.steps
        if step.type != StepType.ANSWER and step.id not in done
    ]


def _no_valid_plan(errors: Sequence[str], done: Mapping[str, PlanStep]) -> Plan:
    """Returns a plan with one answer step, which reports that no valid plan was found."""
    description = shorten(f"Say that no valid plan was found: {'; '.join(errors)}", 500)
    first = [store.as_step(step) for step in done.values()]
    unused = next(name for n in range(1, 99) if (name := f"s{n}") not in done)
    return Plan(
        "No valid plan was found; nothing more is changed.",
        (*first, Step(unused, StepType.ANSWER, description)),
    )
