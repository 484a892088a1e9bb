"""The local engine: runs are driven where they were accepted, by this process' own event loop.

It is only a doorbell around `agent.engine.runner`: the rows say what there is to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from agent.engine import process_identity
from agent.engine.runner import Runner, log_database_errors
from agent.llm.base import Model
from agent.models import Run
from agent.runs import approvals, wake
from agent.support import database
from agent.support.task_group import background_task

logger = logging.getLogger(__name__)

SWEEP = 2.0  # seconds between looks for work that nobody drives


class LocalEngine:
    """Rings the driver of one event loop. With `serving` it takes on whatever nobody drives.

    With `session` it drives that one alone, and takes it on whenever nobody else does.
    """

    def __init__(
        self,
        *,
        serving: bool,
        model: Model | None = None,
        session: UUID | None = None,
    ) -> None:
        self.runner = Runner(model, session)
        self._serving = serving
        self._session = session
        self._sweeper: asyncio.Task[None] | None = None

    def wake(self, session: UUID) -> None:
        transaction.on_commit(partial(self.runner.wake, session))

    def interrupt(self, session: UUID, run: UUID) -> None:
        self.runner.interrupt(session, run)

    async def start(self) -> None:
        wake.register(self)
        self.runner.start()
        if self._serving or self._session:
            self._sweeper = background_task(self._sweep())

    async def stop(self) -> None:
        """Leaves all runs where they are and hands them over; the next process goes on at once."""
        wake.unregister(self)
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self.runner.stop()

    async def _sweep(self) -> None:
        while True:
            with log_database_errors("look for work"):
                if self._serving:
                    await _take_over()
                    await expire_approvals()
                for session in await database.call(pending_sessions):
                    if not self.runner.is_executing(session):
                        self.runner.begin(session)
            await asyncio.sleep(SWEEP)


async def _take_over() -> None:
    if freed := await database.call(release_dead_leases):
        logger.info("Took over %d runs of a process that is gone", freed)


async def expire_approvals() -> None:
    """Ends the runs whose plan nobody decided on in time."""
    for session, approval in await database.call(approvals.overdue):
        await approvals.expire(session, approval)


def release_dead_leases() -> int:
    """Ends the leases of processes of this host that are gone; returns how many."""
    held = Run.objects.filter(status=Run.Status.RUNNING, lease_until__gt=timezone.now())
    dead = [
        owner
        for owner in held.exclude(lease_owner="").values_list("lease_owner", flat=True).distinct()
        if process_identity.is_dead(owner)
    ]
    return held.filter(lease_owner__in=dead).update(lease_until=None) if dead else 0


def pending_sessions() -> list[UUID]:
    """Returns the sessions with unfinished work that no living driver holds and no person delays."""
    now = timezone.now()
    of_session = Run.objects.filter(session=OuterRef("session"))
    held = of_session.filter(
        Q(status=Run.Status.RUNNING, lease_until__gt=now) | Q(status=Run.Status.WAITING)
    )
    open_runs = Run.objects.filter(status__in=[Run.Status.QUEUED, Run.Status.RUNNING])
    return list(
        open_runs.filter(~Exists(held)).order_by().values_list("session", flat=True).distinct()
    )


@contextlib.asynccontextmanager
async def executing(
    model: Model | None = None, session: UUID | None = None
) -> AsyncIterator[Runner]:
    """An engine for as long as the block lasts, that drives what this process starts.

    With `session` it drives only, and all, that is to do there.
    """
    engine = LocalEngine(serving=False, model=model, session=session)
    await engine.start()
    try:
        yield engine.runner
    finally:
        await engine.stop()
