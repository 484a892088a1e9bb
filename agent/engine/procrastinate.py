"""The Procrastinate engine: workers execute runs, woken by jobs that commit together with the run.

Imported only with SAMURAI_ENGINE=procrastinate. A job is just a wake-up: it may be lost or come twice.
Procrastinate does not fence its job rows, which is why the sweep relies on the runs' rows alone.
"""

from __future__ import annotations

import contextlib
import logging
import time
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import OperationalError
from procrastinate import jobs, tasks
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.manager import JobManager

from agent.engine import sign_of_life, worker
from agent.engine.sweep import delete_old, expire_approvals, pending_sessions
from agent.engine.worker import RUNS
from agent.models import Run
from agent.support import database, raw_sql

logger = logging.getLogger(__name__)

FIRST = 1_000_000  # a priority above that of all sessions
SWEEP = "sweep"  # a queue of its own, for a small worker: workers at their limit fetch no jobs

# On Django's connection, so that a job joins the current transaction; a worker's app has another one.
_jobs = JobManager(DjangoConnector())


class Workers:
    """Wakes workers in other processes."""

    def wake(self, session: UUID) -> None:
        _defer(session)

    def interrupt(self, session: UUID, run: UUID) -> None:
        """Nothing to do: workers are told over Redis, or notice when they renew the lease."""


def _defer(session: UUID, once: str | None = None) -> None:
    """Defers a job within the current transaction. At most one job with the same `once` is queued."""
    job = tasks.configure_task(
        name="execute_session",
        job_manager=_jobs,
        queue=RUNS,
        lock=_lock(session),
        queueing_lock=once,
        priority=_priority(session),
    )
    try:
        job.defer(session=str(session))
    except AlreadyEnqueued:
        raise
    except ConnectorException as error:
        if isinstance(error.__cause__, psycopg.OperationalError | psycopg.InterfaceError):
            raise OperationalError(str(error.__cause__)) from error  # which callers retry
        raise


def _lock(session: UUID) -> str:
    return f"session:{session}"


def _priority(session: UUID) -> int:
    """Returns a lower priority for users with more runs, so that one user's runs don't block others."""
    unfinished = Run.unfinished.filter(status__in=[Run.Status.QUEUED, Run.Status.RUNNING])
    users = unfinished.filter(session=session).order_by("number").values("created_by")[:1]
    return -unfinished.filter(created_by=users).count()


# -- in a worker -----------------------------------------------------------------------------------


@app.task(name="execute_session", queue=RUNS)
async def execute_session(session: str) -> None:
    """Executes the session's runs until none is left; a shutdown hands over the current one."""
    engine = await worker.engine()
    await engine.runner.execute(UUID(session))


@app.task(name="probe", queue=RUNS)
async def probe() -> None:
    """Does nothing: its end shows that a worker takes jobs."""


def is_taken(timeout: float) -> bool:
    """Tells whether a worker takes a job within `timeout` seconds. A job that none took is deleted."""
    job = tasks.configure_task(name="probe", job_manager=_jobs, queue=RUNS, priority=FIRST).defer()
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        if raw_sql.column("SELECT status FROM procrastinate_jobs WHERE id = %s", job) != ["todo"]:
            return True
        time.sleep(0.1)
    return not _jobs.cancel_job_by_id(job, delete_job=True)


@app.periodic(cron="* * * * * */2")  # every two seconds: seconds are the sixth field
@app.task(name="sweep", queue=SWEEP, queueing_lock=SWEEP)
async def sweep(timestamp: int) -> None:
    """Wakes pending sessions and cancels runs whose approval has expired.

    Without a `lock`, which a worker that dies during the sweep would keep.
    """
    sign_of_life.start("sweep")
    await _fail_stalled_jobs()
    await expire_approvals()
    await delete_old()
    await database.call(_wake_pending)


async def _fail_stalled_jobs() -> None:
    """Ends the jobs of dead or frozen workers, which hold the locks of their sessions.

    The jobs are not retried: a worker that wakes up again would delete the retried job by its id.
    """
    manager = app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=settings.STALLED_AFTER):
        logger.warning("A dead or frozen worker left %s", job.call_string)
        await manager.finish_job(job, status=jobs.Status.FAILED, delete_job=True)


_QUEUED_LOCKS = (
    "SELECT lock FROM procrastinate_jobs WHERE queue_name = %s AND status IN ('todo', 'doing')"
)


def _wake_pending() -> None:
    """Defers a job for each pending session that has none."""
    sessions = pending_sessions()
    locks = set(raw_sql.column(_QUEUED_LOCKS, RUNS)) if sessions else ()
    for session in sessions:
        if _lock(session) not in locks:
            with contextlib.suppress(AlreadyEnqueued):
                _defer(session, once=_lock(session))
