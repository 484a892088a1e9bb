"""Limits how many runs execute at once in this process. Waiting runs are admitted round-robin by user."""

from __future__ import annotations

import asyncio
from collections import deque

from agent.engine.admission import RETRY_AFTER, Admission

User = int | None


class ConcurrencyLimit:
    """At most `limit` runs on one event loop. Each acquired place has to be released."""

    def __init__(self, limit: int, admission: Admission) -> None:
        self._free = limit
        self._admission = admission
        # The first user is next; each user's waiting runs are in order.
        self._waiting: dict[User, deque[asyncio.Future[None]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def try_acquire(self) -> bool:
        """Acquires a place if one is available now and no other run waits for it."""
        if self._pause():
            return False
        self._acquire()
        return True

    async def acquire(self, user: User) -> None:
        """Waits for a place. Users take turns, however many of their runs wait."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # admitted in the same moment
                self.release(used=False)
            raise

    async def wait_for_room(self, timeout: float) -> None:
        """Waits until a place is available, for at most `timeout` seconds. Acquires none."""
        clock = asyncio.get_running_loop().time
        until = clock() + timeout
        while (pause := self._pause()) and (left := until - clock()) > 0:
            await asyncio.sleep(min(pause, left))

    def release(self, *, used: bool) -> None:
        """`used`: there was a run to execute."""
        self._free += 1
        self._admission.end(used=used)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._admit()

    def _pause(self) -> float:
        """Returns the seconds until a newcomer may check for a place; 0 for now."""
        return self._admission.pause() if self._free and not self._waiting else RETRY_AFTER

    def _admit(self) -> None:
        """Admits waiting runs as fast as the admission allows."""
        while self._waiting and self._free and self._timer is None:
            if pause := self._admission.pause():
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(pause, self._admit_later)
            elif not (turn := self._next_turn()).done():
                self._acquire()
                turn.set_result(None)

    def _admit_later(self) -> None:
        self._timer = None
        self._admit()

    def _acquire(self) -> None:
        self._free -= 1
        self._admission.begin()

    def _next_turn(self) -> asyncio.Future[None]:
        user = next(iter(self._waiting))
        turns = self._waiting.pop(user)
        turn = turns.popleft()
        if turns:
            self._waiting[user] = turns  # behind all others
        return turn
