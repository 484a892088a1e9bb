"""The local engine: drives runs on the event loop of this process, one task for each busy session.

It is only a doorbell: the rows say what there is to do, and `drive` may be called at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from agent import database, doorbell, process, runs
from agent.decisions import Parked
from agent.exceptions import AgentError, Fenced, RunTimeout
from agent.journal import Journal
from agent.models import Run
from agent.pipeline import PlanningFirstAgent
from agent.runs import Claimed

logger = logging.getLogger(__name__)

RENEW = 3.0  # seconds between renewals of the leases, which are `runs.LEASE` long
SWEEP = 2.0  # seconds between looks for work that nobody drives
HAND_OVER = 2.0  # seconds that a shutdown waits for its runs to leave


class LocalEngine:
    """Drives the runs of one event loop. With `serving` it takes on whatever nobody drives.

    With `session` it drives that one alone, and takes it on whenever nobody else does.
    """

    def __init__(
        self,
        *,
        serving: bool,
        agent: PlanningFirstAgent | None = None,
        session: UUID | None = None,
    ) -> None:
        self._serving = serving
        self._agent = agent
        self._session = session
        # Its own, not the process's: of two engines in one process, each would take what the other has.
        self._owner = process.new_owner()
        self._loop = asyncio.get_running_loop()
        self._drives: dict[UUID, asyncio.Task[None]] = {}
        self._carried: dict[UUID, tuple[UUID, asyncio.Task[None]]] = {}  # session: run and its task
        self._rung: set[UUID] = set()
        self._keepers: list[asyncio.Task[None]] = []

    # -- the two verbs -----------------------------------------------------------------------------

    def wake(self, session: UUID) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the next start finds the row
            self._loop.call_soon_threadsafe(self._wake, session)

    def interrupt(self, session: UUID, run: UUID) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._interrupt, session, run)

    def _wake(self, session: UUID) -> None:
        if self._session not in (None, session):
            return
        if session in self._drives:
            self._rung.add(session)
            return
        task = self._task(self._drive(session))
        self._drives[session] = task
        task.add_done_callback(lambda _: self._left(session))

    def _left(self, session: UUID) -> None:
        del self._drives[session]
        if session in self._rung:  # rung between the last look and the end
            self._rung.discard(session)
            self._wake(session)

    def _interrupt(self, session: UUID, run: UUID) -> None:
        carried, task = self._carried.get(session, (None, None))
        if carried == run and task is not None:
            task.cancel()

    def _task(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # An empty context: a task that inherits a request's keeps a thread of it alive.
        return self._loop.create_task(coroutine, context=contextvars.Context())

    # -- life --------------------------------------------------------------------------------------

    async def start(self) -> None:
        doorbell.register(self)
        self._keepers = [self._task(self._renew_leases())]
        if self._serving:
            freed = await database.call(free_dead_leases)
            if freed:
                logger.info("Took over %d runs of a process that is gone", freed)
        if self._serving or self._session:
            self._keepers.append(self._task(self._sweep()))

    async def stop(self) -> None:
        """Leaves all runs where they are and hands them over; the next process goes on at once."""
        doorbell.unregister(self)
        drives = dict(self._drives)
        tasks = [
            *self._keepers,
            *drives.values(),
            *(task for _, task in self._carried.values()),
        ]
        self._rung.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=HAND_OVER)
        await database.call(runs.hand_over, self._owner)
        for session in drives:  # there may be another engine in this process
            doorbell.wake(session)

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            held = {run: session for session, (run, _) in self._carried.items()}
            if not held:
                continue
            with _surviving_an_outage("renew the leases"):
                for run in await database.call(runs.renew_leases, self._owner, list(held)):
                    self._interrupt(held[run], run)

    async def _sweep(self) -> None:
        while True:
            with _surviving_an_outage("look for work"):
                for session in await database.call(undriven_sessions):
                    if session not in self._drives:
                        self._wake(session)
            await asyncio.sleep(SWEEP)

    # -- driving -----------------------------------------------------------------------------------

    async def _drive(self, session: UUID) -> None:
        """Carries on the session's runs, one after the other, until there is nothing to drive."""
        while claimed := await self._claim(session):
            task = self._task(self._carry(claimed))
            self._carried[session] = claimed.run.pk, task
            try:
                await asyncio.wait([task])
            finally:
                del self._carried[session]

    async def _claim(self, session: UUID) -> Claimed | None:
        claim = self._loop.create_task(runs.claim(session, self._owner))
        try:
            return await asyncio.shield(claim)
        except asyncio.CancelledError:
            # Otherwise it is committed behind the hand-over, and nobody drives the run for a while.
            await asyncio.wait([claim], timeout=HAND_OVER)
            raise

    async def _carry(self, claimed: Claimed) -> None:
        """The one `try` on top of a run: whatever happens becomes its end, or leaves it to another."""
        agent = self._agent or PlanningFirstAgent()
        agent.model.usage.set(claimed.run.usage)
        journal = Journal(claimed, agent.model.usage)
        try:
            await _in_time(agent.carry_on(claimed, journal))
        except (Fenced, Parked):
            return
        except AgentError as error:
            await self._fail(claimed, journal, error)
        except Exception:
            logger.exception("Run %s raised", claimed.run.pk)
            await self._fail(claimed, journal, AgentError("Something went wrong inside the agent."))

    async def _fail(self, claimed: Claimed, journal: Journal, error: AgentError) -> None:
        with contextlib.suppress(Fenced):
            await runs.fail(claimed, error, journal.failures(str(error)))


@contextlib.contextmanager
def _surviving_an_outage(what: str) -> Iterator[None]:
    """A keeper of the engine goes on when the database comes back, however late."""
    try:
        yield
    except database.LOST:
        logger.exception("The engine could not %s: the database is away", what)


async def _in_time(work: Coroutine[Any, Any, None]) -> None:
    """Awaits `work` for as long as a driver may work on one run. Raises `RunTimeout`."""
    try:
        async with asyncio.timeout(settings.SAMURAI_RUN_TIMEOUT) as limit:
            await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise RunTimeout(f"The run took longer than {settings.SAMURAI_RUN_TIMEOUT} s.") from None


def free_dead_leases() -> int:
    """Ends the leases of processes of this host that are gone; returns how many."""
    held = Run.objects.filter(status=Run.Status.RUNNING, lease_until__gt=timezone.now())
    dead = [
        owner
        for owner in held.exclude(lease_owner="").values_list("lease_owner", flat=True).distinct()
        if process.is_dead(owner)
    ]
    return held.filter(lease_owner__in=dead).update(lease_until=None) if dead else 0


def undriven_sessions() -> list[UUID]:
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
async def driving(
    agent: PlanningFirstAgent | None = None, session: UUID | None = None
) -> AsyncIterator[LocalEngine]:
    """An engine for as long as the block lasts, that drives what this process starts.

    With `session` it drives only, and all, that is to do there.
    """
    engine = LocalEngine(serving=False, agent=agent, session=session)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()
