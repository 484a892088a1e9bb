"""What a worker drives with, and how many jobs it takes: as many as it can begin.

Knows no task: Procrastinate imports it before tasks can be made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from procrastinate import App
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from agent import process
from agent.engine import LocalEngine

RUNS = "runs"  # the queue of sessions to drive
# Seconds that a worker without room waits before it takes the next job nevertheless: that one may be
# something else, and a shutdown waits for as long.
HOLD = 0.5

_engines: WeakKeyDictionary[asyncio.AbstractEventLoop, LocalEngine] = WeakKeyDictionary()


async def engine() -> LocalEngine:
    """Returns the engine of this worker, started."""
    loop = asyncio.get_running_loop()
    if loop not in _engines:
        process.settle()
        _engines[loop] = LocalEngine(serving=False)
        await _engines[loop].start()
    return _engines[loop]


class Fetching(JobManager):
    """Leaves the rings for which this worker has no room to other workers, and to later."""

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        if queues is None or RUNS in queues:
            await (await engine()).driver.slots.room(HOLD)
        return await super().fetch_job(queues, worker_id)


def on_app_ready(app: App) -> None:
    app.job_manager = Fetching(app.connector)
