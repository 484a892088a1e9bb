"""Plans as rows: each revision with its steps, and how far they are. Values are `agent.plans`'."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from agent import events, plans
from agent.models import PlanRevision, PlanStep, Run


def save(run: Run, plan: plans.Plan) -> tuple[PlanRevision, events.Event]:
    """Adds `plan`, a valid one, as the run's next revision; inside an effect."""
    last = run.plans.order_by("-revision").first()
    revision = PlanRevision.objects.create(
        run=run,
        revision=last.revision + 1 if last else 1,
        summary=plan.summary,
        digest=plan.digest,
    )
    PlanStep.objects.bulk_create(
        PlanStep(
            plan=revision,
            key=step.id,
            position=position,
            type=step.type,
            tool=step.tool,
            description=step.description,
            arguments=dict(step.arguments),
            depends_on=list(step.depends_on),
        )
        for position, step in enumerate(plan.steps, start=1)
    )
    return revision, plan_event(revision)


def latest(run: Run) -> PlanRevision | None:
    return run.plans.prefetch_related("steps").order_by("-revision").first()


def as_plan(revision: PlanRevision) -> plans.Plan:
    return plans.Plan(
        revision.summary,
        tuple(
            plans.Step(
                id=step.key,
                type=plans.StepType(step.type),
                description=step.description,
                tool=step.tool,
                arguments=step.arguments,
                depends_on=tuple(step.depends_on),
            )
            for step in revision.steps.all()
        ),
    )


def step_json(step: PlanStep) -> dict[str, Any]:
    return {
        "id": step.key,
        "type": step.type,
        "tool": step.tool or None,
        "description": step.description,
        "arguments": step.arguments,
        "depends_on": step.depends_on,
        "status": step.status,
    }


def plan_event(revision: PlanRevision) -> events.Event:
    return events.plan(
        revision.run_id,
        id=revision.pk,
        revision=revision.revision,
        summary=revision.summary,
        steps=[step_json(step) for step in revision.steps.all()],
    )


def step_event(run: UUID, step: PlanStep) -> events.Event:
    return events.step(
        run,
        id=step.key,
        status=step.status,
        started_at=step.started_at,
        finished_at=step.finished_at,
        result=step.result,
        error=step.error,
    )
