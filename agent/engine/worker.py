"""The engine of a Procrastinate worker, which fetches only as many jobs as it can start.

Defines no task: Procrastinate imports this module before tasks can be defined.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import psycopg
from django.db import DEFAULT_DB_ALIAS
from procrastinate import App, PsycopgConnector
from procrastinate.connector import BaseAsyncConnector
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from agent.engine import process_identity, sign_of_life
from agent.engine.local import LocalEngine
from agent.support import loop_watch
from agent.support.per_loop import PerLoop

logger = logging.getLogger(__name__)

RUNS = "runs"  # the queue of sessions to execute
# Seconds that a worker at its limit waits before it fetches a job anyway. Short, since other kinds of
# jobs and a shutdown wait for as long.
HOLD = 0.5


def _new_engine() -> LocalEngine:
    process_identity.tune()
    return LocalEngine(serving=False)


_engines = PerLoop(_new_engine)


async def engine() -> LocalEngine:
    """Returns this worker's engine, which the first call starts."""
    if (engine := _engines.find()) is None:
        engine = _engines.here()
        await engine.start()
        sign_of_life.start("worker")
        loop_watch.start()
    return engine


_REGISTER = """
INSERT INTO procrastinate_workers (id) OVERRIDING SYSTEM VALUE VALUES (%(worker_id)s)
ON CONFLICT DO NOTHING
"""


class WorkerJobManager(JobManager):
    """Fetches run jobs only while this worker can start runs; other workers may fetch them meanwhile.

    Tolerates what other workers do while this process is frozen: end its job, and delete its row.
    """

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        if queues is None or RUNS in queues:
            await (await engine()).runner.limit.wait_for_room(HOLD)
        try:
            return await super().fetch_job(queues, worker_id)
        except ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.ForeignKeyViolation):
                raise
        logger.warning("Another worker took this one for dead; it is registered again")
        await self.connector.execute_query_async(_REGISTER, worker_id=worker_id)
        return None

    async def finish_job_by_id_async(self, job_id: int, status: Status, delete_job: bool) -> None:
        try:
            await super().finish_job_by_id_async(job_id, status, delete_job)
        except ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                raise
            logger.warning("Another worker has already ended job %d", job_id)


class WorkerConnector(DjangoConnector):
    """Gives a worker connections that commit each statement by themselves.

    A worker that froze between a statement and its commit would find that PostgreSQL has closed its
    connection (`idle_in_transaction_session_timeout`), and would end.
    """

    def get_worker_connector(self) -> BaseAsyncConnector:
        return PsycopgConnector(kwargs=connector_params(self.alias), configure=_commit_alone)


async def _commit_alone(connection: psycopg.AsyncConnection) -> None:
    await connection.set_autocommit(True)


def on_app_ready(app: App) -> None:
    app.connector = WorkerConnector(alias=DEFAULT_DB_ALIAS)
    app.job_manager = WorkerJobManager(app.connector)
