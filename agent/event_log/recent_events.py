"""A cache of the newest events of the sessions that are followed in this process.

What is not in it, because it is older or another process wrote it, is read from the log.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

import django.db

from agent.event_log import log
from agent.event_log.log import Committed, Frame
from agent.models import ChatSession
from agent.support import database, metrics
from agent.support.database_changes import DatabaseChanges
from agent.support.per_loop import PerLoop
from agent.support.task_group import background_task
from agent.support.turns import Turns

logger = logging.getLogger(__name__)

# What is kept of a session: at least the window of a WebSocket (`chat.flow_control`).
MAX_FRAMES = 1024
# Frames above that before the oldest are forgotten, many at a time: a dictionary finds its oldest item slowly
# after others were removed.
SPARE_FRAMES = 64
MAX_BYTES = 1_048_576
MAX_COMMITS = 64  # whose times are known, of each session
# A session's followers are woken at most once in this many seconds for each of them; events that come
# sooner go out together. About what it takes to wake one follower and to send it a frame.
WAKE_GAP = 0.0001
# Seconds between looks at the database for what other processes wrote; at least so many sessions are
# looked up at a time, and all of them within so many times.
LOOK = 0.5
AT_A_TIME, TIMES = 200, 4

Wake = Callable[[], None]
# Takes whether anything was committed since the last call.
Look = Callable[[bool], Awaitable[None]]


class RecentEvents:
    """The newest events of one session."""

    def __init__(self, session: UUID) -> None:
        self.session = session
        self.last = 0  # the highest position known to be committed
        self.frames: dict[int, Frame] = {}
        self.followers: set[Wake] = set()
        self.woken_at = 0.0  # on the event loop's clock
        self._bytes = 0
        self._reading = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        # The last position of each of the newest commits, and its time; None while nothing is measured.
        self._commits: deque[tuple[int, float]] | None = None

    def note_commit(self, last: int, at: float) -> None:
        """Notes when the events up to `last` were committed, in seconds since 1970, if that is measured."""
        if metrics.are_measured():
            if self._commits is None:
                self._commits = deque(maxlen=MAX_COMMITS)
            self._commits.append((last, at))

    def committed_at(self, seq: int) -> float | None:
        """Returns when the event was committed; None if that is not known any more, or was never told."""
        found = None
        for last, at in reversed(self._commits or ()):
            if last < seq:
                return found
            found = at
        return None

    def add(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            if frame.seq in self.frames:
                continue
            self.frames[frame.seq] = frame
            self._bytes += frame.size
            self.last = max(self.last, frame.seq)
        if len(self.frames) >= MAX_FRAMES + SPARE_FRAMES or self._bytes > MAX_BYTES:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        for seq in list(self.frames)[:-1]:
            if len(self.frames) <= MAX_FRAMES and self._bytes <= MAX_BYTES:
                break
            self._bytes -= self.frames.pop(seq).size

    def reach(self, last: int) -> None:
        """Notes that the log has events up to `last`."""
        if last > self.last:
            self.last = last
            self.wake()

    async def read(self, after: int) -> deque[Frame]:
        """Returns the next events after `after`. Followers at the same place read the log once."""
        async with self._reading:
            if (frame := self.frames.get(after + 1)) is not None:
                return deque([frame])
            frames = await log.read(self.session, after)
            if frames and frames[-1].seq > self.last - MAX_FRAMES:
                self.add(frames)
            return deque(frames)

    def wake(self) -> None:
        """Wakes the followers: now, or within `WAKE_GAP` for each when they were just woken."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        free_at = self.woken_at + WAKE_GAP * len(self.followers)
        if loop.time() >= free_at:
            self._wake_now()
        else:
            self._timer = loop.call_at(free_at, self._wake_now)

    def _wake_now(self) -> None:
        self._timer, self.woken_at = None, asyncio.get_running_loop().time()
        for wake in self.followers:
            wake()


class FollowedSessions:
    """The sessions that are followed on one event loop."""

    def __init__(self) -> None:
        self._recent: dict[UUID, RecentEvents] = {}
        self._looking: asyncio.Task[None] | None = None
        self._changes = DatabaseChanges()
        self._turns: Turns[RecentEvents] = Turns(AT_A_TIME, TIMES)
        self._looks: list[Look] = []

    def also_look(self, look: Look) -> None:
        """Has `look` called every `LOOK` seconds while a session is followed: one statement tells all who
        look at the database whether they have to.
        """
        self._looks.append(look)

    def join(self, session: UUID, wake: Wake) -> RecentEvents:
        """Has `wake` called, until `leave`, whenever the session may have new events. It must not block.

        Join first, read the log second: then no event is missed.
        """
        recent = self._recent.get(session)
        if recent is None:
            recent = self._recent[session] = RecentEvents(session)
        recent.followers.add(wake)
        if self._looking is None:
            self._looking = background_task(self._keep_looking())
        return recent

    def leave(self, recent: RecentEvents, wake: Wake) -> None:
        recent.followers.discard(wake)
        if not recent.followers and self._recent.get(recent.session) is recent:
            del self._recent[recent.session]
        if not self._recent and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def publish(self, committed: Committed) -> None:
        if (recent := self._recent.get(committed.session)) is not None:
            recent.add(committed.frames)
            recent.note_commit(committed.frames[-1].seq, time.time())
            recent.wake()

    def reached(self, session: UUID, last: int, at: float | None = None) -> None:
        """Notes that another process wrote up to `last`, `at` a time: the followers read the log."""
        if (recent := self._recent.get(session)) is not None:
            if at is not None:
                recent.note_commit(last, at)
            recent.reach(last)

    async def look(self, sessions: list[UUID]) -> None:
        """Reads from the database how far the logs of these sessions are."""
        for session, last in await database.call(_last_seqs, sessions):
            self.reached(session, last)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            is_changed = True
            try:
                if is_changed := await self._changes.since_last():
                    self._turns.renew()
                if quiet := self._quiet():
                    await self.look(quiet)
            except django.db.Error:  # without looks, events of other processes come late or never
                logger.exception("The followed sessions cannot be looked up")
                self._turns.renew()
                is_changed = True
            for look in self._looks:
                await look(is_changed)

    def _quiet(self) -> list[UUID]:
        """Returns, of those whose turn it is, the sessions without an event lately.

        In the others, the next event reveals a gap; they have another turn.
        """
        since = asyncio.get_running_loop().time() - LOOK
        quiet = []
        for recent in self._turns.next(self._recent.values):
            if recent.woken_at <= since:
                quiet.append(recent.session)
            else:
                self._turns.add(recent)
        return quiet


def _last_seqs(sessions: list[UUID]) -> list[tuple[UUID, int]]:
    return list(ChatSession.objects.filter(pk__in=sessions).values_list("pk", "last_seq"))


_followed = PerLoop(FollowedSessions)


def here() -> FollowedSessions:
    """Returns the followed sessions of the running event loop."""
    return _followed.here()


def on_commit(committed: Committed) -> None:
    """Listens to `agent.event_log.log`."""
    if (followed := _followed.find()) is not None:
        followed.publish(committed)
