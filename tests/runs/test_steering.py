"""A message that is sent into a run changes its plan at the next step boundary."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.engine import local
from agent.exceptions import ModelUnavailable, Refused, ToolFailed
from agent.llm.base import Analysis, MemoryNote
from agent.memory import memories
from agent.models import ChatSession, Message, Project, Steering
from agent.runs import approvals, runs, steering
from agent.runs.steering import Steer
from agent.testing import ScriptedModel
from tests.support.scripted_runs import (
    create,
    ended,
    log_of,
    make_tasks,
    outcome,
    plan,
    status,
    use,
)
from tests.support.steered_runs import (
    ASK_FIRST,
    DO_IT,
    FIRST,
    MORE,
    SECOND,
    SECOND_ALONE,
    Listening,
    revisions,
    steered,
    steps_of,
    titles,
    told,
)
from tests.support.tools import Flaky, having

pytestmark = pytest.mark.django_db(transaction=True)

# -- while the plan is carried out -----------------------------------------------------------------


async def test_no_step_starts_before_the_plan_has_what_was_sent_into_the_run(
    session: ChatSession, alice: User
) -> None:
    model = Listening(plans=[FIRST, SECOND])
    run = await steered(session, alice, model, MORE)
    assert run.status == "succeeded"
    assert await steps_of(run, 1) == {"s1": "succeeded", "s2": "pending"}
    assert await steps_of(run, 2) == {"s1": "succeeded", "s3": "succeeded"}
    assert await titles() == ["Second"]
    _, revise = revisions(model)
    assert revise is not None
    assert revise.by_person
    assert revise.added == (MORE.content,)
    assert revise.reasons[0].endswith(MORE.content)
    assert revise.reasons[1].startswith("step s1 (wait_here s1) is done and stays in the plan")
    assert model.added == [("plan", ()), ("plan", (MORE.content,)), ("answer", (MORE.content,))]


async def test_the_log_tells_at_once_that_it_was_taken_and_later_that_it_took_effect(
    session: ChatSession, alice: User
) -> None:
    await steered(session, alice, ScriptedModel(plans=[FIRST, SECOND]), MORE)
    taken, applied = await told(session)
    message = await Message.objects.aget(content=MORE.content)
    assert taken["steering"] == {
        "id": str(message.pk),
        "status": "taken",
        "author": "alice",
        "content": MORE.content,
        "reason": "",
    }
    assert applied["steering"] == {
        "id": str(message.pk),
        "status": "applied",
        "plan_revision": 2,
        "reason": "",
    }
    log = [event for event in await log_of(session) if event["seq"] > taken["seq"]]
    shown = [event["type"] for event in log]
    assert shown.index("plan") < shown.index("steering")  # the plan, and that it has the message
    reported = [e["progress"]["details"] for e in log if e["type"] == "progress"]
    assert "With what alice sent into the run" in reported


async def test_several_messages_are_taken_up_together(session: ChatSession, alice: User) -> None:
    model = ScriptedModel(plans=[FIRST, SECOND])
    await steered(session, alice, model, Steer("One thing"), Steer("Another"))
    assert len(revisions(model)) == 2
    rows = [(row.status, row.plan_revision) async for row in Steering.objects.all()]
    assert rows == [("applied", 2)] * 2
    assert await session.runs.acount() == 1


async def test_a_run_whose_plan_stays_as_it_was_says_so_and_goes_on(
    session: ChatSession, alice: User
) -> None:
    run = await steered(session, alice, ScriptedModel(plans=[FIRST, FIRST]), Steer("Hurry up"))
    assert run.status == "succeeded"
    assert await titles() == ["First"]
    assert await run.plans.acount() == 1
    applied = (await told(session))[-1]
    assert applied["steering"]["plan_revision"] == 1
    assert applied["text"]["note"] == "Taken up. The rest of the plan stays as it was."


async def test_what_is_left_may_be_called_off(session: ChatSession, alice: User) -> None:
    nothing = plan({"id": "s3", "type": "answer", "description": "Say what was done"})
    run = await steered(session, alice, ScriptedModel(plans=[FIRST, nothing]), Steer("Stop there"))
    assert run.status == "succeeded"
    assert await titles() == []
    assert (await told(session))[-1]["steering"]["status"] == "applied"


async def test_a_new_plan_that_needs_approval_waits_for_it(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Old")
    second = plan(use("s3", "delete_task", task="Old"))
    run = await steered(session, alice, ScriptedModel(plans=[FIRST, second]), Steer("Tidy up"))
    assert run.status == "waiting"
    assert (await run.approvals.aget()).reason.startswith("Deletes #1 “Old”")
    assert await titles() == ["Old"]
    async with local.executing(ScriptedModel(plans=[RuntimeError("planned again")])):
        await approvals.approve(session.pk, run.pk, 2, alice)
        assert (await ended(run)).status == "succeeded"
    assert await titles() == []


async def test_a_deletion_that_was_asked_for_by_name_needs_none(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Login page")
    model = ScriptedModel(plans=[FIRST, plan(use("s3", "delete_task", task="Login page"))])
    run = await steered(session, alice, model, Steer("And delete the task “Login page”"))
    assert run.status == "succeeded"
    assert await titles() == []


async def test_a_plan_that_cannot_be_made_valid_goes_on_and_the_message_is_the_next_one(
    session: ChatSession, alice: User
) -> None:
    bad = plan(create("s4", "Bad", "s9"))
    model = ScriptedModel(plans=[FIRST, bad, bad, plan(create("s1", "Next"))])
    run = await steered(session, alice, model, MORE)
    assert run.status == "succeeded"
    assert (await titles())[0] == "First"
    follower = await session.runs.aget(number=2)
    assert follower.message_id == (await Message.objects.aget(content=MORE.content)).pk
    last = (await told(session))[-1]
    assert last["steering"]["next_run"] == str(follower.pk)
    assert last["steering"]["reason"] == "No valid plan was found with it."


async def test_when_the_model_fails_nothing_more_is_carried_out(
    session: ChatSession, alice: User
) -> None:
    model = ScriptedModel(plans=[FIRST, ModelUnavailable("Away.")])
    run = await steered(session, alice, model, MORE)
    assert run.status == "failed"
    assert await titles() == []
    assert await session.runs.acount() == 2  # the message is the next one


async def test_a_step_that_failed_is_planned_anew_with_it(
    session: ChatSession, alice: User
) -> None:
    first = plan(use("s1", "wait_here"), use("s2", "fail"), create("s4", "After it", "s2"))
    model = ScriptedModel(plans=[first, SECOND])
    with having("fail", Flaky(ToolFailed("No such page."))):
        run = await steered(session, alice, model, MORE)
    assert run.status == "succeeded"
    assert len(revisions(model)) == 2
    assert await titles() == ["Second"]


# -- before there is a plan ------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["analyze", "plan"])
async def test_it_is_part_of_what_the_plan_is_made_from(
    session: ChatSession, alice: User, phase: str
) -> None:
    """While the plan is being made, it is made anew as soon as it is there: no step starts before."""
    gate = asyncio.Event()
    made = [plan(create("s1", "First")), plan(create("s2", "Second"))]
    model = Listening(plans=made[phase == "analyze" :], gates={phase: gate})
    async with local.executing(model):
        run = await runs.start(session.pk, alice, DO_IT)
        while not [verb for verb, _ in model.asked if verb == phase]:
            await asyncio.sleep(0.01)
        await steering.send(session.pk, run.pk, alice, MORE)
        gate.set()
        assert (await ended(run)).status == "succeeded"
    assert await titles() == ["Second"]
    assert model.added[-1] == ("answer", (MORE.content,))
    assert (await told(session))[-1]["steering"]["plan_revision"] == 1 + (phase == "plan")


async def test_a_question_to_the_person_is_answered_by_it(
    session: ChatSession, alice: User
) -> None:
    gate = asyncio.Event()
    asks = Analysis("command", "Unclear", needs_tools=True, question="Which one?")
    model = ScriptedModel(
        analyses=[asks], plans=[plan(create("s1", "This one"))], gates={"analyze": gate}
    )
    async with local.executing(model):
        run = await runs.start(session.pk, alice, DO_IT)
        while not model.asked:
            await asyncio.sleep(0.01)
        await steering.send(session.pk, run.pk, alice, Steer("This one"))
        gate.set()
        run = await ended(run)
    assert await titles() == ["This one"]
    said = next(given for verb, given in model.asked if verb == "answer")
    assert said.question == ""


async def test_a_queued_run_takes_it_too(session: ChatSession, alice: User) -> None:
    run = await runs.start(session.pk, alice, DO_IT)
    await steering.send(session.pk, run.pk, alice, MORE)
    model = Listening(plans=[SECOND_ALONE])
    async with local.executing(model) as runner:
        runner.wake(session.pk)
        await ended(run)
    assert model.added[0] == ("plan", (MORE.content,))
    assert await session.runs.acount() == 1


# -- while a plan waits for approval ---------------------------------------------------------------


async def test_a_waiting_plan_is_made_anew_with_it(session: ChatSession, alice: User) -> None:
    run = await outcome(session, alice, ASK_FIRST, create("s1", "First"))
    model = ScriptedModel(plans=[SECOND_ALONE])
    async with local.executing(model):
        await steering.send(session.pk, run.pk, alice, MORE)
        await run.arefresh_from_db()
        await status(run, "waiting")
    (revise,) = revisions(model)
    assert revise is not None
    assert revise.reasons == (MORE.content,)
    told_of = [e["approval"] for e in await log_of(session) if e["type"] == "approval"]
    assert [(one["status"], one["by"], one["reason"]) for one in told_of[:2]][1] == (
        "rejected",
        "alice",
        MORE.content,
    )
    assert told_of[2]["plan_revision"] == 2
    assert (await told(session))[-1]["steering"]["plan_revision"] == 2
    with pytest.raises(Refused) as refused:
        await approvals.approve(session.pk, run.pk, 1, alice)
    assert refused.value.code == "stale_plan"
    assert await titles() == []


async def test_an_approved_plan_that_has_not_begun_is_made_anew_and_asked_about_again(
    session: ChatSession, alice: User
) -> None:
    run = await outcome(session, alice, ASK_FIRST, create("s1", "First"))
    await approvals.approve(session.pk, run.pk, 1, alice)
    await steering.send(session.pk, run.pk, alice, MORE)
    async with local.executing(ScriptedModel(plans=[SECOND_ALONE])) as runner:
        runner.wake(session.pk)
        await run.arefresh_from_db()
        await status(run, "waiting")
    assert await titles() == []
    assert await steps_of(run, 2) == {"s1": "pending"}


async def test_a_memory_that_only_the_message_into_the_run_speaks_of_is_revised(
    session: ChatSession, alice: User
) -> None:
    memory, _ = await sync_to_async(memories.remember)(
        project_id=session.project_id, title="Database", content="We use SQLite.", kind="decision"
    )
    note = MemoryNote("Database", "We use PostgreSQL.", "decision", memory_id=str(memory.pk))
    model = ScriptedModel(plans=[FIRST, SECOND], notes=[[note]])
    await steered(session, alice, model, Steer("Our database is PostgreSQL from now on."))
    await memory.arefresh_from_db()
    assert memory.content == "We use PostgreSQL."
