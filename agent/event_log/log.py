"""The log of a session: the one door by which events get in, and how they are read.

An event is committed before anybody hears of it. All runs of a process share one writer, which commits
what is waiting together; the database work that an event tells of commits with it, or not at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agent.event_log import events
from agent.event_log.group_commit import Batch, Done, Effect, Entry, Fence, Frame, commit
from agent.exceptions import Fenced, Refused
from agent.models import Event
from agent.support import database
from agent.support.per_loop import PerLoop
from agent.support.task_group import background_task

__all__ = [
    "Committed",
    "Done",
    "Effect",
    "Fence",
    "Frame",
    "append",
    "append_for_user",
    "has_backlog",
    "listen",
    "read",
    "read_now",
    "unlisten",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Committed:
    """What one commit added to one session's log. `board`: (project, version) when that changed too."""

    session: UUID
    frames: Sequence[Frame]
    board: tuple[UUID, int] | None = None


Listener = Callable[[Committed], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Has `listener` called, on the event loop that appended, after each commit. It must not block."""
    _listeners.append(listener)


def unlisten(listener: Listener) -> None:
    _listeners.remove(listener)


async def append(
    session: UUID,
    new: Sequence[events.Event] = (),
    *,
    fence: Fence | None = None,
    effect: Effect[Any] | None = None,
) -> Any:
    """Appends `new`, then what `effect` tells, to the log of `session`; returns the effect's value.

    Returns when all of it is committed and told to the listeners. Raises `Fenced` when the run of
    `fence` has another driver by now or is over (and when the session is gone), and whatever the
    effect raises; then nothing of this call is in the database.
    """
    entry = Entry(session, new, fence, effect, asyncio.get_running_loop().create_future())
    return await _writers.here().add(entry)


async def append_for_user(session: UUID, effect: Effect[Any], *, missing: str = "Run") -> Any:
    """Appends what a user's request does. Raises `Refused`, naming what is `missing`, when the session
    was deleted.
    """
    try:
        return await append(session, effect=effect)
    except Fenced:
        raise Refused("not_found", f"{missing} not found.") from None


def has_backlog() -> bool:
    """Tells whether more changes wait than fit well into one commit: those under way wait for them."""
    return _writers.here().has_backlog()


async def read(session: UUID, after: int, limit: int = 500) -> list[Frame]:
    """Returns at most `limit` events of `session` after the position `after`, in order."""
    return await database.call(read_now, session, after, limit)


def read_now(session: UUID, after: int, limit: int) -> list[Frame]:
    rows = (
        Event.objects.filter(session_id=session, seq__gt=after)
        .order_by("seq")
        .values_list("seq", "type", "run_id", "body")[:limit]
    )
    return [Frame(*row) for row in rows]


# One thread, so that commits follow each other; its connection is its own.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-writer")

# Under load, how long to gather what commits together; in seconds. Alone, an event never waits.
GATHER = 0.003
# How many effects at most in one commit: each is worth dozens of events, which wait for it.
EFFECTS = 24
# How many of them at most are of no run under way, such as a message: many that come at once wait for
# those that are, and not the other way round.
NEW = 12
# So many effects that wait are a crowd.
CROWD = 24


class _Writer:
    """The group commit of one event loop."""

    def __init__(self) -> None:
        self._waiting: list[Entry] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, entry: Entry) -> asyncio.Future[Any]:
        self._waiting.append(entry)
        if self._task is None:
            self._task = background_task(self._work())
        return entry.future

    def has_backlog(self) -> bool:
        return sum(entry.effect is not None for entry in self._waiting) > CROWD

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                entries = self._next_batch()
                try:
                    batch = await loop.run_in_executor(_thread, commit, entries)
                except Exception as error:  # whatever it is: those who wait must hear of it
                    logger.exception("%d entries of the log could not be written", len(entries))
                    batch = Batch(answers=[error] * len(entries))
                self._tell(entries, batch)
                await self._gather(len(entries))
        finally:
            self._task = None

    def _next_batch(self) -> list[Entry]:
        """Takes what commits together: all mere events, and as many effects as do not delay them.

        The order within a session stays.
        """
        taken: list[Entry] = []
        left: list[Entry] = []
        held: set[UUID] = set()
        room = {True: EFFECTS - NEW, False: NEW}  # of a run under way, or not
        for entry in self._waiting:
            under_way = entry.fence is not None
            if entry.session in held or (entry.effect is not None and not room[under_way]):
                held.add(entry.session)
                left.append(entry)
            else:
                taken.append(entry)
                room[under_way] -= entry.effect is not None
        self._waiting = left
        return taken

    async def _gather(self, last: int) -> None:
        """Gives those who just heard the time to come back with what is next."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if len(self._waiting) < last // 2:
            await asyncio.sleep(GATHER)

    def _tell(self, entries: Sequence[Entry], batch: Batch) -> None:
        for session, frames in batch.frames.items():
            committed = Committed(session, frames, batch.boards.get(session))
            for listener in _listeners:
                try:
                    listener(committed)
                except Exception:  # the events stand; readers find them in the log
                    logger.exception("A listener of the log raised")
        for entry, answer in zip(entries, batch.answers, strict=True):
            if entry.future.done():  # the caller was cancelled meanwhile; what it wrote stands
                continue
            if isinstance(answer, BaseException):
                entry.future.set_exception(answer)
            else:
                entry.future.set_result(answer)


_writers = PerLoop(_Writer)
