"""Tells other processes over Redis how far each log is, and which runs were cancelled; hears them too.

Never the data: who hears reads the log. Whatever is lost here is found by the looks at the database,
so an outage of Redis costs time and nothing else. Without REDIS_URL nothing of this exists.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from channels.layers import get_channel_layer
from django.conf import settings
from redis.exceptions import RedisError

from agent.event_log.events import EventType
from agent.event_log.log import Committed
from agent.runs import wake
from agent.support.task_group import background_task

logger = logging.getLogger(__name__)

GROUP = "wakeups"
PATIENCE = 2.0  # seconds that one command to Redis may take
PING = 1.0  # seconds between messages to ourselves, which prove that the subscription lives
SILENCE = 3.5  # seconds without any message after which it does not
GAP = 0.01  # seconds between two announcements; what comes meanwhile goes with the next
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0  # seconds before subscribing again
AWAY = (RedisError, OSError)  # among the latter is TimeoutError


@dataclass(frozen=True, slots=True)
class News:
    """How far a session's log is; `board`: (project, version) when that changed too."""

    session: UUID
    seq: int
    board: tuple[UUID, int] | None


Hearer = Callable[[News], None]
_hearers: list[Hearer] = []


def listen(hearer: Hearer) -> None:
    """Has `hearer` called, on the event loop, with what other processes committed."""
    _hearers.append(hearer)


def unlisten(hearer: Hearer) -> None:
    _hearers.remove(hearer)


class Wakeups:
    """One event loop's announcements and its one subscription."""

    def __init__(self) -> None:
        self._me = uuid4().hex
        self._layer = get_channel_layer()
        self._news: dict[UUID, News] = {}
        self._cancelled: set[tuple[UUID, UUID]] = set()
        self._waiting = asyncio.Event()
        self._heard_at = float("-inf")
        self._away = False
        self.keepers = [
            background_task(self._keep_announcing()),
            background_task(self._keep_hearing()),
        ]

    @property
    def in_touch(self) -> bool:
        """Tells whether the subscription has heard anything lately."""
        return asyncio.get_running_loop().time() - self._heard_at < SILENCE

    async def stop(self) -> None:
        for keeper in self.keepers:
            keeper.cancel()
        await asyncio.wait(self.keepers)

    # -- announcing --------------------------------------------------------------------------------

    def add(self, committed: Committed) -> None:
        """Only notes it: the latest of a session is what counts."""
        session, board = committed.session, committed.board
        if board is None and (noted := self._news.get(session)) is not None:
            board = noted.board
        self._news[session] = News(session, committed.frames[-1].seq, board)
        for frame in committed.frames:
            if frame.type == EventType.CANCELLED and frame.run is not None:
                self._cancelled.add((session, frame.run))
        self._waiting.set()

    async def _keep_announcing(self) -> None:
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            news, self._news = self._news, {}
            cancelled, self._cancelled = self._cancelled, set()
            try:
                await self._send(
                    news=[_packed(item) for item in news.values()],
                    cancelled=[[session.hex, run.hex] for session, run in cancelled],
                )
            except AWAY as error:  # not kept: others find it in the database
                self._lost(error)
            await asyncio.sleep(GAP)

    async def _send(self, **content: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._layer.group_send(GROUP, {"from": self._me, **content})

    # -- hearing -----------------------------------------------------------------------------------

    async def _keep_hearing(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._hear()
            except AWAY as error:
                self._lost(error)
            if self._heard_at > began:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _hear(self) -> None:
        """Subscribes and hears until Redis is away. Raises one of `AWAY`."""
        hearing = None
        try:
            async with asyncio.timeout(PATIENCE):
                channel = await self._layer.new_channel()
                await self._layer.group_add(GROUP, channel)
            hearing = background_task(self._receive(channel))
            await self._stay_in_touch(hearing)
        finally:
            # First: a reader that is cancelled would take leave of a Redis that does not answer.
            await self._forget_connections()
            if hearing is not None:
                hearing.cancel()

    async def _stay_in_touch(self, hearing: asyncio.Task[None]) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        while not hearing.done():
            await self._send()
            await asyncio.sleep(PING)
            if clock() - max(self._heard_at, began) > SILENCE:
                raise TimeoutError("the subscription is silent")
        hearing.result()

    async def _receive(self, channel: str) -> None:
        while True:
            try:
                message = await self._layer.receive(channel)
                self._heard_at = asyncio.get_running_loop().time()
                self._back()
                if message["from"] != self._me:
                    self._pass_on(message)
            except (KeyError, TypeError, ValueError):  # of another version, or a stranger's
                logger.warning("A message over Redis could not be understood", exc_info=True)

    def _pass_on(self, message: dict[str, Any]) -> None:
        for packed in message.get("news", ()):
            news = _unpacked(packed)
            for hearer in _hearers:
                hearer(news)
        for session, run in message.get("cancelled", ()):
            wake.interrupt(UUID(session), UUID(run))

    async def _forget_connections(self) -> None:
        with contextlib.suppress(*AWAY):
            async with asyncio.timeout(PATIENCE):
                await self._layer.flush()

    # -- telling the operator, once ----------------------------------------------------------------

    def _lost(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            logger.warning("Redis is away (%s); other processes are seen later", error or "silent")

    def _back(self) -> None:
        if self._away:
            self._away = False
            logger.info("Redis is back")


def _packed(news: News) -> list[Any]:
    project, version = news.board or (None, 0)
    return [news.session.hex, news.seq, project.hex if project else "", version]


def _unpacked(packed: list[Any]) -> News:
    session, seq, project, version = packed
    return News(UUID(session), seq, (UUID(project), version) if project else None)


_loops: dict[asyncio.AbstractEventLoop, Wakeups] = {}


def start() -> Wakeups | None:
    """Starts the wake-ups of the running event loop, if that was not done; None without Redis."""
    if not settings.REDIS_URL:
        return None
    loop = asyncio.get_running_loop()
    if loop not in _loops:
        wakeups = _loops[loop] = Wakeups()
        # Until the loop ends, which cancels them.
        wakeups.keepers[0].add_done_callback(lambda _: _loops.pop(loop, None))
    return _loops[loop]


def on_commit(committed: Committed) -> None:
    """Listens to `agent.event_log.log`."""
    if (wakeups := start()) is not None:
        wakeups.add(committed)
