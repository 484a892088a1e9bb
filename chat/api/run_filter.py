"""One run's part of a session's log, followed to its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from agent.event_log import events, parsing
from agent.event_log.events import LAST, EventType
from agent.event_log.log import Frame
from agent.models import Run
from chat.api import event_stream
from chat.connection_identity import ConnectionIdentity
from chat.viewer import Notice

# The stream of a run ends early when it has read this much, which bounds what lies unread for a client
# that stalls, as in `sse`. No run that people make comes near it.
MOST_BYTES = 16 * 1_048_576


@dataclass(frozen=True, slots=True)
class RunFrame:
    """A frame for a reader of one run. `event`: what it says, when it is an event of the run.

    `blocked`: the run waits for a person by this event, or stands behind one that does.
    """

    frame: Frame | Notice
    event: events.Event | None
    blocked: bool = False


async def of_run(
    identity: ConnectionIdentity, run: Run, after: int, transport: str
) -> AsyncGenerator[RunFrame, None]:
    """Yields the run's events after `after`, to its last one, with heartbeats, the run's drafts and
    foreign events that block the run in between."""
    size = 0
    async with aclosing(event_stream.frames(identity, after, transport)) as frames:
        async for frame in frames:
            if frame.type == "draft":
                if frame.run == run.pk:
                    yield RunFrame(frame, None)
                continue
            mine, is_status = frame.run == run.pk, frame.type == EventType.RUN
            event = parsing.read(frame.body) if mine or is_status else None
            waits = isinstance(event, events.Run) and event.status == Run.Status.WAITING
            if mine or waits or frame.type == "heartbeat":
                yield RunFrame(frame, event if mine else None, waits)
            size += frame.size
            if (mine and frame.type in LAST) or size > MOST_BYTES:
                return
