"""The part of the fold that takes progress: the lines of a run's phases and readings, and the sub-steps.

`chat.fold` folds all other events.
"""

from __future__ import annotations

from agent.event_log import events
from agent.event_log.phases import LAST
from agent.event_log.phases import Phase as RunPhase
from agent.event_log.times import milliseconds
from agent.support.durations import duration
from chat.transcript import Exchange, Phase, Step


def take_progress(run: Exchange, event: events.Progress) -> None:
    told = event.metadata
    if "eta" in told:
        run.eta_ms = [told["eta"]["low_ms"], told["eta"]["high_ms"]]
        run.eta_at = event.timestamp
    step = step_of(run, told.get("step_id"))
    if "part" in told and (parent := step or _reading(run, told.get("step_id"))) is not None:
        _tell(_part(parent, event), event)
    elif step is None:
        _tell(_phase(run, event), event)
        if event.step == RunPhase.MEMORY and run.status == "succeeded":
            run.ended = True  # what was remembered followed the answer
    elif told.get("phase") == "started":
        step.slow_after_ms = told.get("slow_after_ms")
        step.usual = event.words().get("usual", "")
        step.gives_up_at = told.get("gives_up_at", "")
    elif "phase" not in told:
        step.report = " · ".join(filter(None, (event.words()["message"], event.details)))
        step.gives_up_at = told.get("gives_up_at", step.gives_up_at)


def step_of(run: Exchange, key: str | None) -> Step | None:
    return next((step for step in run.steps if step.id == key), None)


def _phase(run: Exchange, event: events.Progress) -> Phase:
    """Returns the line of the event's step, which each run has once."""
    step_id = event.metadata.get("step_id")
    key = f"{event.step}:{step_id}" if step_id else event.step
    found = next((phase for phase in run.phases if phase.key == key), None)
    if found is None:
        found = Phase(key, event.step, event.timestamp, event.seq)
        run.phases.append(found)
    return found


def _reading(run: Exchange, key: str | None) -> Phase | None:
    """Returns the line of the reading with this id."""
    return next((phase for phase in run.phases if phase.key == f"reading:{key}"), None)


def _part(parent: Step | Phase, event: events.Progress) -> Phase:
    """Returns the sub-step of the event, among those of its parent in their order."""
    key = f"{event.step}:{event.metadata['part']}"
    found = next((part for part in parent.parts if part.key == key), None)
    if found is None:
        found = Phase(key, event.step, event.timestamp, event.seq)
        parent.parts.append(found)
        parent.parts.sort(key=_place)
    return found


def _place(part: Phase) -> tuple[int, int]:
    return (part.kind.order if part.kind else LAST, part.seq)


def _tell(phase: Phase, event: events.Progress) -> None:
    told, text = event.metadata, event.words()
    phase.message, phase.details = text["message"], event.details
    phase.recalled = text.get("recalled", "")
    state = told.get("phase")
    if state == "started":
        phase.state, phase.at = "running", event.timestamp
        phase.duration_ms, phase.took = None, ""
        phase.slow_after_ms = told.get("slow_after_ms")
        phase.usual = text.get("usual", "")
    elif state in ("finished", "failed"):
        phase.state = state
        spent = milliseconds(event.timestamp) - milliseconds(phase.at)
        phase.duration_ms = told.get("duration_ms", spent)
        phase.took = text.get("took") or duration(phase.duration_ms)
    elif phase.step == "error":
        phase.state = "failed"
