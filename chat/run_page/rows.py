"""The rows of one run that its page reads, each kind with one query and a limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from agent.event_log.phases import is_part
from agent.models import Approval, ModelCall, PhaseResult, PlanStep, Run

MAX_STEPS = 500  # of all plans of the run, the latest ones
MAX_APPROVALS = 50
MAX_CALLS = 50  # the latest ones; a run rarely makes ten
_TEXTS = ("prompt", "text", "thoughts")  # of a call


@dataclass(frozen=True, slots=True)
class Rows:
    """What a run wrote. `phases`: without its readings; `steps`: of all its plans, in order, with those that
    a later plan kept; `calls`: in order and without their texts, `more_calls`: there are earlier ones.
    `now`: when this was read.
    """

    run: Run
    phases: list[PhaseResult]
    readings: list[PhaseResult]
    steps: list[PlanStep]
    approvals: list[Approval]
    calls: list[ModelCall]
    more_calls: bool = False
    now: datetime = field(default_factory=timezone.now)

    @property
    def end(self) -> datetime:
        """When the run was over, or now."""
        return self.run.finished_at or self.now

    @property
    def last_plan(self) -> list[PlanStep]:
        """The steps of the latest plan, in order."""
        latest = max((step.plan.revision for step in self.steps), default=0)
        return [step for step in self.steps if step.plan.revision == latest]

    @property
    def begun(self) -> list[PlanStep]:
        """The steps that this run began, each once, with the latest plan that has it."""
        own = [step for step in self.steps if step.started_at and self.is_own(step)]
        return list({(step.key, step.started_at): step for step in own}.values())

    def is_own(self, row: PhaseResult | PlanStep) -> bool:
        """Tells whether the run did this itself: a retry has copies of what the former run did."""
        at = row.started_at
        return self.run.retry_of_id is None or at is None or at >= self.run.created_at


def load(run: Run, *, calls: bool = True) -> Rows:
    """Reads the rows of `run`, also its `calls` to the model."""
    phases = list(run.phases.all())
    steps = PlanStep.objects.filter(plan__run=run).select_related("plan").defer("result")
    kept = _calls(run) if calls else []
    return Rows(
        run,
        [row for row in phases if not is_part(row.phase)],
        [row for row in phases if is_part(row.phase)],
        list(steps.order_by("-plan__revision", "-position")[:MAX_STEPS])[::-1],
        list(_asked(run.approvals.all()[:MAX_APPROVALS])),
        kept[:MAX_CALLS][::-1],
        len(kept) > MAX_CALLS,
    )


def _calls(run: Run) -> list[ModelCall]:
    calls = run.model_calls.order_by("-started_at", "-id").defer(*_TEXTS)
    return list(calls[: MAX_CALLS + 1])


def _asked(approvals: Iterable[Approval]) -> Iterable[Approval]:
    """Returns the approvals that somebody was asked for. A retry has copies, decided before they were
    written.
    """
    return (row for row in approvals if not row.decided_at or row.decided_at > row.requested_at)
