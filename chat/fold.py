"""A session's transcript as a fold over its log: events in, the values of `chat.transcript` out.

`static/chat/transcript/fold.js` folds live events by the same rules: a page after them equals a page
reloaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q

from agent.event_log.events import EventType
from agent.models import Event, Run
from agent.runs import claiming
from chat import labels
from chat.transcript import Change, Effect, Exchange, Line, Phase, Said, Step, Transcript


def load(session_id: UUID, start: int = 1, end: int | None = None) -> Transcript:
    """Folds what begins with the events from `start` to before `end`, to its end.

    Without the tokens of finished runs, whose answer is in their last event.
    """
    finished = Q(type=EventType.TOKEN) & ~Q(run__status__in=Run.UNFINISHED)
    rows = Event.objects.filter(session_id=session_id, seq__gte=start).exclude(finished)
    told = fold(rows.order_by("seq").values_list("seq", "body").iterator(), start, end)
    # Behind the log: whoever goes on with a run says so by an event that is not in here.
    left = set(map(str, claiming.interrupted([session_id]).values()))
    for exchange in told.exchanges:
        exchange.interrupted = exchange.run in left
    return told


def fold(rows: Iterable[tuple[int, str]], start: int = 1, end: int | None = None) -> Transcript:
    """`rows`: seq and frame of each event, in order, the first with seq `start`.

    What cannot be read becomes a plain line. A run that began before `start` or from `end` on is
    passed over; one that began in between is folded to its end.
    """
    folding = _Fold(start, end)
    for seq, body in rows:
        if folding.is_over(seq):
            break
        folding.transcript.last_seq = seq
        try:
            folding.apply(json.loads(body))
        except (LookupError, TypeError, ValueError, AttributeError):
            if not folding.is_past(seq):
                folding.transcript.entries.append(Line(labels.UNREADABLE))
    folding.finish()
    return folding.transcript


class _Fold:
    def __init__(self, start: int, end: int | None) -> None:
        self.transcript = Transcript()
        self.start, self.end = start, end
        self._runs: dict[str, Exchange] = {}
        self._changes: dict[str, Change] = {}  # the last one of each object

    def is_past(self, seq: int) -> bool:
        return self.end is not None and seq >= self.end

    def is_over(self, seq: int) -> bool:
        return self.is_past(seq) and all(run.ended for run in self._runs.values())

    def _is_wanted(self, frame: Mapping[str, Any]) -> bool:
        if frame["run"] in self._runs:
            return True
        begins = frame["type"] == "message" or frame.get("status") == "queued"
        began = self.start > 1 and frame["run"] is not None and not begins
        return not began and not self.is_past(frame["seq"])

    def apply(self, frame: Mapping[str, Any]) -> None:
        reader = getattr(self, f"_on_{frame['type']}", None)
        if reader is not None and self._is_wanted(frame):
            reader(frame)

    def finish(self) -> None:
        before = 0
        for exchange in self.transcript.exchanges:
            exchange.before = before
            before += exchange.active

    def _run(self, frame: Mapping[str, Any]) -> Exchange:
        key = frame["run"]
        if key not in self._runs:
            if not isinstance(key, str):
                raise TypeError("an event of a run names it")
            self._runs[key] = Exchange(key)
            self.transcript.entries.append(self._runs[key])
        return self._runs[key]

    def _on_message(self, frame: Mapping[str, Any]) -> None:
        message = frame["message"]
        self._run(frame).said = Said(
            author=message["author"] or "",
            content=message["content"],
            at=frame["timestamp"],
            id=message["id"],
            client_id=message.get("client_id") or "",
        )
        self.transcript.fresh.clear()

    def _on_run(self, frame: Mapping[str, Any]) -> None:
        run, status = self._run(frame), frame["status"]
        if status == "running" and not run.started_at:
            run.started_at = frame["timestamp"]
        if status in Run.UNFINISHED:  # its last event says how it ended
            run.status = status
        if (former := self._runs.get(frame.get("retry_of") or "")) is not None:
            former.retryable = False  # it is being tried again

    def _on_progress(self, frame: Mapping[str, Any]) -> None:
        run, progress = self._run(frame), frame["progress"]
        told = progress.get("metadata") or {}
        if "eta_ms" in told:
            run.eta_ms, run.eta_at = told["eta_ms"], frame["timestamp"]
        step = _step(run, told.get("step_id"))
        if step is None:
            _tell(_phase(run, frame), frame)
        elif told.get("phase") == "started":
            step.slow_after_ms = told.get("slow_after_ms")
        elif "phase" not in told:
            step.report = labels.plain(progress["message"])

    def _on_plan(self, frame: Mapping[str, Any]) -> None:
        run, plan = self._run(frame), frame["plan"]
        run.plan_revision, run.summary = plan["revision"], plan.get("summary") or ""
        numbers = {step["id"]: at for at, step in enumerate(plan["steps"], 1)}
        _forget_terms(run)
        run.steps = [
            Step(
                id=step["id"],
                seq=0,
                tool=step.get("tool") or "",
                arguments=step.get("arguments") or {},
                given=labels.facts(step.get("arguments"), numbers),
                number=numbers[step["id"]],
                type=step["type"],
                description=step["description"] or step.get("tool") or step["id"],
                status=step.get("status") or "pending",
                depends_on=step["depends_on"],
                waits_for=labels.waits_for(sorted(numbers[key] for key in step["depends_on"])),
            )
            for step in plan["steps"]
        ]

    def _on_step(self, frame: Mapping[str, Any]) -> None:
        told = frame["step"]
        step = _step(self._run(frame), told["id"])
        if step is None:
            return
        step.status, step.seq = told["status"], step.seq or frame["seq"]
        step.returned = labels.facts(told.get("result"), {})
        step.started_at, step.finished_at = told["started_at"], told["finished_at"]
        step.error, step.result = told.get("error") or "", labels.result(told.get("result"))

    def _on_approval(self, frame: Mapping[str, Any]) -> None:
        run, approval = self._run(frame), frame["approval"]
        run.asks, run.why = approval["status"] == "requested", approval["reason"]
        run.plan_revision = approval["plan_revision"]
        run.decided = labels.decided(approval)
        _forget_terms(run)
        if run.asks:
            run.effects = _effects(run, approval.get("effects") or [])
            run.estimate = labels.estimate(approval.get("estimate"))
            run.expires_at = approval.get("expires_at") or ""

    def _on_change(self, frame: Mapping[str, Any]) -> None:
        body = frame["change"]
        change = Change(
            seq=frame["seq"],
            object=body["object"],
            id=body["id"],
            text=labels.change(body),
            by=body["by"] or "",
            at=frame["timestamp"],
            brief=labels.brief(body),
        )
        if frame["run"] is None:
            self.transcript.entries.append(change)
        else:
            self._run(frame).changes.append(change)
        if (last := self._changes.get(change.id)) is not None:
            last.undoable = False
        self._changes[change.id] = change
        self.transcript.fresh[change.id] = change

    def _on_token(self, frame: Mapping[str, Any]) -> None:
        run = self._run(frame)
        run.text = run.text[: frame["offset"]] + frame["text"]

    def _on_complete(self, frame: Mapping[str, Any]) -> None:
        run = self._run(frame)
        run.text, run.html = "", frame["message"]["html"]
        run.answer_id = frame["message"]["id"]
        run.duration_ms = frame["duration_ms"]
        for step in run.steps:
            if step.type != "tool" and step.status == "pending":
                step.status = "succeeded"
        _end(run, "succeeded", "finished")

    def _on_error(self, frame: Mapping[str, Any]) -> None:
        run = self._run(frame)
        run.error, run.retryable = frame["error"], frame["retryable"]
        run.text = frame["partial"]
        _end(run, "failed", "stopped")

    def _on_cancelled(self, frame: Mapping[str, Any]) -> None:
        run = self._run(frame)
        run.by, run.reason, run.text = frame["by"], frame["reason"], frame["partial"]
        _end(run, "cancelled", "stopped")


def _end(run: Exchange, status: str, state: str) -> None:
    run.status, run.asks, run.ended, run.interrupted = status, False, True, False
    _forget_terms(run)
    for phase in run.phases:
        if phase.state == "running":
            phase.state = state


def _forget_terms(run: Exchange) -> None:
    run.effects, run.estimate, run.expires_at = [], "", ""


def _effects(run: Exchange, told: list[Mapping[str, Any]]) -> list[Effect]:
    numbers = {step.id: step.number for step in run.steps}
    return [one for of_step in told for one in _effects_of(of_step, numbers[of_step["step"]])]


def _effects_of(told: Mapping[str, Any], number: int) -> Iterator[Effect]:
    for at, change in enumerate(told["changes"], 1):
        yield Effect(
            key=f"{told['step']}:{at}",
            number=number,
            action=change["action"],
            text=labels.effect(change),
            fields=labels.differences(change),
        )
    if note := told.get("note"):
        yield Effect(f"{told['step']}:note", number, "unknown", note, [])


def _step(run: Exchange, key: str | None) -> Step | None:
    return next((step for step in run.steps if step.id == key), None)


def _phase(run: Exchange, frame: Mapping[str, Any]) -> Phase:
    """Returns the line of the event's step, which each run has once."""
    progress = frame["progress"]
    step_id = (progress.get("metadata") or {}).get("step_id")
    key = f"{progress['step']}:{step_id}" if step_id else progress["step"]
    found = next((phase for phase in run.phases if phase.key == key), None)
    if found is None:
        found = Phase(key, progress["step"], frame["timestamp"], frame["seq"])
        run.phases.append(found)
    return found


def _tell(phase: Phase, frame: Mapping[str, Any]) -> None:
    progress = frame["progress"]
    told = progress.get("metadata") or {}
    phase.message = labels.plain(progress["message"])
    phase.details = progress.get("details") or ""
    phase.recalled = told.get("recalled") or []
    state = told.get("phase")
    if state == "started":
        phase.state, phase.at, phase.duration_ms = "running", frame["timestamp"], None
        phase.slow_after_ms = told.get("slow_after_ms")
    elif state in ("finished", "failed"):
        phase.state = state
        spent = labels.milliseconds(frame["timestamp"]) - labels.milliseconds(phase.at)
        phase.duration_ms = told.get("duration_ms", spent)
    elif phase.step == "error":
        phase.state = "failed"
