"""Counts the events that were stored before their bytes were counted, in small slices: no writer waits for
long, and a second time finds nothing.
"""

from __future__ import annotations

import time
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Min

from agent.models import ChatSession, Event, Project
from agent.support import raw_sql

SLICE = 2_000  # events that are read at a time
PAUSE = 0.05  # seconds between two slices

_BYTES = {"sqlite": "length(CAST(body AS BLOB))", "postgresql": "octet_length(body)"}
_SIZE = """
SELECT max(seq), sum({bytes}) FROM (
    SELECT seq, body FROM agent_event WHERE session_id = %s AND seq > %s AND seq <= %s ORDER BY seq LIMIT %s
) some
"""


def count_missing(pause: float = PAUSE) -> int:
    """Adds the bytes that no count has to their sessions and projects; returns how many these were."""
    keys = ChatSession.objects.order_by("pk").values_list("pk", flat=True)
    return sum(_count_session(key, pause) for key in list(keys))


def _count_session(key: UUID, pause: float) -> int:
    rows = ChatSession.objects.filter(pk=key)
    while (known := rows.values_list("last_seq", "stored_bytes").first()) is not None:
        last, counted = known
        first = _first(key)
        missing = _size(key, last, pause) - counted
        if missing <= 0:
            return 0
        with transaction.atomic():
            session = rows.select_for_update().first()
            if session is not None and _first(key) == first:
                rows.update(
                    stored_bytes=F("stored_bytes") + missing,
                    counted_bytes=F("counted_bytes") + missing,
                )
                project = Project.objects.filter(pk=session.project_id)
                project.update(stored_bytes=F("stored_bytes") + missing)
                return missing
        # Events were pruned meanwhile.
    return 0


def _first(session: UUID) -> int | None:
    first: int | None = Event.objects.filter(session=session).aggregate(first=Min("seq"))["first"]
    return first


def _size(session: UUID, last: int, pause: float) -> int:
    """Returns the bytes of the events up to `last`."""
    query, size, seq = _SIZE.format(bytes=_BYTES[connection.vendor]), 0, -1
    while True:
        ((until, found),) = raw_sql.rows(query, session, seq, last, SLICE)
        if until is None:
            return size
        seq, size = until, size + int(found)
        time.sleep(pause)
