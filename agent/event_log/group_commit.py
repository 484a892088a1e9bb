"""The group commit: checks fences, runs effects, numbers and inserts events in one transaction.

Only `agent.event_log.log` calls it, on one thread, and decides when, and whom to notify.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import DatabaseError, transaction

from agent.event_log import events, rows
from agent.event_log.deadline import Deadline
from agent.event_log.rows import Frame
from agent.exceptions import Fenced
from agent.support import database

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Seconds for which the writer keeps a connection of PostgreSQL's pool: to take one for each commit takes as
# long as several events.
KEEP_CONNECTION = 60.0


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
        return database.retry_while_unreachable(attempt, keep=KEEP_CONNECTION)
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
        return database.retry_while_unreachable(_Attempt([entry]), keep=KEEP_CONNECTION)
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
        if self.unconfirmed is not None and rows.are_stored(self.unconfirmed.frames):
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
        for key, project, number in rows.lock({entry.session for entry in entries}, runs):
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
            rows.insert(batch.frames)
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
            self.attempts.update(rows.attempts_of({run}))
        return self.attempts.get(run) == entry.fence.attempt

    def _raise_board_version(self, project: Any, places: Sequence[int], batch: Batch) -> None:
        sessions = {self.entries[place].session for place in places}
        if changed := [session for session in sessions if self.additions[session].is_change]:
            version = rows.raise_board_version(project)
            batch.boards |= dict.fromkeys(changed, (UUID(str(project)), version))
