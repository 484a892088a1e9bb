"""The changes of a task or a memory in the event logs, found by the index `event_by_object`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from agent.support import raw_sql

# The id of the object of a change, literally as in the index. The type is a part of each statement too: only
# then SQLite uses the index.
_OBJECT = {
    "sqlite": "CASE WHEN json_valid(event.body) THEN json_extract(event.body, '$.change.id') END",
    "postgresql": "((event.body::jsonb) #>> '{change,id}')",
}
_OF_OBJECT = "agent_event event WHERE event.type = 'change' AND {of} = object.id"
_OBJECTS = "WITH object(id) AS (VALUES {ids})"

_LAST = f"""
{_OBJECTS} SELECT object.id, (
    SELECT event.seq FROM {_OF_OBJECT} AND event.session_id = %s ORDER BY event.id DESC LIMIT 1
) FROM object
"""

_ONE = f"SELECT event.id FROM {_OF_OBJECT} AND event.id"
_AROUND = f"""
{_OBJECTS} SELECT session_id, body FROM agent_event WHERE id IN (
    SELECT ({_ONE} < %s ORDER BY event.id DESC LIMIT 1) FROM object
    UNION SELECT ({_ONE} <= %s ORDER BY event.id DESC LIMIT 1) FROM object
    UNION SELECT ({_ONE} > %s ORDER BY event.id LIMIT 1) FROM object
    UNION SELECT id FROM (
        SELECT event.id FROM object, {_OF_OBJECT}
        AND event.id BETWEEN %s AND %s ORDER BY event.id LIMIT %s
    ) within
) ORDER BY id
"""


def last_seqs(session: UUID, ids: Sequence[str]) -> dict[str, int]:
    """Returns by its id the position of the last change of each object in the log of the session."""
    return dict(_rows(_LAST, ids, session)) if ids else {}


def around(ids: Sequence[str], low: int, high: int, most: int) -> list[tuple[UUID, str]]:
    """Returns the sessions and the bodies of changes of the objects, in the order of the commits.

    Of each object the last one before the event with the id `low`, the last one up to `high` and the first
    one after it; and the first `most` in between.
    """
    if not ids:
        return []
    rows = _rows(_AROUND, ids, low, high, high, low, high, most)
    return [(UUID(str(session)), body) for session, body in rows]


def _rows(query: str, ids: Sequence[str], *values: object) -> list[tuple[Any, ...]]:
    keys = ", ".join(["(%s)"] * len(ids))
    return raw_sql.rows(query.format(ids=keys, of=_OBJECT[connection.vendor]), *ids, *values)
