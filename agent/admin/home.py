"""The sections of the admin's first page: figures of `agent.analytics.overview`, each a link to its list.

A member of staff gets the sections whose rows he or she may view as lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from agent.analytics import charts, overview
from agent.analytics.charts import Point, link
from agent.llm import prices
from agent.models import Feedback, MemoryRevision, ModelCall, PhaseResult, PlanStep, Run
from agent.runs import waiting
from agent.support.counts import count
from agent.support.durations import duration

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

Cell = SafeString | str
_ORDER = (
    *("runs", "people", "failures", "queue", "models", "phases", "tools", "memories", "feedback"),
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page. `figures`: numbers with what they count; `nothing`: the text when there are none.

    `table`: the heads of its columns, then its rows.
    """

    key: str
    title: str
    nothing: str = ""
    figures: Sequence[tuple[Cell, str]] = ()
    charts: Sequence[SafeString] = ()
    table: Sequence[Sequence[Cell]] = field(default=())

    @property
    def is_empty(self) -> bool:
        return not (self.figures or self.charts or self.table)


def sections(user: User | AnonymousUser) -> list[Section]:
    """Returns the sections that `user` may see, with at most twelve queries."""
    is_new = not Run.objects.exists()
    made: list[Section] = []
    for permissions, make in _SECTIONS:
        if user.has_perms([f"agent.view_{name}" for name in permissions]):
            made += make(is_new)
    return sorted(made, key=lambda section: _ORDER.index(section.key))


def _list(model: type[Model], /, **lookups: object) -> str:
    """Returns the address of the admin's list of `model`, filtered."""
    page = reverse(f"admin:agent_{model._meta.model_name}_changelist")
    return f"{page}?{urlencode(lookups)}" if lookups else page


def _since(name: str, begin: datetime) -> dict[str, object]:
    """Returns the lookups of the admin's choices “Today” and “Past 7 days”."""
    return {f"{name}__gte": begin, f"{name}__lt": overview.today() + timedelta(days=1)}


def _of_day(name: str, day: date) -> dict[str, object]:
    begin = overview.today() + (day - overview.today().date())
    return {f"{name}__gte": begin, f"{name}__lt": begin + timedelta(days=1)}


def _number(value: int, model: type[Model], /, **lookups: object) -> Cell:
    return link(_list(model, **lookups), f"{value:,}") if value else "0"


def _age(begin: datetime) -> str:
    return duration(max(timezone.now() - begin, timedelta(0)) / timedelta(milliseconds=1))


def _day(day: date) -> str:
    return f"{day:%b} {day.day}"


# -- runs ------------------------------------------------------------------------------------------

_RUNNING, _QUEUED, _WAITING = Run.Status.RUNNING, Run.Status.QUEUED, Run.Status.WAITING
_ENDED = {
    Run.Status.SUCCEEDED: "succeeded",
    Run.Status.FAILED: "failed",
    Run.Status.CANCELLED: "cancelled",
}


def _runs(is_new: bool) -> list[Section]:
    if is_new:
        return [
            Section("runs", "Runs", "How many runs are at work, and how those of each day ended."),
            Section("failures", "Failures", "Failed runs by their error code."),
            Section(
                "queue", "Queue and workers", "How many runs are queued, and who executes them."
            ),
        ]
    now = overview.unfinished()
    counted = overview.runs_by_day()
    return [_run_section(now, counted), _failures(counted), _queue(now)]


def _run_section(now: overview.Unfinished, counted: list[overview.RunCount]) -> Section:
    today, week = _since("created_at", overview.today()), _since("created_at", overview.week())
    of_today = [row for row in counted if row.day == overview.days()[-1]]
    figures = [
        (_number(now.counts.get(status, 0), Run, status=status), label)
        for status, label in ((_RUNNING, "running now"), (_WAITING, "waiting for approval"))
    ]
    figures.append((_number(_sum(of_today), Run, **today), "today"))
    for status, label in _ENDED.items():
        if number := _sum(row for row in of_today if row.status == status):
            figures.append((_number(number, Run, status=status, **today), f"{label} today"))
    figures.append((_number(_sum(counted), Run, **week), "in the past 7 days"))
    points = [_point_of_day(day, counted) for day in overview.days()]
    drawn = [charts.bars("Runs a day", points)] if counted else []
    return Section("runs", "Runs", figures=figures, charts=drawn)


def _point_of_day(day: date, counted: list[overview.RunCount]) -> Point:
    rows = [row for row in counted if row.day == day]
    failed = _sum(row for row in rows if row.status == Run.Status.FAILED)
    text = count(_sum(rows), "run") + (f", {failed:,} failed" if failed else "")
    address = _list(Run, **_of_day("created_at", day)) if rows else ""
    return Point(_day(day), _sum(rows), text, address=address)


def _sum(rows: Iterable[overview.RunCount]) -> int:
    return sum(row.number for row in rows)


def _failures(counted: list[overview.RunCount]) -> Section:
    failed = [row for row in counted if row.status == Run.Status.FAILED]
    of_week = {code: _sum(row for row in failed if row.code == code) for code in _codes(failed)}
    today = overview.days()[-1]
    rows: list[Sequence[Cell]] = [
        (
            code or "without a code",
            _failed(
                _sum(row for row in failed if (row.code, row.day) == (code, today)), code, True
            ),
            _failed(number, code, False),
        )
        for code, number in sorted(of_week.items(), key=lambda item: -item[1])
    ]
    nothing = "No run failed today or in the seven days before."
    head = ("Code", "Today", "Past 7 days")
    return Section("failures", "Failures", nothing, table=[head, *rows] if rows else ())


def _codes(failed: list[overview.RunCount]) -> set[str]:
    return {row.code for row in failed}


def _failed(number: int, code: str, is_today: bool) -> Cell:
    since = _since("created_at", overview.today() if is_today else overview.week())
    return _number(number, Run, status=Run.Status.FAILED, error_code=code, **since)


def _queue(now: overview.Unfinished) -> Section:
    queued = now.counts.get(_QUEUED, 0)
    figures: list[tuple[Cell, str]] = [(_number(queued, Run, status=_QUEUED), "queued")]
    if queued:
        oldest = link(_list(Run, status=_QUEUED), _age(now.oldest[_QUEUED]))
        figures.append((oldest, "oldest in the queue"))
    workers = [*overview.registered_workers(), *overview.lease_holders()]
    rows = [
        (
            worker.name,
            _held(worker),
            f"{_age(worker.seen_at)} ago{'' if worker.is_alive else ': dead'}",
        )
        for worker in workers
    ]
    table = [("Process", "Runs", "Last sign of life"), *rows] if rows else ()
    return Section("queue", "Queue and workers", figures=figures, table=table)


def _held(worker: overview.Worker) -> Cell:
    if not worker.owner:
        return f"{worker.runs:,}"
    return _number(worker.runs, Run, status=_RUNNING, lease_owner=worker.owner)


def _people(is_new: bool) -> list[Section]:
    found = waiting.people(overview.MAX_ROWS)
    rows = [
        (
            link(_list(Run, waits_for=person.id), person.name),
            _number(person.plans, Run, waits_for=person.id, status=_WAITING),
            _number(person.questions, Run, waits_for=person.id, left_open=Run.LeftOpen.QUESTION),
            _number(person.failures, Run, waits_for=person.id, left_open=Run.LeftOpen.FAILURE),
            _age(person.since),
        )
        for person in found
    ]
    nothing = "Nothing waits for anybody."
    if is_new:
        nothing = "Plans to approve, questions and failed runs, by the person for whom they wait."
    head = ("Person", "Plans", "Questions", "Failures", "For")
    return [Section("people", "Waiting for people", nothing, table=[head, *rows] if rows else ())]


# -- durations, models, memories, feedback ----------------------------------------------------------


def _phases(is_new: bool) -> list[Section]:
    nothing = "How long the phases of runs usually take."
    return [_spread("phases", "Slowest phases", nothing, PhaseResult, overview.phase_times())]


def _tools(is_new: bool) -> list[Section]:
    nothing = "How long the tools in plans usually take."
    return [_spread("tools", "Slowest tools", nothing, PlanStep, overview.tool_times())]


def _spread(
    key: str, title: str, nothing: str, model: type[Model], times: list[overview.Spread]
) -> Section:
    name = "phase" if model is PhaseResult else "tool"
    points = [
        Point(
            time.name,
            time.median_ms,
            f"{duration(time.median_ms)}, 9 of 10 within {duration(time.high_ms)}",
            f"phase-{time.name}" if model is PhaseResult else "",
            _list(model, **{name: time.name}),
        )
        for time in times
    ]
    drawn = charts.shares(f"Median of the latest {overview.LATEST:,}", points) if points else None
    return Section(key, title, nothing, charts=[drawn] if drawn else ())


def _models(is_new: bool) -> list[Section]:
    nothing = "No calls to a model today."
    if is_new:
        nothing = "Calls to models, their tokens and their cost."
    if not settings.SAMURAI_KEEP_PROMPTS_DAYS:
        nothing = "Calls to models are not kept: SAMURAI_KEEP_PROMPTS_DAYS is 0."
    used = overview.model_use()
    today = _since("started_at", overview.today())
    rows = [
        (
            link(_list(ModelCall, model=use.model, **today), use.model or "without a name"),
            _number(use.calls, ModelCall, model=use.model, **today),
            _number(use.failed, ModelCall, model=use.model, outcome="failed", **today),
            f"{use.input_tokens:,}",
            f"{use.output_tokens:,}",
            prices.shown(prices.cost(use.model, use.input_tokens, use.output_tokens)),
        )
        for use in used
    ]
    head = ("Model", "Calls", "Failed", "Tokens in", "Tokens out", "Cost")
    table = [head, *rows] if rows else ()
    return [Section("models", "Calls to models today", nothing, table=table)]


_ACTIONS = {
    MemoryRevision.Action.CREATED: "new",
    MemoryRevision.Action.UPDATED: "updated",
    MemoryRevision.Action.DELETED: "deleted",
}


def _memories(is_new: bool) -> list[Section]:
    nothing = "No memory changed today or in the seven days before."
    if is_new:
        nothing = "What the agent remembers each day."
    changes = overview.memory_changes()
    if not changes:
        return [Section("memories", "Memories", nothing)]
    week = _since("created_at", overview.week())
    figures = [
        (
            _number(
                sum(changes.get(action, {}).values()), MemoryRevision, action__exact=action, **week
            ),
            label,
        )
        for action, label in _ACTIONS.items()
    ]
    made = changes.get(MemoryRevision.Action.CREATED, {})
    points = [_point_of_memories(day, made.get(day, 0)) for day in overview.days()]
    drawn = [charts.bars("New memories a day", points)]
    return [Section("memories", "Memories in the past 7 days", figures=figures, charts=drawn)]


def _point_of_memories(day: date, number: int) -> Point:
    of_day = _of_day("created_at", day)
    address = _list(MemoryRevision, action__exact=MemoryRevision.Action.CREATED, **of_day)
    return Point(_day(day), number, f"{number:,} new", address=address if number else "")


def _feedback(is_new: bool) -> list[Section]:
    nothing = "No ratings today or in the seven days before."
    if is_new:
        nothing = "How people rate what the agent did."
    thumbs = overview.thumbs()
    if not thumbs:
        return [Section("feedback", "Feedback", nothing)]
    week = _since("created_at", overview.week())
    up, down = (thumbs.get(value, 0) for value in (1, -1))
    figures: list[tuple[Cell, str]] = [
        (link(_list(Feedback, **week), f"{round(100 * up / (up + down))} %"), "found it helpful"),
        (_number(up, Feedback, value__exact=1, **week), "helpful"),
        (_number(down, Feedback, value__exact=-1, **week), "not helpful"),
    ]
    return [Section("feedback", "Feedback in the past 7 days", figures=figures)]


# Each with the models that a member of staff may view to see it.
_SECTIONS: Sequence[tuple[Sequence[str], Callable[[bool], list[Section]]]] = (
    (("run",), _runs),
    (("run",), _people),
    (("phaseresult",), _phases),
    (("planstep",), _tools),
    (("modelcall",), _models),
    (("memory", "memoryrevision"), _memories),
    (("feedback",), _feedback),
)
