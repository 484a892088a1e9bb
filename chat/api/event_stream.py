"""A viewer of a session that is pulled piece by piece, for streams over HTTP. Keeps nothing unread:
what its reader has not taken yet is still in the feed or the log."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agent.event_log.times import now as timestamp
from agent.support import database
from chat import feed, frames, snapshot
from chat.connection_identity import ConnectionIdentity
from chat.feed import Kept

logger = logging.getLogger(__name__)

HEARTBEAT = 14.0  # seconds without a piece; the protocol promises one at least every 15
ASIDE = 64  # frames that are in no log, for a reader that does not read; the oldest are dropped


@dataclass(frozen=True, slots=True)
class Piece:
    """One frame. `seq` is the reader's cursor after it, or None when that stays."""

    text: str
    seq: int | None = None


class Follower:
    """One reader's place in the log of a session."""

    def __init__(self, presence: ConnectionIdentity, after: int) -> None:
        self.presence = presence
        self.cursor = after
        self._loop = asyncio.get_running_loop()
        self._news: asyncio.Future[None] = self._loop.create_future()
        self._aside: deque[Piece] = deque(maxlen=ASIDE)
        self._read_ahead: deque[Kept] = deque()
        self._board_version: int | None = None  # none yet: nothing goes before `hello`
        self._left_run: UUID | None = None  # told as interrupted
        self._given_at = self._loop.time()
        self._expelled = False

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        """Yields `hello`, what comes after the cursor, and each new event; ends when access does.

        Heartbeats come in between. A cursor beyond the end gets `resync` first.
        """
        tail = feed.here().join(self)  # join first, read second
        try:
            await self._greet(tail)
            while not self._expelled:
                self._news = self._loop.create_future()
                while not self._expelled and (piece := await self._next(tail)) is not None:
                    self._given_at = self._loop.time()
                    yield piece
                await self._news
        except database.CONNECTION_ERRORS:  # the reader comes back with its cursor
            logger.exception("The log cannot be read; ending a stream")
        finally:
            feed.here().leave(self)

    async def _greet(self, tail: feed.Tail) -> None:
        row, first = await database.call(snapshot.greeting, self.presence.session)
        self._board_version = row.project.board_version
        tail.last = max(tail.last, row.last_seq)
        self._aside.append(Piece(frames.ephemeral("hello", **first)))
        if self.cursor > row.last_seq:
            self.cursor, state = await database.call(snapshot.snapshot, self.presence.session)
            text = frames.ephemeral("resync", seq=self.cursor, snapshot=state)
            self._aside.append(Piece(text, self.cursor))

    async def _next(self, tail: feed.Tail) -> Piece | None:
        if self._aside:
            return self._aside.popleft()
        if (kept := await self._kept(tail)) is None:
            return None
        self.cursor += 1
        return Piece(kept.body, self.cursor)

    async def _kept(self, tail: feed.Tail) -> Kept | None:
        """Returns the event after the cursor, from wherever it is at hand."""
        if not self._read_ahead:
            if (kept := tail.frames.get(self.cursor + 1)) is not None:
                return kept
            if self.cursor < tail.last:
                self._read_ahead = await feed.here().after(self.presence.session, self.cursor)
        return self._read_ahead.popleft() if self._read_ahead else None

    # -- what the feed calls -----------------------------------------------------------------------

    def wake(self) -> None:
        if not self._news.done():
            self._news.set_result(None)

    def board_changed(self, project: UUID, version: int, *, seen: bool) -> None:
        if self._board_version is None or version <= self._board_version:
            return
        self._board_version = version
        if not seen:
            self._say("board", project=str(project), version=version)

    def interrupted(self, run: UUID | None) -> None:
        if self._board_version is None or run == self._left_run:
            return
        self._aside.extend(Piece(text) for text in frames.interruption(self._left_run, run))
        self._left_run = run
        self.wake()

    def tick(self, now: float) -> None:
        if self._board_version is not None and now - self._given_at > HEARTBEAT and not self._aside:
            self._say("heartbeat", timestamp=timestamp())

    def expel(self, code: int) -> None:
        self._expelled = True
        self.wake()

    def _say(self, kind: str, **fields: Any) -> None:
        self._aside.append(Piece(frames.ephemeral(kind, **fields)))
        self.wake()
