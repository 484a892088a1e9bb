"""Counts the clients that poll, which have no connection: each for a while after its latest request."""

from __future__ import annotations

import asyncio
from uuid import UUID

from agent.support import metrics
from agent.support.per_loop import PerLoop
from chat.connection_identity import ConnectionIdentity

TRANSPORT = "polling"
STAY = 15.0  # seconds; a page in which nothing happens asks every ten


class Pollers:
    """The clients of one event loop, by whose they are and by session."""

    def __init__(self) -> None:
        self._timers: dict[tuple[int | UUID, UUID], asyncio.TimerHandle] = {}

    def seen(self, identity: ConnectionIdentity) -> None:
        key = identity.counted, identity.session
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        else:
            metrics.CONNECTIONS.add(TRANSPORT)
            metrics.CONNECTIONS_OPENED.add(TRANSPORT)
        self._timers[key] = asyncio.get_running_loop().call_later(STAY, self._gone, key)

    def _gone(self, key: tuple[int | UUID, UUID]) -> None:
        del self._timers[key]
        metrics.CONNECTIONS.add(TRANSPORT, amount=-1)


_pollers = PerLoop(Pollers)


async def seen(identity: ConnectionIdentity) -> None:
    """Notes a request for a page of the event log."""
    _pollers.here().seen(identity)
