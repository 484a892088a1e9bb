"""Executes the inputs of a batch, a few at a time. Reads no files and displays nothing itself."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from uuid import UUID, uuid5
from weakref import WeakValueDictionary

from django.conf import settings
from django.utils import timezone

from agent import models
from agent.batch import DRY_RUN, results
from agent.batch.displays import Display
from agent.batch.items import Item, Notice, Unread
from agent.batch.outputs import Output
from agent.batch.tally import Tally
from agent.board import projects
from agent.engine import local, sweep
from agent.event_log import events, log, parsing, positions
from agent.event_log.follower import follow
from agent.exceptions import Refused
from agent.models import ApprovalMode, ChatSession, Project, Run
from agent.runs import approvals, ending, runs
from agent.support import database
from agent.support.task_group import run_together


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a batch. `timeout`: seconds for one input, from its start."""

    concurrency: int = 8
    one_session: bool = False
    approve: bool = False
    fail_fast: bool = False
    timeout: float | None = None
    dry_run: bool = False
    name: str = ""  # of the input


class Batch:
    """One invocation of the command."""

    def __init__(
        self,
        project: Project,
        read: Iterator[Item | Unread | Notice],
        output: Output,
        display: Display,
        options: Options,
        stopped: threading.Event,
    ) -> None:
        """`stopped` is set when reading, which has a thread of its own, is to end."""
        self.tally = Tally()
        self._stopped = stopped
        self._project, self._owner = project, project.owner
        self._read, self._output, self._display, self._options = read, output, display, options
        self._reading = asyncio.Lock()
        # The sessions with inputs in progress. An entry disappears when nothing refers to its lock.
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def run(self) -> None:
        """Executes all inputs. Cancelled, it hands over the current runs; without a kept output, no
        other invocation could find them, and it cancels them.
        """
        await database.call(self._keep)
        try:
            async with self._executing():
                await run_together(*(self._work() for _ in range(self._options.concurrency)))
        finally:
            self._stopped.set()

    def _keep(self) -> None:
        """Stores that there is the batch, of which its sessions are."""
        now = {"name": self._options.name[:200], "updated_at": timezone.now()}
        models.Batch.objects.update_or_create(
            pk=self._output.batch, defaults=now, create_defaults={**now, "project": self._project}
        )

    @contextlib.asynccontextmanager
    async def _executing(self) -> AsyncIterator[None]:
        """Executes the batch's runs in this process, unless workers do."""
        if settings.SAMURAI_ENGINE != "local":
            yield
            return
        await database.call(sweep.release_dead_leases)
        async with local.executing(sessions=self._turns):
            yield

    # -- inputs ------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while (item := await self._next()) is not None:
            session = self._session_of(item)
            async with self._turn(session):
                if self._has_stopped():
                    return
                self._display.began(item)
                self._report(item, await self._execute(item, session))

    def _report(self, item: Item, result: results.Result) -> None:
        self._output.add(result)
        self.tally.ended[str(result["status"])] += 1
        self.tally.bad += not result["ok"]
        self._display.ended(item, result, self.tally.handled)

    async def _next(self) -> Item | None:
        async with self._reading:  # one at a time, so that the order stays
            while not self._has_stopped():
                read = await asyncio.to_thread(next, self._read, None)
                if read is None:
                    break
                if isinstance(read, Notice):
                    self._display.note(read.text)
                elif isinstance(read, Unread):
                    self.tally.unread += 1
                    self._display.unread(read)
                elif (known := self._output.has(read)) is not None:
                    self._count_earlier(known)
                else:
                    return read
        return None

    def _count_earlier(self, ok: bool) -> None:
        self.tally.before += 1
        self.tally.bad_before += not ok
        self._display.done_before(self.tally.before)

    def _has_stopped(self) -> bool:
        return self._options.fail_fast and bool(self.tally.bad or self.tally.unread)

    def _session_of(self, item: Item) -> UUID:
        if item.session is not None:
            return item.session
        own = "" if self._options.one_session else item.key
        return uuid5(self._output.batch, f"session:{own}")

    @contextlib.asynccontextmanager
    async def _turn(self, session: UUID) -> AsyncIterator[None]:
        """Executes the inputs of a session one after the other, so that its queue stays short."""
        lock = self._turns.setdefault(session, asyncio.Lock())
        async with lock:
            yield

    # -- one input ---------------------------------------------------------------------------------

    async def _execute(self, item: Item, session: UUID) -> results.Result:
        try:
            after = await database.call(self._cursor, item, session)
            run = await self._start(item, session, after)
        except Refused as refused:
            return results.of_refusal(item, session, refused, self._options.dry_run)
        try:
            async with self._time_limit(run):
                if not await database.call(lambda: run.is_pruned):
                    await self._watch(item, run, after)
            return await self._result(item, run, after)
        except asyncio.CancelledError:
            await self._leave(item, run, after)
            raise

    async def _leave(self, item: Item, run: Run, after: int) -> None:
        """Cancels and reports the run if no other invocation could find it."""
        if not self._output.keeps:
            await self._cancel(run, "The batch was interrupted.")
            self._report(item, await self._result(item, run, after))

    async def _result(self, item: Item, run: Run, after: int) -> results.Result:
        return await database.call(results.of_run, item, run.pk, after, self._options.dry_run)

    def _cursor(self, item: Item, session_id: UUID) -> int:
        """Creates the session if it does not exist; returns the position in its event log before the run."""
        if item.session is not None:
            session = ChatSession.objects.filter(pk=session_id, project=self._project).first()
            if session is None:
                raise Refused("not_found", f"Session {session_id} not found in this project.")
        else:
            session = ChatSession.objects.filter(pk=session_id).first() or projects.open_session(
                self._project, self._owner, pk=session_id, batch_id=self._output.batch
            )
        known = Run.objects.filter(
            message__session=session, message__client_id=self._client_id(item)
        ).first()
        if known is None:
            return session.last_seq
        return positions.start_of(known)

    async def _start(self, item: Item, session: UUID, after: int) -> Run:
        """Starts the item's run, or returns the run of an earlier invocation."""
        request = runs.MessageRequest(
            content=item.message,
            client_id=self._client_id(item),
            approval=self._approval(),
            counted=False,
            batch=self._output.batch,
        )
        starting = asyncio.create_task(runs.start(session, self._owner, request))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait([starting])
            if starting.exception() is None:  # committed despite the cancellation
                await self._leave(item, starting.result(), after)
            raise

    def _client_id(self, item: Item) -> UUID:
        return uuid5(self._output.batch, f"message:{item.key}")

    def _approval(self) -> ApprovalMode:
        return ApprovalMode.REQUIRED if self._options.dry_run else ApprovalMode.AUTO

    @contextlib.asynccontextmanager
    async def _time_limit(self, run: Run) -> AsyncIterator[None]:
        """Cancels the run when it exceeds the timeout."""

        async def cancel_after(timeout: float) -> None:
            await asyncio.sleep(timeout)
            await self._cancel(run, f"The run took longer than {timeout:g} s.")

        timeout = self._options.timeout
        limit = asyncio.create_task(cancel_after(timeout)) if timeout else None
        try:
            yield
        finally:
            if limit is not None:
                limit.cancel()

    async def _watch(self, item: Item, run: Run, after: int) -> None:
        """Follows the run to its end, and approves its plan or not."""
        async with contextlib.aclosing(follow(run.session_id, after)) as frames:
            async for frame in frames:
                if frame.run != run.pk:
                    continue
                self._display.event(item, frame)
                if frame.type == events.EventType.APPROVAL:
                    await self._decide(run, frame)
                if frame.type in events.LAST:
                    return

    async def _decide(self, run: Run, frame: log.Frame) -> None:
        approval = parsing.read(frame.body)
        if not isinstance(approval, events.Approval) or approval.status != "requested":
            return
        if self._options.dry_run:
            await self._cancel(run, DRY_RUN)
        elif self._options.approve:
            with contextlib.suppress(Refused):  # a user decided first
                await approvals.approve(run.session_id, run.pk, approval.plan_revision, self._owner)
        else:
            await self._cancel(run, f"Approval is needed: {approval.reason}")

    async def _cancel(self, run: Run, reason: str) -> None:
        with contextlib.suppress(Refused):  # already over
            await ending.cancel(run.session_id, run.pk, self._owner, reason)
