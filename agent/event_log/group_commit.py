"""The group commit: checks fences, runs effects, numbers and inserts events in one transaction.

Only `agent.event_log.log` calls it, on one thread, and decides when, and whom to notify.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from agent.event_log import events
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


@dataclass(frozen=True, slots=True)
class Frame:
    """A committed event as readers get it. `size`: bytes of its body."""

    seq: int
    type: str
    run: UUID | None
    body: str
    size: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Once, and not for each viewer.
        object.__setattr__(self, "size", len(self.body.encode()))


@dataclass(slots=True)
class Entry:
    """One call of `append`, the future of its result, the context in which its effect is executed, and when
    it was made. `person`: whose turn among those who ask from outside of a run it takes, if anybody's.
    """

    session: UUID
    events: Sequence[events.Event]
    fence: Fence | None
    effect: Effect[Any] | None
    future: asyncio.Future[Any]
    person: int | None = None
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
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
        try:
            return self._write(apart=False)
        except _EffectRaised:
            return self._write(apart=True)

    def _write(self, *, apart: bool) -> Batch:
        with transaction.atomic():
            batch = _Write(self.entries, apart=apart).all()
            self.unconfirmed = batch  # from here on the commit may have happened
        return batch


class _EffectRaised(Exception):
    """An effect failed: the transaction is rolled back and repeated with savepoints."""


def _is_committed(batch: Batch) -> bool:
    for session, frames in batch.frames.items():
        return Event.objects.filter(
            session_id=session, seq=frames[0].seq, body=frames[0].body
        ).exists()
    return False


class _Write:
    """The inside of the transaction.

    With `apart`, each effect has its own savepoint, so that one failure does not roll back the others.
    Savepoints double the cost, so this is only the second attempt.
    """

    def __init__(self, entries: Sequence[Entry], *, apart: bool) -> None:
        self.entries = entries
        self.apart = apart
        self.batch = Batch()
        self.projects: dict[UUID, UUID] = {}
        self.last_seq: dict[UUID, int] = {}
        self.attempts: dict[UUID, int] = {}
        runs = {entry.fence.run for entry in entries if entry.fence}
        for key, project, number in _lock({entry.session for entry in entries}, runs):
            if project is None:
                self.attempts[key] = number
            else:
                self.projects[key], self.last_seq[key] = UUID(str(project)), number

    def all(self) -> Batch:
        # Project by project: a new task and a changed board lock the project's row. All processes lock
        # them in the same order, so that none waits for another in a circle.
        answers: dict[int, Any] = {}
        for project, places in groupby(
            sorted(range(len(self.entries)), key=self._project), key=self._project
        ):
            answers |= {place: self._write(self.entries[place]) for place in places}
            self._raise_board_version(project)
        self.batch.answers = [answers[place] for place in range(len(self.entries))]
        if self.batch.frames:
            _insert(self.batch.frames)
            _raise_ends(
                {
                    session: (self.last_seq[session], sum(frame.size for frame in frames))
                    for session, frames in self.batch.frames.items()
                }
            )
        return self.batch

    def _project(self, place: int) -> UUID:
        """Returns the project of the entry at `place`; a fixed id if its session was deleted."""
        return self.projects.get(self.entries[place].session, UUID(int=0))

    def _write(self, entry: Entry) -> Any:
        if not self._may_write(entry):
            return Fenced()
        new: list[events.Event] = list(entry.events)
        value = None
        if entry.effect is not None:
            try:
                with transaction.atomic() if self.apart else nullcontext():
                    done = entry.context.run(entry.effect)
            except database.CONNECTION_ERRORS:
                raise  # the transaction is lost; it is repeated
            except Exception as error:
                if not self.apart:
                    raise _EffectRaised from error
                return error  # raised at the caller
            self._forget_attempts(entry.session)
            value, new = done.value, [*new, *done.events]
        self._number(entry.session, new)
        return value

    def _forget_attempts(self, session: UUID) -> None:
        """Has the attempts of a session's runs read again: an effect may have claimed or ended them."""
        for entry in self.entries:
            if entry.fence is not None and entry.session == session:
                self.attempts.pop(entry.fence.run, None)

    def _may_write(self, entry: Entry) -> bool:
        if entry.session not in self.last_seq:
            return False
        if entry.fence is None:
            return True
        run = entry.fence.run
        if run not in self.attempts:
            self.attempts.update(_attempts_of({run}))
        return self.attempts.get(run) == entry.fence.attempt

    def _number(self, session: UUID, new: Iterable[events.Event]) -> None:
        for event in new:
            self.last_seq[session] += 1
            seq = self.last_seq[session]
            frame = Frame(seq, event.type.value, event.run, event.frame(seq))
            self.batch.frames.setdefault(session, []).append(frame)
            self.batch.events.setdefault(session, []).append(event)

    def _raise_board_version(self, project: UUID) -> None:
        changed = [
            session
            for session, frames in self.batch.frames.items()
            if self.projects[session] == project
            and any(frame.type == events.EventType.CHANGE for frame in frames)
        ]
        if changed:
            version = _raise_board_version(project)
            self.batch.boards |= dict.fromkeys(changed, (project, version))


def _lock(sessions: set[UUID], runs: set[UUID]) -> list[tuple[Any, ...]]:
    """Locks the sessions; returns (id, project, last number) of each, and (id, None, attempt) of each run.

    Deleted ones are missing in the result.
    """
    if not connection.features.has_select_for_update:  # the transaction has the whole database
        if not runs:
            return _select(_SESSIONS, sessions)
        return _select(f"{_SESSIONS} UNION ALL {_ATTEMPTS}", sessions, runs)
    # In the order of the ids, against deadlocks. The attempts in a statement of their own: it sees
    # what others committed while this one waited for its locks.
    locked = _select(f"{_SESSIONS} ORDER BY id FOR UPDATE", sessions)
    return locked + (_select(_ATTEMPTS, runs) if runs else [])


_SESSIONS = "SELECT id, project_id, last_seq FROM agent_chatsession WHERE id IN {}"
_ATTEMPTS = "SELECT id, NULL, attempt FROM agent_run WHERE id IN {}"


def _attempts_of(runs: set[UUID]) -> dict[UUID, int]:
    return {run: attempt for run, _, attempt in _select(_ATTEMPTS, runs)}


# Raw SQL, since these statements make up most of the cost of an event.


def _select(query: str, *ids: set[UUID]) -> list[tuple[Any, ...]]:
    """Returns the rows of `query`, which has a list for each of `ids`. Its first column is an id."""
    to_key = _key_function()
    of_key = {to_key(value): value for value in chain(*ids)}
    places = [f"({','.join(['%s'] * len(of_list))})" for of_list in ids]
    with connection.cursor() as cursor:
        cursor.execute(query.format(*places), list(of_key))
        return [(of_key[key], *others) for key, *others in cursor.fetchall()]


def _key_function() -> Callable[[UUID], UUID | str]:
    """Returns a function that converts a UUID to the form that the database stores."""
    if connection.features.has_native_uuid_field:
        return lambda value: value
    return lambda value: value.hex


_ROWS = 1000  # per INSERT: with 5 parameters each, far below every database's limit


def _insert(frames: dict[UUID, list[Frame]]) -> None:
    key = _key_function()
    rows = [
        (key(session), frame.seq, frame.run and key(frame.run), frame.type, frame.body)
        for session, of_session in frames.items()
        for frame in of_session
    ]
    with connection.cursor() as cursor:
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            # One statement for many rows: each statement releases and retakes the interpreter lock.
            cursor.execute(
                "INSERT INTO agent_event (session_id, seq, run_id, type, body) VALUES "
                + ",".join(["(%s,%s,%s,%s,%s)"] * len(part)),
                list(chain.from_iterable(part)),
            )


def _raise_ends(ends: dict[UUID, tuple[int, int]]) -> None:
    """Saves the last number of each session's log, and adds the bytes of its new events."""
    key = _key_function()
    of_key = {key(session): end for session, end in sorted(ends.items())}
    last = chain.from_iterable((session, seq) for session, (seq, _) in of_key.items())
    added = chain.from_iterable((session, size) for session, (_, size) in of_key.items())
    case = f"CASE id {'WHEN %s THEN %s ' * len(of_key)}END"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE agent_chatsession SET last_seq = {case}, stored_bytes = stored_bytes + {case} "
            f"WHERE id IN ({','.join(['%s'] * len(of_key))})",
            [*last, *added, *of_key],
        )


def _raise_board_version(project: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agent_project SET board_version = board_version + 1 WHERE id = %s "
            "RETURNING board_version",
            [_key_function()(project)],
        )
        row = cursor.fetchone()
    return int(row[0])
