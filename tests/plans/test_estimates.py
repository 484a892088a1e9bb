"""How long things will take: from what successful runs took, and from nothing else."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agent.engine import local
from agent.event_log.phases import Phase
from agent.llm.base import Analysis
from agent.models import ChatSession, Message, PhaseResult, PlanStep, Project, Run
from agent.plan import Plan, Step, StepType
from agent.plans import estimates, past_durations, store
from agent.plans.estimates import SLOW_FLOOR, Estimate, RemainingTime, plan_estimate
from agent.runs import runs
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, log_of, plan, process

MODEL = "big-model"
TOOLS = {"create_task": 1000}
PHASES = dict.fromkeys(Phase, 100) | {Phase.MEMORY: 3000, Phase.COMPLETION: 2000}


def ran(session: ChatSession, times: int = past_durations.MIN_SAMPLES, **told: Any) -> list[Run]:
    return [_ran(session, **told) for _ in range(times)]


def _ran(
    session: ChatSession,
    *,
    model: str = MODEL,
    status: str = Run.Status.SUCCEEDED,
    phases: dict[Phase, int] = PHASES,
    tools: dict[str, int] = TOOLS,
    retry_of: Run | None = None,
) -> Run:
    """Makes the rows of a run whose phases and steps took so many milliseconds."""
    now = timezone.now()
    message = Message.objects.create(session=session, role="user", content="Do it")
    run = Run.objects.create(
        session=session,
        number=session.runs.count() + 1,
        message=message,
        model=model,
        status=status,
        started_at=now - timedelta(days=1),  # it waited for somebody all night
        finished_at=now,
        retry_of=retry_of,
    )
    for phase, took in phases.items():
        PhaseResult.objects.create(run=run, phase=phase, started_at=now, duration_ms=took)
    steps = tuple(Step(f"s{at}", StepType.TOOL, "", tool) for at, tool in enumerate(tools))
    revision, _ = store.save(run, Plan("", steps or (Step("s1", StepType.ANSWER, ""),)))
    for row, took in zip(revision.steps.exclude(tool=""), tools.values(), strict=True):
        row.status, row.started_at = PlanStep.Status.SUCCEEDED, now
        row.finished_at = now + timedelta(milliseconds=took)
        row.save()
    return run


def calls(*pairs: tuple[str, tuple[str, ...]], tool: str = "create_task") -> Plan:
    return Plan(
        "",
        tuple(
            Step(key, StepType.TOOL, "", tool, {"title": key}, depends_on=needs)
            for key, needs in pairs
        ),
    )


def median(estimate: Estimate | None) -> int | None:
    return estimate and estimate.median_ms


ONE = calls(("s1", ()))
# Of `PHASES`, what comes behind the steps.
BEHIND = 3000


def test_while_few_runs_tell_nothing_is_estimated(session: ChatSession) -> None:
    runs = ran(session, times=past_durations.MIN_SAMPLES - 1)
    assert plan_estimate(runs[0], ONE) is None
    ran(session, times=1)
    past_durations.clear_cache()
    assert median(plan_estimate(runs[0], ONE)) == 1000 + BEHIND


def test_only_runs_that_succeeded_tell_and_a_retried_one_is_not_counted_twice(
    session: ChatSession,
) -> None:
    (run,) = ran(session, times=1)
    ran(session, status=Run.Status.FAILED)
    ran(session, retry_of=run)
    assert plan_estimate(run, ONE) is None


def test_the_band_of_few_runs_is_wider_than_what_they_took(session: ChatSession) -> None:
    for took in (100, 600, 300, 400, 500, 200):
        ran(session, times=1, phases={**PHASES, Phase.ANALYZING: took})
    found = past_durations.history().phase(Phase.ANALYZING, MODEL, session.project_id, None)
    assert found is not None
    assert 50 < found.low_ms < 100
    assert 330 < found.median_ms < 370
    assert 600 < found.high_ms < 650


def test_the_project_counts_before_the_model_and_the_model_before_all(
    session: ChatSession, project: Project
) -> None:
    other = ChatSession.objects.create(
        project=Project.objects.create(name="Other", owner=project.owner)
    )
    ran(other, tools={"create_task": 5000, "search_tasks": 70})
    assert median(past_durations.history().tool("create_task", MODEL, project.pk)) == 5000
    ran(session, tools={"create_task": 1000})
    past_durations.clear_cache()
    history = past_durations.history()
    assert median(history.tool("create_task", MODEL, project.pk)) == 1000
    assert median(history.tool("create_task", MODEL, other.project_id)) == 5000
    assert median(history.tool("search_tasks", "another", project.pk)) == 70
    # Of as many calls that took five seconds and one second, the later ones count more.
    assert median(history.tool("create_task", "another", project.pk)) == 1000
    assert history.tool("delete_task", MODEL, project.pk) is None


def test_what_another_model_takes_says_nothing(session: ChatSession) -> None:
    ran(session, model="offline")
    (run,) = ran(session, times=1)
    assert plan_estimate(run, ONE) is None
    history = past_durations.history()
    assert history.phase(Phase.PLANNING, MODEL, session.project_id, True) is None
    assert history.phase(Phase.CONTEXT, MODEL, session.project_id, True) is not None


def test_a_question_is_not_judged_by_runs_that_used_tools(session: ChatSession) -> None:
    ran(session, tools={}, phases={**PHASES, Phase.PLANNING: 0})
    ran(session, phases={**PHASES, Phase.PLANNING: 4000})
    history, project = past_durations.history(), session.project_id
    assert median(history.phase(Phase.PLANNING, MODEL, project, False)) == 0
    assert median(history.phase(Phase.PLANNING, MODEL, project, True)) == 4000
    of_both = history.phase(Phase.PLANNING, MODEL, project, None)
    assert of_both is not None
    assert (of_both.low_ms, of_both.high_ms) == (0, 4000)


STEPS = [
    (calls(("a", ()), ("b", ()), ("c", ())), 1000),
    (calls(("a", ()), ("b", ("a",)), ("c", ("b",))), 3000),
    (calls(("a", ()), ("b", ("a",)), ("c", ("a",)), ("d", ("b", "c"))), 3000),
    (calls(*((f"s{number}", ()) for number in range(9))), 2000),  # eight at once
    (Plan("", (Step("s1", StepType.ANSWER, "Answer"),)), 0),
]


@pytest.mark.parametrize(("wanted", "took"), STEPS)
def test_steps_that_work_side_by_side_are_not_summed(
    session: ChatSession, wanted: Plan, took: int
) -> None:
    runs = [*ran(session), *ran(session, tools={})]
    assert median(plan_estimate(runs[0], wanted)) == took + BEHIND


def test_changes_of_the_same_task_follow_each_other(session: ChatSession) -> None:
    runs = ran(session, tools=dict.fromkeys(("update_task", "change_task_status"), 1000))
    rename = Step("s1", StepType.TOOL, "", "update_task", {"task": "Login", "title": "Sign-in"})
    mark = Step(
        "s2", StepType.TOOL, "", "change_task_status", {"task": "Login", "status": "blocked"}
    )
    assert median(plan_estimate(runs[0], Plan("", (rename, mark)))) == 2000 + BEHIND


def test_an_outlook_asks_the_database_nothing(
    session: ChatSession, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(session)
    monkeypatch.setattr(estimates, "time", SimpleNamespace(monotonic=lambda: 0.0))
    outlook = RemainingTime(past_durations.history(), MODEL, session.project_id, uses_tools=True)
    with django_assert_num_queries(0):
        usual = {"low_ms": 100, "median_ms": 100, "high_ms": 100}
        started = outlook.phase_started(Phase.START)
        assert started == {"slow_after_ms": SLOW_FLOOR, "usual": usual}  # there is no plan
        for phase in list(Phase)[:5]:
            outlook.phase_finished(phase)
        outlook.set_plan(calls(("s1", ()), ("s2", ("s1",))))
        started = outlook.phase_started(Phase.EXECUTION)
        assert started == {
            **_left(2000 + BEHIND),
            "slow_after_ms": SLOW_FLOOR,
            "usual": {"low_ms": 2000, "median_ms": 2000, "high_ms": 2000},
        }
        assert outlook.step_started("s1")["eta_ms"] <= 2000 + BEHIND
        assert outlook.step_ended("s1") == _left(1000 + BEHIND)
        assert outlook.step_ended("s2") == _left(BEHIND)
        outlook.phase_finished(Phase.EXECUTION)
        outlook.phase_started(Phase.MEMORY)
        assert outlook.phase_finished(Phase.MEMORY) == _left(2000)
        assert outlook.phase_started(Phase.COMPLETION)["slow_after_ms"] == SLOW_FLOOR
        assert outlook.phase_finished(Phase.COMPLETION) == _left(0)


def _left(ms: int) -> dict[str, Any]:
    return {"eta_ms": ms, "eta": Estimate(ms, ms, ms).as_json()}


def test_what_passed_of_a_step_is_not_waited_for_again(
    session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(session)
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(estimates, "time", SimpleNamespace(monotonic=lambda: clock.now))
    outlook = RemainingTime(past_durations.history(), MODEL, session.project_id, uses_tools=True)
    outlook.skip(*list(Phase)[:5])
    outlook.set_plan(calls(("s1", ()), ("s2", ())))
    outlook.phase_started(Phase.EXECUTION)
    outlook.step_started("s1")
    clock.now = 0.4
    assert outlook.step_started("s2")["eta_ms"] == 1000 + BEHIND
    assert outlook.step_ended("s2")["eta_ms"] == 600 + BEHIND
    clock.now = 5.0  # slower than ever: it is not known how long it will be
    assert median(outlook.left()) == BEHIND


def test_the_later_runs_count_more(session: ChatSession) -> None:
    for took in (*[1000] * 30, *[2000] * 30):
        ran(session, times=1, tools={"create_task": took})
    found = past_durations.history().tool("create_task", MODEL, session.project_id)
    assert median(found) == 2000


def history_of(past: list[tuple[int, int]]) -> past_durations.History:
    """Returns the history of runs, the newest first, with two calls of a tool in each."""
    history = past_durations.History(size=0)
    for number, took_of_run in enumerate(past):
        for took in took_of_run:
            history.add_tool(number, "fetch", MODEL, PROJECT, took)
    for phase in Phase:
        for number in range(past_durations.MIN_SAMPLES):
            history.add_phase(number, phase, MODEL, PROJECT, True, 0)
    return history


PROJECT = UUID(int=1)
# Calls of the same run take the same time, or a call says nothing about the next one.
TOGETHER = [(2000, 2000), (1000, 1000), (500, 500)] * 8
APART = [(2000, 500), (1000, 1000), (500, 2000)] * 8


@pytest.mark.parametrize(("past", "least", "most"), [(TOGETHER, 1700, 2100), (APART, 800, 1200)])
def test_what_a_run_has_shown_of_itself_tells_of_the_rest(
    past: list[tuple[int, int]], least: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=1.0)
    monkeypatch.setattr(estimates, "time", SimpleNamespace(monotonic=lambda: clock.now))
    outlook = RemainingTime(history_of(past), MODEL, PROJECT, uses_tools=True)
    outlook.skip(*(phase for phase in Phase if phase is not Phase.EXECUTION))
    outlook.set_plan(calls(("s1", ()), ("s2", ("s1",)), tool="fetch"))
    assert 1800 < (median(outlook.left()) or 0) < 2200
    outlook.step_started("s1")
    clock.now += 2.0  # twice as long as usual
    outlook.step_ended("s1")
    assert least < (median(outlook.left()) or 0) < most


def test_what_has_passed_the_quick_ones_is_a_slow_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=1.0)
    monkeypatch.setattr(estimates, "time", SimpleNamespace(monotonic=lambda: clock.now))
    outlook = RemainingTime(history_of([(1000, 1000), (1000, 5000)] * 6), MODEL, PROJECT, True)
    outlook.skip(*(phase for phase in Phase if phase is not Phase.EXECUTION))
    outlook.set_plan(calls(("s1", ()), ("s2", ()), tool="fetch"))
    outlook.step_started("s1")
    outlook.step_started("s2")
    clock.now += 1.5
    outlook.step_ended("s2", succeeded=False)
    assert median(outlook.left()) == 3500


def test_slow_is_what_takes_far_longer_than_usual(session: ChatSession) -> None:
    ran(session, phases={**PHASES, Phase.ANALYZING: 8000})
    outlook = RemainingTime(past_durations.history(), MODEL, session.project_id)
    assert outlook.phase_started(Phase.ANALYZING)["slow_after_ms"] == 12_000


@pytest.mark.django_db(transaction=True)
async def test_a_run_tells_when_it_will_be_done_as_soon_as_earlier_ones_tell(
    project: Project, session: ChatSession
) -> None:
    model = ScriptedModel(plans=[plan(create("s1", "Login"), create("s2", "Logout", "s1"))])
    for _ in range(past_durations.MIN_SAMPLES):
        await process(model, project, session)
    assert {metadata.get("eta_ms") for metadata in await _metadata(session)} == {None, 0}
    past_durations.clear_cache()
    fresh = await ChatSession.objects.acreate(project=project)
    await process(model, project, fresh)
    told = await _metadata(fresh)
    assert len(told) == 20
    has_plan = told.index(next(one for one in told if "eta" in one))
    assert not any("eta" in metadata for metadata in told[:has_plan])
    assert all(metadata["eta"]["low_ms"] <= metadata["eta_ms"] for metadata in told[has_plan:])
    started = [metadata["phase"] == "started" for metadata in told]
    assert ["slow_after_ms" in metadata for metadata in told] == started


@pytest.mark.django_db(transaction=True)
async def test_an_answer_in_words_tells_when_it_will_be_done_too(
    project: Project, session: ChatSession
) -> None:
    model = ScriptedModel(analyses=[Analysis("question", "A question", needs_tools=False)])
    for _ in range(past_durations.MIN_SAMPLES):
        await process(model, project, session)
    past_durations.clear_cache()
    fresh = await ChatSession.objects.acreate(project=project)
    await process(model, project, fresh)
    told = await _metadata(fresh)
    assert len(told) == 18
    assert [("eta" in metadata) for metadata in told] == [False] * 9 + [True] * 9
    assert not any("slow_after_ms" in metadata for metadata in told if "step_id" in metadata)


async def _metadata(session: ChatSession) -> list[dict[str, Any]]:
    log = await log_of(session)
    return [event["progress"]["metadata"] for event in log if event["type"] == "progress"]


@pytest.mark.django_db(transaction=True)
async def test_who_is_asked_about_a_plan_is_told_how_long_it_takes(
    project: Project, session: ChatSession, alice: User
) -> None:
    model = ScriptedModel(plans=[plan(create("s1", "Login"))])
    for _ in range(past_durations.MIN_SAMPLES):
        await process(model, project, session)
    past_durations.clear_cache()
    asking = await ChatSession.objects.acreate(project=project)
    async with local.executing(model, {asking.pk}):
        run = await runs.start(asking.pk, alice, runs.MessageRequest("Do it", approval="required"))
        while run.status in (Run.Status.QUEUED, Run.Status.RUNNING):
            await run.arefresh_from_db()
    told = next(e["approval"] for e in await log_of(asking) if e["type"] == "approval")
    assert set(told["estimate"]) == {"low_ms", "median_ms", "high_ms"}
    assert told["estimate"]["low_ms"] <= told["estimate"]["high_ms"]
