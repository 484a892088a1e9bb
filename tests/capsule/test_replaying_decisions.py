"""A capsule of a run that people decided on, steered or cancelled is carried out again to the same events."""

from __future__ import annotations

import asyncio

import pytest
from django.contrib.auth.models import User

from agent.engine import local
from agent.llm.openai import OpenAIModel
from agent.models import ChatSession, Project
from agent.runs import approvals, ending, expiry, runs, steering
from agent.runs.runs import MessageRequest
from agent.runs.steering import Steer
from tests.support.capsules import (
    ANSWER_STEP,
    assert_identical,
    assert_replays,
    capsule,
    carried_on,
    carried_out,
)
from tests.support.model_server import Gate as ServerGate
from tests.support.model_server import ModelServer
from tests.support.scripted_runs import (
    create,
    ended,
    make_tasks,
    plan,
    status,
    use,
)
from tests.support.served import served
from tests.support.steered_runs import ASK_FIRST, DO_IT, FIRST, MORE, SECOND, Gate
from tests.support.tools import having

pytestmark = pytest.mark.django_db(transaction=True)


async def test_an_approval(server: ModelServer, session: ChatSession, alice: User) -> None:
    server.handler = served(plans=[plan(create("s1", "One"), create("s2", "Two"))])
    run = await carried_out(session, alice, ASK_FIRST)
    assert run.status == "waiting"
    await approvals.approve(session.pk, run.pk, 1, alice)
    await assert_identical(await carried_on(run))


async def test_an_approval_with_edits(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.handler = served(plans=[plan(create("s1", "One"), create("s2", "Two"))])
    run = await carried_out(session, alice, ASK_FIRST)
    await approvals.edit(session.pk, run.pk, 1, alice, [create("s1", "Another")])
    await approvals.edit(session.pk, run.pk, 2, alice, [create("s1", "Another"), ANSWER_STEP])
    await approvals.approve(session.pk, run.pk, 3, alice)
    await assert_identical(await carried_on(run))


async def test_an_edit_that_shows_more_first(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.handler = served(plans=[plan(create("s1", "One"))])
    run = await carried_out(session, alice, ASK_FIRST)
    more = [create("s1", "One"), create("s2", "Two")]
    await approvals.approve_edited(session.pk, run.pk, 1, alice, more)
    await approvals.approve(session.pk, run.pk, 2, alice)
    await assert_identical(await carried_on(run))


async def test_a_rejection_with_a_reason_and_one_without(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.handler = served(plans=[plan(create("s1", "One")), plan(create("s1", "Other"))])
    run = await carried_out(session, alice, ASK_FIRST)
    comment = {"step": "s1", "text": "Not this one"}
    await approvals.reject(session.pk, run.pk, 1, alice, "Another one", [comment])
    await run.arefresh_from_db()
    async with local.executing(OpenAIModel(), {session.pk}):
        await status(run, "waiting")
    await approvals.reject(session.pk, run.pk, 2, alice, "")
    made = await assert_identical(await ended(run))
    assert made.events[-1]["type"] == "cancelled"


async def test_an_approval_that_nobody_gave(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.handler = served(plans=[plan(create("s1", "One"))])
    run = await carried_out(session, alice, ASK_FIRST)
    approval = await run.approvals.aget()
    approval.expires_at = approval.requested_at
    await approval.asave()
    await expiry.expire(session.pk, approval.pk)
    await assert_identical(await ended(run))


@pytest.mark.parametrize("number", [1, 2])
async def test_messages_into_a_run(
    server: ModelServer, session: ChatSession, alice: User, number: int
) -> None:
    server.handler = served(plans=[FIRST, SECOND])
    gate = Gate()
    with having("wait_here", gate):
        async with local.executing(OpenAIModel()):
            run = await runs.start(session.pk, alice, DO_IT)
            await asyncio.wait_for(gate.begun.wait(), 20)
            for one in [MORE, Steer("And a third one")][:number]:
                await steering.send(session.pk, run.pk, alice, one)
            gate.opened.set()
            await ended(run)
        made = await capsule(run)
    await assert_replays(made)


async def test_a_message_into_a_run_while_its_model_plans(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    gate = ServerGate()
    server.handler = served(
        plans=[plan(create("s1", "One")), plan(create("s1", "Two"))], holds={"plan": gate}
    )
    async with local.executing(OpenAIModel()):
        run = await runs.start(session.pk, alice, DO_IT)
        await gate.arrived()
        await steering.send(session.pk, run.pk, alice, MORE)
        gate.open()
        await ended(run)
    await assert_identical(run)


async def test_a_message_that_waits_for_a_decision_is_a_rejection(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.handler = served(plans=[plan(create("s1", "One")), plan(create("s1", "Two"))])
    run = await carried_out(session, alice, ASK_FIRST)
    await steering.send(session.pk, run.pk, alice, MORE)
    await run.arefresh_from_db()
    async with local.executing(OpenAIModel(), {session.pk}):
        await status(run, "waiting")
    await approvals.approve(session.pk, run.pk, 2, alice)
    await assert_identical(await carried_on(run))


@pytest.mark.parametrize("verb", ["analyze", "plan", "answer"])
async def test_a_run_that_is_cancelled_while_its_model_works(
    server: ModelServer, session: ChatSession, alice: User, verb: str
) -> None:
    gate = ServerGate()
    server.handler = served(plans=[plan(create("s1", "One"))], holds={verb: gate})
    async with local.executing(OpenAIModel()):
        run = await runs.start(session.pk, alice, DO_IT)
        await gate.arrived()
        await ending.cancel(session.pk, run.pk, alice, "Enough")
        await ended(run)
    gate.open()
    await assert_identical(run)


async def test_a_run_that_is_cancelled_while_a_tool_works(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.handler = served(plans=[FIRST])
    gate = Gate()
    with having("wait_here", gate):
        async with local.executing(OpenAIModel()):
            run = await runs.start(session.pk, alice, DO_IT)
            await asyncio.wait_for(gate.begun.wait(), 20)
            await ending.cancel(session.pk, run.pk, alice)
            await ended(run)
        made = await capsule(run)
    await assert_replays(made)


async def test_a_run_that_undoes_what_the_session_did(
    server: ModelServer, session: ChatSession, project: Project, alice: User
) -> None:
    await make_tasks(project, "Sign-up")
    server.handler = served(
        plans=[
            plan(create("s1", "One"), use("s2", "update_task", task="Sign-up", priority="high")),
            plan(use("s1", "undo")),
        ]
    )
    await carried_out(session, alice)
    run = await carried_out(session, alice, MessageRequest("Undo that"))
    await approvals.approve(session.pk, run.pk, 1, alice)
    await assert_identical(await carried_on(run))
