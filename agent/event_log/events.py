"""The vocabulary of the log: the event types, the phases, and one constructor for each event.

Values only; `agent.event_log.log` numbers and keeps them. `docs/protocol.md` describes the same for readers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


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
    return datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


@dataclass(frozen=True, slots=True)
class Event:
    """One fact, not yet numbered. `fields` holds what its type adds; all of it JSON."""

    type: EventType
    run: UUID | None
    fields: Mapping[str, Any]
    timestamp: str = field(default_factory=now)

    def frame(self, seq: int) -> str:
        """Returns the JSON text that every reader gets."""
        body = {
            "type": self.type,
            **self.fields,
            "seq": seq,
            "run": None if self.run is None else str(self.run),
            "timestamp": self.timestamp,
        }
        return _encode(body)


def message(
    run: UUID, *, id: UUID, role: str, author: str | None, content: str, client_id: UUID | None
) -> Event:
    return Event(
        EventType.MESSAGE,
        run,
        {
            "message": {
                "id": str(id),
                "role": role,
                "author": author,
                "content": content,
                "client_id": None if client_id is None else str(client_id),
            }
        },
    )


def run(
    run: UUID, status: str, *, position: int | None = None, retry_of: UUID | None = None
) -> Event:
    """`position`: 1 for the next in the queue; only when queued."""
    fields: dict[str, Any] = {"status": status}
    if position is not None:
        fields["position"] = position
    if retry_of is not None:
        fields["retry_of"] = str(retry_of)
    return Event(EventType.RUN, run, fields)


def progress(
    run: UUID,
    step: str,
    message: str,
    details: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Event:
    """The frame of a progress callback. `step` is a phase, `error`, or a registered step."""
    if step not in _steps:
        raise ValueError(f"unknown progress step {step!r}; register it with register_step")
    timestamp = now()
    frame = {
        "step": str(step),
        "message": message,
        "details": details,
        "timestamp": timestamp,
        "metadata": dict(metadata or {}),
    }
    return Event(EventType.PROGRESS, run, {"progress": frame}, timestamp)


def plan(
    run: UUID, *, id: UUID, revision: int, summary: str, steps: Sequence[Mapping[str, Any]]
) -> Event:
    """`steps`: each with id, type, tool, description, arguments, depends_on, status."""
    body = {"id": str(id), "revision": revision, "summary": summary, "steps": list(steps)}
    return Event(EventType.PLAN, run, {"plan": body})


def step(
    run: UUID,
    *,
    id: str,
    status: str,
    started_at: datetime | None = None,
    finished_at: datetime | None = None,
    result: Any = None,
    error: str = "",
) -> Event:
    body = {
        "id": id,
        "status": str(status),
        "started_at": None if started_at is None else stamp(started_at),
        "finished_at": None if finished_at is None else stamp(finished_at),
        "result": result,
        "error": error or None,
    }
    return Event(EventType.STEP, run, {"step": body})


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person who is asked about a plan is shown: see `Approval`."""

    effects: Sequence[Mapping[str, Any]] = ()
    estimate: Mapping[str, int] | None = None
    expires_at: datetime | None = None


def approval(
    run: UUID,
    *,
    id: UUID,
    status: str,
    plan_revision: int,
    reason: str = "",
    by: str | None = None,
    shown: Shown | None = None,
) -> Event:
    """`shown` belongs to the request and to nothing else."""
    body: dict[str, Any] = {
        "id": str(id),
        "status": str(status),
        "plan_revision": plan_revision,
        "reason": reason,
        "by": by,
    }
    if shown is not None:
        body["effects"] = list(shown.effects)
        body["estimate"] = shown.estimate
        body["expires_at"] = None if shown.expires_at is None else stamp(shown.expires_at)
    return Event(EventType.APPROVAL, run, {"approval": body})


def change(
    run: UUID | None,
    *,
    object: str,
    id: UUID,
    action: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    by: str | None,
) -> Event:
    """A task or memory changed; `before` and `after` are whole objects, null where there is none."""
    body = {
        "object": object,
        "id": str(id),
        "action": action,
        "before": before,
        "after": after,
        "by": by,
    }
    return Event(EventType.CHANGE, run, {"change": body})


def token(run: UUID, *, offset: int, text: str) -> Event:
    """A piece of the answer; `offset` in characters, 0 starts the answer over."""
    return Event(EventType.TOKEN, run, {"offset": offset, "text": text})


def complete(
    run: UUID,
    *,
    message_id: UUID,
    content: str,
    html: str,
    usage: Mapping[str, int],
    duration_ms: int,
) -> Event:
    return Event(
        EventType.COMPLETE,
        run,
        {
            "response": content,
            "message": {
                "id": str(message_id),
                "role": "assistant",
                "content": content,
                "html": html,
            },
            "usage": dict(usage),
            "duration_ms": duration_ms,
        },
    )


def error(run: UUID, *, error: str, code: str, retryable: bool, partial: str = "") -> Event:
    fields = {"error": error, "code": code, "retryable": retryable, "partial": partial}
    return Event(EventType.ERROR, run, fields)


def cancelled(run: UUID, *, by: str | None, reason: str = "", partial: str = "") -> Event:
    return Event(EventType.CANCELLED, run, {"by": by, "reason": reason, "partial": partial})


def token_of(body: str) -> tuple[int, str]:
    """Returns offset and text of a `token` event's frame."""
    frame = json.loads(body)
    return frame["offset"], frame["text"]
