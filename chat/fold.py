"""A session's transcript as a fold over its log: events in, the values of `chat.transcript` out.

`static/chat/transcript/fold.js` folds live events by the same rules: a page after them equals a page
reloaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q

from agent.accounts.shared_links import Guest
from agent.event_log import events, parsing, texts
from agent.event_log.events import Event, EventType
from agent.event_log.phases import Phase as RunPhase
from agent.models import Event as EventRow
from agent.models import Run
from agent.plan import WORK
from agent.runs import claiming, drafts
from chat import guest_view, labels
from chat.fold_progress import step_of, take_progress
from chat.transcript import Change, Effect, Exchange, Line, Phase, Said, Steered, Step, Transcript


def load(
    session_id: UUID, start: int = 1, end: int | None = None, guest: Guest | None = None
) -> Transcript:
    """Folds what begins with the events from `start` to before `end`, to its end, as a `guest` gets it.

    Without the tokens of finished runs, whose answer is in their last event.
    """
    # A subquery: a run that starts between two statements would lose its tokens.
    unfinished = Run.unfinished.filter(session=session_id).order_by().values("pk")
    finished = Q(type=EventType.TOKEN) & ~Q(run__in=unfinished)
    rows = EventRow.objects.filter(session_id=session_id, seq__gte=start).exclude(finished)
    told = fold(guest_view.bodies(guest, rows.order_by("seq")), start, end)
    # Behind the log: whoever goes on with a run says so by an event that is not in here.
    left = set(map(str, claiming.interrupted(session_id).values()))
    for exchange in told.exchanges:
        exchange.interrupted = exchange.run in left
    if guest is None and any(exchange.status == "running" for exchange in told.exchanges):
        _add_draft(told, session_id)
    return told


def _add_draft(told: Transcript, session_id: UUID) -> None:
    draft = drafts.of_session(session_id)
    for exchange in told.exchanges:
        if draft is not None and exchange.run == str(draft.run) and not exchange.interrupted:
            exchange.draft = json.loads(draft.body)


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
            folding.apply(seq, parsing.read(body))
        except (LookupError, TypeError, ValueError, AttributeError):  # in what has no class
            folding.give_up(seq)
    folding.finish()
    return folding.transcript


class _Fold:
    def __init__(self, start: int, end: int | None) -> None:
        self.transcript = Transcript()
        self.start, self.end = start, end
        self._runs: dict[UUID, Exchange] = {}
        self._changes: dict[str, Change] = {}  # the last one of each object

    def is_past(self, seq: int) -> bool:
        return self.end is not None and seq >= self.end

    def is_over(self, seq: int) -> bool:
        return self.is_past(seq) and all(run.ended for run in self._runs.values())

    def _is_wanted(self, event: Event) -> bool:
        if event.run in self._runs:
            return True
        begins = isinstance(event, events.Message) or (
            isinstance(event, events.Run) and event.status == "queued"
        )
        began = self.start > 1 and event.run is not None and not begins
        return not began and not self.is_past(event.seq)

    def apply(self, seq: int, event: Event) -> None:
        if isinstance(event, parsing.Unknown) and event.broken:
            self.give_up(seq)
        elif self._is_wanted(event):
            self._take(event)
        elif isinstance(event, events.Change) and not self.is_past(seq):
            self._note_change(_change(event))  # of a run that is not shown; the board shows it

    def give_up(self, seq: int) -> None:
        if not self.is_past(seq):
            self.transcript.entries.append(Line(labels.UNREADABLE))

    def finish(self) -> None:
        before = 0
        for exchange in self.transcript.exchanges:
            exchange.before = before
            before += exchange.active

    def _take(self, event: Event) -> None:
        match event:
            case events.Change():
                self._take_change(event)
            case events.OfRun():
                run = self._run(event.run)
                self._take_of_run(run, event)
                run.told = _line(run, event) or run.told
            case parsing.Unknown(run=UUID() as key) if event.texts:
                run = self._run(key)
                _take_message(run, event)
                run.told = event.words().get("line") or run.told

    def _run(self, key: UUID) -> Exchange:
        if key not in self._runs:
            self._runs[key] = Exchange(str(key))
            self.transcript.entries.append(self._runs[key])
        return self._runs[key]

    def _take_of_run(self, run: Exchange, event: events.OfRun) -> None:
        match event:
            case events.Message():
                run.said = _said(event)
                self.transcript.fresh.clear()
            case events.Run():
                _take_status(run, event)
                if event.retry_of in self._runs:
                    self._runs[event.retry_of].retryable = False  # it is being tried again
            case events.Progress():
                take_progress(run, event)
            case events.Plan():
                _take_plan(run, event)
            case events.Step():
                _take_step(run, event)
            case events.Approval():
                _take_approval(run, event)
            case events.Steering():
                _take_message(run, event)
                _take_steering(run, event)
            case events.Token():
                run.text = run.text[: event.offset] + event.text
            case events.Complete():
                _take_complete(run, event)
            case events.Error():
                run.retryable, run.text = event.retryable, event.partial
                _end(run, "failed", "stopped")
            case events.Cancelled():
                run.retryable, run.text = True, event.partial
                _end(run, "cancelled", "stopped")
            case _:
                _take_message(run, event)

    def _take_change(self, event: events.Change) -> None:
        change = _change(event)
        if event.run is None:
            self.transcript.entries.append(change)
        else:
            self._run(event.run).changes.append(change)
        self._note_change(change)

    def _note_change(self, change: Change) -> None:
        if (last := self._changes.get(change.id)) is not None:
            last.undoable = False
        self._changes[change.id] = self.transcript.fresh[change.id] = change


def _change(event: events.Change) -> Change:
    return Change(
        seq=event.seq,
        object=event.object,
        id=str(event.id),
        text=event.words()["change"],
        by=event.by or "",
        at=event.timestamp,
        brief=event.words()["summary"],
    )


def _said(event: events.Message) -> Said:
    return Said(
        author=event.author or "",
        content=event.content,
        at=event.timestamp,
        id=str(event.id),
        client_id=str(event.client_id or ""),
        into=str(event.into or ""),
    )


def _take_status(run: Exchange, event: events.Run) -> None:
    if event.status == "running" and not run.started_at:
        run.started_at = event.timestamp
    if event.status in Run.UNFINISHED:  # its last event says how it ended
        run.status = event.status


def _take_message(run: Exchange, event: Event) -> None:
    """Adds a row for an event whose type has no place of its own, when it has a message for people."""
    if message := event.words().get("message"):
        key = f"event:{event.seq}"
        run.phases.append(Phase(key, "custom", event.timestamp, event.seq, message))


def _take_plan(run: Exchange, event: events.Plan) -> None:
    run.plan_revision, run.summary = event.revision, event.summary
    run.open_points = event.words().get("open_points", [])
    run.questions = event.questions
    numbers = {step["id"]: at for at, step in enumerate(event.steps, 1)}
    done = {step.id: step.parts for step in run.steps if step.status == "succeeded"}
    _forget_terms(run)
    run.steps = [
        Step(
            id=step["id"],
            seq=0,
            tool=step["tool"] or "",
            arguments=step["arguments"],
            given=text["arguments"],
            number=numbers[step["id"]],
            type=step["type"],
            description=step["description"] or step["tool"] or step["id"],
            status=step["status"],
            depends_on=step["depends_on"],
            waits_for=text["after"],
            parts=done.get(step["id"], []),
        )
        for step, text in zip(event.steps, event.words()["steps"], strict=True)
    ]


def _take_step(run: Exchange, event: events.Step) -> None:
    step = step_of(run, event.id)
    if step is None:
        return
    if event.status == "running":
        step.parts = []  # its tool begins again
    step.status, step.seq = event.status, step.seq or event.seq
    step.started_at, step.finished_at = event.started_at, event.finished_at
    step.error = event.error or ""
    text = event.words()
    step.took, step.result = text.get("took", ""), text.get("note", "")
    step.returned = text.get("result", [])


def _take_approval(run: Exchange, event: events.Approval) -> None:
    run.asks, run.why = event.status == "requested", event.reason
    run.plan_revision = event.plan_revision
    text = event.words()
    run.decided = text.get("decision", "")
    run.comments = text.get("comments", run.comments)
    _forget_terms(run)
    if run.asks:
        numbers = {step.id: step.number for step in run.steps}
        run.effects, run.estimate = effects_of(numbers, text["effects"]), text["estimate"]
        run.expires_at = event.expires_at or ""


def _take_steering(run: Exchange, event: events.Steering) -> None:
    key, note = str(event.id), event.words()["note"]
    if event.status == "taken":
        run.steering.append(
            Steered(
                id=key,
                author=event.author or "",
                content=event.content or "",
                at=event.timestamp,
                seq=event.seq,
                client_id=str(event.client_id or ""),
                note=note,
            )
        )
    elif event.status == "next":  # its own run shows it
        run.steering = [said for said in run.steering if said.id != key]
    for said in run.steering:
        said.note = note if said.id == key else said.note


def _take_complete(run: Exchange, event: events.Complete) -> None:
    run.text, run.html = "", event.message["html"]
    run.answer_id = event.message["id"]
    run.duration_ms = event.duration_ms
    for step in run.steps:
        if step.type not in WORK and step.status == "pending":
            step.status = "succeeded"
    _end(run, "succeeded", "finished")
    if event.remembers:
        run.ended = False
        for phase in run.phases:
            if phase.step == RunPhase.MEMORY:
                phase.state = "running"


def _end(run: Exchange, status: str, state: str) -> None:
    run.status, run.asks, run.ended, run.interrupted = status, False, True, False
    _forget_terms(run)
    for phase in run.phases:
        _stop([phase, *phase.parts], state)
    for step in run.steps:
        _stop(step.parts, state)


def _stop(phases: list[Phase], state: str) -> None:
    for phase in phases:
        if phase.state == "running":
            phase.state = state


def _forget_terms(run: Exchange) -> None:
    run.effects, run.estimate, run.expires_at = [], "", ""


def effects_of(numbers: Mapping[str, int], effects: Iterable[Mapping[str, Any]]) -> list[Effect]:
    """Returns what a plan would change. `numbers`: of its steps, by id; `effects`: as of `effect_texts`."""
    return [
        Effect(
            key=f"{text['step']}:{at}",
            number=numbers[text["step"]],
            action=text["action"],
            text=text["text"],
            fields=text["fields"],
            mark=text.get("mark", ""),
        )
        for at, text in enumerate(effects, 1)
    ]


def _line(run: Exchange, event: events.OfRun) -> str:
    """Returns what the event says about its run as a whole, "" for nothing."""
    if event.texts is None:  # older than texts: what its writer would have told
        match event:
            case events.Progress(step=RunPhase.EXECUTION, metadata={"phase": "started"}) if (
                run.work_steps
            ):
                return texts.executing(run.work_steps)
            case events.Step() if (
                event.status != "pending" and step_of(run, event.id) in run.work_steps
            ):
                return texts.executing(run.work_steps)
            case events.Complete():
                statuses = [step.status for step in run.work_steps]
                objects = {change.id: change.object for change in run.changes}
                return texts.done(event.duration_ms, statuses, objects.values())
    return str(event.words().get("line", ""))
