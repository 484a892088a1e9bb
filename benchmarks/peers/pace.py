"""How the runs of all applications report: a number of events, a pause, and a common beginning.

This text is the body of an event as the product's own of the same run has it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

_BODY = (
    '{"type":"progress","progress":{"step":"execution","message":"⚙️ Step %d of 200",'
    '"details":"Measured from callback to client","timestamp":"2026-01-01T00:00:00.000000Z",'
    '"metadata":{"called":%r}},"seq":%d,"run":"00000000-0000-4000-8000-000000000000",'
    '"timestamp":"2026-01-01T00:00:00.000000Z"}'
)
HELLO = '{"type":"hello","protocol":1}'


def body(seq: int) -> str:
    return _BODY % (seq, time.time(), seq)


def end(seq: int) -> str:
    return f'{{"type":"run","status":"succeeded","seq":{seq}}}'


@dataclass(frozen=True)
class Pace:
    """`together`: the number of runs that begin at the same time, when all of them are there."""

    events: int = 100
    pause: float = 0.0  # seconds between events
    together: int = 1

    @classmethod
    def of(cls, values: dict[str, Any]) -> Pace:
        return cls(int(values["events"]), float(values["pause"]), int(values["together"]))

    @classmethod
    def of_query(cls, query: bytes) -> Pace:
        return cls.of(dict(parse_qsl(query.decode())))

    @property
    def query(self) -> str:
        return f"events={self.events}&pause={self.pause}&together={self.together}"

    async def steps(self) -> AsyncIterator[int]:
        """Yields the events' numbers, from 1 on, at their times.

        With a pause, the first one comes at a time of its own within the pause, as runs of people do.
        """
        await _together(self.together)
        due = time.monotonic() + self.pause * random.random()
        for number in range(1, self.events + 1):
            if self.pause:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due += self.pause
            yield number


_waiting: list[asyncio.Future[None]] = []


async def _together(number: int) -> None:
    """Waits until `number` runs are here."""
    turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    _waiting.append(turn)
    if len(_waiting) >= number:
        for other in _waiting:
            if not other.done():
                other.set_result(None)
        _waiting.clear()
    await turn
