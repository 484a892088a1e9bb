"""How many HTTP requests are executed at once. Each takes a thread and a connection to the database, so
others wait for their turn, in order; when too many wait, the server says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

EXECUTING = 32
WAITING = 1_000
RETRY_SECONDS = 5  # after which a client that was turned away may try again

_slot: ContextVar[Slot | None] = ContextVar("slot", default=None)


class Slots:
    """The slots of one process. All methods are called on its event loop."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(EXECUTING)
        self._waiting = 0

    @property
    def is_full(self) -> bool:
        return self._waiting >= WAITING

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Waits for a slot, which the block has until its end, or until the request calls `leave`."""
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        slot = Slot(self._free)
        token = _slot.set(slot)
        try:
            yield
        finally:
            _slot.reset(token)
            slot.release()


class Slot:
    def __init__(self, free: asyncio.Semaphore) -> None:
        self.loop = asyncio.get_running_loop()
        self._free = free
        self._is_taken = True

    def release(self) -> None:
        if self._is_taken:
            self._is_taken = False
            self._free.release()


def leave() -> None:
    """Gives up the slot of the request that this thread works for: what follows only waits."""
    if (slot := _slot.get()) is not None:
        slot.loop.call_soon_threadsafe(slot.release)
