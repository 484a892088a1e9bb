"""What a run did and what it waited for, each with its start and end: the rows as one list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

from agent.event_log.phases import PART, RETRY, Phase, kind_of
from agent.event_log.texts import DOING
from agent.models import Approval, ModelCall, PlanStep, Run
from agent.plan import StepType
from chat.run_page.rows import Rows

CALLS = {
    "analyze": "Analysis",
    "plan": "Plan",
    "compose": "Composition",
    "answer": "Answer",
    "consolidate": "Memory",
}
MAX_SUB_STEPS = 200  # of a run, the first ones; others are on the session page
_SHORT = timedelta(milliseconds=20)  # between a decision and what follows it


class Kind(StrEnum):
    """The rows of the chart, in order."""

    WAIT = "Waiting"
    PHASE = "Phases"
    CALL = "Calls to the model"
    READING = "Readings"
    STEP = "Steps of the plan"
    SUB_STEP = "Sub-steps"

    @property
    def noun(self) -> str:
        """What one of them is."""
        return _NOUNS[self]


_NOUNS = {
    Kind.WAIT: "wait",
    Kind.PHASE: "phase",
    Kind.CALL: "call to the model",
    Kind.READING: "reading",
    Kind.STEP: "step",
    Kind.SUB_STEP: "sub-step",
}


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took time. `color`: a phase, "waiting" or "call"; `status`: "" if it ended well;
    `is_open`: it goes on, and `end` is now.
    """

    kind: Kind
    name: str
    color: str
    start: datetime
    end: datetime
    status: str = ""
    is_open: bool = False

    @property
    def took(self) -> timedelta:
        return max(self.end - self.start, timedelta())


def of_run(rows: Rows, answered_at: datetime | None = None) -> list[Span]:
    """Returns all spans, by kind and start. `answered_at`: when a question that the run ended with was
    answered, or None.
    """
    sub_steps = list(_all_sub_steps(rows))[:MAX_SUB_STEPS]
    found = [
        *_phases(rows),
        *_readings(rows),
        *_steps(rows),
        *sub_steps,
        *map(_call, rows.calls),
    ]
    found += _waits(rows, found, answered_at)
    order = list(Kind)
    return sorted(found, key=lambda span: (order.index(span.kind), span.start))


# -- work ------------------------------------------------------------------------------------------


def _phases(rows: Rows) -> Iterator[Span]:
    own = [row for row in rows.phases if rows.is_own(row)]
    for row in own:
        over = row.started_at + timedelta(milliseconds=row.duration_ms)
        yield Span(Kind.PHASE, DOING.get(row.phase, row.phase), row.phase, row.started_at, over)
    status = _of_open_phases(rows.run)
    if rows.run.started_at is None or status is None or _ended_waiting(rows):
        return
    decided = [row.decided_at for row in rows.approvals if row.decided_at]
    ends = [row.started_at + timedelta(milliseconds=row.duration_ms) for row in own]
    start = max([rows.run.started_at, *ends, *decided])
    is_open = status == "running"
    for phase in open_phases(rows):
        yield Span(
            Kind.PHASE, DOING[phase], phase, start, max(rows.end, start), status, is_open=is_open
        )


def _of_open_phases(run: Run) -> str | None:
    """Returns the status of the phases that have begun and not ended; None if there are none."""
    if run.is_interrupted:
        return "interrupted"
    statuses = (Run.Status.RUNNING, Run.Status.FAILED, Run.Status.CANCELLED)
    return str(run.status) if run.status in statuses else None


def _ended_waiting(rows: Rows) -> bool:
    """Tells whether the run was cancelled while it waited for approval: by the decision, or by time."""
    last = rows.approvals[-1] if rows.approvals else None
    return (
        last is not None
        and last.status in (Approval.Status.REJECTED, Approval.Status.EXPIRED)
        and last.decided_at is not None
        and rows.run.finished_at is not None
        and rows.run.finished_at - last.decided_at < _SHORT
    )


def open_phases(rows: Rows) -> list[Phase]:
    """Returns the phases that follow the finished ones: one, or the last two at the same time."""
    done = {row.phase for row in rows.phases}
    left = [phase for phase in Phase if phase not in done]
    return left if Phase.EXECUTION in done else left[:1]


def _readings(rows: Rows) -> Iterator[Span]:
    for row in rows.readings:
        if rows.is_own(row):
            over = row.started_at + timedelta(milliseconds=row.duration_ms)
            name = str(row.result.get("title") or row.phase.partition(PART)[0])
            status = "failed" if row.result.get("error") else ""
            yield Span(Kind.READING, name, Phase.CONTEXT, row.started_at, over, status)


def _steps(rows: Rows) -> Iterator[Span]:
    for step in rows.begun:
        assert step.started_at is not None, "it has begun"
        is_open = step.finished_at is None
        status = "" if step.status == PlanStep.Status.SUCCEEDED else str(step.status)
        over = step.finished_at or rows.end
        yield Span(
            Kind.STEP, name_of(step), Phase.EXECUTION, step.started_at, over, status, is_open
        )


def name_of(step: PlanStep) -> str:
    """Returns e.g. "2. Create “Booking”", of a later plan "Plan 2, 1. …"."""
    plan = f"Plan {step.plan.revision}, " if step.plan.revision > 1 else ""
    return f"{plan}{step.position}. {step.description or step.tool}"


def _all_sub_steps(rows: Rows) -> Iterator[Span]:
    for reading in filter(rows.is_own, rows.readings):
        yield from _sub_steps(reading.sub_steps)
    for step in rows.begun:
        yield from _sub_steps(step.sub_steps)


def _sub_steps(rows: Iterable[Mapping[str, Any]]) -> Iterator[Span]:
    for row in rows:
        start = datetime.fromisoformat(row["started_at"])
        over = start + timedelta(milliseconds=row["duration_ms"])
        kind, is_wait = kind_of(row["step"]), row["step"] == RETRY
        icon = kind.icon if kind and not is_wait else ""
        words = f"{icon} {row['message']} {row['details']}".strip()
        status = "" if row["state"] == "finished" else str(row["state"])
        color = "waiting" if is_wait else "sub-step"
        yield Span(Kind.WAIT if is_wait else Kind.SUB_STEP, words, color, start, over, status)


def _call(row: ModelCall) -> Span:
    over = row.started_at + timedelta(milliseconds=row.duration_ms)
    name = CALLS.get(row.verb, row.verb.capitalize())
    return Span(Kind.CALL, name, "call", row.started_at, over, "failed" if row.error else "")


# -- waits -----------------------------------------------------------------------------------------


def _waits(rows: Rows, work: list[Span], answered_at: datetime | None) -> Iterator[Span]:
    run, wait = rows.run, _wait
    begun = run.started_at or rows.end
    if begun > run.created_at:
        yield wait("In the queue", run.created_at, begun, is_open=run.started_at is None)
    for approval in rows.approvals:
        over = approval.decided_at or rows.end
        status = "" if approval.status == Approval.Status.APPROVED else str(approval.status)
        asked = wait(
            "Waiting for approval", approval.requested_at, over, is_open=not approval.decided_at
        )
        yield replace(asked, status=status)
        if approval.decided_at and not _ended_waiting(rows):
            yield from _queued_again(rows, work, approval.decided_at)
    yield from _between_calls(rows.calls)
    if run.finished_at and any(step.type == StepType.ASK for step in rows.last_plan):
        is_open = answered_at is None and run.left_open == Run.LeftOpen.QUESTION
        if answered_at or is_open:
            over = answered_at or rows.now
            yield wait("Waiting for an answer", run.finished_at, over, is_open=is_open)


def _wait(name: str, start: datetime, end: datetime, *, is_open: bool = False) -> Span:
    return Span(Kind.WAIT, name, "waiting", start, end, is_open=is_open)


def _queued_again(rows: Rows, work: list[Span], decided: datetime) -> Iterator[Span]:
    """Yields the time from a decision until the run went on."""
    following = [span.start for span in work if span.start > decided]
    is_open = not following and rows.run.status == Run.Status.QUEUED
    if following and min(following) - decided > _SHORT:
        yield _wait("In the queue again", decided, min(following))
    elif is_open:
        yield _wait("In the queue again", decided, rows.now, is_open=True)


def _between_calls(calls: Iterable[ModelCall]) -> Iterator[Span]:
    """Yields the pauses after failed calls that were tried again."""
    by_verb: dict[str, list[ModelCall]] = defaultdict(list)
    for row in calls:
        by_verb[row.verb].append(row)
    for verb, of_verb in by_verb.items():
        for failed, following in pairwise(of_verb):
            over = failed.started_at + timedelta(milliseconds=failed.duration_ms)
            if failed.error and following.started_at > over:
                name = f"Waiting to retry: {CALLS.get(verb, verb).lower()}"
                yield _wait(name, over, following.started_at)
