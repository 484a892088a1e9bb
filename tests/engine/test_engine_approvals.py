"""Runs that wait for a decision, under the local engine: approved, rejected, edited."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.engine import local, sweep
from agent.exceptions import Refused
from agent.models import Approval, ChatSession, PhaseResult, Project, Task
from agent.runs import approvals, ending, runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, ended, log_of, plan, status
from tests.support.steered_runs import ASK_FIRST

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_plan_that_waits_is_carried_out_when_it_is_approved(
    session: ChatSession, alice: User
) -> None:
    async with local.executing(ScriptedModel(plans=[plan(create("s1", "Login"))])):
        run = await runs.start(session.pk, alice, ASK_FIRST)
        await status(run, "waiting")
        assert run.lease_until is None
        assert not await Task.objects.aexists()
        with pytest.raises(Refused) as refused:
            await approvals.approve(session.pk, run.pk, 7, alice)
        assert refused.value.code == "stale_plan"
        await approvals.approve(session.pk, run.pk, 1, alice)
        with pytest.raises(Refused) as refused:
            await approvals.approve(session.pk, run.pk, 1, alice)
        assert refused.value.code == "not_active"
        assert (await ended(run)).status == "succeeded"
    assert await Task.objects.filter(title="Login").aexists()
    log = await log_of(session)
    told = [event["approval"]["status"] for event in log if event["type"] == "approval"]
    assert told == ["requested", "approved"]
    statuses = [event["status"] for event in log if event["type"] == "run"]
    assert statuses == ["queued", "running", "waiting", "running", "succeeded"]


async def test_a_waiting_run_goes_on_in_another_process_after_a_restart(
    session: ChatSession, alice: User
) -> None:
    async with local.executing(ScriptedModel(plans=[plan(create("s1", "Login"))])):
        run = await runs.start(session.pk, alice, ASK_FIRST)
        await status(run, "waiting")
    assert await sync_to_async(sweep.pending_sessions)() == []
    await approvals.approve(session.pk, run.pk, 1, alice)
    second = ScriptedModel(plans=[RuntimeError("planned again")])
    runner = local.LocalEngine(serving=True, model=second)
    await runner.start()
    try:
        assert (await ended(run)).status == "succeeded"
    finally:
        await runner.stop()


async def test_a_rejection_with_a_reason_makes_the_plan_anew(
    session: ChatSession, alice: User
) -> None:
    model = ScriptedModel(plans=[plan(create("s1", "Login")), plan(create("s1", "Sign-in"))])
    async with local.executing(model):
        run = await runs.start(session.pk, alice, ASK_FIRST)
        await status(run, "waiting")
        await approvals.reject(session.pk, run.pk, 1, alice, "Call it sign-in")
        while await run.approvals.acount() < 2:
            await asyncio.sleep(0.02)
        await approvals.approve(session.pk, run.pk, 2, alice)
        assert (await ended(run)).status == "succeeded"
    asked = [given for verb, given in model.asked if verb == "plan"]
    assert asked[1].reasons == ("Call it sign-in",)
    assert [task.title async for task in Task.objects.all()] == ["Sign-in"]


async def test_a_rejection_without_a_reason_cancels(session: ChatSession, alice: User) -> None:
    async with local.executing(ScriptedModel(plans=[plan(create("s1", "Login"))])):
        run = await runs.start(session.pk, alice, ASK_FIRST)
        await status(run, "waiting")
        await approvals.reject(session.pk, run.pk, 1, alice, "  ")
        assert (await ended(run)).status == "cancelled"
    last = (await log_of(session))[-1]
    assert (last["type"], last["by"], last["reason"]) == (
        "cancelled",
        "alice",
        "The plan was rejected.",
    )
    assert await Approval.objects.filter(status="requested").acount() == 0


async def test_an_edited_plan_is_validated_and_waits_again(
    session: ChatSession, alice: User
) -> None:
    async with local.executing(ScriptedModel(plans=[plan(create("s1", "Login"))])):
        run = await runs.start(session.pk, alice, ASK_FIRST)
        await status(run, "waiting")
        with pytest.raises(Refused) as refused:
            await approvals.edit(session.pk, run.pk, 1, alice, [create("s1", "A", "s2")])
        assert refused.value.code == "invalid_plan"
        await approvals.edit(session.pk, run.pk, 1, alice, [create("s1", "Edited")])
        with pytest.raises(Refused) as refused:
            await approvals.approve(session.pk, run.pk, 1, alice)
        assert refused.value.code == "stale_plan"
        await approvals.approve(session.pk, run.pk, 2, alice)
        assert (await ended(run)).status == "succeeded"
    assert [task.title async for task in Task.objects.all()] == ["Edited"]


async def test_a_plan_that_deletes_several_tasks_asks_and_one_that_deletes_one_does_not(
    session: ChatSession, alice: User, project: Project
) -> None:
    for title in ("A", "B", "C"):
        await Task.objects.acreate(project=project, number=ord(title), title=title)

    def delete(key: str, title: str) -> dict[str, Any]:
        step = create(key, title)
        return {**step, "tool": "delete_task", "arguments": {"task": title}}

    turns = [plan(delete("s1", "A"), delete("s2", "B")), plan(delete("s1", "C"))]
    async with local.executing(ScriptedModel(plans=turns)):
        run = await runs.start(session.pk, alice, MessageRequest("Delete A and B"))
        await status(run, "waiting")
        await ending.cancel(session.pk, run.pk, alice)
        run = await runs.start(session.pk, alice, MessageRequest("Delete C"))
        assert (await ended(run)).status == "succeeded"
    assert {task.title async for task in Task.objects.all()} == {"A", "B"}


async def test_phases_of_a_rejected_plan_are_done_anew_and_the_others_are_kept(
    session: ChatSession, alice: User
) -> None:
    async with local.executing(ScriptedModel(plans=[plan(create("s1", "Login"))])):
        run = await runs.start(session.pk, alice, ASK_FIRST)
        await status(run, "waiting")
    await approvals.reject(session.pk, run.pk, 1, alice, "No")
    kept = {phase async for phase in PhaseResult.objects.values_list("phase", flat=True)}
    assert kept == {"start", "context", "analyzing"}
