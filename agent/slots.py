"""So many at once and no more; who waits takes turns by user. Knows nothing of runs."""

from __future__ import annotations

import asyncio
from collections import deque

User = int | None


class Slots:
    """Slots of one event loop. Whoever took one gives it back."""

    def __init__(self, most: int) -> None:
        self._free = most
        # The order of the users is whose turn is next; each has its waiting ones in order.
        self._waiting: dict[User, deque[asyncio.Future[None]]] = {}

    def take_free(self) -> bool:
        """Takes a slot if there is one that nobody waits for."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    async def take(self, user: User) -> None:
        """Waits for a slot; one user's many take no more turns than another's one."""
        if self.take_free():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the slot came at the same moment
                self.give_back()
            raise

    def give_back(self) -> None:
        while self._waiting:
            if not (turn := self._next()).done():
                turn.set_result(None)
                return
        self._free += 1

    def _next(self) -> asyncio.Future[None]:
        user = next(iter(self._waiting))
        turns = self._waiting.pop(user)
        turn = turns.popleft()
        if turns:
            self._waiting[user] = turns  # behind all others
        return turn
