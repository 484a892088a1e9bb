"""One reader's place in the log of a session: sockets, streams, the library and the batch read by it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import closing
from uuid import UUID

from agent.event_log import recent_events
from agent.event_log.log import Frame

# One for all followers that have read nothing: an empty deque takes 600 bytes.
_NOTHING: deque[Frame] = deque()


class Follower:
    """Gives the events after `cursor` in their order, none twice, whichever process writes them.

    It follows from its creation until `close`, and is woken when there may be something new. A reader
    calls `expect_news`, takes all there is, and awaits `news`: so it misses nothing in between.
    """

    def __init__(self, session: UUID, after: int) -> None:
        self.session = session
        self.cursor = after
        self.loop = asyncio.get_running_loop()
        # A bare future: an `asyncio.Event` costs more than all the rest of a frame's way to a socket.
        self.news: asyncio.Future[None] = self.loop.create_future()
        self._sessions = recent_events.here()
        self._recent = self._sessions.join(session, self.wake)
        self._read = _NOTHING  # the events after the cursor, read from the log

    def close(self) -> None:
        self._sessions.leave(self._recent, self.wake)

    def expect_news(self) -> None:
        self.news = self.loop.create_future()

    def wake(self) -> None:
        if not self.news.done():
            self.news.set_result(None)

    def take(self) -> Frame | None:
        """Returns the event after the cursor and moves on; None when it is not in memory."""
        frame = self._read.popleft() if self._read else self._recent.frames.get(self.cursor + 1)
        if frame is not None:
            self.cursor = frame.seq
        return frame

    async def read(self) -> bool:
        """Reads from the log what `take` does not have; tells whether there is anything."""
        if self.cursor < self._recent.last:
            self._read = await self.shown(await self._recent.read(self.cursor))
        return bool(self._read)

    async def shown(self, frames: deque[Frame]) -> deque[Frame]:
        """Returns what was read as this reader gets it, with the same numbers."""
        return frames

    async def next(self) -> Frame | None:
        """Returns the event after the cursor and moves on; None when there is none yet."""
        if (frame := self.take()) is None and await self.read():
            frame = self.take()
        return frame

    def committed_at(self) -> float | None:
        """Returns when the event at the cursor was committed, in seconds since 1970, if that is known."""
        return self._recent.committed_at(self.cursor)

    def reach(self, last: int) -> None:
        """Notes that the log has events up to `last`."""
        self._recent.reach(last)

    async def look(self) -> None:
        """Reads from the database how far the log is, for a follower that does not know it."""
        await self._sessions.look([self.session])


async def follow(session: UUID, after: int) -> AsyncGenerator[Frame]:
    """Yields the session's events after `after`, for ever, whichever process writes them."""
    with closing(Follower(session, after)) as follower:
        await follower.look()
        while True:
            follower.expect_news()
            while (frame := await follower.next()) is not None:
                yield frame
            await follower.news
