"""What of a session a guest gets: the one place that decides, for pages, sockets, streams and the API.

An event is taken apart, and what may be shown is put together again; whatever is not known here, such as
an event of a package, is withheld. A withheld event keeps its number, since numbers have no gaps, and
nothing else. How much a guest gets of a step of a plan: `chat.guest_steps`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from django.db.models import QuerySet

from agent.accounts.shared_links import Guest
from agent.event_log import effect_texts, events, parsing, phases
from agent.event_log.effect_texts import ONLY_READS
from agent.event_log.events import Event, EventType
from agent.event_log.log import Frame
from agent.event_log.payloads import Answer, EffectChange, PlannedStep, StepEffect
from agent.event_log.phases import Phase
from agent.event_log.texts import DOING, counted, failed
from agent.models import Event as EventRow
from chat.guest_steps import WORKING, Steps

# The type of the frame that stands for an event that is not shown.
WITHHELD = "withheld"
NO_REASON = "The reason is not shared."
NOT_SHARED = "This step works with what is not shared."
# What of the metadata of progress is times and counts.
_COUNTS = frozenset(
    (
        "phase",
        "duration_ms",
        "slow_after_ms",
        "usual",
        "eta",
        "gives_up_at",
        "step_id",
        "part",
        "done",
        "of",
        "unit",
        "percent",
    )
)
# Phases whose details are counts, and the name of the model.
_COUNTED = (Phase.START, Phase.CONTEXT, Phase.PLANNING, Phase.VALIDATION, Phase.EXECUTION)
_COUNTED_STEPS = (*_COUNTED, Phase.COMPLETION, phases.RESUMED)

E = TypeVar("E", bound=Event)


def frames(guest: Guest, log: Iterable[Frame]) -> deque[Frame]:
    """Returns the events as the guest gets them, each with its number. Reads the database."""
    view = _View(guest)
    return deque(view.frame(frame) for frame in log)


def bodies(guest: Guest | None, rows: QuerySet[EventRow]) -> Iterable[tuple[int, str]]:
    """Returns number and frame of each event; without a guest, as it is in the log."""
    if guest is None:
        return rows.values_list("seq", "body").iterator()
    if guest.run is not None:
        rows = rows.filter(run=guest.run)
    found = rows.values_list("seq", "type", "run_id", "body").iterator()
    return ((frame.seq, frame.body) for frame in frames(guest, (Frame(*row) for row in found)))


def are_plain(guest: Guest, log: Iterable[Frame]) -> bool:
    """Tells whether `frames` has nothing to read or to look up for these."""
    return all(frame.type == EventType.TOKEN or _is_of_other(guest, frame) for frame in log)


def _is_of_other(guest: Guest, frame: Frame) -> bool:
    return guest.run is not None and frame.run != guest.run


def hello(guest: Guest, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of the first frame of a connection."""
    active = fields["active_run"]
    return {
        **fields,
        "active_run": active if guest.run is None or active == str(guest.run) else None,
        "board": fields["board"] if shows_board(guest) else None,
    }


def shows_board(guest: Guest) -> bool:
    return guest.shows_tasks or guest.shows_memories


def task(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a task without the name of its assignee."""
    return {**fields, "assignee": None}


class _View:
    """One look of a guest at a part of the log."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.steps = Steps(guest)

    def frame(self, frame: Frame) -> Frame:
        if _is_of_other(self.guest, frame):
            return _withheld(frame)
        if frame.type == EventType.TOKEN:  # a piece of the answer, and nothing else
            return frame
        try:
            shown = self._event(parsing.read(frame.body))
        except (LookupError, TypeError, ValueError, AttributeError):  # of another version
            shown = None
        if shown is None:
            return _withheld(frame)
        return replace(frame, body=shown.frame(frame.seq))

    def _event(self, event: Event) -> Event | None:
        of_one_run = self.guest.run is not None
        match event:
            case events.Message():
                into = None if of_one_run else event.into
                return replace(event, author=None, client_id=None, into=into)
            case events.Run():
                return replace(event, retry_of=None) if of_one_run else event
            case events.Progress():
                return self._progress(event)
            case events.Plan():
                return self._plan(event)
            case events.Step():
                return self._step(event)
            case events.Approval():
                return self._approval(event)
            case events.Steering():
                following = None if of_one_run else event.next_run
                return _told(replace(event, author=None, client_id=None, next_run=following))
            case events.Change():
                return self._change(event)
            case events.Complete():
                return replace(event, usage={}, message=_answer(event.message))
            case events.Error():  # its text may name servers and settings
                return _told(replace(event, error="", retryable=False))
            case events.Cancelled():
                return _told(replace(event, by=None))
        return None

    # -- progress ----------------------------------------------------------------------------------

    def _progress(self, event: events.Progress) -> Event:
        told = {name: event.metadata[name] for name in _COUNTS & event.metadata.keys()}
        if self.guest.shows_memories and "recalled" in event.metadata:
            told["recalled"] = event.metadata["recalled"]
        message, details = self._words(event)
        shown = replace(event, message=message, details=details, metadata=told)
        return _told(shown, **self._line(event))

    def _words(self, event: events.Progress) -> tuple[str, str]:
        """Returns the message and the details: those of the event, where they are not texts of others."""
        told = event.metadata
        if "part" in told or event.step not in (*Phase, "error"):
            counts = event.details if event.step == phases.RESUMED else counted(told)
            return _label(event.step), counts
        if (key := told.get("step_id")) is not None:
            return self._words_of_step(event, key)
        if event.step == "error":  # what it says may name servers and settings
            return f"❌ {failed('')}", NO_REASON
        has_failed = told.get("phase") == "failed"
        if event.step in _COUNTED_STEPS and not has_failed:
            return event.message, event.details
        return event.message, event.details if self._shows_thoughts(event) else ""

    def _words_of_step(self, event: events.Progress, key: str) -> tuple[str, str]:
        if not self.steps.is_described(event.run, key):
            return NOT_SHARED, ""
        if "phase" in event.metadata:  # the description of the step
            return event.message, ""
        return (
            (event.message, event.details) if self.steps.is_open(event.run, key) else (WORKING, "")
        )

    def _shows_thoughts(self, event: events.Progress) -> bool:
        """Tells whether the details are of a phase in which the model writes of the project's memories."""
        is_free = event.step in (Phase.ANALYZING, Phase.MEMORY)
        return is_free and self.guest.shows_memories and event.metadata.get("phase") != "failed"

    def _line(self, event: events.OfRun) -> dict[str, str]:
        """Returns what the event's writer said about the run, unless that may name what is not shared."""
        line = (event.texts or {}).get("line")
        if not line or (isinstance(event, events.Progress) and event.step != Phase.EXECUTION):
            return {}
        return {"line": line if self.steps.all_named(event.run) else DOING[Phase.EXECUTION]}

    # -- plans -------------------------------------------------------------------------------------

    def _plan(self, event: events.Plan) -> Event:
        named = all(self.steps.names(step["type"], step["tool"] or "") for step in event.steps)
        return _told(
            replace(
                event,
                summary=event.summary if named else "",
                assumptions=event.assumptions if named else [],
                questions=event.questions if named else [],
                steps=[self._planned(step) for step in event.steps],
            )
        )

    def _planned(self, step: PlannedStep) -> PlannedStep:
        kind, tool = step["type"], step["tool"] or ""
        named, opened = self.steps.names(kind, tool), self.steps.opens(kind, tool)
        described = self.steps.describes(kind, tool)
        return PlannedStep(
            id=step["id"],
            type=kind,
            tool=step["tool"] if named else None,
            description=step["description"] if described else NOT_SHARED,
            arguments=_without_names(step["arguments"]) if opened else {},
            depends_on=step["depends_on"],
            status=step["status"],
        )

    def _step(self, event: events.Step) -> Event:
        opened = self.steps.is_open(event.run, event.id)
        # Why a step failed or was skipped may name another step.
        says_why = opened and self.steps.all_named(event.run)
        shown = replace(
            event,
            result=_without_names(event.result) if opened else None,
            error=event.error if says_why or event.error is None else NO_REASON,
        )
        return _told(shown, **self._line(event))

    def _approval(self, event: events.Approval) -> Event:
        named = self.steps.all_named(event.run)
        asks = event.status == "requested"
        effects = (
            None if event.effects is None else [self._effect(event, one) for one in event.effects]
        )
        shown = replace(
            event,
            by=None,
            reason=event.reason if named or not asks else "",
            effects=effects,
            comments=event.comments if named else None,
        )
        told: dict[str, Any] = {}
        if asks:  # others
            told["line"] = effect_texts.waiting(effects or [], "Waiting for approval")
        if named and event.texts and "comments" in event.texts:
            told["comments"] = event.texts["comments"]
        shown = _told(shown, **told)
        if effects and not self.guest.shows_tasks:  # the texts say what would change
            shown = replace(shown, effects=[_without_tasks(effect) for effect in effects])
        return shown

    def _effect(self, event: events.Approval, effect: StepEffect) -> StepEffect:
        key = effect["step"]
        changes = [
            self._stripped(change) for change in effect["changes"] if self._shows(change["object"])
        ]
        if not self.steps.is_named(event.run, key) or len(changes) < len(effect["changes"]):
            return StepEffect(step=key, changes=[], note=NOT_SHARED)
        if self.steps.is_open(event.run, key):
            arguments = _without_names(effect.get("arguments", {}))
            return StepEffect(**{**effect, "changes": changes, "arguments": arguments})
        note = ONLY_READS if effect["note"] == ONLY_READS else ""
        shown = StepEffect(step=key, changes=changes, note=note)
        if "tool" in effect:
            shown["tool"] = effect["tool"]
        return shown

    def _stripped(self, change: EffectChange) -> EffectChange:
        sides = {side: _without_names(change[side]) for side in ("before", "after")}
        if (
            change["action"] == "deleted"
            and change["object"] == "task"
            and not self.guest.shows_tasks
        ):
            sides["before"] = None  # what a run deletes, it did not tell
        return EffectChange(**{**change, **sides})  # type: ignore[typeddict-item]

    # -- changes -----------------------------------------------------------------------------------

    def _shows(self, kind: str) -> bool:
        """Tells whether changes of this kind of object are shown."""
        if kind == "session":
            return self.guest.run is None  # its title is of other runs
        return kind == "task" or (kind == "memory" and self.guest.shows_memories)

    def _change(self, event: events.Change) -> Event | None:
        if not self._shows(event.object):
            return None
        before, after = event.before, event.after
        if event.object == "task":
            before, after = before and task(before), after and task(after)
        shown = replace(event, before=before, after=after, by=None, texts=None)
        shown = replace(shown, texts=shown.words())
        if event.object == "task" and not self.guest.shows_tasks:
            return replace(shown, before=None, after=None)  # the texts say which task it is
        return shown


def _withheld(frame: Frame) -> Frame:
    return Frame(frame.seq, WITHHELD, None, f'{{"type":"{WITHHELD}","seq":{frame.seq},"run":null}}')


def _told(event: E, **told: Any) -> E:
    """Returns the event with the texts that its fields make, and with these."""
    own = replace(event, texts=None).words()
    return replace(event, texts={**own, **told})


def _label(step: str) -> str:
    kind = phases.kind_of(step)
    return f"{kind.icon} {kind.label}".strip() if kind else WORKING


def _answer(message: Answer) -> Answer:
    return Answer(
        id=message["id"], role=message["role"], content=message["content"], html=message["html"]
    )


def _without_tasks(effect: StepEffect) -> StepEffect:
    """Returns the effect without the tasks as they were and would be."""
    changes = [
        EffectChange(**{**change, "before": None, "after": None})
        if change["object"] == "task"
        else change
        for change in effect["changes"]
    ]
    return StepEffect(**{**effect, "changes": changes})


def _without_names(value: Any) -> Any:
    """Returns a JSON value without assignees, who are members of the project."""
    if isinstance(value, Mapping):
        return {name: _without_names(one) for name, one in value.items() if name != "assignee"}
    return [_without_names(one) for one in value] if isinstance(value, list) else value
