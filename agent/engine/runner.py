"""Drives runs on one event loop: claims them, carries them on, keeps their leases, leaves them.

Both engines drive with it; what is to be driven, they are told by others. The rows say what there is
to do: a session may be woken at any time, for nothing too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any
from uuid import UUID

import django.db
from django.conf import settings

from agent.engine import process_identity
from agent.engine.admission import Admission
from agent.engine.concurrency import ConcurrencyLimit
from agent.event_log import log
from agent.exceptions import AgentError, Fenced, RunTimeout
from agent.llm.base import Model
from agent.llm.factory import open_model
from agent.pipeline import phases
from agent.runs import claiming, ending, wake
from agent.runs.approvals import Parked
from agent.runs.claiming import Claimed
from agent.runs.recorder import Recorder
from agent.support import database
from agent.support.task_group import background_task

logger = logging.getLogger(__name__)

# Seconds between renewals of the leases, which are `claiming.LEASE` long. A run that was taken away where
# no message tells of it (a cancel in another process) is left after as long.
RENEW = 1.0
HAND_OVER = 2.0  # seconds that a shutdown waits for its runs to leave


class Runner:
    """Drives one run of each session that it was woken for, at most SAMURAI_MAX_ACTIVE_RUNS at once.

    With `session` it minds that one alone.
    """

    def __init__(self, model: Model | None = None, session: UUID | None = None) -> None:
        self._model = model
        self._session = session
        # Its own, not the process's: of two drivers in one process, each would take what the other has.
        self._owner = process_identity.new_owner()
        self._loop = asyncio.get_running_loop()
        self.limit = ConcurrencyLimit(settings.SAMURAI_MAX_ACTIVE_RUNS, Admission(log.has_backlog))
        self._drives: dict[UUID, asyncio.Task[None]] = {}
        self._carried: dict[UUID, tuple[UUID, asyncio.Task[None]]] = {}  # session: run and its task
        self._rung: set[UUID] = set()
        self._keeper: asyncio.Task[None] | None = None

    # -- from any thread ---------------------------------------------------------------------------

    def wake(self, session: UUID) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the next start finds the row
            self._loop.call_soon_threadsafe(self.begin, session)

    def interrupt(self, session: UUID, run: UUID) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._interrupt, session, run)

    # -- on its loop -------------------------------------------------------------------------------

    def start(self) -> None:
        self._keeper = background_task(self._renew_leases())

    async def stop(self) -> None:
        """Leaves all runs where they are and hands them over; the next process goes on at once."""
        if self._keeper is not None:
            self._keeper.cancel()
        self._rung.clear()
        sessions = list(self._drives)
        await _end([*self._drives.values(), *(task for _, task in self._carried.values())])
        await database.call(self._hand_over, sessions)

    def _hand_over(self, sessions: Iterable[UUID]) -> None:
        claiming.hand_over(self._owner)
        for session in sessions:  # there may be another driver in this process
            wake.wake(session)

    def is_executing(self, session: UUID) -> bool:
        return session in self._drives

    def begin(self, session: UUID) -> None:
        """Drives what there is to drive in `session`."""
        if self._session not in (None, session):
            return
        if session in self._drives:
            self._rung.add(session)
            return
        task = background_task(self._drive(session))
        self._drives[session] = task
        task.add_done_callback(lambda _: self._left(session))

    async def drive(self, session: UUID) -> None:
        """The same until nothing is left to drive; cancelled, it hands over what it has begun."""
        self.begin(session)
        try:
            while (task := self._drives.get(session)) is not None:
                await asyncio.wait([task])
                await asyncio.sleep(0)  # what the task's end calls may begin anew
        except asyncio.CancelledError:
            await self._leave(session)
            raise

    async def _leave(self, session: UUID) -> None:
        self._rung.discard(session)
        _, carrying = self._carried.get(session, (None, None))
        await _end([task for task in (self._drives.get(session), carrying) if task is not None])
        # Whatever it is by now: a claim that was on its way was waited for.
        await database.call(claiming.hand_over, self._owner, session)

    def _left(self, session: UUID) -> None:
        del self._drives[session]
        if session in self._rung:  # rung between the last look and the end
            self._rung.discard(session)
            self.begin(session)

    def _interrupt(self, session: UUID, run: UUID) -> None:
        carried, task = self._carried.get(session, (None, None))
        if carried == run and task is not None:
            task.cancel()

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            held = {run: session for session, (run, _) in self._carried.items()}
            if not held:
                continue
            with log_database_errors("renew the leases"):
                for run in await database.call(claiming.renew_leases, self._owner, list(held)):
                    self._interrupt(held[run], run)

    # -- driving -----------------------------------------------------------------------------------

    async def _drive(self, session: UUID) -> None:
        """Carries on the session's runs, one after the other, until there is nothing to drive."""
        while await self._has_slot(session):
            claimed = None
            self._rung.discard(session)  # whatever was rung for until now, the claim sees
            try:
                claimed = await self._claim(session)
                if claimed is None:
                    return
                await self._carry_alone(claimed)
            finally:
                self.limit.release(used=claimed is not None)

    async def _claim(self, session: UUID) -> Claimed | None:
        claim = self._loop.create_task(claiming.claim(session, self._owner))
        try:
            return await asyncio.shield(claim)
        except asyncio.CancelledError:
            # Otherwise it is committed behind the hand-over, and nobody drives the run for a while.
            await asyncio.wait([claim], timeout=HAND_OVER)
            raise

    async def _has_slot(self, session: UUID) -> bool:
        """Takes a slot, waiting for it; not when there is nothing to drive. Nothing is claimed yet."""
        if self.limit.try_acquire():
            return True
        found, user = await database.call(claiming.next_user, session)
        if found:
            await self.limit.take(user)
        return found

    async def _carry_alone(self, claimed: Claimed) -> None:
        """In a task of its own, which may be cancelled without an end of the drive."""
        session = claimed.run.session_id
        task = background_task(self._carry(claimed))
        self._carried[session] = claimed.run.pk, task
        try:
            await asyncio.wait([task])
        finally:
            del self._carried[session]

    async def _carry(self, claimed: Claimed) -> None:
        """The one `try` on top of a run: whatever happens becomes its end, or leaves it to another."""
        model = self._model or open_model()
        model.usage.set(claimed.run.usage)
        recorder = Recorder(claimed, model.usage)
        try:
            await _in_time(phases.execute(model, claimed, recorder))
        except (Fenced, Parked):
            return
        except AgentError as error:
            await self._fail(claimed, recorder, error)
        except Exception:
            logger.exception("Run %s raised", claimed.run.pk)
            await self._fail(
                claimed, recorder, AgentError("Something went wrong inside the agent.")
            )

    async def _fail(self, claimed: Claimed, recorder: Recorder, error: AgentError) -> None:
        with contextlib.suppress(Fenced):
            await ending.fail(claimed.run, claimed.fence, error, recorder.failures(str(error)))


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=HAND_OVER)


@contextlib.contextmanager
def log_database_errors(what: str) -> Iterator[None]:
    """A keeper of the engine goes on when the database can do it again, however late.

    Whatever it says: without its keepers, a process would drive nothing any more and seem well.
    """
    try:
        yield
    except django.db.Error:
        logger.exception("The engine could not %s; it tries again", what)


async def _in_time(work: Coroutine[Any, Any, None]) -> None:
    """Awaits `work` for as long as a driver may work on one run. Raises `RunTimeout`."""
    try:
        async with asyncio.timeout(settings.SAMURAI_RUN_TIMEOUT) as limit:
            await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise RunTimeout(f"The run took longer than {settings.SAMURAI_RUN_TIMEOUT} s.") from None
