"""A person's connection that follows a session: over a WebSocket, or as a stream over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from agent.event_log.follower import Follower
from agent.event_log.log import Frame
from agent.runs import drafts
from agent.runs.drafts import Draft
from agent.support import database, metrics
from chat import frames, guest_view, snapshot
from chat.connection_identity import NOT_THERE, ConnectionIdentity
from chat.sidebar import Sidebar

HEARTBEAT = 14.0  # seconds without a frame; the protocol promises one at least every 15
EARLY = 0.5  # seconds by which a tick may come too soon or too late
TOGETHER = 200  # events that are made ready for a guest at a time
# Notices that are kept for a client that does not read; the oldest are dropped.
MAX_NOTICES = 256
# In the query of a page: how often it has connected, or tried to, before.
AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Notice:
    """A frame that is in no log. `seq`: the client's cursor after it, for the one that moves that."""

    type: str
    body: str
    seq: int | None = None
    run: UUID | None = None  # only of a draft

    @property
    def size(self) -> int:
        return len(self.body)  # it is ASCII


class Viewer(Follower):
    """Follows the log for a client, and queues the notices that go between the events.

    Until `greet` is done nothing but `hello` and `resync` is queued. A guest gets what `chat.guest_view`
    lets through, and no drafts. `sidebar`: the version of the list of projects and sessions that the client
    shows; None for one that shows none. `transport`: what the connection is counted as.
    """

    def __init__(
        self,
        identity: ConnectionIdentity,
        after: int,
        transport: str,
        *,
        sidebar: str | None = None,
    ) -> None:
        super().__init__(identity.session, after)
        self.transport = transport
        self.identity = identity
        self.guest = identity.guest
        self.sidebar_version = None if self.guest else sidebar
        self.notices: list[Notice] = []  # not a deque, which takes 600 bytes while it is empty
        self.sent_at = self.loop.time()  # the last frame
        self.close_code: int | None = None  # set when this viewer may not go on
        self._board_version: int | None = None  # none before `hello`
        self._interrupted: UUID | None = None  # the run that the client knows as interrupted
        self._waiting: int | None = None  # runs that wait for the user, as the client knows
        self._sidebar: Sidebar | None = None  # the newest one, sent or not
        self._known_sidebar: Sidebar | None = None  # that the client knows
        self._draft: Draft | None = None  # the newest one, sent or not
        self._has_news_of_draft = False
        self._timer = self._tick_at(self.sent_at + HEARTBEAT)

    async def greet(self) -> None:
        """Queues `hello`, and `resync` when the cursor is outside of what the log has."""
        hello = await database.call(snapshot.hello, self.session)
        if hello is None:
            self.expel(NOT_THERE)
            return
        self._board_version = hello["board"]
        self.reach(hello["last_seq"])
        if self.guest is not None:
            hello = guest_view.hello(self.guest, hello)
        self.notify("hello", **hello)
        if self._waiting is not None:
            self.notify("waiting", count=self._waiting)
        if not hello["first_seq"] - 1 <= self.cursor <= hello["last_seq"]:
            await self._resync()
        if hello["active_run"] is not None:
            draft = await database.call(drafts.of_session, self.session)
            if draft is not None:
                self.drafted(draft)

    async def _resync(self) -> None:
        """Gives the client the current state, from which it goes on."""
        self.cursor, state = await database.call(snapshot.snapshot, self.session, self.guest)
        body = frames.ephemeral("resync", seq=self.cursor, snapshot=state)
        self._queue(Notice("resync", body, self.cursor))
        metrics.RESYNCS.add()

    async def read(self) -> bool:
        if not await super().read():
            return False
        if self._read[0].seq > self.cursor + 1:  # what comes next was pruned meanwhile
            self._read = deque()
            await self._resync()
        return True

    def close(self) -> None:
        super().close()
        self._timer.cancel()

    def take(self) -> Frame | None:
        """Returns the event after the cursor and moves on; a guest's only after `read` has let it through."""
        return super().take() if self.guest is None or self._read else None

    async def shown(self, frames: deque[Frame]) -> deque[Frame]:
        if self.guest is None or not frames:
            return frames
        following = frames[-1].seq + 1
        while len(frames) < TOGETHER and (frame := self._recent.frames.get(following)) is not None:
            frames.append(frame)
            following += 1
        if guest_view.are_plain(self.guest, frames):
            return guest_view.frames(self.guest, frames)
        # In a thread: events may be large, and steps of plans are looked up.
        return await database.call(guest_view.frames, self.guest, frames)

    def notify(self, kind: str, **fields: Any) -> None:
        self._queue(Notice(kind, frames.ephemeral(kind, **fields)))

    def heartbeat(self) -> None:
        self._queue(Notice("heartbeat", frames.heartbeat()))

    def _queue(self, notice: Notice) -> None:
        self.notices.append(notice)
        if len(self.notices) > MAX_NOTICES:
            del self.notices[0]
        self.wake()

    def take_draft(self) -> Notice | None:
        """Returns the newest draft that was not taken yet, after the events that it was written after."""
        if not self._has_news_of_draft or self._draft is None or self._draft.seq > self.cursor:
            return None
        self._has_news_of_draft = False
        return Notice("draft", frames.draft(self._draft), run=self._draft.run)

    def take_sidebar(self) -> Notice | None:
        """Returns what the client does not know of the newest sidebar; None if it knows all."""
        newest, known = self._sidebar, self._known_sidebar
        if newest is None or newest == known:
            return None
        self._known_sidebar = newest
        if known is None and newest.version == self.sidebar_version:
            return None
        return Notice("sidebar", newest.frame(known))

    def delivered(self) -> None:
        """Measures how long the event at the cursor took since its commit."""
        if metrics.are_measured() and (at := self.committed_at()) is not None:
            metrics.DELIVERY_SECONDS.observe(max(0.0, time.time() - at), self.transport)

    # -- time --------------------------------------------------------------------------------------

    def tick(self, now: float) -> float:
        """Does what is due; returns when something may be due again. Both on the event loop's clock."""
        if self.guest is not None and timezone.now() >= self.guest.expires_at:
            self.expel(NOT_THERE)
        if self._board_version is None or self.notices:
            return now + HEARTBEAT
        if now - self.sent_at >= HEARTBEAT - EARLY:
            self.heartbeat()
            return now + HEARTBEAT
        return self.sent_at + HEARTBEAT

    def _tick_at(self, when: float) -> asyncio.TimerHandle:
        return self.loop.call_at(when, self._tick)

    def _tick(self) -> None:
        self._timer = self._tick_at(self.tick(self.loop.time()))

    # -- called by the feed; none may block --------------------------------------------------------

    def board_changed(self, project: UUID, version: int, *, seen: bool) -> None:
        """The project's board or memory changed. `seen`: by events of the viewer's own session."""
        if self._board_version is None or version <= self._board_version:
            return
        self._board_version = version
        if not seen and (self.guest is None or guest_view.shows_board(self.guest)):
            self.notify("board", project=str(project), version=version)

    def interrupted(self, run: UUID | None) -> None:
        """`run` is the session's run that was begun and that no process executes now, if there is one."""
        if self.guest is not None and self.guest.run not in (None, run):
            run = None
        if self._board_version is None or run == self._interrupted:
            return
        bodies = frames.interruption(self._interrupted, run)
        for body in bodies:
            self._queue(Notice("interrupted", body))
        self._interrupted = run

    def waits(self, number: int) -> None:
        """So many runs wait for the user, in all projects."""
        if number != self._waiting:
            self._waiting = number
            if self._board_version is not None:
                self.notify("waiting", count=number)

    def lists(self, sidebar: Sidebar) -> None:
        """The sidebar of the user has these entries now. What the client has not got is skipped."""
        if sidebar != self._sidebar:
            self._sidebar = sidebar
            self.wake()

    def drafted(self, draft: Draft) -> None:
        """The draft of the session's active run was written. What the client has not got is skipped."""
        if self.guest is None and draft.replaces(self._draft):
            self._draft, self._has_news_of_draft = draft, True
            self.wake()

    def expel(self, code: int) -> None:
        """The client may not watch any more, or reads too slowly; `code` is the close code."""
        if self.close_code is None:
            self.close_code = code
            self.wake()
