"""The rows and events of a plan's steps: their start, report and end. Commits nothing and decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone

from agent.change import Change
from agent.event_log import events, texts
from agent.event_log.phases import Phase
from agent.event_log.times import stamp
from agent.models import PlanStep, Run
from agent.pipeline.sub_steps import Reports, Send, pause
from agent.plan import WORK
from agent.plans.store import step_event
from agent.runs import steering_rows
from agent.runs.recorder import Recorder
from agent.support import raw_sql
from agent.tools import registry
from agent.tools.registry import Tool

Status = PlanStep.Status
# The fields that the end of a step sets.
_ENDED = ("status", "result", "error", "finished_at", "created", "sub_steps")


class StepRecords:
    """Saves the rows of one revision's steps, inside an effect, and returns their events."""

    def __init__(self, recorder: Recorder, steps: Iterable[PlanStep]) -> None:
        self._recorder = recorder
        self.work_steps = [step for step in steps if step.type in WORK]
        self.is_steered = False  # when the latest step ended: something was sent into the run
        self._reports: dict[str, Reports] = {}  # of the last call of each step
        self._pauses: dict[str, list[dict[str, Any]]] = {}  # of each step, between its calls

    def new_reports(self, step: PlanStep, send: Send | None = None) -> Reports:
        """Returns the reports of another call of the step; see `Reports` for `send`."""
        reports = self._reports[step.key] = Reports(self._recorder.run.pk, step.key, send)
        return reports

    def start(self, step: PlanStep) -> list[events.Event]:
        started = {"phase": "started", **self._recorder.outlook.step_started(step.key)}
        if (tool := registry.get(step.tool)) is not None:
            started |= _limit(tool.timeout)
        step.status, step.started_at = Status.RUNNING, timezone.now()
        if (usual := started.get("usual")) is not None:
            step.low_ms, step.high_ms = usual["low_ms"], usual["high_ms"]
        if step.pk is not None:
            raw_sql.save(step, "status", "started_at", "low_ms", "high_ms")
        return [self._event(step), self._progress(step, step.description, "", started)]

    def take_back(self, step: PlanStep) -> list[events.Event]:
        """Has a step that was started wait again. What it did was rolled back."""
        self._reports.pop(step.key, None)
        step.status, step.started_at, step.created = Status.PENDING, None, []
        raw_sql.save(step, "status", "started_at")
        return [self._event(step)]

    def retry(
        self, step: PlanStep, tool: Tool, seconds: float, details: str
    ) -> Sequence[events.Event]:
        """Ends the reports of a call that failed; the next one begins in `seconds`."""
        limit = _limit(seconds + tool.timeout)
        progress = self._progress(step, f"🔁 Retrying {tool.name}", details, limit)
        return [*self._reports[step.key].end("failed"), progress]

    def add_pause(self, step: PlanStep, seconds: float, details: str) -> None:
        self._pauses.setdefault(step.key, []).append(pause(seconds, details))

    def succeed(
        self, step: PlanStep, result: Any, changes: Iterable[Change], details: str
    ) -> list[events.Event]:
        step.status, step.result = Status.SUCCEEDED, result
        self._recorder.save_usage()
        changed = [change_event(self._recorder.run, change, step.key) for change in changes]
        return [*changed, *self._end(step, step.description, details, "finished")]

    def fail(self, step: PlanStep, error: str) -> list[events.Event]:
        step.status, step.error = Status.FAILED, error
        return self._end(step, f"❌ {step.description}", error, "failed")

    def skip(self, step: PlanStep, cause: PlanStep) -> list[events.Event]:
        step.status = Status.SKIPPED
        step.error = f"Skipped because “{cause.description}” did not succeed."
        return self._end(step, f"⏭️ {step.description}", step.error, "failed")

    def line(self) -> str:
        """Returns what the run does now, with all steps that call a tool."""
        return texts.executing(self.work_steps)

    def _end(self, step: PlanStep, message: str, details: str, phase: str) -> list[events.Event]:
        step.finished_at = timezone.now()
        told: list[events.Event] = []
        if (reports := self._reports.get(step.key)) is not None:
            told = reports.end(phase)
            step.sub_steps = [*reports.as_json(), *self._pauses.get(step.key, ())]
        run = self._recorder.run.pk
        is_steered = raw_sql.save(step, *_ENDED, returning=steering_rows.IS_OPEN, values=[run])
        self.is_steered = bool(is_steered)
        outlook, succeeded = self._recorder.outlook, phase == "finished"
        metadata = {"phase": phase, **outlook.step_ended(step.key, succeeded=succeeded)}
        if step.started_at:
            took = step.finished_at - step.started_at
            metadata["duration_ms"] = round(took.total_seconds() * 1000)
        return [*told, self._event(step), self._progress(step, message, details, metadata)]

    def _event(self, step: PlanStep) -> events.Event:
        return step_event(self._recorder.run.pk, step, self.line())

    def _progress(
        self, step: PlanStep, message: str, details: str, metadata: Mapping[str, Any]
    ) -> events.Event:
        return events.Progress(
            self._recorder.run.pk,
            Phase.EXECUTION,
            message,
            details,
            {**metadata, "step_id": step.key},
        )


def _limit(seconds: float) -> dict[str, str]:
    """Returns the metadata that say when a call of a tool is given up, `seconds` from now."""
    return {"gives_up_at": stamp(timezone.now() + timedelta(seconds=seconds))}


def change_event(run: Run, change: Any, step: str = "") -> events.Event:
    user = run.created_by
    return events.Change(
        run.pk,
        object=change.object,
        id=change.id,
        action=change.action,
        before=change.before,
        after=change.after,
        by=user.get_username() if user else None,
        undoes=change.undoes,
        step=step,
    )
