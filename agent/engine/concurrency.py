"""So many at once, no faster than they can be carried; who waits takes turns by user. Knows no run."""

from __future__ import annotations

import asyncio
from collections import deque

from agent.engine.admission import AGAIN, Admission

User = int | None


class ConcurrencyLimit:
    """Slots of one event loop. Whoever took one gives it back."""

    def __init__(self, most: int, admission: Admission) -> None:
        self._free = most
        self._admission = admission
        # The order of the users is whose turn is next; each has its waiting ones in order.
        self._waiting: dict[User, deque[asyncio.Future[None]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def try_acquire(self) -> bool:
        """Takes a slot if there is one now that nobody waits for."""
        if self._pause():
            return False
        self._take()
        return True

    async def take(self, user: User) -> None:
        """Waits for a slot; one user's many take no more turns than another's one."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(turn)
        self._pass_on()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the slot came at the same moment
                self.release(used=False)
            raise

    async def room(self, most: float) -> None:
        """Waits until there is a slot to take, but for `most` seconds at the longest. Takes none."""
        clock = asyncio.get_running_loop().time
        until = clock() + most
        while (pause := self._pause()) and (left := until - clock()) > 0:
            await asyncio.sleep(min(pause, left))

    def release(self, *, used: bool) -> None:
        """`used`: there was a run to carry."""
        self._free += 1
        self._admission.end(used=used)
        self._pass_on()

    def _pause(self) -> float:
        """Returns the seconds until somebody who comes now may ask for a slot; 0 for now."""
        return self._admission.pause() if self._free and not self._waiting else AGAIN

    def _pass_on(self) -> None:
        """Gives the free slots to those who wait, as fast as may be."""
        while self._waiting and self._free and self._timer is None:
            if pause := self._admission.pause():
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(pause, self._in_time)
            elif not (turn := self._next()).done():
                self._take()
                turn.set_result(None)

    def _in_time(self) -> None:
        self._timer = None
        self._pass_on()

    def _take(self) -> None:
        self._free -= 1
        self._admission.begin()

    def _next(self) -> asyncio.Future[None]:
        user = next(iter(self._waiting))
        turns = self._waiting.pop(user)
        turn = turns.popleft()
        if turns:
            self._waiting[user] = turns  # behind all others
        return turn
