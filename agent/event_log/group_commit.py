"""One transaction of the log: what waits together is fenced, done, numbered and inserted, on one thread.

When that is, and who hears of it, `agent.event_log.log` says; nobody else calls this.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
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
    """Who writes: the driver that claimed `run` as its attempt number `attempt`."""

    run: UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What an effect did: a value for its caller, and the events that tell of it."""

    value: T
    events: Sequence[events.Event] = ()


# Database work that commits together with events. It may be called again, when another one of its
# transaction raises or the connection is lost before the commit, so it changes nothing but the database.
Effect = Callable[[], Done[T]]


@dataclass(frozen=True, slots=True)
class Frame:
    """A committed event as it is sent. `size`: bytes of its body."""

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
    """What one call of `append` has to be written, and where its answer goes."""

    session: UUID
    events: Sequence[events.Event]
    fence: Fence | None
    effect: Effect[Any] | None
    future: asyncio.Future[Any]


@dataclass(slots=True)
class Batch:
    """What one transaction wrote: an answer for each entry, the frames, the boards that changed."""

    answers: list[Any] = field(default_factory=list)  # a value, or the exception to raise
    frames: dict[UUID, list[Frame]] = field(default_factory=dict)
    boards: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)


def commit(entries: Sequence[Entry]) -> Batch:
    """Writes all entries in one transaction; when the database refuses that, each in its own."""
    attempt = _Attempt(entries)
    try:
        return database.retry_while_unreachable(attempt)
    except DatabaseError:
        if len(entries) == 1:
            raise
    logger.warning("A batch of %d was refused; writing its entries one by one", len(entries))
    whole = Batch()
    for entry in entries:
        _extend(whole, _commit_alone(entry))
    return whole


def _commit_alone(entry: Entry) -> Batch:
    try:
        return database.retry_while_unreachable(_Attempt([entry]))
    except DatabaseError as error:
        logger.exception("An entry of the log could not be written")
        return Batch(answers=[error])


def _extend(whole: Batch, part: Batch) -> None:
    whole.answers += part.answers
    whole.boards |= part.boards
    for session, frames in part.frames.items():
        whole.frames.setdefault(session, []).extend(frames)


class _Attempt:
    """One batch, written until it is known to be in; a commit whose answer was lost counts once."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.unsure: Batch | None = None

    def __call__(self) -> Batch:
        if self.unsure is not None and _is_there(self.unsure):
            return self.unsure
        self.unsure = None
        try:
            return self._write(apart=False)
        except _EffectRaised:
            return self._write(apart=True)

    def _write(self, *, apart: bool) -> Batch:
        with transaction.atomic():
            batch = _Write(self.entries, apart=apart).all()
            self.unsure = batch  # from here on the commit may have happened
        return batch


class _EffectRaised(Exception):
    """All is rolled back, for the others to be done again without it."""


def _is_there(batch: Batch) -> bool:
    for session, frames in batch.frames.items():
        return Event.objects.filter(
            session_id=session, seq=frames[0].seq, body=frames[0].body
        ).exists()
    return False


class _Write:
    """The inside of the transaction. Effects that raise undo only themselves when they are `apart`,
    each in a savepoint; that costs as much as all else of an event, so it is not done at first.
    """

    def __init__(self, entries: Sequence[Entry], *, apart: bool) -> None:
        self.entries = entries
        self.apart = apart
        self.batch = Batch()
        self.projects, self.last_seq = _lock_sessions({entry.session for entry in entries})
        self.attempts = _attempts_of({entry.fence.run for entry in entries if entry.fence})

    def all(self) -> Batch:
        for entry in self.entries:
            self.batch.answers.append(self._one(entry))
        if self.batch.frames:
            _insert(self.batch.frames)
            _raise_last_seq({session: self.last_seq[session] for session in self.batch.frames})
            self._raise_board_versions()
        return self.batch

    def _one(self, entry: Entry) -> Any:
        if not self._may_write(entry):
            return Fenced()
        told: list[events.Event] = list(entry.events)
        value = None
        if entry.effect is not None:
            try:
                with transaction.atomic() if self.apart else nullcontext():
                    done = entry.effect()
            except database.CONNECTION_ERRORS:
                raise  # the whole transaction is void; it is tried again
            except Exception as error:
                if not self.apart:
                    raise _EffectRaised from error
                return error  # the caller's: it is raised there
            self._forget_attempts(entry.session)
            value, told = done.value, [*told, *done.events]
        self._number(entry.session, told)
        return value

    def _forget_attempts(self, session: UUID) -> None:
        """An effect may have claimed or ended runs of its session: they are looked up again."""
        for other in self.entries:
            if other.fence is not None and other.session == session:
                self.attempts.pop(other.fence.run, None)

    def _may_write(self, entry: Entry) -> bool:
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
        projects = sorted({self.projects[session] for session in changed})
        versions = {project: _raise_board_version(project) for project in projects}
        for session in changed:
            project = self.projects[session]
            self.batch.boards[session] = project, versions[project]


def _lock_sessions(ids: set[UUID]) -> tuple[dict[UUID, UUID], dict[UUID, int]]:
    """Locks the sessions, in the order of their ids; returns the project of each that is there, and
    the last number given in it.
    """
    lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
    query = "SELECT id, project_id, last_seq FROM agent_chatsession WHERE id IN {} ORDER BY id"
    found = _found(query + lock, ids)
    projects = {session: UUID(str(project)) for session, project, _ in found}
    return projects, {session: last_seq for session, _, last_seq in found}


def _attempts_of(runs: set[UUID]) -> dict[UUID, int]:
    found = _found("SELECT id, attempt FROM agent_run WHERE id IN {}", runs)
    return dict(found)


# The statements below go past the ORM: they are most of what an event costs.


def _found(query: str, ids: set[UUID]) -> list[tuple[Any, ...]]:
    """Returns the rows that `query` has for `ids`; the first column is which one it is."""
    if not ids:
        return []
    key = _key_maker()
    of_key = {key(value): value for value in ids}
    with connection.cursor() as cursor:
        cursor.execute(query.format(f"({','.join(['%s'] * len(of_key))})"), list(of_key))
        return [(of_key[found], *others) for found, *others in cursor.fetchall()]


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
    of_key = {key(session): seq for session, seq in sorted(last.items())}
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE agent_chatsession SET last_seq = CASE id {'WHEN %s THEN %s ' * len(of_key)}END "
            f"WHERE id IN ({','.join(['%s'] * len(of_key))})",
            [*chain.from_iterable(of_key.items()), *of_key],
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
