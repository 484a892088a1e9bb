"""One run's part of a session's log, followed to its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from agent.event_log import events
from agent.event_log.events import Cancelled, Complete, Error, EventType
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
    event: events.Event | None
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
    size = 0
    async with aclosing(Follower(presence, after).pieces()) as pieces:
        async for piece in pieces:
            event = events.read(piece.text)
            mine = event.run == run.pk and piece.seq is not None
            waits = isinstance(event, events.Run) and event.status == Run.Status.WAITING
            if mine or waits or _is_heartbeat(event):
                yield Told(piece, event if mine else None, waits)
            size += len(piece.text)
            if (mine and isinstance(event, Complete | Error | Cancelled)) or size > MOST_BYTES:
                return


def _is_heartbeat(event: events.Event) -> bool:
    return isinstance(event, events.Unknown) and event.name == "heartbeat"
