"""After a step failed, what is left is planned anew: once, keeping what was done, and like any plan."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import User

from agent.engine import local
from agent.exceptions import ModelUnavailable, Refused, ToolFailed
from agent.models import ChatSession, Memory, PlanStep, Project, Run, Task
from agent.runs import approvals, rerun, runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, ended, log_of, make_tasks, plan, result_of, use
from tests.support.tools import Flaky, having

pytestmark = pytest.mark.django_db(transaction=True)

DO_IT = MessageRequest("Do it")
FIRST = plan(create("s1", "Login"), use("s2", "fail", "s1"), create("s3", "After it", "s2"))


@pytest.fixture
def failing() -> Any:
    with having("fail", Flaky(*[ToolFailed("No such page.")] * 9)):
        yield


async def carried_out(
    session: ChatSession, user: User, *plans: Any, order: MessageRequest = DO_IT
) -> tuple[Run, ScriptedModel]:
    """Returns the run when it is over or waits."""
    model = ScriptedModel(plans=plans)
    async with local.executing(model):
        run = await runs.start(session.pk, user, order)
        while run.status in (Run.Status.QUEUED, Run.Status.RUNNING):
            await run.arefresh_from_db()
            await asyncio.sleep(0.01)
    return run, model


def asked(model: ScriptedModel) -> list[Any]:
    return [given for verb, given in model.asked if verb == "plan"]


async def asked_about(run: Run, revision: int) -> None:
    while not await run.approvals.filter(plan__revision=revision, status="requested").aexists():
        await asyncio.sleep(0.02)


async def steps_of(run: Run, revision: int) -> dict[str, str]:
    rows = PlanStep.objects.filter(plan__run=run, plan__revision=revision)
    return {step.key: step.status async for step in rows}


async def titles() -> list[str]:
    return [title async for title in Task.objects.values_list("title", flat=True)]


@pytest.mark.usefixtures("failing")
async def test_what_is_left_is_planned_anew_and_what_was_done_stays(
    session: ChatSession, alice: User
) -> None:
    second = plan(create("s4", "Instead", "s1"), create("s5", "After that", "s4"))
    run, model = await carried_out(session, alice, FIRST, second)
    assert run.status == "succeeded"
    assert await steps_of(run, 1) == {"s1": "succeeded", "s2": "failed", "s3": "skipped"}
    assert await steps_of(run, 2) == {"s1": "succeeded", "s4": "succeeded", "s5": "succeeded"}
    assert await titles() == ["Login", "Instead", "After that"]  # the first one once
    _, revise = asked(model)
    assert "step s2 (fail s2) did not succeed: No such page." in revise.reasons
    assert any(reason.startswith("step s1 (Create “Login”) is done") for reason in revise.reasons)
    assert not revise.by_person
    outcome = next(given for verb, given in model.asked if verb == "answer")
    assert [(step.id, step.status) for step in outcome.steps] == [
        ("s2", "failed"),
        ("s1", "succeeded"),
        ("s4", "succeeded"),
        ("s5", "succeeded"),
    ]


@pytest.mark.usefixtures("failing")
async def test_the_log_tells_of_it_and_shows_the_new_plan_with_what_is_done(
    session: ChatSession, alice: User
) -> None:
    second = plan(use("s4", "create_task", "s1", title="Sub", parent=result_of("s1", "task_id")))
    await carried_out(session, alice, FIRST, second)
    log = await log_of(session)
    assert (await Task.objects.aget(title="Sub")).parent_id is not None
    first, again = (e["plan"] for e in log if e["type"] == "plan")
    assert [step["status"] for step in first["steps"]] == ["pending"] * 3
    assert [(step["id"], step["status"]) for step in again["steps"]] == [
        ("s1", "succeeded"),
        ("s4", "pending"),
    ]
    place = next(e["seq"] for e in log if e["type"] == "plan" and e["plan"]["revision"] == 2)
    kept = log[place]["step"]  # the event behind it
    assert (kept["id"], kept["status"], kept["result"]["title"]) == ("s1", "succeeded", "Login")
    told = [e["progress"] for e in log if e["type"] == "progress"]
    assert [
        (one["message"], one["details"], one["metadata"])
        for one in told
        if one["step"] == "replanning"
    ] == [
        ("🔁 Replanning...", "“fail s2” failed", {"phase": "started"}),
        ("🔁 Plan revised", "1 new step", {"phase": "finished"}),
    ]


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize(
    "second",
    [
        FIRST,  # the same would fail the same way
        plan({"id": "s1", "type": "answer", "description": "Give up"}),
        plan(create("s4", "A", "s9")),  # not valid, and it stays so
        {"summary": "", "steps": "none"},
        ModelUnavailable("The model's server is away."),
    ],
    ids=["same", "words", "invalid", "no plan", "model away"],
)
async def test_when_nothing_better_comes_the_run_ends_with_what_was_done(
    session: ChatSession, alice: User, second: Any
) -> None:
    run, _ = await carried_out(session, alice, FIRST, second)
    assert run.status == "succeeded"
    assert await run.plans.acount() == 1
    assert await titles() == ["Login"]


@pytest.mark.usefixtures("failing")
async def test_an_invalid_new_plan_is_mended_once(session: ChatSession, alice: User) -> None:
    bad, good = plan(create("s4", "Bad", "s9")), plan(create("s4", "Good", "s1"))
    run, model = await carried_out(session, alice, FIRST, bad, good)
    assert run.status == "succeeded"
    assert await titles() == ["Login", "Good"]
    assert "step s4: depends on s9, which is not a step" in asked(model)[2].reasons


@pytest.mark.usefixtures("failing")
async def test_it_is_planned_anew_only_once(session: ChatSession, alice: User) -> None:
    plans = [FIRST, plan(use("s4", "fail")), plan(create("s5", "Third"))]
    run, model = await carried_out(session, alice, *plans)
    assert run.status == "succeeded"
    assert len(asked(model)) == 2
    assert await titles() == ["Login"]


@pytest.mark.usefixtures("failing")
async def test_a_new_plan_may_repeat_what_is_done_and_does_not_do_it_again(
    session: ChatSession, alice: User
) -> None:
    second = plan(create("s1", "Login again"), create("s4", "Instead", "s1"))
    run, _ = await carried_out(session, alice, FIRST, second)
    assert await titles() == ["Login", "Instead"]
    assert await steps_of(run, 2) == {"s1": "succeeded", "s4": "succeeded"}


# -- asked about like any plan ---------------------------------------------------------------------


@pytest.mark.usefixtures("failing")
async def test_a_new_plan_that_needs_a_word_waits_for_it(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Old")
    run, _ = await carried_out(session, alice, FIRST, plan(use("s4", "delete_task", task="Old")))
    assert run.status == "waiting"
    told = [e["approval"] for e in await log_of(session) if e["type"] == "approval"]
    assert told[0]["plan_revision"] == 2
    assert [effect["step"] for effect in told[0]["effects"]] == ["s4"]  # not what is done
    nothing_more = ScriptedModel(plans=[RuntimeError("planned again")])
    async with local.executing(nothing_more):
        await approvals.approve(session.pk, run.pk, 2, alice)
        assert (await ended(run)).status == "succeeded"
    assert await titles() == ["Login"]


@pytest.mark.usefixtures("failing")
async def test_deletions_before_and_after_count_together(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Old page", "Old button")
    first = plan(use("s1", "delete_task", task="Old page"), use("s2", "fail"))
    second = plan(use("s3", "delete_task", task="Old button"))
    order = MessageRequest("Delete the task Old page")
    run, _ = await carried_out(session, alice, first, second, order=order)
    assert (await run.approvals.aget()).reason == "Deletes 2 tasks."


@pytest.mark.usefixtures("failing")
async def test_a_rejected_new_plan_is_made_anew_and_keeps_what_was_done(
    session: ChatSession, alice: User
) -> None:
    order = MessageRequest("Do it", approval="required")
    run, _ = await carried_out(session, alice, FIRST, order=order)
    model = ScriptedModel(plans=[plan(create("s4", "Second")), plan(create("s5", "Third"))])
    async with local.executing(model):
        await approvals.approve(session.pk, run.pk, 1, alice)
        await asked_about(run, 2)
        await approvals.reject(session.pk, run.pk, 2, alice, "Call it the third")
        await asked_about(run, 3)
        await approvals.approve(session.pk, run.pk, 3, alice)
        assert (await ended(run)).status == "succeeded"
    assert asked(model)[1].reasons[0] == "Call it the third"
    assert asked(model)[1].by_person
    assert await titles() == ["Login", "Third"]
    assert await steps_of(run, 3) == {"s1": "succeeded", "s5": "succeeded"}


@pytest.mark.usefixtures("failing")
async def test_an_edit_of_a_new_plan_cannot_undo_what_was_done(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Old")
    run, _ = await carried_out(session, alice, FIRST, plan(use("s4", "delete_task", task="Old")))
    done, instead = create("s1", "Login"), create("s4", "New", "s1")
    for steps in ([instead], [create("s1", "Other"), instead]):
        with pytest.raises(Refused, match="step s1") as refused:
            await approvals.edit(session.pk, run.pk, 2, alice, steps)
        assert refused.value.code == "invalid_plan"
    await approvals.edit(session.pk, run.pk, 2, alice, [done, instead])
    async with local.executing(ScriptedModel()):
        await approvals.approve(session.pk, run.pk, 3, alice)
        assert (await ended(run)).status == "succeeded"
    assert await titles() == ["Old", "Login", "New"]


# -- resumed ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("failing")
async def test_a_run_that_is_carried_on_after_it_was_planned_anew_is_not_planned_a_third_time(
    session: ChatSession, alice: User
) -> None:
    gate = asyncio.Event()
    second = plan(use("s4", "wait_here", "s1"), create("s5", "After it", "s4"))

    async def wait(call: Any, given: Any) -> str:
        await gate.wait()
        raise ToolFailed("Too late.")

    with having("wait_here", wait):
        async with local.executing(ScriptedModel(plans=[FIRST, second])):
            run = await runs.start(session.pk, alice, DO_IT)
            while not await PlanStep.objects.filter(key="s4", status="running").aexists():
                await asyncio.sleep(0.02)
        gate.set()
        third = ScriptedModel(plans=[plan(create("s6", "Third"))])
        async with local.executing(third) as runner:
            runner.wake(session.pk)
            assert (await ended(run)).status == "succeeded"
    assert asked(third) == []
    assert await steps_of(run, 2) == {"s1": "succeeded", "s4": "failed", "s5": "skipped"}
    assert await titles() == ["Login"]


@pytest.mark.usefixtures("failing")
async def test_a_run_that_broke_off_while_it_was_planned_anew_is_planned_anew_when_it_goes_on(
    session: ChatSession, alice: User
) -> None:
    never = asyncio.Event()
    first = ScriptedModel(plans=[FIRST, plan()])
    async with local.executing(first):
        run = await runs.start(session.pk, alice, DO_IT)
        while not asked(first):
            await asyncio.sleep(0.01)
        first.gates["plan"] = never
        while len(asked(first)) < 2:
            await asyncio.sleep(0.01)
    second = ScriptedModel(plans=[plan(create("s4", "Instead"))])
    async with local.executing(second) as runner:
        runner.wake(session.pk)
        assert (await ended(run)).status == "succeeded"
    assert len(asked(second)) == 1
    assert await titles() == ["Login", "Instead"]


@pytest.mark.usefixtures("failing")
async def test_a_retry_keeps_what_was_done_in_either_plan(
    session: ChatSession, alice: User
) -> None:
    second = plan(create("s4", "Instead"))
    model = ScriptedModel(plans=[FIRST, second], answers=[[ModelUnavailable("Away.")]])
    async with local.executing(model):
        failed = await ended(await runs.start(session.pk, alice, DO_IT))
    assert failed.status == "failed"
    async with local.executing(ScriptedModel(plans=[RuntimeError("planned again")])):
        again = await ended(await rerun.retry(session.pk, failed.pk, alice))
    assert again.status == "succeeded"
    assert await titles() == ["Login", "Instead"]
    assert not await Memory.objects.aexists()
