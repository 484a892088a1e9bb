"""What was estimated before the work of a run began, and what it took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.event_log.phases import Phase
from agent.event_log.texts import DOING
from agent.models import PhaseResult, PlanRevision, PlanStep
from agent.support.durations import duration
from chat.run_page.rows import Rows
from chat.run_page.spans import name_of

Band = tuple[int, int]  # milliseconds: of ten such works, one is faster, one slower


@dataclass(frozen=True, slots=True)
class Compared:
    """An estimate beside the truth. `verdict`: "within the range", "faster", "slower", or "" while it is
    not known; `level`: how deep the row is nested.
    """

    name: str
    estimate: str
    took: str
    verdict: str
    level: int = 0


def of_run(rows: Rows) -> list[Compared]:
    """Returns the run from its plan on, then its phases, and its steps within the execution; only what has
    an estimate or took part in one.
    """
    found = [*_whole(rows)]
    steps = [
        _compared(name_of(step), _band(step), step.started_at, step.finished_at, rows, 1)
        for step in rows.begun
        if step.started_at
    ]
    for row in rows.phases:
        if not rows.is_own(row):
            continue
        over = row.started_at + timedelta(milliseconds=row.duration_ms)
        if row.phase != Phase.START:
            name = DOING.get(row.phase, row.phase)
            found.append(_compared(name, _band(row), row.started_at, over, rows))
        if row.phase == Phase.EXECUTION:
            found += steps
            steps = []
    return [*found, *steps]


def is_any(compared: list[Compared]) -> bool:
    return any(one.estimate for one in compared)


def _whole(rows: Rows) -> list[Compared]:
    """Returns the run from its first estimated plan to its end, without waits for approval."""
    plans = {step.plan.revision: step.plan for step in rows.steps}
    first = next((plan for plan in plans.values() if _band(plan)), None)
    asked = ((one.requested_at, one.estimate) for one in rows.approvals if one.estimate)
    if first is not None:
        start, band = first.created_at, _band(first)
    elif (found := next(asked, None)) is not None:
        start, band = found[0], (found[1]["low_ms"], found[1]["high_ms"])
    else:
        return []
    waited = [
        min(one.decided_at or rows.end, rows.end) - one.requested_at
        for one in rows.approvals
        if one.requested_at >= start
    ]
    worked = rows.end - sum(waited, timedelta())
    name = "From the plan to the end, without waiting for approval"
    return [_compared(name, band, start, worked if rows.run.finished_at else None, rows, 0, worked)]


def _compared(
    name: str,
    band: Band | None,
    start: datetime,
    over: datetime | None,
    rows: Rows,
    level: int = 0,
    by_now: datetime | None = None,
) -> Compared:
    """`over`: None while it goes on; `by_now`: until when it is counted then, or now."""
    ms = max(((over or by_now or rows.end) - start).total_seconds() * 1000, 0)
    took = duration(ms) if over else f"{duration(ms)} so far"
    if band is None:
        return Compared(name, "", took, "", level)
    text = f"{duration(band[0])} to {duration(band[1])}"
    return Compared(name, text, took, _verdict(ms, band) if over else "", level)


def _band(row: PhaseResult | PlanStep | PlanRevision) -> Band | None:
    return None if row.low_ms is None or row.high_ms is None else (row.low_ms, row.high_ms)


def _verdict(ms: float, band: Band) -> str:
    low, high = band
    if ms > high:
        return f"slower by {duration(ms - high)}"
    return "faster" if ms < low else "within the range"
