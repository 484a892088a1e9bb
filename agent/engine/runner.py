"""Executes runs on one event loop: claims them, executes them, renews their leases, hands them over.

Both engines use it, and decide which sessions to wake. The rows say what there is to do: waking a
session that has nothing to do is harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Container, Coroutine, Iterable
from typing import Any
from uuid import UUID

from django.conf import settings

from agent.accounts import quotas
from agent.engine import process_identity
from agent.engine.admission import Admission
from agent.engine.concurrency import ConcurrencyLimit
from agent.engine.sweep import log_errors
from agent.event_log import events, log
from agent.exceptions import AgentError, Fenced, RunTimeout
from agent.llm.base import Model, Usage
from agent.llm.factory import model_name, open_model
from agent.models import Run
from agent.pipeline import phases
from agent.pipeline.outside import Outside
from agent.plans import past_durations
from agent.runs import claiming, ending, model_calls, wake
from agent.runs.approval_requests import Parked
from agent.runs.claiming import Claimed
from agent.runs.model_share import ModelShare
from agent.runs.recorder import Recorder
from agent.support import database, log_context, tracing
from agent.support.task_group import background_task

logger = logging.getLogger(__name__)

# Seconds between renewals of the leases, which last `claiming.LEASE`. A renewal also notices runs that
# were taken away without a wake-up, such as those cancelled by another process.
RENEWAL_INTERVAL = 1.0
STOP_TIMEOUT = 2.0  # seconds that a shutdown waits for its runs to stop


class Runner:
    """Executes one run per woken session at a time, at most SAMURAI_MAX_ACTIVE_RUNS in all.

    With `sessions` it ignores all other sessions.
    """

    def __init__(
        self,
        model: Model | None = None,
        sessions: Container[UUID] | None = None,
        outside: Outside | None = None,
    ) -> None:
        self._model = model
        self._outside = outside or Outside()
        self._sessions = sessions
        # Not the process's: two runners of a process must not claim each other's runs.
        self._owner = process_identity.new_owner()
        self._loop = asyncio.get_running_loop()
        self.limit = ConcurrencyLimit(settings.SAMURAI_MAX_ACTIVE_RUNS, Admission(log.has_backlog))
        self._session_tasks: dict[UUID, asyncio.Task[None]] = {}
        self._run_tasks: dict[UUID, tuple[UUID, asyncio.Task[None]]] = {}  # by session: run, task
        self._woken: set[UUID] = set()  # sessions woken while their task runs
        self._renewer: asyncio.Task[None] | None = None
        self.is_stopped = False
        self._is_imported = False  # the client of the model

    # -- from any thread ---------------------------------------------------------------------------

    def wake(self, session: UUID) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the next start finds the row
            self._loop.call_soon_threadsafe(self.begin, session)

    def interrupt(self, session: UUID, run: UUID) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._interrupt, session, run)

    # -- on its loop -------------------------------------------------------------------------------

    def start(self) -> None:
        self._renewer = background_task(self._renew_leases())
        if self._model is None:  # so that the first run waits less for the client
            threading.Thread(target=open_model, name="imports-model", daemon=True).start()

    async def stop(self) -> None:
        """Stops all runs where they are and hands them over; another process continues at once."""
        self.is_stopped = True  # a late wake-up must begin nothing
        if self._renewer is not None:
            self._renewer.cancel()
        sessions = list(self._session_tasks)
        run_tasks = [task for _, task in self._run_tasks.values()]
        await _cancel([*self._session_tasks.values(), *run_tasks])
        await database.call(self._hand_over, sessions)

    def _hand_over(self, sessions: Iterable[UUID]) -> None:
        claiming.hand_over(self._owner)
        for session in sessions:  # this process may have another runner
            wake.wake(session)

    async def wait_for_memories(self) -> None:
        """Waits for runs that have succeeded and whose model has not yet said what to remember."""
        tasks = dict(self._run_tasks.values())
        ended = Run.objects.filter(pk__in=list(tasks), status=Run.Status.SUCCEEDED)
        keys = await database.call(lambda: list(ended.values_list("pk", flat=True)))
        if keys:
            await asyncio.wait([tasks[key] for key in keys])

    def is_executing(self, session: UUID) -> bool:
        return session in self._session_tasks

    def begin(self, session: UUID) -> None:
        """Starts executing the session's runs; returns at once."""
        if self.is_stopped or (self._sessions is not None and session not in self._sessions):
            return
        if session in self._session_tasks:
            self._woken.add(session)
            return
        task = background_task(self._execute_session(session))
        self._session_tasks[session] = task
        task.add_done_callback(lambda _: self._session_ended(session))

    async def execute(self, session: UUID) -> None:
        """Executes the session's runs until none is left; cancelled, hands over the current run."""
        self.begin(session)
        try:
            while (task := self._session_tasks.get(session)) is not None:
                await asyncio.wait([task])
                await asyncio.sleep(0)  # lets `_session_ended` start a woken session again
        except asyncio.CancelledError:
            await self._leave(session)
            raise

    async def _leave(self, session: UUID) -> None:
        self._woken.discard(session)
        _, run_task = self._run_tasks.get(session, (None, None))
        tasks = [self._session_tasks.get(session), run_task]
        await _cancel([task for task in tasks if task is not None])
        # In the session, not by run: a claim that was in progress has been committed meanwhile.
        await database.call(claiming.hand_over, self._owner, session)

    def _session_ended(self, session: UUID) -> None:
        del self._session_tasks[session]
        if session in self._woken:
            self._woken.discard(session)
            self.begin(session)

    def _interrupt(self, session: UUID, run: UUID) -> None:
        current, task = self._run_tasks.get(session, (None, None))
        if current == run and task is not None:
            task.cancel()

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL_INTERVAL)
            held = {run: session for session, (run, _) in self._run_tasks.items()}
            if not held:
                continue
            with log_errors("renew the leases"):
                for run in await database.call(claiming.renew_leases, self._owner, list(held)):
                    self._interrupt(held[run], run)

    # -- executing ---------------------------------------------------------------------------------

    async def _execute_session(self, session: UUID) -> None:
        """Executes the session's runs, one after the other, until there is none to claim."""
        is_woken = True
        while await self._admit(session, is_woken):
            begun, is_woken = None, False
            self._woken.discard(session)  # the claim sees everything committed until now
            try:
                begun = await self._claim(session)
                if begun is None:
                    return
                await self._execute_apart(session, begun)
                is_succeeded = begun.run.status == Run.Status.SUCCEEDED
                if is_succeeded and session not in self._woken:
                    return  # its end would have woken the next one
            finally:
                self.limit.release(used=begun is not None)

    async def _admit(self, session: UUID, is_woken: bool) -> bool:
        """Waits for a place below the limit; False when the session has nothing to execute.

        A session that was just woken probably has something: a claim finds that out.
        """
        if is_woken and self.limit.try_acquire():
            return True
        self._woken.discard(session)  # the query sees everything committed until now
        pending, user = await database.call(claiming.next_user, session)
        if pending:
            await self.limit.acquire(user)
        return pending

    async def _claim(self, session: UUID) -> Recorder | None:
        """Claims and begins a run of the session; returns the recorder for the rest."""
        history = past_durations.cached_history()
        if history is None:
            history = await database.call(past_durations.history)
        name = self._model.name if self._model else model_name()
        recorders: list[Recorder] = []  # the last one: the claim may be repeated

        def begin(claimed: Claimed) -> list[events.Event]:
            usage = Usage()
            usage.set(claimed.run.usage)
            recorders.append(Recorder(claimed, usage))
            return phases.begin(name, recorders[-1], history)

        claim = self._loop.create_task(claiming.claim(session, self._owner, begin))
        try:
            claimed = await asyncio.shield(claim)
        except asyncio.CancelledError:
            # Otherwise the claim commits after the hand-over, and the run stays unexecuted until its
            # lease ends.
            await asyncio.wait([claim], timeout=STOP_TIMEOUT)
            raise
        return recorders[-1] if claimed else None

    async def _execute_apart(self, session: UUID, recorder: Recorder) -> None:
        """Executes in a task of its own: cancelling that one does not end the session's task."""
        task = background_task(_execute(self._open_model, recorder, self._outside))
        self._run_tasks[session] = recorder.run.pk, task
        try:
            await asyncio.wait([task])
        finally:
            del self._run_tasks[session]

    async def _open_model(self) -> Model:
        """The first time, waits for the import of the client, which the event loop must not do."""
        if self._model is not None:
            return self._model
        if not self._is_imported:
            await asyncio.to_thread(open_model)
            self._is_imported = True
        return open_model()


async def _execute(
    open_model: Callable[[], Awaitable[Model]], recorder: Recorder, outside: Outside
) -> None:
    """Executes a run in this context, which has names of it for the log and the traces."""
    run = recorder.run
    log_context.work_for(run.pk, run.session_id, run.request_id)
    if tracing.tracer is None:
        await _execute_to_end(open_model, recorder, outside)
        return
    with tracing.run(run.pk, run.session_id, run.traceparent, run.attempt) as span:
        await _execute_to_end(open_model, recorder, outside)
        tracing.end_run(span, run.status, run.error_code, run.model, recorder.usage.as_json())


async def _execute_to_end(
    open_model: Callable[[], Awaitable[Model]], recorder: Recorder, outside: Outside
) -> None:
    """The one `try` on top of a run: every error ends it, unless it was taken away or parked."""
    share = None
    try:
        model = await open_model()
        model.usage.set(recorder.usage.as_json())
        recorder.usage = model.usage
        if quotas.has_share_of_model():
            share = ModelShare(recorder.run, model.usage)
            model.usage.before_call = share.before_call
        await _within_timeout(phases.execute(model, recorder, outside))
    except (Fenced, Parked):
        pass
    except asyncio.CancelledError:
        await database.call(ending.keep_usage, recorder.run, recorder.usage.as_json())
        await _keep_calls(recorder)
        if share is not None:
            await share.count()
        raise
    except AgentError as error:
        await _fail(recorder, error)
    except Exception:
        logger.exception("Run %s failed with an unexpected error", recorder.run.pk)
        await _fail(recorder, AgentError("An unexpected error occurred."))
    await _keep_calls(recorder)
    if share is not None:
        await share.count()


async def _keep_calls(recorder: Recorder) -> None:
    """Saves the calls to the model since the last commit of a run."""
    if recorder.usage.unsaved:
        await database.call(model_calls.save_rest, recorder.run.pk, recorder.usage.unsaved)


async def _fail(recorder: Recorder, error: AgentError) -> None:
    recorder.run.usage = recorder.usage.as_json()
    with contextlib.suppress(Fenced):
        await ending.fail(recorder.run, recorder.fence, error, recorder.failures(str(error)))


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if not task.cancelling():  # otherwise it saves what it has used, which this would end
            task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_TIMEOUT)


async def _within_timeout(work: Coroutine[Any, Any, None]) -> None:
    """Awaits `work` for at most SAMURAI_RUN_TIMEOUT seconds. Raises `RunTimeout`."""
    try:
        async with asyncio.timeout(settings.SAMURAI_RUN_TIMEOUT) as limit:
            await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise RunTimeout(f"The run took longer than {settings.SAMURAI_RUN_TIMEOUT} s.") from None
