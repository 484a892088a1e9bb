"""A failed run goes on where it failed; a finished one can be answered anew."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.board import tasks
from agent.engine import local
from agent.event_log.payloads import StepComment
from agent.exceptions import ModelUnavailable, Refused
from agent.models import ChatSession, Run, Task
from agent.runs import approvals, ending, rerun, runs, steering
from agent.runs.runs import MessageRequest
from agent.runs.steering import Steer
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, ended, log_of, make_tasks, plan, status, use

pytestmark = pytest.mark.django_db(transaction=True)

AWAY = ModelUnavailable("The model's server is away.")


async def test_a_retry_goes_on_where_the_run_failed_and_repeats_nothing(
    session: ChatSession, alice: User
) -> None:
    first = ScriptedModel(plans=[plan(create("s1", "Login"))], answers=[[AWAY]])
    async with local.executing(first):
        failed = await ended(await runs.start(session.pk, alice, MessageRequest("Do it")))
        assert failed.status == "failed"
    # Both are asked at the same time: the answer may have failed before the notes came.
    has_notes = await failed.phases.filter(phase="memory").aexists()
    second = ScriptedModel(plans=[RuntimeError("planned again")], answers=[["It is there."]])
    async with local.executing(second):
        again = await ended(await rerun.retry(session.pk, failed.pk, alice))
    assert (again.status, again.retry_of_id, again.number) == ("succeeded", failed.pk, 2)
    assert await Task.objects.filter(title="Login").acount() == 1
    left = ["answer"] if has_notes else ["answer", "consolidate"]
    assert sorted(verb for verb, _ in second.asked) == left
    told = [event for event in await log_of(session) if event["run"] == str(again.pk)]
    assert told[0]["retry_of"] == str(failed.pk)
    resumed = next(e["progress"] for e in told if e["type"] == "progress")
    assert (resumed["step"], resumed["details"]) == ("resumed", "1 of 1 step already done")
    assert [e["type"] for e in told[1:3]] == ["plan", "step"]
    assert told[1]["plan"]["steps"][0]["status"] == "succeeded"
    assert told[-1]["type"] == "complete"


async def test_a_retry_of_a_cancelled_plan_carries_out_what_was_left(
    session: ChatSession, alice: User
) -> None:
    async with local.executing(ScriptedModel(plans=[plan(create("s1", "Login"))])):
        run = await runs.start(session.pk, alice, MessageRequest("Do it", approval="required"))
        await status(run, "waiting")
        await ending.cancel(session.pk, run.pk, alice)
        again = await rerun.retry(session.pk, run.pk, alice)
        await status(again, "waiting")  # nobody approved it yet
        await approvals.approve(session.pk, again.pk, 1, alice)
        assert (await ended(again)).status == "succeeded"
    assert await Task.objects.filter(title="Login").acount() == 1


async def test_two_clicks_on_retry_make_one_run(session: ChatSession, alice: User) -> None:
    async with local.executing(
        ScriptedModel(answers=[[AWAY]], plans=[plan(create("s1", "Login"))])
    ):
        failed = await ended(await runs.start(session.pk, alice, MessageRequest("Do it")))
    one = await rerun.retry(session.pk, failed.pk, alice)
    two = await rerun.retry(session.pk, failed.pk, alice)
    assert one.pk == two.pk
    assert await Run.objects.acount() == 2


async def test_what_has_not_failed_is_not_retried_and_what_is_not_over_not_regenerated(
    session: ChatSession, alice: User
) -> None:
    waiting = await runs.start(session.pk, alice, MessageRequest("Do it"))
    for again in (rerun.retry, rerun.regenerate):
        with pytest.raises(Refused) as refused:
            await again(session.pk, waiting.pk, alice)
        assert refused.value.code == "not_active"
        with pytest.raises(Refused) as refused:
            await again(session.pk, session.pk, alice)
        assert refused.value.code == "not_found"


async def test_a_regenerated_answer_starts_over(session: ChatSession, alice: User) -> None:
    model = ScriptedModel(plans=[plan(create("s1", "A")), plan(create("s1", "B"))])
    async with local.executing(model):
        run = await ended(await runs.start(session.pk, alice, MessageRequest("Do it")))
        again = await ended(await rerun.regenerate(session.pk, run.pk, alice))
    assert again.status == "succeeded"
    assert again.message_id == run.message_id
    assert [title async for title in Task.objects.values_list("title", flat=True)] == ["A", "B"]


async def test_a_retry_makes_the_plan_with_the_reason_for_which_it_was_rejected(
    session: ChatSession, alice: User
) -> None:
    first, second = plan(create("s1", "Login")), plan(create("s1", "Sign-in"))
    model = ScriptedModel(plans=[first, AWAY, second])
    async with local.executing(model):
        run = await runs.start(session.pk, alice, MessageRequest("Do it", approval="required"))
        await status(run, "waiting")
        comment = StepComment(step="s1", text="Call it Sign-in")
        await approvals.reject(session.pk, run.pk, 1, alice, "Other words", [comment])
        assert (await ended(run)).status == "failed"
        again = await rerun.retry(session.pk, run.pk, alice)
        await status(again, "waiting")
    last = [given for verb, given in model.asked if verb == "plan"][-1]
    assert last is not None
    assert last.reasons == ("Other words", "step s1 (Create “Login”): Call it Sign-in")


async def test_a_message_into_the_run_that_became_the_next_one_is_no_reason_of_the_retry(
    session: ChatSession, alice: User
) -> None:
    first = plan(create("s1", "Login"))
    model = ScriptedModel(plans=[first, AWAY, first])
    async with local.executing(model):
        run = await runs.start(session.pk, alice, MessageRequest("Do it", approval="required"))
        await status(run, "waiting")
        await steering.send(session.pk, run.pk, alice, Steer("Call it Sign-in"))
        assert (await ended(run)).status == "failed"
        following = await Run.objects.exclude(pk=run.pk).aget()
        await ending.cancel(session.pk, following.pk, alice)
        again = await rerun.retry(session.pk, run.pk, alice)
        await status(again, "waiting")
    assert [given for verb, given in model.asked if verb == "plan"][-1] is None


async def test_a_retry_after_a_rejection_in_between_repeats_no_step_either(
    session: ChatSession, alice: User
) -> None:
    """The plan was approved, done in part, asked about again and rejected; then the model failed."""
    (task,) = await make_tasks(session.project, "Login")
    text = use("s2", "update_task", "s1", task=str(task.pk), description="The model's text")
    first, second = create("s1", "Draft"), create("s3", "Another")
    async with local.executing(ScriptedModel(plans=[plan(first, text), AWAY, plan(first, second)])):
        run = await runs.start(session.pk, alice, MessageRequest("Do it", approval="required"))
        await status(run, "waiting")
        await sync_to_async(tasks.update_task)(task=task, description="Alice's own text")
        await approvals.approve(session.pk, run.pk, 1, alice)
        asked = run.approvals.filter(plan__revision=2)
        while not await asked.aexists():
            await asyncio.sleep(0.02)
        await approvals.reject(session.pk, run.pk, 2, alice, "Keep her text")
        assert (await ended(run)).status == "failed"
        again = await rerun.retry(session.pk, run.pk, alice)
        await status(again, "waiting")
        revision = await again.plans.acount()
        await approvals.approve(session.pk, again.pk, revision, alice)
        assert (await ended(again)).status == "succeeded"
    assert await Task.objects.filter(title="Draft").acount() == 1
