"""The vocabulary of the log: one class for each type of event. `parsing` reads them back.

Values only; `agent.event_log.log` numbers and keeps them. `docs/protocol.md` describes the same for readers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from agent.event_log import effect_texts, phases, texts
from agent.event_log.payloads import (
    Answer,
    PlanAssumption,
    PlannedStep,
    PlanQuestion,
    StepComment,
    StepEffect,
)
from agent.event_log.times import now
from agent.event_log.value_texts import facts
from agent.support.durations import duration


class EventType(StrEnum):
    MESSAGE = "message"
    RUN = "run"
    PROGRESS = "progress"
    PLAN = "plan"
    STEP = "step"
    APPROVAL = "approval"
    STEERING = "steering"
    CHANGE = "change"
    TOKEN = "token"
    COMPLETE = "complete"
    ERROR = "error"
    CANCELLED = "cancelled"


# Exactly one of these is a run's last event.
LAST = frozenset({EventType.COMPLETE, EventType.ERROR, EventType.CANCELLED})


# Made once: `json.dumps` with options of one's own makes an encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Event:
    """One fact of a session. A subclass is one type of event, and its fields are what the type adds.

    `run`: None for what a person did outside of a run. `seq`: the number in the session's log, 0
    before the event has one. All times are as in `times`. A field that was added later has a default,
    so that older events can be read.
    """

    type: ClassVar[EventType]
    # The field of the frame that holds what the type adds; "" when those are fields of the frame.
    part: ClassVar[str] = ""

    run: UUID | None
    _: KW_ONLY
    seq: int = 0
    timestamp: str = field(default_factory=now)
    # Of a new event, the texts that only its writer can make; of one that was read, those of its frame,
    # None when it is from before events had texts.
    texts: dict[str, Any] | None = None

    def told(self) -> dict[str, Any]:
        """Returns what the type adds, as JSON."""
        kind = type(self)
        told = {name: getattr(self, name) for name in _names[kind]}
        for name in _ids[kind]:
            if told[name] is not None:
                told[name] = str(told[name])
        return told

    def frame(self, seq: int) -> str:
        """Returns the JSON text that every reader gets of the event with the number `seq`."""
        told = {self.part: self.told()} if self.part else self.told()
        if (texts := self._texts_to_send()) is not None:
            told["text"] = texts
        # The encoder gets only what differs by type: that takes less time than all of it.
        body = _encode(told)[1:-1]
        run = "null" if self.run is None else f'"{self.run}"'
        return f'{{"type":"{self.type}",{body},"seq":{seq},"run":{run},"timestamp":"{self.timestamp}"}}'

    def as_json(self) -> dict[str, Any]:
        """Returns the frame of an event that has its number."""
        frame: dict[str, Any] = json.loads(self.frame(self.seq))
        return frame

    def words(self) -> dict[str, Any]:
        """Returns the texts of an event that was read, made now for one that is older than texts."""
        return (self._own_texts() or {}) if self.texts is None else self.texts

    def _own_texts(self) -> dict[str, Any] | None:
        """Returns the texts that the fields alone make, without empty ones; None: the type has none."""
        return None

    def _texts_to_send(self) -> dict[str, Any] | None:
        if self.seq:
            return self.texts
        own = self._own_texts()
        return own if own is None or not self.texts else own | self.texts


def _filled(**texts: Any) -> dict[str, Any]:
    return {name: text for name, text in texts.items() if text}


@dataclass(frozen=True, slots=True)
class OfRun(Event):
    """An event that only a run has."""

    run: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(OfRun):
    type = EventType.MESSAGE
    part = "message"

    id: UUID
    role: str
    author: str | None
    content: str
    client_id: UUID | None = None
    into: UUID | None = None  # the run that it was sent into and came too late for

    def told(self) -> dict[str, Any]:
        told = OfRun.told(self)
        if self.into is None:
            del told["into"]
        return told


@dataclass(frozen=True, slots=True)
class Run(OfRun):
    """`position`: how many runs go before it, only when queued. `retry_of`: only of a run tried again."""

    type = EventType.RUN

    status: str
    _: KW_ONLY
    position: int | None = None
    retry_of: UUID | None = None

    def told(self) -> dict[str, Any]:
        return {name: value for name, value in OfRun.told(self).items() if value is not None}

    def _own_texts(self) -> dict[str, Any]:
        return _filled(line=texts.status_line(self.status, self.position))


@dataclass(frozen=True, slots=True)
class Progress(OfRun):
    """The frame of a progress callback. `step` is a phase, `error`, or a registered step."""

    type = EventType.PROGRESS
    part = "progress"

    step: str
    message: str
    details: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses to write what nobody registered; what was written once can be read for ever."""
        if not self.seq and not phases.is_known(self.step):
            raise ValueError(f"unknown progress step {self.step!r}; register it with progress_step")

    def told(self) -> dict[str, Any]:
        # The fields by name: most events of a run are of this type.
        return {
            "step": self.step,
            "message": self.message,
            "details": self.details,
            "metadata": self.metadata,
            "timestamp": self.timestamp,
        }

    def _own_texts(self) -> dict[str, Any]:
        told = self.metadata
        is_started = told.get("phase") == "started" and "step_id" not in told
        recalled, took = told.get("recalled"), told.get("duration_ms")
        usual = told.get("usual")
        return _filled(
            line=is_started and texts.started_line(self.step, self.message),
            message=texts.without_emoji(self.message),
            # A custom step may put anything there.
            recalled=isinstance(recalled, list) and texts.recalled(recalled),
            took=isinstance(took, int | float) and duration(took),
            usual=isinstance(usual, dict) and texts.usual(usual),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(OfRun):
    type = EventType.PLAN
    part = "plan"

    id: UUID
    revision: int
    summary: str = ""
    assumptions: list[PlanAssumption] = field(default_factory=list)
    questions: list[PlanQuestion] = field(default_factory=list)
    steps: list[PlannedStep]

    def _own_texts(self) -> dict[str, Any]:
        numbers = {step["id"]: number for number, step in enumerate(self.steps, 1)}
        return {
            "steps": [
                {
                    "after": texts.after([numbers[need] for need in step["depends_on"]]),
                    "arguments": facts(step["arguments"], numbers),
                }
                for step in self.steps
            ],
            "open_points": texts.open_points(
                [one["text"] for one in self.assumptions],
                [one["question"] for one in self.questions],
            ),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(OfRun):
    type = EventType.STEP
    part = "step"

    id: str
    status: str
    started_at: str | None = None
    finished_at: str | None = None
    result: Any = None
    error: str | None = None

    def _own_texts(self) -> dict[str, Any]:
        return _filled(
            took=texts.took(self.started_at, self.finished_at),
            note=texts.result(self.result),
            result=facts(self.result, {}),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval(OfRun):
    """`effects`, `estimate` and `expires_at` belong to the request and to nothing else: what a person
    who is asked about a plan is shown. `comments` belong to a rejection."""

    type = EventType.APPROVAL
    part = "approval"

    id: UUID
    status: str
    plan_revision: int
    reason: str = ""
    by: str | None = None
    effects: list[StepEffect] | None = None
    estimate: dict[str, int] | None = None
    expires_at: str | None = None
    comments: list[StepComment] | None = None

    def told(self) -> dict[str, Any]:
        told = OfRun.told(self)
        if not self.comments:
            del told["comments"]
        if self.effects is None:
            del told["effects"], told["estimate"], told["expires_at"]
        return told

    def _own_texts(self) -> dict[str, Any]:
        if self.status == "requested":
            return {
                "line": effect_texts.waiting(self.effects or []),
                "estimate": texts.estimate(self.estimate),
                "effects": effect_texts.effects(self.effects or []),
            }
        return _filled(
            line=texts.status_line(self.status),
            decision=texts.decision(self.status, self.by, self.reason),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering(OfRun):
    """A message that was sent into the run: taken, with who sent it and its content; then applied, with
    `plan_revision`, or next, with `next_run`. `reason`: why it is next, or what it left as it was."""

    type = EventType.STEERING
    part = "steering"

    id: UUID
    status: str
    author: str | None = None
    content: str | None = None
    client_id: UUID | None = None
    plan_revision: int | None = None
    next_run: UUID | None = None
    reason: str = ""

    def told(self) -> dict[str, Any]:
        return {name: value for name, value in OfRun.told(self).items() if value is not None}

    def _own_texts(self) -> dict[str, Any]:
        return texts.steering(self.status, self.author, self.plan_revision, self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Event):
    """A task or memory changed; `before` and `after` are whole objects, None where there is none."""

    type = EventType.CHANGE
    part = "change"

    object: str
    id: UUID
    action: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    by: str | None
    undoes: bool = False  # the tool `undo` made it
    step: str = ""  # the id of the plan's step that made it; empty for others, and in older events

    def _own_texts(self) -> dict[str, Any]:
        return {
            "change": texts.change(self.action, self.object, self.before, self.after),
            "summary": texts.change_summary(self.action, self.before, self.after),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Token(OfRun):
    """A piece of the answer; `offset` in characters, 0 starts the answer over."""

    type = EventType.TOKEN

    offset: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete(OfRun):
    type = EventType.COMPLETE

    response: str
    message: Answer
    usage: dict[str, int]
    duration_ms: int
    remembers: bool = False  # the end of the memory phase follows, with what was remembered

    def _own_texts(self) -> dict[str, Any]:
        return {"line": texts.done(self.duration_ms)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Error(OfRun):
    type = EventType.ERROR

    error: str
    code: str
    retryable: bool
    partial: str = ""

    def _own_texts(self) -> dict[str, Any]:
        return {"line": texts.failed(self.error)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(OfRun):
    type = EventType.CANCELLED

    by: str | None
    reason: str = ""
    partial: str = ""

    def _own_texts(self) -> dict[str, Any]:
        return {"line": texts.cancelled(self.by, self.reason)}


ENVELOPE = tuple(field.name for field in fields(Event))
CLASSES: Mapping[str, type[Event]] = {
    one.type: one
    for one in (
        Message, Run, Progress, Plan, Step, Approval, Steering, Change, Token, Complete, Error,
        Cancelled,
    )
}  # fmt: skip
_own = {
    one: [field for field in fields(one) if field.name not in ENVELOPE] for one in CLASSES.values()
}
_names = {one: [field.name for field in own] for one, own in _own.items()}
_ids = {one: [f.name for f in own if "UUID" in str(f.type)] for one, own in _own.items()}
