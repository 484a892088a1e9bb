"""Where the time of runs goes: by phase, tool and model, by day, and the slowest runs.

A phase or step that a retry or a new plan took over counts once, where it was executed. A run's time is
from its start to its end, without waits for a person's approval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agent.analytics.queries import UNESTIMATED, Query, Scope, Timing, Timings, ms_between, timings
from agent.event_log.phases import Phase
from agent.support.durations import duration

COMPOSING = "compose"  # what stands for a tool where a model composes
LISTED = 10  # runs of a list

_NAMES = [str(phase) for phase in Phase]
# A number instead of the name: SQLite groups by it in two thirds of the time.
_NUMBER = " ".join(f"WHEN '{name}' THEN {number}" for number, name in enumerate(_NAMES))
_PHASES = f"""
SELECT CASE phase.phase {_NUMBER} END AS phase, {{keys}} past, phase.duration_ms AS ms, phase.low_ms,
    phase.high_ms
FROM runs JOIN agent_phaseresult phase ON phase.run_id = runs.id
WHERE phase.started_at >= runs.created_at AND {{which}}
"""
_STEPS = f"""
SELECT CASE WHEN step.tool = '' THEN '{COMPOSING}' ELSE step.tool END AS tool, {{failed}} past,
    {{ms}} AS ms, step.low_ms, step.high_ms
FROM runs JOIN agent_planrevision plan ON plan.run_id = runs.id
JOIN agent_planstep step ON step.plan_id = plan.id
WHERE step.type IN ('tool', 'compose') AND step.status IN ('succeeded', 'failed')
AND step.started_at IS NOT NULL AND step.finished_at >= plan.created_at
"""
_WORKED = """
, waits AS (
    SELECT approval.run_id, SUM({wait}) AS ms
    FROM runs JOIN agent_approval approval ON approval.run_id = runs.id
    WHERE approval.decided_at IS NOT NULL GROUP BY approval.run_id
), worked AS (
    SELECT runs.*, {took} - COALESCE(waits.ms, 0) AS ms
    FROM runs LEFT JOIN waits ON waits.run_id = runs.id
    WHERE runs.started_at IS NOT NULL AND runs.finished_at IS NOT NULL
)
"""
_PARTS = ", parts (day, since, until) AS (VALUES {})"


def phases(scope: Scope) -> Timings:
    """Returns the timings of the phases, by (phase, past)."""
    source = _PHASES.format(keys="", which=f"phase.phase IN {tuple(_NAMES)}")
    found = timings(Query(scope, with_past=True), source, ["phase"])
    return {(_NAMES[phase], past): timing for (phase, past), timing in found.items()}


def phase_of_models(scope: Scope, phase: str) -> Timings:
    """Returns the timings of one phase, by (model, past)."""
    source = _PHASES.format(keys="runs.model,", which="phase.phase = %s")
    return timings(Query(scope, with_past=True), source, ["model"], values=[phase])


def tools(scope: Scope) -> Timings:
    """Returns the timings of the calls of tools that ended, by (tool, whether it failed, past)."""
    failed = "CASE WHEN step.status = 'failed' THEN 1 ELSE 0 END AS failed,"
    source = _STEPS.format(ms=ms_between("step.started_at", "step.finished_at"), failed=failed)
    return timings(Query(scope, with_past=True), source, ["tool", "failed"])


def models(scope: Scope) -> Timings:
    """Returns the times of successful runs, by (model, past)."""
    source = f"SELECT model, past, ms, {UNESTIMATED} FROM worked"
    source += " WHERE status = 'succeeded'"
    return timings(Query(scope, with_past=True), source, ["model"], more=_worked())


def runs(scope: Scope) -> Timings:
    """Returns the times of successful runs, by (past,)."""
    source = f"SELECT past, ms, {UNESTIMATED} FROM worked WHERE status = 'succeeded'"
    return timings(Query(scope, with_past=True), source, more=_worked())


def days(scope: Scope) -> dict[tuple[int, str], Timing]:
    """Returns the times of runs that are over, by (number of the period's part, status)."""
    parts = list(scope.period.parts())
    source = f"""
        SELECT parts.day, status, past, ms, {UNESTIMATED} FROM worked
        JOIN parts ON worked.created_at >= parts.since AND worked.created_at < parts.until
    """
    more = _worked() + _PARTS.format(", ".join(["(%s, %s, %s)"] * len(parts)))
    values = [one for number, (_, start, end) in enumerate(parts) for one in (number, start, end)]
    found = timings(Query(scope), source, ["day", "status"], more=more, values=values)
    return {(int(day), status): timing for (day, status, _), timing in found.items()}


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in a list of the slowest or the most silent ones. `ms`: what it is listed for."""

    run: UUID
    number: int
    session: UUID
    title: str
    project: UUID
    project_name: str
    model: str
    status: str
    ms: int

    @property
    def text(self) -> str:
        return duration(self.ms)


def slowest(scope: Scope) -> list[ListedRun]:
    """Returns the runs that took the longest, the slowest first."""
    return _listed(scope, "ms", "worked", _worked())


def most_silent(scope: Scope) -> list[ListedRun]:
    """Returns the runs that showed nothing new for the longest time, the longest first."""
    return _listed(scope, "silence_ms", "runs", "")


_LISTED = """
SELECT chosen.id, run.number, run.session_id, session.title, project.id, project.name, run.model,
    run.status, chosen.ms
FROM (
    SELECT id, {value} AS ms FROM {table} WHERE {value} IS NOT NULL ORDER BY {value} DESC LIMIT {limit}
) chosen
JOIN agent_run run ON run.id = chosen.id
JOIN agent_chatsession session ON session.id = run.session_id
JOIN agent_project project ON project.id = session.project_id
ORDER BY chosen.ms DESC
"""


def _listed(scope: Scope, value: str, table: str, more: str) -> list[ListedRun]:
    statement = _LISTED.format(value=value, table=table, limit=LISTED)
    return [_listed_run(row) for row in Query(scope).rows(more + statement)]


def _listed_run(row: tuple[Any, ...]) -> ListedRun:
    run, number, session, title, project, name, model, status, ms = row
    keys = UUID(str(run)), UUID(str(session)), UUID(str(project))
    return ListedRun(keys[0], number, keys[1], title, keys[2], name, model, status, round(ms))


def _worked() -> str:
    return _WORKED.format(
        wait=ms_between("approval.requested_at", "approval.decided_at"),
        took=ms_between("runs.started_at", "runs.finished_at"),
    )
