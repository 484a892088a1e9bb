"""The SQL that all figures are made with: the runs of a period, durations, exact percentiles.

A percentile is the value at the place `ceil(n * p)` of the values in order: one that was really measured.
PostgreSQL has an aggregate for it, SQLite numbers the values. Nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from agent.analytics.period import Period
from agent.support import raw_sql


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: the runs that were sent in a period, of one project or, with None, of all."""

    period: Period
    project: UUID | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """How long something took. Milliseconds; `p50` and `p95` are 0 when there is no value, so `number`
    is 0.

    `inside` of `estimated` values were in the band that was estimated before.
    """

    number: int = 0
    total_ms: int = 0
    p50_ms: int = 0
    p95_ms: int = 0
    max_ms: int = 0
    estimated: int = 0
    inside: int = 0


# By the columns of the group, and whether it is the period before.
Timings = dict[tuple[Any, ...], Timing]


@dataclass(slots=True)
class Query:
    """A statement over `runs`, the runs of the scope: id, session_id, project_id, person, model, status,
    error_code, created_at, started_at, finished_at, usage, updates, silence_ms, retry_of_id, and
    `past`: 1 in the period before, if `with_past`, else 0.
    """

    scope: Scope
    with_past: bool = False
    values: list[Any] = field(default_factory=list)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """`statement` follows the definition of `runs`; it may begin with a comma and define more."""
        since = self.scope.period.before if self.with_past else self.scope.period.since
        of_project = "" if self.scope.project is None else " AND session.project_id = %s"
        query = _RUNS.format(of_project=of_project) + statement
        moments = [_utc(one) for one in (self.scope.period.since, since, self.scope.period.until)]
        project = [] if self.scope.project is None else [self.scope.project]
        return raw_sql.rows(query, *moments, *project, *values)


_RUNS = """
WITH runs AS (
    SELECT run.id, run.session_id, session.project_id, run.created_by_id AS person, run.model, run.status,
        run.error_code, run.created_at, run.started_at, run.finished_at, run.usage, run.updates,
        run.silence_ms, run.retry_of_id, CASE WHEN run.created_at < %s THEN 1 ELSE 0 END AS past
    FROM agent_run run JOIN agent_chatsession session ON session.id = run.session_id
    WHERE run.created_at >= %s AND run.created_at < %s{of_project}
)
"""


def timings(
    query: Query,
    source: str,
    keys: Sequence[str] = (),
    *,
    more: str = "",
    values: Sequence[Any] = (),
) -> Timings:
    """Returns the timings of `source`, a SELECT of `keys`, past, ms, low_ms and high_ms, by group.

    `more`: definitions that `source` uses, beginning with a comma.
    """
    names = ", ".join((*keys, "past"))
    statement = _ON_POSTGRESQL if connection.vendor == "postgresql" else _ON_SQLITE
    found = query.rows(statement.format(source=source, keys=names, more=more), *values)
    return {
        tuple(row[: len(keys) + 1]): Timing(*(round(value or 0) for value in row[len(keys) + 1 :]))
        for row in found
    }


_ON_POSTGRESQL = """
{more}
SELECT {keys}, COUNT(*), SUM(ms), PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY ms),
    PERCENTILE_DISC(0.95) WITHIN GROUP (ORDER BY ms), MAX(ms), COUNT(low_ms),
    COUNT(CASE WHEN ms BETWEEN low_ms AND high_ms THEN 1 END)
FROM ({source}) measured GROUP BY {keys}
"""
_ON_SQLITE = """
{more}, measured AS ({source}), ordered AS (
    SELECT {keys}, ms, low_ms, high_ms, COUNT(*) OVER (PARTITION BY {keys}) AS number,
        ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY ms) AS place
    FROM measured
)
SELECT {keys}, COUNT(*), SUM(ms), MAX(CASE WHEN place = (number * 50 + 99) / 100 THEN ms END),
    MAX(CASE WHEN place = (number * 95 + 99) / 100 THEN ms END), MAX(ms), COUNT(low_ms),
    COUNT(CASE WHEN ms BETWEEN low_ms AND high_ms THEN 1 END)
FROM ordered GROUP BY {keys}
"""


# The band of values that nothing was estimated of.
UNESTIMATED = "CAST(NULL AS BIGINT) AS low_ms, CAST(NULL AS BIGINT) AS high_ms"


def ms_between(start: str, end: str) -> str:
    """Returns SQL for the whole milliseconds between two columns with times. SQLite counts days, which
    are not exact beyond that.
    """
    if connection.vendor == "postgresql":
        return f"ROUND(EXTRACT(EPOCH FROM {end} - {start}) * 1000)"
    return f"ROUND((JULIANDAY({end}) - JULIANDAY({start})) * 86400000)"


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
