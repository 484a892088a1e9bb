"""What a client may send over a WebSocket: parsed, or refused with the protocol's code."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, NoReturn
from uuid import UUID

from pydantic import BaseModel, Field, StrictInt, StrictStr, ValidationError

from agent.exceptions import Refused
from agent.words import is_text

MAX_REASON = 10_000  # characters
MAX_DEPTH = 32
MAX_NUMBER = 2**63 - 1

Seq = Annotated[StrictInt, Field(ge=0, le=2**63 - 1)]
Revision = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]


class ClientFrame(BaseModel):
    """Fields that we do not know are ignored."""


class MessageFrame(ClientFrame):
    content: StrictStr
    client_id: UUID
    approval: Literal["auto", "required"] = "auto"
    task: UUID | None = None


class CancelFrame(ClientFrame):
    run: UUID


class ApproveFrame(ClientFrame):
    run: UUID
    plan_revision: Revision


class RejectFrame(ClientFrame):
    run: UUID
    plan_revision: Revision
    reason: Annotated[StrictStr, Field(max_length=MAX_REASON)] = ""


class EditPlanFrame(ClientFrame):
    run: UUID
    plan_revision: Revision
    steps: list[dict[str, Any]]


class AckFrame(ClientFrame):
    seq: Seq


class PingFrame(ClientFrame):
    pass


FRAMES: dict[str, type[ClientFrame]] = {
    "message": MessageFrame,
    "cancel": CancelFrame,
    "approve": ApproveFrame,
    "reject": RejectFrame,
    "edit_plan": EditPlanFrame,
    "ack": AckFrame,
    "ping": PingFrame,
}


def read(text: str | None) -> dict[str, Any]:
    """Returns the JSON object in `text`. Raises `Refused`: `invalid_json`, `invalid_frame`."""
    if text is None:
        raise Refused("invalid_frame", "A frame must be JSON text, not bytes.")
    try:
        frame = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):  # not JSON, or nested or long beyond reason
        raise Refused("invalid_json", "The frame is not valid JSON.") from None
    if not isinstance(frame, dict):
        raise Refused("invalid_frame", "A frame must be a JSON object.")
    _check(frame)
    return frame


def _check(value: Any, depth: int = 0) -> None:
    """Refuses what JSON allows and no database or reader of ours does."""
    if depth > MAX_DEPTH:
        raise Refused("invalid_frame", f"The frame is nested more than {MAX_DEPTH} deep.")
    if isinstance(value, str) and not is_text(value):
        raise Refused("invalid_frame", "The frame holds characters that are not text.")
    if isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise Refused("invalid_frame", "The frame holds a number that is too large.")
    inside = [*value, *value.values()] if isinstance(value, dict) else value
    if isinstance(inside, list):
        for item in inside:
            _check(item, depth + 1)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse(frame: dict[str, Any]) -> ClientFrame:
    """Raises `Refused`: `unknown_type`, `invalid_frame`."""
    kind = frame.get("type")
    if not isinstance(kind, str):
        raise Refused("invalid_frame", "A frame needs a type, a text.")
    if kind not in FRAMES:
        raise Refused("unknown_type", f"There is no frame of type {kind[:40]!r}.")
    try:
        return FRAMES[kind].model_validate(frame)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused("invalid_frame", f"{place}: {first['msg']}") from None


def client_id_of(frame: dict[str, Any]) -> str | None:
    """Returns the sender's name for a frame, when it has one, for the `rejected` frame."""
    client_id = frame.get("client_id")
    return client_id if isinstance(client_id, str) and len(client_id) <= 64 else None


def interruption(before: UUID | None, now: UUID | None) -> list[str]:
    """Returns the frames that tell which run is interrupted `now`, when it was `before`."""
    if before == now:
        return []
    told = ((before, False), (now, True))
    return [
        ephemeral("interrupted", run=str(run), interrupted=is_so)
        for run, is_so in told
        if run is not None
    ]


def ephemeral(kind: str, **fields: Any) -> str:
    """Returns the JSON text of a frame that is in no log. Lone surrogates of a client are escaped."""
    return json.dumps({"type": kind, **fields}, allow_nan=False, separators=(",", ":"))
