"""The group commit: checks fences, runs effects, numbers and inserts events in one transaction.

Only `agent.event_log.log` calls it, on one thread, and decides when, and whom to notify.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from agent.event_log import events
from agent.event_log.deadline import Deadline
from agent.exceptions import Fenced
from agent.models import Event
from agent.support import database

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write for `run`, held by the claim that made it attempt number `attempt`."""

    run: UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The result of an effect: a value for its caller, and its events."""

    value: T
    events: Sequence[events.Event] = ()


# Database work that commits together with events. It may be called again: when another effect of the
# transaction fails, or the connection is lost before the commit. So it may change only the database.
Effect = Callable[[], Done[T]]


@dataclass(slots=True)  # not frozen: that takes three times as long to make
class Frame:
    """A committed event as readers get it; never changed. `size`: bytes of its body."""

    seq: int
    type: str
    run: UUID | None
    body: str
    size: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Once, and not for each viewer.
        self.size = len(self.body.encode())


@dataclass(slots=True)
class Entry:
    """One call of `append`, the future of its result, the context in which its effect is executed, the
    deadline of the effect, and when it was made. `person`: whose turn among those who ask from outside of a
    run it takes, if anybody's.
    """

    session: UUID
    events: Sequence[events.Event]
    fence: Fence | None
    effect: Effect[Any] | None
    future: asyncio.Future[Any]
    person: int | None = None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    deadline: Deadline = field(default_factory=Deadline)
    at: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class Batch:
    """The outcome of one transaction: a result for each entry, the frames with the events that they are
    of, the changed boards.
    """

    answers: list[Any] = field(default_factory=list)  # a value, or the exception to raise
    frames: dict[UUID, list[Frame]] = field(default_factory=dict)
    events: dict[UUID, list[events.Event]] = field(default_factory=dict)
    boards: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)


def commit(entries: Sequence[Entry]) -> Batch:
    """Writes all entries in one transaction, or each in its own if the database refuses the batch."""
    attempt = _Attempt(entries)
    try:
        return database.retry_while_unreachable(attempt)
    except DatabaseError:
        if len(entries) == 1:
            raise
    logger.warning(
        "The database refused a batch of %d entries; writing them one by one", len(entries)
    )
    total = Batch()
    for entry in entries:
        _extend(total, _commit_alone(entry))
    return total


def _commit_alone(entry: Entry) -> Batch:
    try:
        return database.retry_while_unreachable(_Attempt([entry]))
    except DatabaseError as error:
        entry.context.run(logger.exception, "Could not write an entry to the event log")
        return Batch(answers=[error])


def _extend(total: Batch, part: Batch) -> None:
    total.answers += part.answers
    total.boards |= part.boards
    for session, frames in part.frames.items():
        total.frames.setdefault(session, []).extend(frames)
        total.events.setdefault(session, []).extend(part.events[session])


class _Attempt:
    """Writes one batch, also when repeated after a lost connection: a commit is never done twice."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.unconfirmed: Batch | None = None

    def __call__(self) -> Batch:
        if self.unconfirmed is not None and _is_committed(self.unconfirmed):
            return self.unconfirmed
        self.unconfirmed = None
        apart = False
        while True:
            slow = self._slow()
            try:
                return self._write(apart=apart)
            except _EffectRaised:
                apart = True
            except database.CONNECTION_ERRORS:
                if self._slow() == slow or self.unconfirmed is not None:
                    raise
                apart = True  # a deadline has ended a statement

    def _slow(self) -> int:
        return sum(entry.deadline.is_over for entry in self.entries)

    def _write(self, *, apart: bool) -> Batch:
        with transaction.atomic():
            batch = _Write(self.entries, apart=apart).all()
            self.unconfirmed = batch  # from here on the commit may have happened
        return batch


class _EffectRaised(Exception):
    """An effect failed: the transaction is rolled back and repeated with savepoints, and without effects
    that are too slow.
    """


def _is_committed(batch: Batch) -> bool:
    for session, frames in batch.frames.items():
        return Event.objects.filter(
            session_id=session, seq=frames[0].seq, body=frames[0].body
        ).exists()
    return False


@dataclass(slots=True)
class _Additions:
    """What a transaction adds to the log of one session. `project`: the key, as the database has it."""

    project: Any
    last_seq: int
    frames: list[Frame] = field(default_factory=list)
    new: list[events.Event] = field(default_factory=list)
    is_change: bool = False  # of the project's board

    def add(self, new: Sequence[events.Event]) -> None:
        """Numbers the events."""
        self.new += new
        for event in new:
            self.last_seq += 1
            kind = event.type
            self.frames.append(
                Frame(self.last_seq, kind.value, event.run, event.frame(self.last_seq))
            )
            self.is_change |= kind is events.EventType.CHANGE


class _Write:
    """The inside of the transaction.

    With `apart`, each effect has its own savepoint, so that one failure does not roll back the others.
    Savepoints double the cost, so this is only the second attempt.
    """

    def __init__(self, entries: Sequence[Entry], *, apart: bool) -> None:
        self.entries = entries
        self.apart = apart
        self.additions: dict[UUID, _Additions] = {}  # by session
        self.attempts: dict[UUID, int] = {}
        runs = {entry.fence.run for entry in entries if entry.fence}
        for key, project, number in _lock({entry.session for entry in entries}, runs):
            if project is None:
                self.attempts[key] = number
            else:
                self.additions[key] = _Additions(project, number)

    def all(self) -> Batch:
        batch = Batch([None] * len(self.entries))
        # Project by project: a new task and a changed board lock the project's row. All processes lock
        # them in the same order, so that none waits for another in a circle.
        for project, places in sorted(self._by_project(batch).items()):
            for place in places:
                batch.answers[place] = self._write(self.entries[place])
            self._raise_board_version(project, places, batch)
        for session, added in self.additions.items():
            if added.frames:
                batch.frames[session], batch.events[session] = added.frames, added.new
        if batch.frames:
            _insert(batch.frames)
        return batch

    def _by_project(self, batch: Batch) -> dict[Any, list[int]]:
        """Returns the places of the entries, by the key of the project. Answers those whose session was
        deleted.
        """
        found: dict[Any, list[int]] = {}
        for place, entry in enumerate(self.entries):
            if (added := self.additions.get(entry.session)) is None:
                batch.answers[place] = Fenced()
            else:
                found.setdefault(added.project, []).append(place)
        return found

    def _write(self, entry: Entry) -> Any:
        if not self._may_write(entry):
            return Fenced()
        new: list[events.Event] = list(entry.events)
        value = None
        if entry.effect is not None:
            try:
                with transaction.atomic() if self.apart else nullcontext():
                    done = entry.context.run(entry.deadline.execute, entry.effect)
            except database.CONNECTION_ERRORS:
                raise  # the transaction is lost; it is repeated
            except Exception as error:
                if not self.apart:
                    raise _EffectRaised from error
                return error  # raised at the caller
            self._forget_attempts(entry.session)
            value, new = done.value, [*new, *done.events]
        self.additions[entry.session].add(new)
        return value

    def _forget_attempts(self, session: UUID) -> None:
        """Has the attempts of a session's runs read again: an effect may have claimed or ended them."""
        for entry in self.entries:
            if entry.fence is not None and entry.session == session:
                self.attempts.pop(entry.fence.run, None)

    def _may_write(self, entry: Entry) -> bool:
        if entry.fence is None:
            return True
        run = entry.fence.run
        if run not in self.attempts:
            self.attempts.update(_attempts_of({run}))
        return self.attempts.get(run) == entry.fence.attempt

    def _raise_board_version(self, project: Any, places: Sequence[int], batch: Batch) -> None:
        sessions = {self.entries[place].session for place in places}
        if changed := [session for session in sessions if self.additions[session].is_change]:
            version = _raise_board_version(project)
            batch.boards |= dict.fromkeys(changed, (UUID(str(project)), version))


def _lock(sessions: set[UUID], runs: set[UUID]) -> list[tuple[Any, ...]]:
    """Locks the sessions; returns (id, project, last number) of each, and (id, None, attempt) of each run.

    Deleted ones are missing in the result.
    """
    if not connection.features.has_select_for_update:  # the transaction has the whole database
        if not runs:
            return _select(_SESSIONS, sessions)
        return _select(f"{_SESSIONS} UNION ALL {_ATTEMPTS}", sessions, runs)
    locking = f"{_SESSIONS} ORDER BY id FOR UPDATE"  # in this order, against deadlocks
    if not runs:
        return _select(locking, sessions)
    # The attempts in a statement of their own, sent with the first: it sees what others committed while
    # that one waited for its locks.
    return _select(f"{locking}; {_ATTEMPTS}", sessions, runs)


_SESSIONS = "SELECT id, project_id, last_seq FROM agent_chatsession WHERE id IN {}"
_ATTEMPTS = "SELECT id, NULL, attempt FROM agent_run WHERE id IN {}"


def _attempts_of(runs: set[UUID]) -> dict[UUID, int]:
    return {run: attempt for run, _, attempt in _select(_ATTEMPTS, runs)}


# Raw SQL, since these statements make up most of the cost of an event.


def _select(query: str, *ids: set[UUID]) -> list[tuple[Any, ...]]:
    """Returns the rows of all statements of `query`, which has a list for each of `ids`. The first column is
    an id.
    """
    to_key = _key_function()
    of_key = {to_key(value): value for value in chain(*ids)}
    places = [f"({','.join(['%s'] * len(of_list))})" for of_list in ids]
    with connection.cursor() as cursor:
        cursor.execute(query.format(*places), list(of_key))
        rows = cursor.fetchall()
        if ";" in query and cursor.nextset():
            rows += cursor.fetchall()
        return [(of_key[key], *others) for key, *others in rows]


def _key_function() -> Callable[[UUID], UUID | str]:
    """Returns a function that converts a UUID to the form that the database stores."""
    if connection.features.has_native_uuid_field:
        return lambda value: value
    return lambda value: value.hex


# Rows per INSERT: with 5 parameters each, far below every database's limit.
_ROWS = 256
_FEW = 16  # rows that are one INSERT, however many they are


def _insert(batch: Mapping[UUID, Sequence[Frame]]) -> None:
    """Inserts the frames of each session, and raises the last number and the stored bytes of each."""
    key = _key_function()
    rows: list[tuple[Any, ...]] = []
    last: dict[Any, tuple[int, int]] = {}
    for session, frames in batch.items():
        place = key(session)
        last[place] = frames[-1].seq, sum(frame.size for frame in frames)
        rows += [
            (place, frame.seq, frame.run and key(frame.run), frame.type, frame.body)
            for frame in frames
        ]
    statements = [
        # Many rows each: a statement releases and retakes the interpreter lock.
        (
            f"INSERT INTO agent_event (session_id, seq, run_id, type, body) VALUES {_rows(number, 5)}",
            list(chain.from_iterable(rows[start : start + number])),
        )
        for start, number in _parts(len(rows))
    ]
    # A join: with a CASE, the cost of a session would grow with the number of sessions.
    raised = (
        f"WITH new(id, seq, size) AS (VALUES {_rows(len(last), 3)}) UPDATE agent_chatsession "
        "SET last_seq = new.seq, stored_bytes = agent_chatsession.stored_bytes + new.size "
        "FROM new WHERE agent_chatsession.id = new.id",
        list(chain.from_iterable((place, *end) for place, end in sorted(last.items()))),
    )
    _execute([*statements, raised])


def _execute(statements: Sequence[tuple[str, list[Any]]]) -> None:
    """Executes statements with their parameters; on PostgreSQL, in one exchange with the server."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            queries, parameters = zip(*statements, strict=True)
            cursor.execute("; ".join(queries), list(chain.from_iterable(parameters)))
            return
        for query, values in statements:
            cursor.execute(query, values)


def _parts(number: int) -> Iterator[tuple[int, int]]:
    """Yields start and length of the parts of `number` rows. Longer ones are powers of two: so there are few
    different statements, which SQLite prepares once.
    """
    start = 0
    while left := number - start:
        size = left if left <= _FEW else min(_ROWS, 1 << (left.bit_length() - 1))
        yield start, size
        start += size


def _rows(number: int, columns: int) -> str:
    return ",".join([f"({','.join(['%s'] * columns)})"] * number)


def _raise_board_version(project: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agent_project SET board_version = board_version + 1 WHERE id = %s "
            "RETURNING board_version",
            [project],
        )
        row = cursor.fetchone()
    return int(row[0])
