"""Wake-ups between processes over Redis: how far each session's log is, which runs were cancelled, and
which drafts were written.

They carry no events and no drafts: the process that receives one reads the database. What is lost is
found by the looks at the database, so an outage of Redis costs time and nothing else. Without REDIS_URL
there are none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from channels.layers import get_channel_layer
from django.conf import settings

from agent.event_log.events import EventType
from agent.event_log.log import Committed
from agent.runs import wake
from agent.runs.drafts import Draft
from agent.support.per_loop import PerLoop
from agent.support.task_group import background_task

logger = logging.getLogger(__name__)

GROUP = "wakeups"
PATIENCE = 2.0  # seconds that one command to Redis may take
PING = (
    1.0  # seconds between messages to this process itself, which prove that the subscription works
)
SILENCE = 3.5  # seconds without any message after which it counts as broken
GAP = 0.01  # seconds between two messages; commits in between go into the next one
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0  # seconds before subscribing again


def _away_errors() -> tuple[type[Exception], ...]:
    """Returns what is raised while Redis is away. Its package, 6 MB, is imported only where it is used."""
    from redis.exceptions import RedisError

    return RedisError, OSError  # a TimeoutError is an OSError


@dataclass(frozen=True, slots=True)
class Announcement:
    """How far a session's log is; `board`: (project, version) when that changed too. `at`: when the last
    event was committed, in seconds since 1970.
    """

    session: UUID
    seq: int
    board: tuple[UUID, int] | None
    at: float = field(default=0.0, compare=False)


Listener = Callable[[Announcement], None]
_listeners: list[Listener] = []
DraftListener = Callable[[Mapping[UUID, UUID]], None]
_draft_listeners: list[DraftListener] = []


def listen(listener: Listener) -> None:
    """Has `listener` called, on the event loop, with what other processes committed."""
    _listeners.append(listener)


def listen_to_drafts(listener: DraftListener) -> None:
    """Has `listener` called likewise, with the runs whose drafts other processes wrote, by session."""
    _draft_listeners.append(listener)


def unlisten(listener: Listener) -> None:
    _listeners.remove(listener)


class Wakeups:
    """Sends the wake-ups of one event loop, and receives those of other processes by one subscription."""

    def __init__(self) -> None:
        self._me = uuid4().hex
        self._layer = get_channel_layer()
        self._announced: dict[UUID, Announcement] = {}  # the latest of each session
        self._cancelled: set[tuple[UUID, UUID]] = set()
        self._drafted: set[tuple[UUID, UUID]] = set()
        self._waiting = asyncio.Event()  # set when there is something to send
        self._received_at = float("-inf")
        self._away = False
        self.tasks = [
            background_task(self._keep_announcing()),
            background_task(self._keep_receiving()),
        ]

    @property
    def in_touch(self) -> bool:
        """Tells whether the subscription has received anything lately."""
        return asyncio.get_running_loop().time() - self._received_at < SILENCE

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)

    # -- announcing --------------------------------------------------------------------------------

    def add(self, committed: Committed) -> None:
        """Notes what to announce. It replaces an earlier announcement of the session."""
        session, board = committed.session, committed.board
        if board is None and (earlier := self._announced.get(session)) is not None:
            board = earlier.board
        last = committed.frames[-1].seq
        self._announced[session] = Announcement(session, last, board, time.time())
        for frame in committed.frames:
            if frame.type == EventType.CANCELLED and frame.run is not None:
                self._cancelled.add((session, frame.run))
        self._waiting.set()

    def add_drafts(self, written: Sequence[Draft]) -> None:
        self._drafted.update((draft.session, draft.run) for draft in written)
        self._waiting.set()

    async def _keep_announcing(self) -> None:
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            announced, self._announced = self._announced, {}
            cancelled, self._cancelled = self._cancelled, set()
            drafted, self._drafted = self._drafted, set()
            try:
                await self._send(
                    news=[_packed(item) for item in announced.values()],
                    cancelled=_packed_runs(cancelled),
                    drafted=_packed_runs(drafted),
                )
            except _away_errors() as error:  # dropped: other processes find it in the database
                self._lost(error)
            await asyncio.sleep(GAP)

    async def _send(self, **content: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._layer.group_send(GROUP, {"from": self._me, **content})

    # -- receiving -----------------------------------------------------------------------------------

    async def _keep_receiving(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._subscribe()
            except _away_errors() as error:
                self._lost(error)
            if self._received_at > began:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _subscribe(self) -> None:
        """Subscribes, and receives until Redis is away. Raises one of `_away_errors`."""
        receiving = None
        try:
            async with asyncio.timeout(PATIENCE):
                channel = await self._layer.new_channel()
                await self._layer.group_add(GROUP, channel)
            receiving = background_task(self._receive(channel))
            await self._stay_in_touch(receiving)
        finally:
            # First: a cancelled reader would try to unsubscribe from a Redis that does not answer.
            await self._forget_connections()
            if receiving is not None:
                receiving.cancel()

    async def _stay_in_touch(self, receiving: asyncio.Task[None]) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        while not receiving.done():
            await self._send()
            await asyncio.sleep(PING)
            if clock() - max(self._received_at, began) > SILENCE:
                raise TimeoutError("the subscription is silent")
        receiving.result()

    async def _receive(self, channel: str) -> None:
        while True:
            try:
                message = await self._layer.receive(channel)
                self._received_at = asyncio.get_running_loop().time()
                self._back()
                if message["from"] != self._me:
                    self._pass_on(message)
            except (KeyError, TypeError, ValueError):  # sent by another version or program
                logger.warning("A message over Redis could not be understood", exc_info=True)

    def _pass_on(self, message: dict[str, Any]) -> None:
        for packed in message.get("news", ()):
            announced = _unpacked(packed)
            for listener in _listeners:
                listener(announced)
        for session, run in message.get("cancelled", ()):
            wake.interrupt(UUID(session), UUID(run))
        if drafted := {UUID(session): UUID(run) for session, run in message.get("drafted", ())}:
            for draft_listener in _draft_listeners:
                draft_listener(drafted)

    async def _forget_connections(self) -> None:
        with contextlib.suppress(*_away_errors()):
            async with asyncio.timeout(PATIENCE):
                await self._layer.flush()

    # -- warning the operator, once ----------------------------------------------------------------

    def _lost(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            logger.warning("Redis is away (%s); other processes are seen later", error or "silent")

    def _back(self) -> None:
        if self._away:
            self._away = False
            logger.info("Redis is back")


def _packed_runs(runs: Iterable[tuple[UUID, UUID]]) -> list[list[str]]:
    return [[session.hex, run.hex] for session, run in runs]


def _packed(announced: Announcement) -> list[Any]:
    project, version = announced.board or (None, 0)
    changed = [project.hex if project else "", version]
    return [announced.session.hex, announced.seq, *changed, round(announced.at, 4)]


def _unpacked(packed: list[Any]) -> Announcement:
    session, seq, project, version, at = packed
    return Announcement(UUID(session), seq, (UUID(project), version) if project else None, at)


def _started() -> Wakeups:
    wakeups = Wakeups()
    # Its tasks refer to the loop, which cancels them when it ends.
    wakeups.tasks[0].add_done_callback(lambda _: _wakeups.drop())
    return wakeups


_wakeups = PerLoop(_started)


def start() -> Wakeups | None:
    """Returns the wake-ups of the running event loop, started; None without Redis."""
    return _wakeups.here() if settings.REDIS_URL else None


def on_commit(committed: Committed) -> None:
    """Listens to `agent.event_log.log`."""
    if (wakeups := start()) is not None:
        wakeups.add(committed)


def on_drafts(written: Sequence[Draft]) -> None:
    """Listens to `agent.runs.drafts`."""
    if written and (wakeups := start()) is not None:
        wakeups.add_drafts(written)
