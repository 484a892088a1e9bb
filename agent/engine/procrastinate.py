"""The Procrastinate engine: workers drive, woken by jobs that commit with what they are about.

Imported with SAMURAI_ENGINE=procrastinate only. A job is a ring and nothing else: it may be lost or
come twice. Procrastinate does not fence its rows, so that `sweep` looks at ours again and again.
"""

from __future__ import annotations

import logging
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import OperationalError
from procrastinate import jobs, tasks
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.manager import JobManager

from agent.engine import worker
from agent.engine.local import expire_approvals, pending_sessions
from agent.engine.worker import RUNS
from agent.models import Run
from agent.support import database, raw_sql

logger = logging.getLogger(__name__)

SWEEP = "sweep"  # one of its own: workers that are busy with runs do not fetch from it

# Of our own, on Django's connection: the application's is another one in a worker.
_jobs = JobManager(DjangoConnector())


class Workers:
    """Rings for the workers, whatever process they are in."""

    def wake(self, session: UUID) -> None:
        _defer(session)

    def interrupt(self, session: UUID, run: UUID) -> None:
        """A worker hears of it over Redis, or when it renews its lease."""


def _defer(session: UUID, once: str | None = None) -> None:
    """Defers inside the current transaction, if there is one. Of jobs with `once` one waits at most."""
    job = tasks.configure_task(
        name="drive",
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
            raise OperationalError(str(error.__cause__)) from error  # what callers try again
        raise


def _lock(session: UUID) -> str:
    return f"session:{session}"


def _priority(session: UUID) -> int:
    """The more runs a person has, the later the next: who has one does not wait for all of them."""
    unfinished = Run.objects.filter(status__in=[Run.Status.QUEUED, Run.Status.RUNNING])
    users = unfinished.filter(session=session).order_by("number").values("created_by")[:1]
    return -unfinished.filter(created_by=users).count()


# -- in a worker -----------------------------------------------------------------------------------


@app.task(name="drive", queue=RUNS)
async def drive(session: str) -> None:
    """Drives a session until there is nothing to drive; a shutdown hands over what it has begun."""
    engine = await worker.engine()
    await engine.runner.drive(UUID(session))


@app.periodic(cron="* * * * * */2")  # every two seconds: they are the sixth field
@app.task(name="sweep", queue=SWEEP, queueing_lock=SWEEP)
async def sweep(timestamp: int) -> None:
    """Wakes the sessions that nobody drives, and ends what nobody decided on in time.

    Without a `lock`: a worker that dies here holds none.
    """
    await _bury_stalled_jobs()
    await expire_approvals()
    await database.call(_wake_undriven)


async def _bury_stalled_jobs() -> None:
    """Ends the jobs of workers that are gone or frozen: they hold the locks of their sessions.

    They are not tried again as they are: a worker that comes back deletes by the job's id.
    """
    manager = app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=settings.STALLED_AFTER):
        logger.warning("A worker left %s", job.call_string)
        await manager.finish_job(job, status=jobs.Status.FAILED, delete_job=True)


_RUNG = "SELECT lock FROM procrastinate_jobs WHERE queue_name = %s AND status IN ('todo', 'doing')"


def _wake_undriven() -> None:
    """Rings where no ring is on its way: one that waits, or that a worker has and is about to drive."""
    sessions = pending_sessions()
    rung = set(raw_sql.column(_RUNG, RUNS)) if sessions else ()
    for session in sessions:
        if _lock(session) in rung:
            continue
        try:
            _defer(session, once=_lock(session))
        except AlreadyEnqueued:
            continue
