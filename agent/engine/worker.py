"""What a worker drives with, and how many jobs it takes: as many as it can begin.

Knows no task: Procrastinate imports it before tasks can be made.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import psycopg
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from agent.engine import process_identity
from agent.engine.local import LocalEngine
from agent.support.per_loop import PerLoop

logger = logging.getLogger(__name__)

RUNS = "runs"  # the queue of sessions to drive
# Seconds that a worker without room waits before it takes the next job nevertheless: that one may be
# something else, and a shutdown waits for as long.
HOLD = 0.5


def _new_engine() -> LocalEngine:
    process_identity.settle()
    return LocalEngine(serving=False)


_engines = PerLoop(_new_engine)


async def engine() -> LocalEngine:
    """Returns the engine of this worker, started."""
    if (found := _engines.find()) is None:
        found = _engines.here()
        await found.start()
    return found


class WorkersJobs(JobManager):
    """Leaves the rings for which this worker has no room to other workers, and to later.

    A job that it has may be gone: while it was frozen, another worker ended it.
    """

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        if queues is None or RUNS in queues:
            await (await engine()).runner.limit.room(HOLD)
        return await super().fetch_job(queues, worker_id)

    async def finish_job_by_id_async(self, job_id: int, status: Status, delete_job: bool) -> None:
        try:
            await super().finish_job_by_id_async(job_id, status, delete_job)
        except ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                raise
            logger.warning("Job %d was ended by another worker", job_id)


def on_app_ready(app: App) -> None:
    app.job_manager = WorkersJobs(app.connector)
