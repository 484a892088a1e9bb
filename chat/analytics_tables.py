"""The figures of a report as people read them: tables and charts for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from django.utils.safestring import SafeString

from agent.analytics import charts
from agent.analytics.charts import Line, Point
from agent.analytics.durations import COMPOSING
from agent.analytics.outcomes import Total
from agent.analytics.report import DayRow, OpinionRow, Report, TimeRow, percent
from agent.event_log.phases import Phase
from agent.event_log.texts import DOING
from agent.llm import prices
from agent.support.counts import count
from agent.support.durations import duration

UNKNOWN = "–"
TARGETS = {"answer": "Answers", "progress": "Display of progress", "step": "Steps of plans"}
# A median that changed by less is shown without a colour, in percent.
NOTICEABLE = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """A row with times. `bar`: the share of the time, in percent; `trend`: "worse", "better" or ""."""

    name: str
    kind: str
    bar: float
    number: str
    share: str
    p50: str
    p95: str
    longest: str
    change: str
    trend: str
    failed: str
    inside: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What runs used. `bar`: the tokens, in percent of the most."""

    name: str
    bar: float
    runs: str
    read: str
    written: str
    cost: str


@dataclass(frozen=True, slots=True)
class Tables:
    runs_by_day: SafeString
    time_by_day: SafeString
    time: Shown
    phases: list[Shown]
    tools: list[Shown]
    models: list[Shown]
    updates: Shown | None
    progress: list[Shown]
    failures: SafeString
    projects: list[Spent]
    people: list[Spent]
    cost: str
    opinions: list[tuple[str, str, str]]


def of(report: Report) -> Tables:
    progress = {row.name: row for row in report.progress}
    waits = {"silence": "Longest silence of a run", "first": "Time to first progress"}
    updates = progress.get("updates")
    by_week = report.scope.period.by_week
    return Tables(
        runs_by_day=_runs_by_day(report.days, by_week=by_week),
        time_by_day=_time_by_day(report.days, by_week=by_week),
        time=_shown(report.time, "Runs that succeeded"),
        phases=[_shown(row, DOING[row.name], row.name) for row in report.phases],
        tools=[_shown(row, _tool(row.name), Phase.EXECUTION) for row in report.tools],
        models=[_shown(row, row.name or "unknown") for row in report.models],
        updates=None if updates is None else _counted(updates),
        progress=[
            _shown(progress[name], words) for name, words in waits.items() if name in progress
        ],
        failures=_failures(report),
        projects=_costs(report.projects, "deleted project"),
        people=_costs(report.people, "deleted account"),
        cost=cost(report.total),
        opinions=[_opinion(row) for row in report.opinions],
    )


def cost(total: Total) -> str:
    """Returns "1.50 USD", "at least 1.50 USD", "unknown", or that nothing was asked of a model."""
    if not total.calls:
        return "no calls to a model"
    if total.cost is None or total.is_whole:
        return prices.shown(total.cost)
    return f"at least {prices.shown(total.cost)}"


# -- rows with times ---------------------------------------------------------------------------------


def _shown(row: TimeRow, name: str, kind: str = "") -> Shown:
    return Shown(
        name=name,
        kind=kind,
        bar=row.share or 0,
        number=f"{row.number:,}",
        share=_share(row),
        p50=_duration(row.p50_ms),
        p95=_duration(row.p95_ms),
        longest=_duration(row.max_ms),
        change=_change(row.change),
        trend=_trend(row.change),
        failed=_percent(percent(row.failed, row.number)) if row.failed else "none",
        inside=f"{_percent(row.inside_share)} of {row.estimated:,}" if row.estimated else UNKNOWN,
    )


def _counted(row: TimeRow) -> Shown:
    """Returns a row whose values are numbers and no times."""
    shown = _shown(row, "Updates of a run")
    values = (row.p50_ms, row.p95_ms, row.max_ms)
    p50, p95, most = (UNKNOWN if value is None else f"{value:,}" for value in values)
    return replace(shown, p50=p50, p95=p95, longest=most, trend="")


def _tool(name: str) -> str:
    return "Composing" if name == COMPOSING else name


def _duration(ms: int | None) -> str:
    return UNKNOWN if ms is None else duration(ms)


def _share(row: TimeRow) -> str:
    return (
        "< 1 %" if row.total_ms and row.share is not None and row.share < 1 else _percent(row.share)
    )


def _percent(share: float | None) -> str:
    return UNKNOWN if share is None else f"{share:.0f} %"


def _change(change: float | None) -> str:
    if change is None:
        return UNKNOWN
    return f"{change:+.0f} %".replace("-", "−") if round(change) else "±0 %"


def _trend(change: float | None) -> str:
    if change is None or abs(change) < NOTICEABLE:
        return ""
    return "worse" if change > 0 else "better"


# -- charts ------------------------------------------------------------------------------------------


def _runs_by_day(days: Sequence[DayRow], *, by_week: bool) -> SafeString:
    points = [
        Point(day_text(row.day), row.runs, _runs(row), "bad" if row.failed * 2 > row.runs else "")
        for row in days
    ]
    has_any = any(row.runs for row in days)
    title = f"Runs that ended, by the {'week' if by_week else 'day'} of their message"
    return charts.bars(title, points if has_any else [])


def _runs(row: DayRow) -> str:
    failed = f", {row.failed:,} failed" if row.failed else ""
    return f"{row.runs:,} {'run' if row.runs == 1 else 'runs'}{failed}"


def _time_by_day(days: Sequence[DayRow], *, by_week: bool) -> SafeString:
    named = {"Median": "p50_ms", "95th percentile": "p95_ms"}
    return charts.lines(
        f"Time of successful runs, by {'week' if by_week else 'day'}",
        [
            Line(
                name,
                [
                    Point(day_text(row.day), getattr(row, field), _duration(getattr(row, field)))
                    for row in days
                ],
            )
            for name, field in named.items()
        ],
    )


def day_text(day: date) -> str:
    return f"{day.day} {day:%b}"


def _failures(report: Report) -> SafeString:
    points = [
        Point(
            row.code or "without a code",
            row.number,
            _failure(row.number, row.retried, row.recovered),
            "bad",
        )
        for row in report.failures
    ]
    return charts.shares("Failed runs by code", points)


def _failure(number: int, retried: int, recovered: int) -> str:
    retries = f", {retried:,} retried, {recovered:,} of these with success" if retried else ""
    return f"{count(number, 'run')}{retries}"


def _costs(totals: Sequence[Total], nameless: str) -> list[Spent]:
    most = max((total.tokens for total in totals), default=0)
    return [
        Spent(
            name=total.name or nameless,
            bar=percent(total.tokens, most) or 0,
            runs=f"{total.runs:,}",
            read=_short(total.input_tokens),
            written=_short(total.output_tokens),
            cost=cost(total),
        )
        for total in totals
    ]


def _short(tokens: int) -> str:
    """Returns "950", "12 k", "3.4 M" tokens."""
    if tokens < 1000:
        return str(tokens)
    return f"{tokens / 1000:.0f} k" if tokens < 1_000_000 else f"{tokens / 1_000_000:.1f} M"


def _opinion(row: OpinionRow) -> tuple[str, str, str]:
    """Returns the target, how it was found, and how it was found in the period before."""
    number = row.helpful + row.not_helpful
    text = f"{_percent(row.share)} helpful, of {count(number, 'rating')}"
    return TARGETS[row.target], text, _percent(row.share_before)
