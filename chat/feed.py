"""One live feed for a process: hands what is committed to every local viewer. Holds no truth.

A viewer has a cursor and pulls; whatever is not at hand any more, or was written by another process,
is read from the log. A slow viewer costs nobody anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

import django.db

from agent.event_log import log
from agent.event_log.log import Committed, Frame
from agent.models import ChatSession
from agent.runs import claiming
from agent.support import database
from agent.support.task_group import background_task
from chat import connection_identity, wakeups
from chat.connection_identity import ConnectionIdentity
from chat.wakeups import News

logger = logging.getLogger(__name__)

# What a session's tail keeps at hand: enough for every viewer's window.
TAIL_FRAMES = 1024
TAIL_BYTES = 1_048_576
# Seconds for each viewer of a session in which all of them are woken once at most: what comes sooner
# behind another event goes out with it. About what it takes to wake one and to send it a frame.
TOGETHER = 0.0001
# Seconds between looks at the log, for what other processes wrote.
SLOW_LOOK = 2.0
# Seconds between looks at who may still watch, and at idle or stuck connections.
TICK = 0.5


class Viewer(Protocol):
    """A connection that watches one session. No method may block."""

    presence: ConnectionIdentity

    def wake(self) -> None:
        """There may be something after the viewer's cursor."""

    def board_changed(self, project: UUID, version: int, *, seen: bool) -> None:
        """The project's board or memory changed. `seen`: by events of the viewer's own session."""

    def interrupted(self, run: UUID | None) -> None:
        """The run of its session that was begun and that nobody drives, at each look; None: none."""

    def tick(self, now: float) -> None:
        """Time passed; `now` is the event loop's clock."""

    def expel(self, code: int) -> None:
        """The viewer may not watch any more; `code` is the close code."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An event at hand: its frame, and how many bytes that is on the wire."""

    body: str
    size: int


@dataclass(slots=True)
class Tail:
    """The newest events of one watched session."""

    last: int = 0  # the highest position known to be committed
    frames: dict[int, Kept] = field(default_factory=dict)
    viewers: set[Viewer] = field(default_factory=set)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _size: int = 0
    _woken_at: float = 0.0  # of the loop's clock
    _timer: asyncio.TimerHandle | None = None

    def add(self, frame: Frame) -> None:
        if frame.seq in self.frames:
            return
        kept = self.frames[frame.seq] = _kept(frame)
        self._size += kept.size
        self.last = max(self.last, frame.seq)
        while len(self.frames) > 1 and (len(self.frames) > TAIL_FRAMES or self._size > TAIL_BYTES):
            self._size -= self.frames.pop(next(iter(self.frames))).size

    def wake(self) -> None:
        """Wakes the viewers: at once, or very soon when that was just done."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        free_at = self._woken_at + TOGETHER * len(self.viewers)
        if loop.time() >= free_at:
            self._wake_now()
        else:
            self._timer = loop.call_at(free_at, self._wake_now)

    def _wake_now(self) -> None:
        self._timer, self._woken_at = None, asyncio.get_running_loop().time()
        for viewer in self.viewers:
            viewer.wake()


def _kept(frame: Frame) -> Kept:
    return Kept(frame.body, len(frame.body.encode()))


class Feed:
    """The feed of one event loop. Its keepers run while anybody watches."""

    def __init__(self) -> None:
        self._tails: dict[UUID, Tail] = {}
        self._boards: dict[UUID, set[UUID]] = {}  # project: its watched sessions
        self._keepers: dict[str, asyncio.Task[None]] = {}

    def viewers(self) -> list[Viewer]:
        return [viewer for tail in self._tails.values() for viewer in tail.viewers]

    def count_of(self, user: int) -> int:
        return sum(viewer.presence.user == user for viewer in self.viewers())

    def join(self, viewer: Viewer) -> Tail:
        """Watches; from here on `viewer` is woken. Join first, read second: then nothing is missed."""
        where = viewer.presence
        tail = self._tails.setdefault(where.session, Tail())
        tail.viewers.add(viewer)
        self._boards.setdefault(where.project, set()).add(where.session)
        self._start_keepers()
        return tail

    def _start_keepers(self) -> None:
        wakeups.start()
        for name, keep in (("time", self._keep_time), ("looking", self._keep_looking)):
            if name not in self._keepers or self._keepers[name].done():
                self._keepers[name] = background_task(keep())

    def leave(self, viewer: Viewer) -> None:
        where = viewer.presence
        tail = self._tails[where.session]
        tail.viewers.discard(viewer)
        if tail.viewers:
            return
        del self._tails[where.session]
        sessions = self._boards[where.project]
        sessions.discard(where.session)
        if not sessions:
            del self._boards[where.project]

    def publish(self, committed: Committed) -> None:
        if (tail := self._tails.get(committed.session)) is not None:
            for frame in committed.frames:
                tail.add(frame)
            tail.wake()
        if committed.board is not None:
            self._board_changed(committed.session, *committed.board)

    def _board_changed(self, source: UUID, project: UUID, version: int) -> None:
        for session in self._boards.get(project, set()):
            for viewer in self._tails[session].viewers:
                viewer.board_changed(project, version, seen=session == source)

    async def after(self, session: UUID, cursor: int) -> deque[Kept]:
        """Returns the next events after `cursor` from the log; viewers at one place read once."""
        tail = self._tails[session]
        async with tail.reading:
            if (kept := tail.frames.get(cursor + 1)) is not None:
                return deque([kept])
            frames = await log.read(session, cursor)
            if frames and frames[-1].seq > tail.last - TAIL_FRAMES:
                for frame in frames:
                    tail.add(frame)
            return deque(map(_kept, frames))

    # -- what other processes did ------------------------------------------------------------------

    def heard(self, news: News) -> None:
        """Another process committed: its viewers here read the log, if they have not yet."""
        if (tail := self._tails.get(news.session)) is not None and news.seq > tail.last:
            tail.last = news.seq
            tail.wake()
        if news.board is not None:
            self._board_changed(news.session, *news.board)

    async def _keep_time(self) -> None:
        """Apart from the looks: heartbeats go on while the database is away."""
        while self._tails:
            await asyncio.sleep(TICK)
            now = asyncio.get_running_loop().time()
            for viewer in self.viewers():
                viewer.tick(now)

    async def _keep_looking(self) -> None:
        look_at = 0.0
        while self._tails:
            await asyncio.sleep(TICK)
            now = asyncio.get_running_loop().time()
            try:
                await self._expel_strangers()
                if now >= look_at:
                    await self._look()
                    look_at = now + SLOW_LOOK
            except (
                django.db.Error
            ):  # whatever it says: without a look, viewers miss what others write
                logger.exception("The feed cannot look at the database")

    async def _look(self) -> None:
        found, interrupted = await database.call(_looked, list(self._tails))
        for session, last, project, version in found:
            if (tail := self._tails.get(session)) is None:
                continue
            if last > tail.last:
                tail.last = last
                tail.wake()
            for viewer in tail.viewers:
                viewer.board_changed(project, version, seen=False)
                viewer.interrupted(interrupted.get(session))

    async def _expel_strangers(self) -> None:
        viewers = self.viewers()
        if not viewers:
            return
        codes = await database.call(
            connection_identity.not_allowed, {viewer.presence for viewer in viewers}
        )
        for viewer in viewers:
            if (code := codes.get(viewer.presence)) is not None:
                viewer.expel(code)


Look = tuple[list[tuple[UUID, int, UUID, int]], dict[UUID, UUID]]


def _looked(sessions: list[UUID]) -> Look:
    """Returns how far each session and its board are, and which of their runs are interrupted."""
    rows = list(
        ChatSession.objects.filter(pk__in=sessions).values_list(
            "pk", "last_seq", "project_id", "project__board_version"
        )
    )
    return rows, claiming.interrupted(sessions)


_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, Feed] = WeakKeyDictionary()


def here() -> Feed:
    """Returns the feed of the running event loop."""
    loop = asyncio.get_running_loop()
    if (feed := _feeds.get(loop)) is None:
        feed = _feeds[loop] = Feed()
    return feed


def on_commit(committed: Committed) -> None:
    """Listens to `agent.event_log.log`."""
    if (feed := _feeds.get(asyncio.get_running_loop())) is not None:
        feed.publish(committed)


def on_news(news: News) -> None:
    """Listens to `chat.wakeups`."""
    if (feed := _feeds.get(asyncio.get_running_loop())) is not None:
        feed.heard(news)
