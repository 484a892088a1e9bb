"""The event log of a session: `append` is the only way to write events, `read` returns them.

An event is committed before any listener sees it. All runs of an event loop share one writer, which
commits waiting entries together. Database work commits together with its events, or not at all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agent.event_log import deadline, events
from agent.event_log.group_commit import Batch, Done, Effect, Entry, Fence, commit
from agent.event_log.rows import Frame
from agent.exceptions import EffectTooSlow, Fenced, Refused
from agent.models import Event
from agent.support import database, metrics
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
    "submit",
    "unlisten",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Committed:
    """The events that one commit added to a session. `board`: (project, version) if the board changed.
    `events`: what the frames were made of.
    """

    session: UUID
    frames: Sequence[Frame]
    board: tuple[UUID, int] | None = None
    events: Sequence[events.Event] = ()


Listener = Callable[[Committed], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Calls `listener` after each commit, on the event loop that appended. It must not block."""
    _listeners.append(listener)


def unlisten(listener: Listener) -> None:
    _listeners.remove(listener)


async def append(
    session: UUID,
    new: Sequence[events.Event] = (),
    *,
    fence: Fence | None = None,
    effect: Effect[Any] | None = None,
    person: int | None = None,
) -> Any:
    """Appends `new` and the events of `effect`, which runs in the same transaction; returns its value.

    Returns after the commit and the calls of the listeners. Raises `Fenced` when another process has
    claimed the run of `fence`, the run is over or the session was deleted, and whatever the effect
    raises; then nothing of this call is in the database. `person`: the id of the user who asks; when many
    effects wait, the people take turns.
    """
    return await submit(session, new, fence=fence, effect=effect, person=person)


def submit(
    session: UUID,
    new: Sequence[events.Event] = (),
    *,
    fence: Fence | None = None,
    effect: Effect[Any] | None = None,
    person: int | None = None,
) -> asyncio.Future[Any]:
    """As `append`, but returns at once, with the future of the value. Nobody has to await it.

    Entries of a session commit in the order of the calls.
    """
    future = asyncio.get_running_loop().create_future()
    entry = Entry(session, new, fence, effect, future, person)
    return _writers.here().add(entry)


async def append_for_user(
    session: UUID, effect: Effect[Any], *, missing: str = "Run", person: int | None = None
) -> Any:
    """Appends what a user's request does. Raises `Refused`: `not_found`, naming what is `missing`, when the
    session was deleted; `too_slow` when the effect exceeded its deadline. `person`: as of `append`.
    """
    try:
        return await append(session, effect=effect, person=person)
    except Fenced:
        raise Refused("not_found", f"{missing} not found.") from None
    except EffectTooSlow as error:
        raise Refused("too_slow", str(error)) from None


def has_backlog() -> bool:
    """Tells whether so many effects wait that running runs are delayed."""
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


# One thread with a connection of its own, so that commits happen one after the other.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-writer")

# Seconds to gather more entries before the next commit, under load. A single event never waits.
GATHER = 0.003
# At most 24 effects in a batch: each takes as long as dozens of events, which wait for it.
MAX_EFFECTS = 24
# At most 12 effects of a batch may come from outside a running run (new messages), so that a burst of
# messages can't delay running ones.
MAX_OUTSIDE_EFFECTS = 12
BACKLOG = 24  # waiting effects


class _SlowEffects:
    """Ends slow effects during one commit, until it is cancelled."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wait()

    def _wait(self) -> None:
        self._timer = self._loop.call_later(deadline.CHECK, self._ring)

    def _ring(self) -> None:
        self._loop.run_in_executor(None, deadline.end_slow_effect)
        self._wait()

    def cancel(self) -> None:
        self._timer.cancel()


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
        waiting = [entry for entry in self._waiting if entry.effect is not None]
        # One for each person: what a single one sends in a crowd keeps no run of others from starting.
        people = {one.person for one in waiting if one.person is not None}
        return len(people) + sum(one.person is None for one in waiting) > BACKLOG

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                entries = self._next_batch()
                slow_effects = _SlowEffects(loop)
                try:
                    batch = await loop.run_in_executor(_thread, commit, entries)
                except Exception as error:  # any error: the callers wait for it
                    logger.exception("Could not write %d entries to the event log", len(entries))
                    batch = Batch(answers=[error] * len(entries))
                finally:
                    slow_effects.cancel()
                self._publish(entries, batch)
                await self._gather(len(entries))
        finally:
            self._task = None

    def _next_batch(self) -> list[Entry]:
        """Takes the entries to commit together: all without an effect, and a limited number with one.

        Entries of a session stay in order: when one has to wait, so do the session's later ones.
        """
        batch: list[Entry] = []
        delayed: list[Entry] = []
        delayed_sessions: set[UUID] = set()
        room, outside = MAX_EFFECTS - MAX_OUTSIDE_EFFECTS, self._next_outside()
        for entry in self._waiting:
            of_run = entry.fence is not None
            is_allowed = room > 0 if of_run else id(entry) in outside
            if entry.session in delayed_sessions or (entry.effect is not None and not is_allowed):
                delayed_sessions.add(entry.session)
                delayed.append(entry)
            else:
                batch.append(entry)
                room -= of_run and entry.effect is not None
        self._waiting = delayed
        return batch

    def _next_outside(self) -> set[int]:
        """Returns the ids of the effects from outside of runs whose turn it is.

        Of all people first one each, then a second one: who sends hundreds of messages delays nobody.
        """
        waiting = [one for one in self._waiting if one.fence is None and one.effect is not None]
        if len(waiting) > MAX_OUTSIDE_EFFECTS:
            number: Counter[int | None] = Counter()
            turns = []
            for entry in waiting:
                turns.append(number[entry.person])
                number[entry.person] += entry.person is not None
            order = sorted(range(len(waiting)), key=turns.__getitem__)  # stable
            waiting = [waiting[place] for place in order[:MAX_OUTSIDE_EFFECTS]]
        return {id(entry) for entry in waiting}

    async def _gather(self, last: int) -> None:
        """Gives the callers of the last batch time to append their next entries."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if len(self._waiting) < last // 2:
            await asyncio.sleep(GATHER)

    def _publish(self, entries: Sequence[Entry], batch: Batch) -> None:
        for session, frames in batch.frames.items():
            board, new = batch.boards.get(session), batch.events[session]
            committed = Committed(session, frames, board, new)
            for listener in _listeners:
                try:
                    listener(committed)
                except Exception:  # the events are committed; readers find them in the event log
                    logger.exception("A listener of the event log failed")
        now = time.monotonic()
        for entry, answer in zip(entries, batch.answers, strict=True):
            if not isinstance(answer, BaseException):
                metrics.COMMIT_SECONDS.observe(now - entry.at)
            if entry.future.done():  # the caller was cancelled; its entry is committed
                continue
            if isinstance(answer, BaseException):
                entry.future.set_exception(answer)
                entry.future.exception()  # seen: a caller of `submit` may end before it waits
            else:
                entry.future.set_result(answer)


_writers = PerLoop(_Writer)
