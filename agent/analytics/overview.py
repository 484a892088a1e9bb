"""The figures of the admin's first page: what works now, and what happened today and in seven days.

Each function is one query, which counts in the database and finds its rows by an index: the unfinished runs,
the rows since a time, or the latest rows. Days begin at midnight UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, Min, Q, Sum
from django.utils import timezone

from agent.analytics.queries import ms_between
from agent.event_log.phases import Phase
from agent.models import Feedback, MemoryRevision, ModelCall, Run
from agent.runs.claiming import LEASE
from agent.support import raw_sql

DAYS = 7  # before today
LATEST = 2000  # phases, and steps, whose durations are compared
MAX_ROWS = 10  # of a table


def today() -> datetime:
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)


def week() -> datetime:
    """Returns the midnight seven days before today's."""
    return today() - timedelta(days=DAYS)


def days() -> list[date]:
    """Returns the seven days before today, and today."""
    return [(week() + timedelta(days=number)).date() for number in range(DAYS + 1)]


def _by_day() -> dict[str, Count]:
    """Returns an aggregate for each of the `days`. SQLite calls Python for the day of each row's time."""
    begins = [week() + timedelta(days=number) for number in range(DAYS + 1)]
    return {
        f"day{number}": Count(
            "pk", filter=Q(created_at__gte=begin, created_at__lt=begin + timedelta(days=1))
        )
        for number, begin in enumerate(begins)
    }


# -- runs ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unfinished:
    """How many runs have no end yet, by status, and when the longest waiting one of each was accepted."""

    counts: Mapping[str, int]
    oldest: Mapping[str, datetime]


def unfinished() -> Unfinished:
    runs = Run.unfinished.order_by().values_list("status")
    rows = list(runs.annotate(Count("pk"), Min("created_at")))
    return Unfinished(
        {status: number for status, number, _ in rows}, {status: first for status, _, first in rows}
    )


@dataclass(frozen=True, slots=True)
class RunCount:
    """The number of runs of one day with this status and error code, "" without an error."""

    day: date
    status: str
    code: str
    number: int


def runs_by_day() -> list[RunCount]:
    """Returns how the runs of each of the `days` ended, or that they have not."""
    runs = Run.objects.filter(created_at__gte=week()).order_by()
    rows = runs.values_list("status", "error_code").annotate(**_by_day())
    return [
        RunCount(day, status, code, number)
        for status, code, *numbers in rows
        for day, number in zip(days(), numbers, strict=True)
        if number
    ]


# -- durations -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spread:
    """How long a phase or a tool took, in milliseconds: half of `number` times less than `median_ms`, nine
    of ten times at most `high_ms`.
    """

    name: str
    number: int
    median_ms: float
    high_ms: float


_SPREAD = """
SELECT name, count(*), max(CASE WHEN place <= 0.5 THEN ms END) AS median,
    max(CASE WHEN place <= 0.9 THEN ms END)
FROM (
    SELECT name, ms, percent_rank() OVER (PARTITION BY name ORDER BY ms) AS place FROM ({}) timed
) ranked GROUP BY name ORDER BY median DESC LIMIT {}
"""
_PHASES = f"""
SELECT phase AS name, duration_ms AS ms
FROM (SELECT phase, duration_ms FROM agent_phaseresult ORDER BY id DESC LIMIT {LATEST}) latest
WHERE phase IN ({", ".join(["%s"] * len(Phase))})
"""
_TOOLS = f"""
SELECT tool AS name, {{}} AS ms FROM (
    SELECT tool, started_at, finished_at FROM agent_planstep ORDER BY id DESC LIMIT {LATEST}
) latest WHERE tool <> '' AND started_at <= finished_at
"""


def phase_times() -> list[Spread]:
    """Returns the durations of the phases among the `LATEST` results, the slowest first."""
    return _spreads(_PHASES, len(Phase), *Phase)


def tool_times() -> list[Spread]:
    """Returns the durations of the slowest tools among the `LATEST` steps of plans."""
    return _spreads(_TOOLS.format(ms_between("started_at", "finished_at")), MAX_ROWS)


def _spreads(timed: str, limit: int, *values: str) -> list[Spread]:
    rows = raw_sql.rows(_SPREAD.format(timed, limit), *map(str, values))
    return [Spread(name, number, float(half), float(most)) for name, number, half, most in rows]


# -- workers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that executes runs. `seen_at`: when it last renewed its leases, or its heartbeat.

    `owner`: the `lease_owner` of its runs; "" for a worker of Procrastinate, which has another identity.
    """

    name: str
    owner: str
    runs: int
    seen_at: datetime

    @property
    def is_alive(self) -> bool:
        return timezone.now() - self.seen_at <= timedelta(seconds=settings.STALLED_AFTER)


def lease_holders() -> list[Worker]:
    """Returns the processes that hold running runs, those with the most first."""
    held = Run.unfinished.filter(status=Run.Status.RUNNING, lease_until__isnull=False)
    rows = held.order_by().values_list("lease_owner").annotate(n=Count("pk"), to=Max("lease_until"))
    return [
        Worker(_process(owner), owner, number, until - LEASE)
        for owner, number, until in rows.order_by("-n")[:MAX_ROWS]
    ]


def _process(owner: str) -> str:
    """Returns "process 123 on host"."""
    host, pid, *_ = [*owner.split(":"), "unknown"]
    return f"process {pid} on {host}"


_WORKERS = f"""
SELECT worker.id, worker.last_heartbeat, count(job.id) FROM procrastinate_workers worker
LEFT JOIN procrastinate_jobs job ON job.worker_id = worker.id AND job.status = 'doing'
GROUP BY worker.id ORDER BY worker.last_heartbeat DESC LIMIT {MAX_ROWS}
"""


def registered_workers() -> list[Worker]:
    """Returns the workers of Procrastinate, the last seen first; none with the local engine."""
    if settings.SAMURAI_ENGINE != "procrastinate":
        return []
    return [
        Worker(f"worker {number}", "", jobs, seen_at)
        for number, seen_at, jobs in raw_sql.rows(_WORKERS)
    ]


# -- models, memories, feedback ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelUse:
    """The calls to one model since midnight, those that failed, and their tokens."""

    model: str
    calls: int
    failed: int
    input_tokens: int
    output_tokens: int


def model_use() -> list[ModelUse]:
    calls = ModelCall.objects.filter(started_at__gte=today()).order_by().values_list("model")
    rows = calls.annotate(
        number=Count("pk"),
        failed=Count("pk", filter=~Q(error="")),
        of_input=Sum("input_tokens"),
        of_output=Sum("output_tokens"),
    )
    return [ModelUse(*row) for row in rows.order_by("-number")[:MAX_ROWS]]


def memory_changes() -> dict[str, dict[date, int]]:
    """Returns how many memories were created, updated, deleted and restored on each of the `days`."""
    revisions = MemoryRevision.objects.filter(created_at__gte=week()).order_by()
    rows = revisions.values_list("action").annotate(**_by_day())
    return {action: dict(zip(days(), numbers, strict=True)) for action, *numbers in rows}


def thumbs() -> dict[int, int]:
    """Returns the number of ratings since `week`, by their value."""
    ratings = Feedback.objects.filter(created_at__gte=week()).order_by().values_list("value")
    return dict(ratings.annotate(Count("pk")))
