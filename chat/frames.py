"""The frames that a client may send over a WebSocket, and how frames that are in no log are written."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StrictInt, StrictStr, ValidationError

from agent.event_log.times import now as timestamp
from agent.exceptions import Refused
from agent.plan import MAX_STEPS
from agent.plans.parser import MAX_READ
from agent.runs.drafts import Draft
from agent.support.invalid import message
from chat import strict_json

MAX_REASON = 10_000  # characters
MAX_BYTES = 65_536  # of a frame
MAX_LONG_BYTES = 524_288  # of a frame of one of these types
LONG = ("message", "edit_plan")

Seq = Annotated[StrictInt, Field(ge=0, le=2**63 - 1)]
Revision = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]


class ClientFrame(BaseModel):
    """Unknown fields are ignored."""


class MessageFrame(ClientFrame):
    content: StrictStr
    client_id: UUID
    approval: Literal["auto", "required"] = "auto"
    task: UUID | None = None


class SteerFrame(ClientFrame):
    run: UUID
    content: StrictStr
    client_id: UUID


class CancelFrame(ClientFrame):
    run: UUID


class ApproveFrame(ClientFrame):
    run: UUID
    plan_revision: Revision


class Comment(ClientFrame):
    step: StrictStr
    text: StrictStr


class RejectFrame(ClientFrame):
    run: UUID
    plan_revision: Revision
    reason: Annotated[StrictStr, Field(max_length=MAX_REASON)] = ""
    comments: Annotated[list[Comment], Field(max_length=MAX_STEPS, fail_fast=True)] = []


class EditPlanFrame(ClientFrame):
    run: UUID
    plan_revision: Revision
    steps: Annotated[list[dict[str, Any]], Field(max_length=MAX_READ, fail_fast=True)]


class AckFrame(ClientFrame):
    seq: Seq


class PingFrame(ClientFrame):
    pass


FRAMES: dict[str, type[ClientFrame]] = {
    "message": MessageFrame,
    "steer": SteerFrame,
    "cancel": CancelFrame,
    "approve": ApproveFrame,
    "reject": RejectFrame,
    "edit_plan": EditPlanFrame,
    "ack": AckFrame,
    "ping": PingFrame,
}


def read(content: str | bytes) -> dict[str, Any]:
    """Returns the JSON object in a frame. Raises `Refused`: `invalid_json`, `invalid_frame`, `too_large`."""
    if isinstance(content, bytes):
        raise Refused("invalid_frame", "A frame must be JSON text, not bytes.")
    size = size_of(content)
    _check_size(size, MAX_LONG_BYTES)
    frame = strict_json.read(content)
    if not isinstance(frame, dict):
        raise Refused("invalid_frame", "A frame must be a JSON object.")
    if frame.get("type") not in LONG:
        _check_size(size, MAX_BYTES)
    return frame


def size_of(content: str | bytes) -> int:
    """Returns the bytes of a frame."""
    return len(content.encode() if isinstance(content, str) else content)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise Refused("too_large", f"A frame of this type may have at most {limit:,} bytes.")


def parse(frame: dict[str, Any]) -> ClientFrame:
    """Raises `Refused`: `unknown_type`, `invalid_frame`."""
    strict_json.check(frame)
    kind = frame.get("type")
    if not isinstance(kind, str):
        raise Refused("invalid_frame", "A frame needs a type, a text.")
    if kind not in FRAMES:
        raise Refused("unknown_type", f"There is no frame of type {kind[:40]!r}.")
    try:
        return FRAMES[kind].model_validate(frame)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused("invalid_frame", f"{place}: {message(first)}") from None


def client_id_of(frame: dict[str, Any]) -> str | None:
    """Returns the `client_id` to repeat in a `rejected` frame, if this frame has a usable one."""
    client_id = frame.get("client_id")
    return client_id if isinstance(client_id, str) and len(client_id) <= 64 else None


def interruption(before: UUID | None, now: UUID | None) -> list[str]:
    """Returns the frames that lead from `before`, the interrupted run so far, to `now`."""
    if before == now:
        return []
    changes = ((before, False), (now, True))
    return [
        ephemeral("interrupted", run=str(run), interrupted=is_interrupted)
        for run, is_interrupted in changes
        if run is not None
    ]


def draft(draft: Draft) -> str:
    """Returns the frame of a draft, whose stored body has the other fields."""
    head = ephemeral("draft", run=str(draft.run), after=draft.seq)
    return f"{head[:-1]},{draft.body[1:]}"


def ephemeral(kind: str, **fields: Any) -> str:
    """Returns the JSON text of a frame that is in no log: ASCII, so that lone surrogates are escaped."""
    return json.dumps({"type": kind, **fields}, allow_nan=False, separators=(",", ":"))


def heartbeat() -> str:
    """As `ephemeral`, without an encoder: each viewer has one every few seconds."""
    return f'{{"type":"heartbeat","timestamp":"{timestamp()}"}}'
