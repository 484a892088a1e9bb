"""All figures of a period together: the same values for the page, the CSV file and the API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from django.conf import settings

from agent.analytics import durations, findings, outcomes
from agent.analytics.durations import ListedRun
from agent.analytics.outcomes import Failure, Total
from agent.analytics.queries import Scope, Timing, Timings
from agent.event_log.phases import Phase
from agent.models import Run

# Values that a change is computed of, at least, in each of the two periods.
COMPARABLE = 10
LISTED = 15  # tools, models, projects and people, each
_UNFINISHED = tuple(str(status) for status in Run.UNFINISHED)


@dataclass(frozen=True, slots=True)
class TimeRow:
    """What took time. Times in milliseconds, shares and changes in percent; None where it is unknown.

    `share`: of the whole time of its table; `change`: of the median since the period before; `failed`:
    of `number`; `inside_share`: of the `estimated` values, those in the band that was estimated.
    """

    name: str
    number: int
    total_ms: int
    share: float | None
    p50_ms: int | None
    p95_ms: int | None
    max_ms: int | None
    p50_before_ms: int | None
    change: float | None
    failed: int
    estimated: int
    inside_share: float | None


@dataclass(frozen=True, slots=True)
class DayRow:
    """Runs that were sent on a day, or in the seven days from it on. Times of successful ones."""

    day: date
    runs: int
    failed: int
    p50_ms: int | None
    p95_ms: int | None


@dataclass(frozen=True, slots=True)
class Runs:
    """The numbers of runs. `retries`: runs that retry another one. `before`: in the period before."""

    number: int
    succeeded: int
    failed: int
    cancelled: int
    unfinished: int
    retries: int
    failed_share: float | None
    before: int
    failed_share_before: float | None


@dataclass(frozen=True, slots=True)
class OpinionRow:
    """Feedback on one target: "answer", "progress" or "step". `share`: of the helpful, in percent."""

    target: str
    helpful: int
    not_helpful: int
    share: float | None
    share_before: float | None


@dataclass(frozen=True, slots=True)
class Report:
    scope: Scope
    findings: list[str]
    runs: Runs
    time: TimeRow  # of successful runs
    days: list[DayRow]
    phases: list[TimeRow]
    tools: list[TimeRow]
    models: list[TimeRow]
    progress: list[TimeRow]  # "updates", "silence", "first"; see `outcomes.progress`
    slowest: list[ListedRun]
    most_silent: list[ListedRun]
    failures: list[Failure]
    projects: list[Total]
    people: list[Total]
    total: Total
    opinions: list[OpinionRow]

    def as_json(self) -> dict[str, Any]:
        """Returns the report for programs: see `chat.api.analytics`."""
        values = {name: _plain(getattr(self, name)) for name in _FIELDS}
        period = self.scope.period
        return {
            "first": period.first.isoformat(),
            "last": period.last.isoformat(),
            "zone": str(period.zone),
            "project": self.scope.project and str(self.scope.project),
            "currency": settings.SAMURAI_PRICE_CURRENCY,
            **values,
        }


_FIELDS = tuple(name for name in Report.__dataclass_fields__ if name != "scope")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if isinstance(value, str) else asdict(value)


def make(scope: Scope) -> Report:
    """Computes everything, with about sixteen queries."""
    phases, tools, of_runs = durations.phases(scope), durations.tools(scope), durations.runs(scope)
    progress, usages = outcomes.progress(scope), outcomes.usages(scope)
    return Report(
        scope=scope,
        findings=findings.sentences(
            days=scope.period.days,
            phases=phases,
            of_models=durations.phase_of_models(scope, findings.longest_phase(phases)),
            tools=tools,
            progress=progress,
        ),
        runs=_runs(outcomes.statuses(scope)),
        time=_row("", of_runs.get((0,)), of_runs.get((1,))),
        days=_days(scope),
        phases=_rows(phases, [str(phase) for phase in Phase]),
        tools=_tools(tools),
        models=_by_time(_rows(durations.models(scope))),
        progress=_rows(progress, ["updates", "silence", "first"], with_share=False),
        slowest=durations.slowest(scope),
        most_silent=durations.most_silent(scope),
        failures=outcomes.failures(scope),
        projects=outcomes.totals(usages, lambda one: (one.project, one.project_name))[:LISTED],
        people=outcomes.totals(usages, lambda one: (None, one.person))[:LISTED],
        total=outcomes.total(usages),
        opinions=_opinions(outcomes.opinions(scope)),
    )


def _runs(statuses: dict[tuple[str, int], tuple[int, int]]) -> Runs:
    now = {status: found for (status, past), found in statuses.items() if not past}
    former = {status: number for (status, past), (number, _) in statuses.items() if past}
    number = sum(one for one, _ in now.values())
    ended = {str(status): now.get(str(status), (0, 0))[0] for status in Run.Status}
    return Runs(
        number=number,
        succeeded=ended[Run.Status.SUCCEEDED],
        failed=ended[Run.Status.FAILED],
        cancelled=ended[Run.Status.CANCELLED],
        unfinished=sum(ended[status] for status in _UNFINISHED),
        retries=sum(retries for _, retries in now.values()),
        failed_share=percent(ended[Run.Status.FAILED], number),
        before=sum(former.values()),
        failed_share_before=percent(former.get(Run.Status.FAILED, 0), sum(former.values())),
    )


def _days(scope: Scope) -> list[DayRow]:
    found = durations.days(scope)
    rows = []
    for number, (day, _, _) in enumerate(scope.period.parts()):
        of_day = {status: timing for (at, status), timing in found.items() if at == number}
        timing = of_day.get(Run.Status.SUCCEEDED)
        failed = of_day.get(Run.Status.FAILED, Timing()).number
        runs = sum(one.number for one in of_day.values())
        p50, p95 = (timing.p50_ms, timing.p95_ms) if timing else (None, None)
        rows.append(DayRow(day, runs, failed, p50, p95))
    return rows


def _rows(found: Timings, names: Iterable[str] = (), *, with_share: bool = True) -> list[TimeRow]:
    """Returns a row for each name of the period, in the order of `names` if they are given."""
    now = {name: timing for (name, past), timing in found.items() if not past}
    total = sum(timing.total_ms for timing in now.values()) if with_share else 0
    return [
        _row(name, now[name], found.get((name, 1)), total=total)
        for name in names or sorted(now)
        if name in now
    ]


def _tools(found: Timings) -> list[TimeRow]:
    """Returns a row for each tool. Its times are those of calls that succeeded."""
    total = sum(timing.total_ms for (_, _, past), timing in found.items() if not past)
    rows = []
    for tool in dict.fromkeys(tool for tool, _, past in found if not past):
        failed = found.get((tool, 1, 0), Timing()).number
        timing = found.get((tool, 0, 0), Timing())
        rows.append(_row(tool, timing, found.get((tool, 0, 1)), total=total, failed=failed))
    return _by_time(rows)


def _by_time(rows: list[TimeRow]) -> list[TimeRow]:
    return sorted(rows, key=lambda row: (-row.total_ms, row.name))[:LISTED]


def _row(
    name: str,
    timing: Timing | None,
    before: Timing | None,
    *,
    total: int = 0,
    failed: int = 0,
) -> TimeRow:
    now, former = timing or Timing(), before or Timing()
    is_known = now.number > 0
    comparable = min(now.number, former.number) >= COMPARABLE and former.p50_ms > 0
    change = (now.p50_ms - former.p50_ms) * 100 / former.p50_ms if comparable else None
    return TimeRow(
        name=name,
        number=now.number + failed,
        total_ms=now.total_ms,
        share=percent(now.total_ms, total),
        p50_ms=now.p50_ms if is_known else None,
        p95_ms=now.p95_ms if is_known else None,
        max_ms=now.max_ms if is_known else None,
        p50_before_ms=former.p50_ms if former.number else None,
        change=None if change is None else round(change, 1),
        failed=failed,
        estimated=now.estimated,
        inside_share=percent(now.inside, now.estimated),
    )


def _opinions(found: dict[tuple[str, int], tuple[int, int]]) -> list[OpinionRow]:
    rows = []
    for target in ("answer", "progress", "step"):
        (yes, no), former = found.get((target, 0), (0, 0)), found.get((target, 1), (0, 0))
        if yes + no:
            share, before = percent(yes, yes + no), percent(former[0], sum(former))
            rows.append(OpinionRow(target, yes, no, share, before))
    return rows


def percent(part: int, whole: int) -> float | None:
    """Returns the share with one digit; None of nothing."""
    return round(part * 100 / whole, 1) if whole else None
