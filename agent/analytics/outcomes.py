"""How runs end, what people think of them, what they use, and how much they show of their progress."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from agent.analytics.queries import UNESTIMATED, Query, Scope, Timings, ms_between, timings
from agent.llm import prices


def statuses(scope: Scope) -> dict[tuple[str, int], tuple[int, int]]:
    """Returns the numbers of runs and of retries among them, by (status, past)."""
    found = Query(scope, with_past=True).rows(
        "SELECT status, past, COUNT(*), COUNT(retry_of_id) FROM runs GROUP BY status, past"
    )
    return {(status, past): (number, retries) for status, past, number, retries in found}


@dataclass(frozen=True, slots=True)
class Failure:
    """Runs that failed with one code. `retried`: of these; `recovered`: those whose retry succeeded."""

    code: str
    number: int
    retried: int
    recovered: int


def failures(scope: Scope) -> list[Failure]:
    """Returns the failures by code, the most frequent first."""
    found = Query(scope).rows(_FAILURES, scope.period.since)
    return [Failure(*row) for row in found]


# A retry is later than the run that it retries.
_FAILURES = """
, retries AS (
    SELECT retry_of_id, MAX(CASE WHEN status = 'succeeded' THEN 1 ELSE 0 END) AS recovered
    FROM agent_run WHERE created_at >= %s AND retry_of_id IS NOT NULL GROUP BY retry_of_id
)
SELECT runs.error_code, COUNT(*), COUNT(retries.retry_of_id), COALESCE(SUM(retries.recovered), 0)
FROM runs LEFT JOIN retries ON retries.retry_of_id = runs.id
WHERE runs.status = 'failed' GROUP BY runs.error_code ORDER BY COUNT(*) DESC, runs.error_code
"""


def opinions(scope: Scope) -> dict[tuple[str, int], tuple[int, int]]:
    """Returns how many people found it helpful, and how many did not, by (target, past).

    `target`: "answer", "progress", or "step" for any step of a plan.
    """
    found = Query(scope, with_past=True).rows(_OPINIONS)
    return {(target, past): (yes, no) for target, past, yes, no in found}


_OPINIONS = """
SELECT target, past, COUNT(CASE WHEN value > 0 THEN 1 END), COUNT(CASE WHEN value < 0 THEN 1 END)
FROM (
    SELECT CASE WHEN feedback.target IN ('answer', 'progress') THEN feedback.target ELSE 'step' END AS target,
        runs.past, feedback.value
    FROM runs JOIN agent_feedback feedback ON feedback.run_id = runs.id
) given GROUP BY target, past
"""


def progress(scope: Scope) -> Timings:
    """Returns, by (kind, past): "updates" of a run, a number and no time; its longest "silence"; and
    "first", the time from sending a message to the first progress of its run.
    """
    ms = ms_between("created_at", "started_at")
    source = f"""
        SELECT 'updates' AS kind, past, updates AS ms, {UNESTIMATED} FROM runs
        WHERE updates IS NOT NULL
        UNION ALL SELECT 'silence', past, silence_ms, NULL, NULL FROM runs WHERE silence_ms IS NOT NULL
        UNION ALL SELECT 'first', past, {ms}, NULL, NULL FROM runs WHERE started_at IS NOT NULL
    """
    return timings(Query(scope, with_past=True), source, ["kind"])


# -- tokens and cost ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """What runs used of one model. `uncounted`: runs whose model was called and no token counted."""

    project: UUID
    project_name: str
    person: str  # a user name; "" for a deleted account
    model: str
    runs: int
    calls: int
    input_tokens: int
    output_tokens: int
    uncounted: int


@dataclass(frozen=True, slots=True)
class Total:
    """A sum of usages. `cost` is None when nothing of it is known; it is only a part of the cost unless
    `is_whole`. Both say nothing when there were no calls.
    """

    name: str
    runs: int
    calls: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    is_whole: bool

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def usages(scope: Scope) -> list[Usage]:
    """Returns what runs used, for each project, person and model."""
    columns = {name: f"COALESCE({_member(name)}, 0)" for name in ("calls", *_TOKENS)}
    tokens = " + ".join(columns[name] for name in _TOKENS)
    sums = ", ".join(f"SUM({column}) AS {name}" for name, column in columns.items())
    found = Query(scope).rows(_USAGES.format(sums=sums, calls=columns["calls"], tokens=tokens))
    return [
        Usage(UUID(str(project)), name, person or "", model, *(int(number) for number in numbers))
        for project, name, person, model, *numbers in found
    ]


_TOKENS = ("input_tokens", "output_tokens")
_USAGES = """
SELECT used.project_id, project.name, person.username, used.model, used.runs, used.calls,
    used.input_tokens, used.output_tokens, used.uncounted
FROM (
    SELECT project_id, person, model, COUNT(*) AS runs, {sums},
        COUNT(CASE WHEN {calls} > 0 AND {tokens} = 0 THEN 1 END) AS uncounted
    FROM runs GROUP BY project_id, person, model
) used
JOIN agent_project project ON project.id = used.project_id
LEFT JOIN auth_user person ON person.id = used.person
"""


def _member(name: str) -> str:
    """Returns SQL for a number in the usage of a run."""
    if connection.vendor == "postgresql":
        return f"(usage ->> '{name}')::bigint"
    return f"JSON_EXTRACT(usage, '$.{name}')"


def totals(of: Iterable[Usage], key: Callable[[Usage], tuple[Any, str]]) -> list[Total]:
    """Sums up the usages of each key, whose second part is a name. The highest cost comes first."""
    groups: dict[tuple[Any, str], list[Usage]] = defaultdict(list)
    for usage in of:
        groups[key(usage)].append(usage)
    sums = [total(group, name) for (_, name), group in groups.items()]
    return sorted(sums, key=lambda one: (-(one.cost or 0), -one.tokens, one.name))


def total(of: Iterable[Usage], name: str = "") -> Total:
    group = list(of)
    asked = [usage for usage in group if usage.calls]
    costs = [prices.cost(one.model, one.input_tokens, one.output_tokens) for one in asked]
    known = [cost for cost in costs if cost is not None]
    return Total(
        name,
        runs=sum(one.runs for one in group),
        calls=sum(one.calls for one in group),
        input_tokens=sum(one.input_tokens for one in group),
        output_tokens=sum(one.output_tokens for one in group),
        cost=sum(known, Decimal(0)) if known else None,
        is_whole=len(known) == len(asked) and not any(one.uncounted for one in asked),
    )
