"""Stores plans: each revision with its steps and their status. `agent.plan` has the plan as a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from agent import plan
from agent.event_log import events
from agent.event_log.payloads import PlannedStep
from agent.event_log.times import stamp
from agent.models import PlanRevision, PlanStep, Run
from agent.plans import open_points
from agent.support import raw_sql

_LAST_OF_RUN = (
    "SELECT revision FROM agent_planrevision WHERE run_id = %s ORDER BY revision DESC LIMIT 1"
)


def save(
    run: Run,
    plan: plan.Plan,
    kept: Mapping[str, PlanStep] | None = None,
    *,
    is_first: bool = False,
) -> tuple[PlanRevision, list[events.Event]]:
    """Saves the valid `plan` as the run's next revision. Returns the revision, with its steps, and its
    events. Must be called inside an effect. Arguments as of `prepare`.
    """
    revision, plan_events = prepare(run, plan, kept, is_first=is_first)
    insert(revision)
    return revision, plan_events


def insert(revision: PlanRevision) -> None:
    """Inserts a revision that was prepared, and its steps, inside the effect that prepared it."""
    raw_sql.insert(revision)
    raw_sql.insert(*revision.steps.all())


def prepare(
    run: Run,
    plan: plan.Plan,
    kept: Mapping[str, PlanStep] | None = None,
    *,
    is_first: bool = False,
) -> tuple[PlanRevision, list[events.Event]]:
    """As `save`, but inserts no rows.

    `kept`: finished steps of an earlier revision or run, by id; steps
    of `plan` with these ids adopt their results. `is_first`: the run has no revision.
    """
    kept = kept or {}
    last = [] if is_first else raw_sql.column(_LAST_OF_RUN, run.pk)
    revision = PlanRevision(
        run=run,
        revision=last[0] + 1 if last else 1,
        summary=plan.summary,
        assumptions=[one.as_json() for one in plan.assumptions],
        questions=[one.as_json() for one in plan.questions],
        digest=plan.digest,
    )
    steps = [
        _row(revision, position, step, kept.get(step.id))
        for position, step in enumerate(plan.steps, start=1)
    ]
    _set_steps(revision, steps)
    kept_events = [step_event(run.pk, step) for step in steps if step.key in kept]
    return revision, [plan_event(revision, steps), *kept_events]


def _row(revision: PlanRevision, position: int, step: plan.Step, kept: PlanStep | None) -> PlanStep:
    row = PlanStep(
        plan=revision,
        key=step.id,
        position=position,
        type=step.type,
        tool=step.tool,
        description=step.description,
        arguments=dict(step.arguments),
        depends_on=list(step.depends_on),
        untrusted=step.untrusted,
    )
    if kept is not None:
        row.status, row.result = kept.status, kept.result
        row.created, row.error, row.sub_steps = kept.created, kept.error, kept.sub_steps
        row.started_at, row.finished_at = kept.started_at, kept.finished_at
        row.low_ms, row.high_ms = kept.low_ms, kept.high_ms
    return row


def succeeded_steps(revision: PlanRevision | None) -> dict[str, PlanStep]:
    """Returns the steps with a result that succeeded, by id. The next revision must keep them."""
    return {
        step.key: step
        for step in (revision.steps.all() if revision else ())
        if step.type in plan.WORK and step.status == PlanStep.Status.SUCCEEDED
    }


def failed_before(revision: PlanRevision) -> list[PlanStep]:
    """Returns the failed steps of the run's earlier revisions that are not in this one."""
    if revision.revision == 1:
        return []
    steps = PlanStep.objects.filter(
        plan__run=revision.run_id,
        plan__revision__lte=revision.revision,
        status=PlanStep.Status.FAILED,
    )
    # A revision may keep failed steps of the one before it: each is reported once.
    last = {
        (step.key, step.finished_at): step for step in steps.order_by("plan__revision", "position")
    }
    return [step for step in last.values() if step.plan_id != revision.pk]


def ended_steps(revision: PlanRevision) -> dict[str, PlanStep]:
    """Returns the steps that succeeded, failed or were skipped, by id."""
    return {
        step.key: step for step in revision.steps.all() if step.status not in PlanStep.UNFINISHED
    }


def unchanged_steps(revision: PlanRevision, edited: plan.Plan) -> dict[str, PlanStep]:
    """Returns the ended steps of `revision` that the edited plan has as they were, by id: a failed one is not
    tried again, and what was skipped because of it stays so.
    """
    ended = ended_steps(revision)
    kept: dict[str, PlanStep] = {}
    for step in plan.in_order(edited.steps):
        row = ended.get(step.id)
        if row is None or as_step(row).action != step.action:
            continue
        if row.status != PlanStep.Status.SKIPPED or _has_unmet_need(step, kept):
            kept[step.id] = row
    return kept


def _has_unmet_need(step: plan.Step, ended: Mapping[str, PlanStep]) -> bool:
    needed = [ended[need] for need in step.depends_on if need in ended]
    return any(row.status != PlanStep.Status.SUCCEEDED for row in needed)


def latest(run: Run) -> PlanRevision | None:
    """Returns the run's last revision with its `steps` prefetched."""
    last = "run_id = %s ORDER BY revision DESC LIMIT 1"
    for revision in raw_sql.select(PlanRevision, last, run.pk):
        _set_steps(revision, steps_of(revision))
        return revision
    return None


def _set_steps(revision: PlanRevision, steps: list[PlanStep]) -> None:
    """Sets the steps that `revision.steps.all()` returns, as `prefetch_related` does."""
    found: Any = revision.steps.all()
    found._result_cache = steps
    cache: Any = revision
    cache._prefetched_objects_cache = {"steps": found}


def steps_of(revision: PlanRevision) -> list[PlanStep]:
    """Reads the steps from the database, in order."""
    return raw_sql.select(PlanStep, "plan_id = %s ORDER BY position", revision.pk)


def as_plan(revision: PlanRevision) -> plan.Plan:
    opened = {"assumptions": revision.assumptions, "questions": revision.questions}
    return plan.Plan(
        revision.summary,
        tuple(as_step(step) for step in revision.steps.all()),
        open_points.assumptions_of(opened),
        open_points.questions_of(opened),
    )


def as_step(step: PlanStep) -> plan.Step:
    return plan.Step(
        id=step.key,
        type=plan.StepType(step.type),
        description=step.description,
        tool=step.tool,
        arguments=step.arguments,
        depends_on=tuple(step.depends_on),
        untrusted=step.untrusted,
    )


def step_json(step: PlanStep) -> PlannedStep:
    return {
        "id": step.key,
        "type": step.type,
        "tool": step.tool or None,
        "description": step.description,
        "arguments": step.arguments,
        "depends_on": step.depends_on,
        "status": step.status,
    }


def plan_event(revision: PlanRevision, steps: Iterable[PlanStep]) -> events.Event:
    return events.Plan(
        revision.run_id,
        id=revision.pk,
        revision=revision.revision,
        summary=revision.summary,
        assumptions=revision.assumptions,
        questions=revision.questions,
        steps=[step_json(step) for step in steps],
    )


def step_event(run: UUID, step: PlanStep, line: str = "") -> events.Event:
    """`line`: what the run does, when this step changes that."""
    return events.Step(
        run,
        id=step.key,
        status=step.status,
        started_at=_time(step.started_at),
        finished_at=_time(step.finished_at),
        result=step.result,
        error=step.error or None,
        texts={"line": line} if line else None,
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)
