"""The figures of a period: exact, of the right runs, and unknown where nothing is known."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agent.analytics import report
from agent.analytics.period import MAX_DAYS, Period, choose, latest, zone_named
from agent.analytics.queries import Scope
from agent.analytics.report import Report, TimeRow
from agent.models import Approval, ChatSession, Feedback, PhaseResult, PlanStep, Project
from tests.support.past_runs import make_run, make_steps, moment

pytestmark = pytest.mark.django_db

UTC, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")


def made(first: int = 10, last: int = 19, project: UUID | None = None, zone: Any = UTC) -> Report:
    """Returns the report of days in March 2026."""
    return report.make(Scope(Period(date(2026, 3, first), date(2026, 3, last), zone), project))


def named(rows: list[TimeRow], name: str) -> TimeRow:
    (row,) = [row for row in rows if row.name == name]
    return row


def test_percentiles_are_values_that_were_measured(session: ChatSession) -> None:
    for took in range(1, 101):
        make_run(session, moment(12), took=took * 10, phases={"planning": took})
    found = made()
    assert (found.time.p50_ms, found.time.p95_ms, found.time.max_ms) == (500, 950, 1000)
    planning = named(found.phases, "planning")
    assert (planning.number, planning.p50_ms, planning.p95_ms, planning.max_ms) == (
        100,
        50,
        95,
        100,
    )
    assert planning.total_ms == 5050


def test_the_period_before_is_only_for_the_comparison(session: ChatSession) -> None:
    for _ in range(10):
        make_run(session, moment(12), phases={"planning": 300}, took=2000)
        make_run(session, moment(5), phases={"planning": 200}, took=1000)
    make_run(session, moment(20), phases={"planning": 9000})  # after the period
    planning = named(made().phases, "planning")
    assert (planning.number, planning.p50_before_ms, planning.change) == (10, 200, 50.0)
    assert (made().runs.number, made().runs.before, made().time.change) == (10, 10, 100.0)


def test_few_values_are_not_compared(session: ChatSession) -> None:
    for _ in range(9):
        make_run(session, moment(12), phases={"planning": 300})
        make_run(session, moment(5), phases={"planning": 200})
    planning = named(made().phases, "planning")
    assert (planning.p50_before_ms, planning.change) == (200, None)


def test_a_project_has_its_own_figures(session: ChatSession, bob: User) -> None:
    other = ChatSession.objects.create(project=Project.objects.create(name="Other", owner=bob))
    make_run(session, moment(12), took=1000, phases={"planning": 100})
    make_run(
        other, moment(12), took=5000, phases={"planning": 900}, status="failed", error_code="x"
    )
    found = made(project=session.project_id)
    assert (found.runs.number, found.runs.failed, found.failures) == (1, 0, [])
    assert named(found.phases, "planning").max_ms == 100
    assert [run.ms for run in found.slowest] == [1000]
    assert [total.name for total in found.projects] == ["Clinic booking"]
    assert made().runs.number == 2


def test_the_days_are_those_of_the_time_zone(session: ChatSession) -> None:
    make_run(session, moment(12, hour=23, minute=30))
    assert [row.day.day for row in made().days if row.runs] == [12]
    assert [row.day.day for row in made(zone=BERLIN).days if row.runs] == [13]
    assert made(first=13, last=13, zone=BERLIN).runs.number == 1


def test_a_day_in_which_the_clocks_change_is_one_day(session: ChatSession) -> None:
    make_run(session, moment(29, hour=21, minute=59))  # 23:59 in Berlin, where the day has 23 hours
    make_run(session, moment(29, hour=22, minute=1))
    days = made(first=28, last=31, zone=BERLIN).days
    assert [(row.day.day, row.runs) for row in days] == [(28, 0), (29, 1), (30, 1), (31, 0)]


def test_a_long_period_is_shown_by_the_week(session: ChatSession) -> None:
    make_run(session, moment(12), status="failed")
    period = Period(date(2026, 1, 1), date(2026, 3, 31), UTC)
    days = report.make(Scope(period)).days
    assert len(days) == 13
    assert [(row.day, row.failed) for row in days if row.runs] == [(date(2026, 3, 12), 1)]


def test_a_wait_for_approval_is_no_time_of_the_run(session: ChatSession) -> None:
    run = make_run(session, moment(12), took=60_000)
    make_steps(run)
    plan = run.plans.get()
    approval = Approval.objects.create(run=run, plan=plan, status="approved")
    Approval.objects.filter(pk=approval.pk).update(
        requested_at=moment(12), decided_at=moment(12) + timedelta(seconds=50)
    )
    assert made().time.p50_ms == 10_000


def test_what_a_retry_takes_over_counts_once(session: ChatSession) -> None:
    failed = make_run(
        session, moment(12), status="failed", error_code="run_timeout", phases={"planning": 100}
    )
    make_steps(failed, ("create_task", 40, "succeeded"))
    retry = make_run(session, moment(12, minute=5), retry_of=failed)
    PhaseResult.objects.create(run=retry, phase="planning", started_at=moment(12), duration_ms=100)
    make_steps(retry, ("create_task", 0, "succeeded"))
    step = PlanStep.objects.get(plan__run=failed)
    PlanStep.objects.filter(plan__run=retry).update(
        started_at=step.started_at, finished_at=step.finished_at
    )
    found = made()
    assert named(found.phases, "planning").number == 1
    assert named(found.tools, "create_task").number == 1
    assert found.runs.retries == 1
    (failure,) = found.failures
    assert (failure.code, failure.number, failure.retried, failure.recovered) == (
        *("run_timeout", 1, 1, 1),
    )


def test_a_tool_has_the_times_of_its_successes_and_its_failures(session: ChatSession) -> None:
    run = make_run(session, moment(12))
    make_steps(
        run,
        *[("fetch", 100, "succeeded"), ("fetch", 300, "succeeded"), ("fetch", 9000, "failed")],
        *[("", 50, "succeeded"), ("create_task", 10, "skipped")],
    )
    tools = {row.name: row for row in made().tools}
    assert tools.keys() == {"fetch", "compose"}
    assert (tools["fetch"].number, tools["fetch"].failed, tools["fetch"].max_ms) == (3, 1, 300)


def test_it_is_told_how_often_the_estimate_held(session: ChatSession) -> None:
    for took in (100, 200, 300, 400):
        make_run(session, moment(12), phases={"planning": took}, band=(150, 350))
    make_run(session, moment(12), phases={"planning": 900})  # without an estimate
    planning = named(made().phases, "planning")
    assert (planning.number, planning.estimated, planning.inside_share) == (5, 4, 50.0)


def test_readings_are_no_phases(session: ChatSession) -> None:
    make_run(session, moment(12), phases={"planning": 100, "reading:r1": 50})
    assert [row.name for row in made().phases] == ["planning"]


def test_the_cost_is_unknown_where_a_price_is(
    session: ChatSession, alice: User, settings: Any
) -> None:
    settings.SAMURAI_MODEL_PRICES = {"cheap": (Decimal(1), Decimal(2))}
    used = {"calls": 2, "input_tokens": 1_000_000, "output_tokens": 500_000}
    make_run(session, moment(12), model="cheap", usage=used, created_by=alice)
    whole = made()
    assert (whole.total.cost, whole.total.is_whole) == (Decimal(2), True)
    assert [(one.name, one.cost) for one in whole.people] == [("alice", Decimal(2))]
    make_run(session, moment(12), model="free", usage=used, created_by=alice)
    make_run(session, moment(12), model="offline")  # asks no model
    part = made()
    assert (part.total.cost, part.total.is_whole, part.total.calls) == (Decimal(2), False, 4)
    settings.SAMURAI_MODEL_PRICES = {}
    assert made().total.cost is None


def test_calls_that_a_server_counts_no_tokens_of_have_no_cost(
    session: ChatSession, settings: Any
) -> None:
    settings.SAMURAI_MODEL_PRICES = {"m": (Decimal(1), Decimal(2))}
    make_run(session, moment(12), usage={"calls": 1, "input_tokens": 0, "output_tokens": 0})
    assert (made().total.cost, made().total.is_whole) == (None, False)
    used = {"calls": 1, "input_tokens": 1_000_000, "output_tokens": 0}
    make_run(session, moment(12), usage=used)
    assert (made().total.cost, made().total.is_whole) == (Decimal(1), False)


def test_progress_is_told_by_updates_silence_and_the_first_one(session: ChatSession) -> None:
    for number in (1, 2, 3):
        at = moment(12)
        started = at + timedelta(seconds=number)
        make_run(session, at, started_at=started, updates=10 * number, silence_ms=1000 * number)
    make_run(session, moment(12), took=50)  # from before these figures were kept
    found = made()
    rows = {row.name: (row.number, row.p50_ms, row.max_ms) for row in found.progress}
    assert rows["updates"] == (3, 20, 30)
    assert rows["silence"] == (3, 2000, 3000)
    assert rows["first"] == (4, 1000, 3000)
    assert [run.ms for run in found.most_silent] == [3000, 2000, 1000]


def test_feedback_is_told_by_what_it_is_on(session: ChatSession, alice: User, bob: User) -> None:
    run, older = make_run(session, moment(12)), make_run(session, moment(5))
    for of, user, target, value in (
        (run, alice, "answer", 1),
        (run, bob, "answer", -1),
        (run, alice, "progress", 1),
        (run, alice, "s1", -1),
        (older, alice, "answer", -1),
    ):
        Feedback.objects.create(run=of, user=user, target=target, value=value)
    rows = {row.target: row for row in made().opinions}
    assert (rows["answer"].share, rows["answer"].share_before) == (50.0, 0.0)
    assert (rows["progress"].helpful, rows["progress"].share_before) == (1, None)
    assert rows["step"].not_helpful == 1


def test_a_period_without_runs_has_no_figures(session: ChatSession) -> None:
    found = made()
    assert (found.runs.number, found.runs.failed_share) == (0, None)
    assert (found.time.p50_ms, found.findings, found.phases, found.opinions) == (None, [], [], [])
    assert found.total.cost is None


def test_a_chosen_period_is_of_days_that_exist() -> None:
    assert choose(None, None, UTC) == latest(30, UTC)
    assert choose(None, date(2026, 3, 30), UTC).first == date(2026, 3, 1)
    assert choose(date(2026, 3, 1), None, UTC).last == timezone.now().date()
    for first, last, said in (
        (date(2026, 3, 2), date(2026, 3, 1), "after"),
        (date(2020, 1, 1), date(2026, 1, 1), str(MAX_DAYS)),
        (date(1, 1, 1), date(1, 1, 2), "between"),
        (None, date(9999, 12, 31), "between"),
    ):
        with pytest.raises(ValueError, match=said):
            choose(first, last, UTC)
    for name in ("", "Nowhere/City", "../../etc/passwd", "/etc/passwd", "a\0b"):
        assert zone_named(name) is None
