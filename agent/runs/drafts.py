"""The drafts of runs: what the model writes now, as one row a run that is overwritten.

Drafts are not events. One that cannot be written at once is skipped, and no run waits for one. A draft
has the attempt of its run and is written only for that: an older attempt writes none.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import django.db
from django.db import close_old_connections, connection

from agent.event_log.log import Fence
from agent.support import raw_sql
from agent.support.per_loop import PerLoop
from agent.support.task_group import background_task

logger = logging.getLogger(__name__)

GAP = 0.25  # seconds between two rounds of writing; a draft that changes meanwhile is written once
# Rounds in which a draft may stay unwritten because its run's row is locked.
MAX_TRIES = 3

# The fields of a draft. Called in a thread, when it is written.
Make = Callable[[], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it was written. `seq`: the last event of its session by then."""

    session: UUID
    run: UUID
    attempt: int
    seq: int
    written_ms: int
    body: str

    def replaces(self, other: Draft | None) -> bool:
        """Tells whether this draft is newer than `other`, of the same session."""
        if other is None or other.run != self.run:
            return True
        return (self.attempt, self.written_ms) > (other.attempt, other.written_ms)


@dataclass(slots=True)
class _Work:
    """`make`: None deletes the draft."""

    fence: Fence
    make: Make | None
    tries: int = 0


Listener = Callable[[Sequence[Draft]], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Calls `listener` on the event loop with the drafts that were written. It must not block."""
    _listeners.append(listener)


def put(fence: Fence, make: Make) -> None:
    """Has the draft of the run written soon, in place of an earlier one. Returns at once."""
    _writers.here().add(_Work(fence, make))


def discard(fence: Fence) -> None:
    """Has the draft of the run deleted, after those that are being written. Returns at once."""
    _writers.here().add(_Work(fence, None))


def delete(run: UUID) -> None:
    """Deletes the draft of a run that ends, inside an effect. The row of the run has to be locked."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM agent_draft WHERE run_id = %s", [_key(run)])


class _Writer:
    """Writes the latest draft of each run of one event loop, all in one round."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, _Work] = {}  # the latest of each run
        self._task: asyncio.Task[None] | None = None

    def add(self, work: _Work) -> None:
        self._waiting[work.fence.run] = work
        if self._task is None:
            self._task = background_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                works, self._waiting = self._waiting, {}
                await self._write(works)
                await asyncio.sleep(GAP)
        finally:
            self._task = None

    async def _write(self, works: dict[UUID, _Work]) -> None:
        loop = asyncio.get_running_loop()
        try:
            written = await loop.run_in_executor(_thread, _write, list(works.values()))
        except django.db.Error as error:
            logger.warning("%d drafts are skipped: %s", len(works), error)
            return
        except Exception:  # any error: a run does without drafts
            logger.exception("%d drafts are skipped", len(works))
            return
        self._try_again(works, written)
        for listener in _listeners:
            listener(written)

    def _try_again(self, works: dict[UUID, _Work], written: Sequence[Draft]) -> None:
        for run in works.keys() - {draft.run for draft in written}:
            work = works[run]
            work.tries += 1
            if work.make is not None and work.tries < MAX_TRIES:
                self._waiting.setdefault(run, work)


# One thread, so that drafts are written and deleted in the order of the calls.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="draft-writer")
_writers = PerLoop(_Writer)

# The lock of the run's row lets no draft of a run be written while the run ends. Who holds it already
# is not waited for.
_PUT = """
INSERT INTO agent_draft (run_id, attempt, seq, written_ms, body)
SELECT agent_run.id, agent_run.attempt, agent_chatsession.last_seq, %s, %s
FROM agent_run JOIN agent_chatsession ON agent_chatsession.id = agent_run.session_id
WHERE agent_run.id = %s AND agent_run.attempt = %s AND agent_run.status = 'running' {lock}
ON CONFLICT (run_id) DO UPDATE SET
    attempt = excluded.attempt, seq = excluded.seq,
    written_ms = excluded.written_ms, body = excluded.body
WHERE agent_draft.attempt <= excluded.attempt
"""
_LOCK = "FOR SHARE OF agent_run SKIP LOCKED"
_DISCARD = "DELETE FROM agent_draft WHERE run_id = %s AND attempt <= %s"


def _write(works: Sequence[_Work]) -> list[Draft]:
    """Writes and deletes; returns what was written.

    Each statement commits by itself: one that held the locks of several rows could deadlock with a run
    that ends.
    """
    now = round(time.time() * 1000)
    made = [(work.fence, work.make()) for work in works if work.make is not None]
    gone = [work.fence for work in works if work.make is None]
    try:
        with connection.cursor() as cursor:
            for fence in gone:
                cursor.execute(_DISCARD, [_key(fence.run), fence.attempt])
            for fence, of in made:
                cursor.execute(_put(), [now, _text(of), _key(fence.run), fence.attempt])
        written = of_runs([fence.run for fence, _ in made])
    except django.db.Error:
        connection.close()
        raise
    finally:
        close_old_connections()
    return [draft for draft in written if draft.written_ms == now]


def _put() -> str:
    return _PUT.format(lock=_LOCK if connection.features.has_select_for_update else "")


def _text(fields: dict[str, Any]) -> str:
    return json.dumps(fields, allow_nan=False, separators=(",", ":"))


def _key(value: UUID) -> UUID | str:
    return value if connection.features.has_native_uuid_field else value.hex


# -- reading ---------------------------------------------------------------------------------------

_OF_CURRENT = """
FROM agent_draft JOIN agent_run ON agent_run.id = agent_draft.run_id
    AND agent_run.attempt = agent_draft.attempt AND agent_run.status = 'running'
"""
_READ = f"""
SELECT agent_run.session_id, agent_draft.run_id, agent_draft.attempt, agent_draft.seq,
    agent_draft.written_ms, agent_draft.body {_OF_CURRENT}
"""
# All three statuses are named, so that the short index of unfinished runs is used.
_OF_SESSION = f"""
{_READ} WHERE agent_run.session_id = %s AND agent_run.status IN ('queued', 'running', 'waiting')
"""
_ALL = f"SELECT agent_run.session_id, agent_draft.run_id, agent_draft.written_ms {_OF_CURRENT}"


def of_runs(runs: Iterable[UUID]) -> list[Draft]:
    """Returns the drafts that these runs have."""
    keys = list(runs)
    if not keys:
        return []
    places = ",".join(["%s"] * len(keys))
    return _read(f"{_READ} WHERE agent_draft.run_id IN ({places})", *keys)


def of_session(session: UUID) -> Draft | None:
    """Returns the draft of the session's active run, if it has one."""
    return next(iter(_read(_OF_SESSION, session)), None)


def all_written() -> dict[UUID, tuple[UUID, int]]:
    """Returns by session the run of each draft, and when that was written."""
    return {_uuid(session): (_uuid(run), at) for session, run, at in raw_sql.rows(_ALL)}


def _read(query: str, *keys: UUID) -> list[Draft]:
    return [
        Draft(_uuid(session), _uuid(run), *others)
        for session, run, *others in raw_sql.rows(query, *keys)
    ]


def _uuid(value: Any) -> UUID:
    return UUID(str(value))
