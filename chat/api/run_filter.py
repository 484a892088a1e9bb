"""One run's part of a session's log, followed to its end."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from agent.event_log.events import LAST, EventType
from agent.models import Event, Run
from chat.api.event_stream import Follower, Piece
from chat.connection_identity import ConnectionIdentity

# A stream of one run ends before its run when it has carried this much: what lies about for a reader
# that stalls has an end, as in `sse`. No run that people make comes near it.
MOST_BYTES = 16 * 1_048_576


@dataclass(frozen=True, slots=True)
class Told:
    """A frame on its way. `event`: the same, read, when it is of the run; `blocked`: see `of_run`."""

    piece: Piece
    event: dict[str, Any] | None
    blocked: bool = False


def start_of(run: Run) -> int:
    """Returns the position just before the event of the message that the run answers."""
    told = Event.objects.filter(session=run.session_id, run=run, type=EventType.MESSAGE)
    # From the end: mostly it was a moment ago.
    return int(told.order_by("-seq").values_list("seq", flat=True)[0]) - 1


async def of_run(presence: ConnectionIdentity, run: Run, after: int) -> AsyncGenerator[Told, None]:
    """Yields the run's events after `after`, and heartbeats between them, to its last event.

    `blocked` is an event by which the run waits for a person: itself, or behind one that does.
    """
    size, mine = 0, str(run.pk)
    async with aclosing(Follower(presence, after).pieces()) as pieces:
        async for piece in pieces:
            frame = json.loads(piece.text)
            waits = frame["type"] == EventType.RUN and frame["status"] == Run.Status.WAITING
            if frame.get("run") == mine and piece.seq is not None:
                yield Told(piece, frame, waits)
            elif waits or frame["type"] == "heartbeat":
                yield Told(piece, None, waits)
            size += len(piece.text)
            if (frame["type"] in LAST and frame.get("run") == mine) or size > MOST_BYTES:
                return
