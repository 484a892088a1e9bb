"""The rows of the event log: frames, and the SQL of a commit. Only `group_commit` writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import connection

from agent.models import Event


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


def lock(sessions: set[UUID], runs: set[UUID]) -> list[tuple[Any, ...]]:
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


def attempts_of(runs: set[UUID]) -> dict[UUID, int]:
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


def insert(batch: Mapping[UUID, Sequence[Frame]]) -> None:
    """Inserts the frames of each session, and raises the last number and the stored bytes of each."""
    ends = {
        session: (frames[-1].seq, sum(frame.size for frame in frames))
        for session, frames in sorted(batch.items())
    }
    if connection.vendor == "postgresql":
        _insert_as_json(batch, ends)
    else:
        _insert_as_values(batch, ends)


# One text with two parameters, however many rows there are: psycopg would convert five for each row, and
# look for their places in a text that it has not seen. Both statements are one exchange with the server.
_AS_JSON = """
INSERT INTO agent_event (session_id, seq, run_id, type, body)
SELECT * FROM json_to_recordset(%s) AS new(session uuid, seq bigint, run uuid, type text, body text);
UPDATE agent_chatsession SET last_seq = new.seq, stored_bytes = agent_chatsession.stored_bytes + new.size
FROM json_to_recordset(%s) AS new(id uuid, seq bigint, size bigint) WHERE agent_chatsession.id = new.id
"""


def _insert_as_json(
    batch: Mapping[UUID, Sequence[Frame]], ends: Mapping[UUID, tuple[int, int]]
) -> None:
    new = [
        {"session": key, "seq": one.seq, "run": one.run, "type": one.type, "body": one.body}
        for session, frames in batch.items()
        for key in (str(session),)
        for one in frames
    ]
    raised = [
        {"id": str(session), "seq": seq, "size": size} for session, (seq, size) in ends.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_AS_JSON, [json.dumps(new, default=str), json.dumps(raised)])


def _insert_as_values(
    batch: Mapping[UUID, Sequence[Frame]], ends: Mapping[UUID, tuple[int, int]]
) -> None:
    new = [
        (session.hex, frame.seq, frame.run and frame.run.hex, frame.type, frame.body)
        for session, frames in batch.items()
        for frame in frames
    ]
    with connection.cursor() as cursor:
        # Many rows each: a statement releases and retakes the interpreter lock.
        for start, number in _parts(len(new)):
            cursor.execute(
                "INSERT INTO agent_event (session_id, seq, run_id, type, body) VALUES "
                + _rows(number, 5),
                list(chain.from_iterable(new[start : start + number])),
            )
        # A join: with a CASE, the cost of a session would grow with the number of sessions.
        cursor.execute(
            f"WITH new(id, seq, size) AS (VALUES {_rows(len(ends), 3)}) UPDATE agent_chatsession "
            "SET last_seq = new.seq, stored_bytes = agent_chatsession.stored_bytes + new.size "
            "FROM new WHERE agent_chatsession.id = new.id",
            [value for session, end in ends.items() for value in (session.hex, *end)],
        )


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


def raise_board_version(project: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agent_project SET board_version = board_version + 1 WHERE id = %s "
            "RETURNING board_version",
            [project],
        )
        row = cursor.fetchone()
    return int(row[0])


def are_stored(batch: Mapping[UUID, Sequence[Frame]]) -> bool:
    """Tells whether the frames of each session, which are of one commit, are in the log."""
    for session, frames in batch.items():
        return Event.objects.filter(
            session_id=session, seq=frames[0].seq, body=frames[0].body
        ).exists()
    return False
