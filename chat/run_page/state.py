"""How a run is or ended, in words: its line, how far it is, and what is special about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.urls import reverse

from agent.batch import DRY_RUN
from agent.event_log.texts import DOING
from agent.llm import prices
from agent.models import PlanStep, Run
from agent.plan import WORK
from agent.support.counts import count
from agent.support.durations import duration
from chat import labels
from chat.run_page import spans
from chat.run_page.calls import cost
from chat.run_page.changes import Made
from chat.run_page.rows import Rows


@dataclass(frozen=True, slots=True)
class Note:
    """What is special about a run. `link` leads to the run that it is about, `compare` to both."""

    text: str
    link: str = ""
    compare: str = ""


def line(run: Run) -> str:
    """Returns how the run is or ended, how long it took, and what its model used and cost."""
    words = [run.get_status_display()]
    if run.started_at and run.finished_at:
        words.append(duration((run.finished_at - run.started_at).total_seconds() * 1000))
    used = run.usage
    if used.get("calls"):
        words.append(count(used["calls"], "call") + " to the model")
        words.append(f"{used['input_tokens']:,} tokens read, {used['output_tokens']:,} written")
        words.append(f"cost {prices.shown(cost(run))}")
    return " · ".join(words)


def progress(rows: Rows) -> str:
    """Returns how far a run is that is not over; "" for one that is."""
    run = rows.run
    if run.status not in Run.UNFINISHED:
        return ""
    if run.is_interrupted:
        return labels.INTERRUPTED
    if run.status == Run.Status.WAITING:
        return "Waiting for approval of the plan."
    since = duration((rows.now - (run.started_at or run.created_at)).total_seconds() * 1000)
    if run.status == Run.Status.QUEUED:
        return f"Waiting in the queue for {since}."
    doing = " and ".join(DOING[phase].lower() for phase in spans.open_phases(rows))
    done = _steps_done(rows.last_plan)
    return f"At work for {since}: {doing or 'ending'}{f', {done}' if done else ''}."


def _steps_done(steps: Sequence[PlanStep]) -> str:
    work = [step for step in steps if step.type in WORK]
    statuses = Counter(step.status for step in work)
    if not work:
        return ""
    others = [f"{statuses[one]} {one}" for one in ("failed", "skipped") if statuses[one]]
    return ", ".join([f"{statuses['succeeded']} of {count(len(work), 'step')} done", *others])


def notes(rows: Rows, made: Sequence[Made], retries: Iterable[Run]) -> list[Note]:
    run = rows.run
    found = []
    if run.retry_of is not None:
        found.append(_of_run(run, run.retry_of, _retried(rows, run.retry_of)))
    found += [
        _of_run(run, one, f"Its message was answered again by run {one.number}.") for one in retries
    ]
    if any(approval.reason == DRY_RUN for approval in rows.approvals):
        found.append(Note(DRY_RUN))
    plans = {step.plan.revision for step in rows.steps}
    if len(plans) > 1:
        why = " after a failed step" if run.replanned else ""
        found.append(Note(f"The rest was planned anew{why}: {len(plans)} plans."))
    elif run.replanned:
        found.append(Note("After a failed step, no new plan for the rest was found."))
    if made and all(one.is_undone for one in made):
        found.append(Note("All changes of this run were taken back since."))
    return found


def _retried(rows: Rows, former: Run) -> str:
    phases = sum(not rows.is_own(row) for row in (*rows.phases, *rows.readings))
    steps = sum(step.started_at is not None and not rows.is_own(step) for step in rows.last_plan)
    if not phases:
        return f"Answers the message of run {former.number} again."
    adopted = f"{count(phases, 'phase')} and {count(steps, 'step')} of it are not repeated"
    return f"Continues run {former.number}: {adopted}."


def _of_run(run: Run, other: Run, text: str) -> Note:
    pair = sorted((run, other), key=lambda one: one.number)
    return Note(
        text,
        reverse("run", args=[other.pk]),
        reverse("compare-runs", args=[one.pk for one in pair]),
    )
