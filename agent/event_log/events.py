"""The vocabulary of the log: the phases, and one class for each type of event, to write and to read.

Values only; `agent.event_log.log` numbers and keeps them. `docs/protocol.md` describes the same for readers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, ClassVar
from uuid import UUID

from pydantic import TypeAdapter

from agent.event_log.payloads import Answer, PlannedStep, StepEffect


class EventType(StrEnum):
    MESSAGE = "message"
    RUN = "run"
    PROGRESS = "progress"
    PLAN = "plan"
    STEP = "step"
    APPROVAL = "approval"
    CHANGE = "change"
    TOKEN = "token"
    COMPLETE = "complete"
    ERROR = "error"
    CANCELLED = "cancelled"


# Exactly one of these is a run's last event.
LAST = frozenset({EventType.COMPLETE, EventType.ERROR, EventType.CANCELLED})


class Phase(StrEnum):
    """The stages of a run, in order; each is the `step` of its progress events."""

    START = "start"
    CONTEXT = "context"
    ANALYZING = "analyzing"
    PLANNING = "planning"
    VALIDATION = "validation"
    EXECUTION = "execution"
    MEMORY = "memory"
    COMPLETION = "completion"


# What a phase says when it starts: message and details.
STARTED: Mapping[Phase, tuple[str, str]] = {
    Phase.START: (
        "🧠 Starting to process your request...",
        "Initializing the planning-first agent",
    ),
    Phase.CONTEXT: (
        "📚 Gathering conversation context...",
        "Loading previous messages and project context",
    ),
    Phase.ANALYZING: (
        "🧠 Analyzing your request...",
        "Understanding your intent and requirements",
    ),
    Phase.PLANNING: (
        "📋 Creating execution plan...",
        "Planning the best approach for your request",
    ),
    Phase.VALIDATION: ("✅ Validating plan...", "Ensuring the plan is feasible and optimal"),
    Phase.EXECUTION: ("⚙️ Executing plan...", "Carrying out the planned actions"),
    Phase.MEMORY: ("💾 Updating memory...", "Saving important information for future reference"),
    Phase.COMPLETION: ("💬 Writing the answer...", "Telling what was really done"),
}

_steps: set[str] = {*Phase, "error"}


def register_step(name: str) -> str:
    """Allows `name` as the `step` of progress events: a custom progress step. Returns it."""
    if not name.isidentifier() or name != name.lower():
        raise ValueError(f"a progress step is named in lower case letters and _, not {name!r}")
    _steps.add(name)
    return name


# Made once: `json.dumps` with options of one's own makes an encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def now() -> str:
    """Returns the time as every event tells it: ISO 8601, UTC, microseconds, `Z`."""
    return datetime.now(UTC).isoformat("T", "microseconds")[:-6] + "Z"


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat("T", "microseconds")[:-6] + "Z"


@dataclass(frozen=True, slots=True)
class Event:
    """One fact of a session. A subclass is one type of event, and its fields are what the type adds.

    `run`: None for what a person did outside of a run. `seq`: the number in the session's log, 0
    before the event has one. All times are as `now` tells them. A field that was added later has a
    default, so that older events can be read.
    """

    type: ClassVar[EventType]
    # The field of the frame that holds what the type adds; "" when those are fields of the frame.
    part: ClassVar[str] = ""

    run: UUID | None
    _: KW_ONLY
    seq: int = 0
    timestamp: str = field(default_factory=now)

    def told(self) -> dict[str, Any]:
        """Returns what the type adds, as JSON."""
        kind = type(self)
        told = dict(zip(_names[kind], _values[kind](self), strict=True))
        for name in _ids[kind]:
            if told[name] is not None:
                told[name] = str(told[name])
        return told

    def frame(self, seq: int) -> str:
        """Returns the JSON text that every reader gets of the event with the number `seq`."""
        # The encoder gets only what the type adds: that takes three quarters of the time.
        told = _encode(self.told())
        told = f'"{self.part}":{told}' if self.part else told[1:-1]
        run = "null" if self.run is None else f'"{self.run}"'
        return f'{{"type":"{self.type}",{told},"seq":{seq},"run":{run},"timestamp":"{self.timestamp}"}}'

    def as_json(self) -> dict[str, Any]:
        """Returns the frame of an event that has its number."""
        frame: dict[str, Any] = json.loads(self.frame(self.seq))
        return frame


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
        if not self.seq and self.step not in _steps:
            raise ValueError(f"unknown progress step {self.step!r}; register it with register_step")

    def told(self) -> dict[str, Any]:
        return {**OfRun.told(self), "timestamp": self.timestamp}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(OfRun):
    type = EventType.PLAN
    part = "plan"

    id: UUID
    revision: int
    summary: str = ""
    steps: list[PlannedStep]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval(OfRun):
    """`effects`, `estimate` and `expires_at` belong to the request and to nothing else: what a person
    who is asked about a plan is shown."""

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

    def told(self) -> dict[str, Any]:
        told = OfRun.told(self)
        if self.effects is None:
            del told["effects"], told["estimate"], told["expires_at"]
        return told


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Error(OfRun):
    type = EventType.ERROR

    error: str
    code: str
    retryable: bool
    partial: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(OfRun):
    type = EventType.CANCELLED

    by: str | None
    reason: str = ""
    partial: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(Event):
    """What was read and is no event of this version; `broken`: it has the type of one."""

    name: str  # the type
    fields: dict[str, Any]
    broken: bool

    def as_json(self) -> dict[str, Any]:
        return self.fields


ENVELOPE = tuple(field.name for field in fields(Event))
CLASSES: Mapping[str, type[Event]] = {
    one.type: one
    for one in (
        Message, Run, Progress, Plan, Step, Approval, Change, Token, Complete, Error, Cancelled,
    )
}  # fmt: skip
_own = {
    one: [field for field in fields(one) if field.name not in ENVELOPE] for one in CLASSES.values()
}
_names = {one: [field.name for field in own] for one, own in _own.items()}
_ids = {one: [f.name for f in own if "UUID" in str(f.type)] for one, own in _own.items()}
_values = {one: attrgetter(*names) for one, names in _names.items()}
_readers = {kind: TypeAdapter[Event](one) for kind, one in CLASSES.items()}


def read(body: str) -> Event:
    """Returns the event that a frame tells: one of `CLASSES`, or `Unknown`."""
    try:
        frame = json.loads(body)
        name = str(frame["type"])
    except (LookupError, TypeError, ValueError):
        return Unknown(None, name="", fields={}, broken=True)
    if name not in _readers:
        return _unknown(name, frame, broken=False)
    try:
        part = frame[one] if (one := CLASSES[name].part) else frame
        told = {**part, **{name: frame[name] for name in ENVELOPE}}
        return _readers[name].validate_python(told)
    except (LookupError, TypeError, ValueError):
        return _unknown(name, frame, broken=True)


def _unknown(name: str, frame: dict[str, Any], *, broken: bool) -> Unknown:
    try:
        run = UUID(frame["run"])
    except (LookupError, TypeError, ValueError, AttributeError):
        run = None
    return Unknown(run, name=name, fields=frame, broken=broken)
