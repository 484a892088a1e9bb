"""The log of a session: the one door by which events get in, and how they are read.

An event is committed before anybody hears of it. All runs of a process share one writer, which commits
what is waiting together; the database work that an event tells of commits with it, or not at all.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db import DatabaseError, connection, transaction

from agent import database, events
from agent.exceptions import Fenced
from agent.models import ChatSession, Event

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fence:
    """Who writes: the driver that claimed `run` as its attempt number `attempt`."""

    run: UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What an effect did: a value for its caller, and the events that tell of it."""

    value: T
    events: Sequence[events.Event] = ()


# Database work that commits together with events, in a savepoint of the writer's transaction. It may
# be called again when a connection is lost before the commit, so it changes nothing but the database.
Effect = Callable[[], Done[T]]


@dataclass(frozen=True, slots=True)
class Frame:
    """A committed event as it is sent."""

    seq: int
    type: str
    run: UUID | None
    body: str


@dataclass(frozen=True, slots=True)
class Committed:
    """What one commit added to one session's log. `board`: (project, version) when that changed too."""

    session: UUID
    frames: Sequence[Frame]
    board: tuple[UUID, int] | None = None


Listener = Callable[[Committed], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Has `listener` called, on the event loop that appended, after each commit. It must not block."""
    _listeners.append(listener)


def unlisten(listener: Listener) -> None:
    _listeners.remove(listener)


async def append(
    session: UUID,
    new: Sequence[events.Event] = (),
    *,
    fence: Fence | None = None,
    effect: Effect[Any] | None = None,
) -> Any:
    """Appends `new`, then what `effect` tells, to the log of `session`; returns the effect's value.

    Returns when all of it is committed and told to the listeners. Raises `Fenced` when the run of
    `fence` has another driver by now or is over (and when the session is gone), and whatever the
    effect raises; then nothing of this call is in the database.
    """
    entry = _Entry(session, new, fence, effect, asyncio.get_running_loop().create_future())
    return await _writer().add(entry)


async def read(session: UUID, after: int, limit: int = 500) -> list[Frame]:
    """Returns at most `limit` events of `session` after the position `after`, in order."""
    return await database.call(read_now, session, after, limit)


def read_now(session: UUID, after: int, limit: int) -> list[Frame]:
    rows = (
        Event.objects.filter(session_id=session, seq__gt=after)
        .order_by("seq")
        .values_list("seq", "type", "run_id", "body")[:limit]
    )
    return [Frame(*row) for row in rows]


@dataclass(slots=True)
class _Entry:
    session: UUID
    events: Sequence[events.Event]
    fence: Fence | None
    effect: Effect[Any] | None
    future: asyncio.Future[Any]


@dataclass(slots=True)
class _Batch:
    """What one transaction wrote: an answer for each entry, the frames, the boards that changed."""

    answers: list[Any] = field(default_factory=list)  # a value, or the exception to raise
    frames: dict[UUID, list[Frame]] = field(default_factory=dict)
    boards: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)


# One thread, so that commits follow each other; its connection is its own.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-writer")

# Under load, how long to gather what commits together; in seconds. Alone, an event never waits.
GATHER = 0.003
# How many effects at most in one commit: each is worth dozens of events, which wait for it.
EFFECTS = 8


class _Writer:
    """The group commit of one event loop."""

    def __init__(self) -> None:
        self._waiting: list[_Entry] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, entry: _Entry) -> asyncio.Future[Any]:
        self._waiting.append(entry)
        if self._task is None:
            # An empty context: a task that inherits a request's keeps a thread of it alive.
            self._task = asyncio.get_running_loop().create_task(
                self._work(), context=contextvars.Context()
            )
        return entry.future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                entries = self._next_batch()
                try:
                    batch = await loop.run_in_executor(_thread, _commit, entries)
                except Exception as error:  # whatever it is: those who wait must hear of it
                    logger.exception("%d entries of the log could not be written", len(entries))
                    batch = _Batch(answers=[error] * len(entries))
                self._tell(entries, batch)
                await self._gather(len(entries))
        finally:
            self._task = None

    def _next_batch(self) -> list[_Entry]:
        """Takes what commits together: all mere events, and as many effects as do not delay them.

        The order within a session stays.
        """
        taken: list[_Entry] = []
        left: list[_Entry] = []
        held: set[UUID] = set()
        effects = 0
        for entry in self._waiting:
            if entry.session in held or (entry.effect is not None and effects == EFFECTS):
                held.add(entry.session)
                left.append(entry)
            else:
                taken.append(entry)
                effects += entry.effect is not None
        self._waiting = left
        return taken

    async def _gather(self, last: int) -> None:
        """Gives those who just heard the time to come back with what is next."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if len(self._waiting) < last // 2:
            await asyncio.sleep(GATHER)

    def _tell(self, entries: Sequence[_Entry], batch: _Batch) -> None:
        for session, frames in batch.frames.items():
            committed = Committed(session, frames, batch.boards.get(session))
            for listener in _listeners:
                try:
                    listener(committed)
                except Exception:  # the events stand; readers find them in the log
                    logger.exception("A listener of the log raised")
        for entry, answer in zip(entries, batch.answers, strict=True):
            if entry.future.done():  # the caller was cancelled meanwhile; what it wrote stands
                continue
            if isinstance(answer, BaseException):
                entry.future.set_exception(answer)
            else:
                entry.future.set_result(answer)


_writers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Writer] = WeakKeyDictionary()


def _writer() -> _Writer:
    loop = asyncio.get_running_loop()
    if (writer := _writers.get(loop)) is None:
        writer = _writers[loop] = _Writer()
    return writer


# -- one transaction, on the writer's thread -------------------------------------------------------


def _commit(entries: Sequence[_Entry]) -> _Batch:
    """Writes all entries in one transaction; when the database refuses that, each in its own."""
    attempt = _Attempt(entries)
    try:
        return database.patiently(attempt)
    except DatabaseError:
        if len(entries) == 1:
            raise
    logger.warning("A batch of %d was refused; writing its entries one by one", len(entries))
    whole = _Batch()
    for entry in entries:
        _extend(whole, _commit_alone(entry))
    return whole


def _commit_alone(entry: _Entry) -> _Batch:
    try:
        return database.patiently(_Attempt([entry]))
    except DatabaseError as error:
        logger.exception("An entry of the log could not be written")
        return _Batch(answers=[error])


def _extend(whole: _Batch, part: _Batch) -> None:
    whole.answers += part.answers
    whole.boards |= part.boards
    for session, frames in part.frames.items():
        whole.frames.setdefault(session, []).extend(frames)


class _Attempt:
    """One batch, written until it is known to be in; a commit whose answer was lost counts once."""

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self.entries = entries
        self.unsure: _Batch | None = None

    def __call__(self) -> _Batch:
        if self.unsure is not None and _is_there(self.unsure):
            return self.unsure
        self.unsure = None
        with transaction.atomic():
            batch = _Write(self.entries).all()
            self.unsure = batch  # from here on the commit may have happened
        return batch


def _is_there(batch: _Batch) -> bool:
    for session, frames in batch.frames.items():
        return Event.objects.filter(
            session_id=session, seq=frames[0].seq, body=frames[0].body
        ).exists()
    return False


class _Write:
    """The inside of the transaction."""

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self.entries = entries
        self.batch = _Batch()
        self.last_seq = _lock_sessions({entry.session for entry in entries})
        self.attempts = _attempts_of({entry.fence.run for entry in entries if entry.fence})

    def all(self) -> _Batch:
        for entry in self.entries:
            self.batch.answers.append(self._one(entry))
        if self.batch.frames:
            _insert(self.batch.frames)
            _raise_last_seq({session: self.last_seq[session] for session in self.batch.frames})
            self._raise_board_versions()
        return self.batch

    def _one(self, entry: _Entry) -> Any:
        if not self._may_write(entry):
            return Fenced()
        told: list[events.Event] = list(entry.events)
        value = None
        if entry.effect is not None:
            try:
                with transaction.atomic():
                    done = entry.effect()
            except database.LOST:
                raise  # the whole transaction is void; it is tried again
            except Exception as error:  # noqa: BLE001  (the caller's: it is raised there)
                return error
            # The effect may have claimed or ended a run: look its attempt up again.
            self.attempts.clear()
            value, told = done.value, [*told, *done.events]
        self._number(entry.session, told)
        return value

    def _may_write(self, entry: _Entry) -> bool:
        if entry.session not in self.last_seq:
            return False
        if entry.fence is None:
            return True
        run = entry.fence.run
        if run not in self.attempts:
            self.attempts.update(_attempts_of({run}))
        return self.attempts.get(run) == entry.fence.attempt

    def _number(self, session: UUID, told: Iterable[events.Event]) -> None:
        for event in told:
            self.last_seq[session] += 1
            seq = self.last_seq[session]
            frame = Frame(seq, event.type.value, event.run, event.frame(seq))
            self.batch.frames.setdefault(session, []).append(frame)

    def _raise_board_versions(self) -> None:
        changed = [
            session
            for session, frames in self.batch.frames.items()
            if any(frame.type == events.EventType.CHANGE for frame in frames)
        ]
        if not changed:
            return
        projects = dict(ChatSession.objects.filter(pk__in=changed).values_list("pk", "project_id"))
        versions = {project: _raise_board_version(project) for project in sorted(projects.values())}
        self.batch.boards = {
            session: (project, versions[project]) for session, project in projects.items()
        }


def _lock_sessions(ids: set[UUID]) -> dict[UUID, int]:
    """Locks the sessions, in the order of their ids; returns the last number given in each."""
    lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
    return _numbers(
        "SELECT id, last_seq FROM agent_chatsession WHERE id IN {} ORDER BY id" + lock, ids
    )


def _attempts_of(runs: set[UUID]) -> dict[UUID, int]:
    return _numbers("SELECT id, attempt FROM agent_run WHERE id IN {}", runs)


# The statements below go past the ORM: they are most of what an event costs.


def _numbers(query: str, ids: set[UUID]) -> dict[UUID, int]:
    """Returns the number that `query` has for each of `ids` that is there."""
    if not ids:
        return {}
    key = _key_maker()
    of_key = {key(value): value for value in ids}
    with connection.cursor() as cursor:
        cursor.execute(query.format(f"({','.join(['%s'] * len(of_key))})"), list(of_key))
        return {of_key[found]: number for found, number in cursor.fetchall()}


def _key_maker() -> Callable[[UUID], UUID | str]:
    """Returns what makes of a UUID what the database at hand keeps of it."""
    if connection.features.has_native_uuid_field:
        return lambda value: value
    return lambda value: value.hex


# Rows for one INSERT; 5 parameters each stay far below every database's limit.
_ROWS = 1000


def _insert(frames: dict[UUID, list[Frame]]) -> None:
    key = _key_maker()
    rows = [
        (key(session), frame.seq, frame.run and key(frame.run), frame.type, frame.body)
        for session, of_session in frames.items()
        for frame in of_session
    ]
    with connection.cursor() as cursor:
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            # One statement for many rows: each statement costs a turn at the interpreter's lock.
            cursor.execute(
                "INSERT INTO agent_event (session_id, seq, run_id, type, body) VALUES "
                + ",".join(["(%s,%s,%s,%s,%s)"] * len(part)),
                list(chain.from_iterable(part)),
            )


def _raise_last_seq(last: dict[UUID, int]) -> None:
    key = _key_maker()
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE agent_chatsession SET last_seq = %s WHERE id = %s",
            [(seq, key(session)) for session, seq in sorted(last.items())],
        )


def _raise_board_version(project: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agent_project SET board_version = board_version + 1 WHERE id = %s "
            "RETURNING board_version",
            [_key_maker()(project)],
        )
        row = cursor.fetchone()
    return int(row[0])
