"""Makes the rows of runs that are over, for the tests of the analytics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from agent.models import (
    ChatSession,
    Message,
    PhaseResult,
    PlanRevision,
    PlanStep,
    Run,
)


def moment(day: int, hour: int = 12, minute: int = 0) -> datetime:
    """Returns a time in March 2026, UTC."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def make_run(
    session: ChatSession,
    at: datetime,
    *,
    took: int = 1000,
    phases: dict[str, int] | None = None,
    band: tuple[int, int] | None = None,
    **fields: Any,
) -> Run:
    """Makes a run that was sent at a time and took milliseconds. `band`: estimated of each phase."""
    message = Message.objects.create(session=session, role="user", content="Do it")
    number = session.runs.count() + 1
    values = {"status": "succeeded", "model": "m", "started_at": at, **fields}
    run = Run.objects.create(
        session=session,
        number=number,
        message=message,
        finished_at=values["started_at"] + timedelta(milliseconds=took),
        **values,
    )
    Run.objects.filter(pk=run.pk).update(created_at=at)
    run.created_at = at
    low, high = band or (None, None)
    for phase, duration_ms in (phases or {}).items():
        PhaseResult.objects.create(
            run=run, phase=phase, started_at=at, duration_ms=duration_ms, low_ms=low, high_ms=high
        )
    return run


def make_steps(run: Run, *steps: tuple[str, int, str], revision: int = 1) -> None:
    """Makes a plan of steps: a tool, milliseconds and a status each."""
    plan = PlanRevision.objects.create(run=run, revision=revision)
    PlanRevision.objects.filter(pk=plan.pk).update(created_at=run.created_at)
    for place, (tool, took, status) in enumerate(steps):
        PlanStep.objects.create(
            plan=plan,
            key=f"s{place}",
            position=place,
            type="tool" if tool else "compose",
            tool=tool,
            status=status,
            started_at=run.created_at,
            finished_at=run.created_at + timedelta(milliseconds=took),
        )
