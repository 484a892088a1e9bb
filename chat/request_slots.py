"""How many HTTP requests are executed at once. Each takes a thread and a connection to the database, which
later requests use again; others wait for their turn, in order. When too many wait, the server says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from asgiref.sync import ThreadSensitiveContext

EXECUTING = 16
WAITING = 1_000
RETRY_SECONDS = 5  # after which a client that was turned away may try again
SENDING_SECONDS = 1.0  # for which a response that its reader does not take keeps the slot

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_slot: ContextVar[Slot | None] = ContextVar("slot", default=None)


class Slots:
    """The slots of one process. All methods are called on its event loop."""

    def __init__(self) -> None:
        # The thread that was used last comes first, so that a server with few requests has few threads.
        self._free: asyncio.LifoQueue[Executor] = asyncio.LifoQueue()
        for _ in range(EXECUTING):
            self._free.put_nowait(_thread())
        self._waiting = 0

    @property
    def is_full(self) -> bool:
        return self._waiting >= WAITING

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Slot]:
        """Waits for a slot, which the block has until its end, or until the slot is left."""
        self._waiting += 1
        try:
            slot = Slot(await self._free.get(), self._free)
        finally:
            self._waiting -= 1
        token = _slot.set(slot)
        try:
            async with ThreadSensitiveContext(executor=slot.thread):
                yield slot
        finally:
            _slot.reset(token)
            slot.end()


class Slot:
    """The slot of one request. `thread`: an executor with one thread, for all of the request."""

    def __init__(self, thread: Executor, free: asyncio.LifoQueue[Executor]) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread = thread
        self._free = free
        self._is_taken = True
        self._keeps_thread = False
        self._timer: asyncio.TimerHandle | None = None

    def sending(self, send: Send) -> Send:
        """Returns a `send` that leaves the slot where a slow reader could hold it."""

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._timer = self.loop.call_later(SENDING_SECONDS, self.leave, True)
            elif message.get("more_body"):
                self.leave(keeps_thread=True)
            await send(message)

        return sent

    def leave(self, keeps_thread: bool) -> None:
        if self._is_taken:
            self._is_taken, self._keeps_thread = False, keeps_thread
            self._free.put_nowait(_thread() if keeps_thread else self.thread)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.leave(keeps_thread=False)
        if self._keeps_thread:
            self.thread.shutdown(wait=False)


def leave(*, keeps_thread: bool = False) -> None:
    """Gives up the slot of the request that this thread works for: what follows only waits.

    `keeps_thread`: the thread waits, too, so the next request in the slot gets another one.
    """
    if (slot := _slot.get()) is not None:
        slot.loop.call_soon_threadsafe(slot.leave, keeps_thread)


def _thread() -> Executor:
    return ThreadPoolExecutor(1, thread_name_prefix="request")
