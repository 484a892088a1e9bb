"""The local engine: the process that accepts a message also executes its run, on its own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Container
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agent.engine import sweep
from agent.engine.runner import Runner
from agent.llm.base import Model
from agent.pipeline.outside import Outside
from agent.runs import claiming, wake
from agent.support import database, tracing
from agent.support.task_group import background_task
from agent.tools import registry

logger = logging.getLogger(__name__)


class LocalEngine:
    """Executes runs on one event loop.

    With `serving`, a sweep also finds the pending sessions of others, dead processes' leases and
    expired approvals. With `sessions`, the engine executes these sessions only, and sweeps them too.
    """

    def __init__(
        self,
        *,
        serving: bool,
        model: Model | None = None,
        sessions: Container[UUID] | None = None,
        outside: Outside | None = None,
    ) -> None:
        self.runner = Runner(model, sessions, outside)
        self._serving = serving
        self._sweeps = serving or sessions is not None
        self._sweeper: asyncio.Task[None] | None = None
        self._swept_at = time.monotonic()

    @property
    def is_alive(self) -> bool:
        """Tells whether a `serving` engine takes runs: its sweep has lately looked for them."""
        return not self.runner.is_stopped and (
            time.monotonic() - self._swept_at < settings.STALLED_AFTER
        )

    def wake(self, session: UUID) -> None:
        transaction.on_commit(partial(self.runner.wake, session))

    def interrupt(self, session: UUID, run: UUID) -> None:
        self.runner.interrupt(session, run)

    async def start(self) -> None:
        if settings.MODEL_ADDRESS_NOTICE:
            logger.warning(settings.MODEL_ADDRESS_NOTICE)
        tracing.start()
        await asyncio.to_thread(registry.make_schemas)
        wake.register(self)
        self.runner.start()
        if self._sweeps:
            self._sweeper = background_task(self._sweep())

    async def stop(self) -> None:
        """Stops all runs where they are and hands them over; another process continues at once."""
        wake.unregister(self)
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self.runner.stop()

    async def _sweep(self) -> None:
        while True:
            with sweep.log_errors("look for work"):
                if self._serving:
                    await sweep.delete_old()
                if await database.call(claiming.is_any_unfinished):
                    await self._begin_pending()
                self._swept_at = time.monotonic()
            await asyncio.sleep(sweep.INTERVAL)

    async def _begin_pending(self) -> None:
        if self._serving:
            await _take_over()
            await sweep.expire_approvals()
        for session in await database.call(sweep.pending_sessions):
            if not self.runner.is_executing(session):
                self.runner.begin(session)


async def _take_over() -> None:
    if released := await database.call(sweep.release_dead_leases):
        logger.info("Took over %d runs from dead processes", released)


@contextlib.asynccontextmanager
async def executing(
    model: Model | None = None,
    sessions: Container[UUID] | None = None,
    outside: Outside | None = None,
) -> AsyncIterator[Runner]:
    """Executes this process's runs within the block; with `sessions`, all runs of these and no others.

    At the end of the block, waits for what runs that have succeeded still remember.
    """
    engine = LocalEngine(serving=False, model=model, sessions=sessions, outside=outside)
    await engine.start()
    try:
        yield engine.runner
        await engine.runner.wait_for_memories()
    finally:
        await engine.stop()
