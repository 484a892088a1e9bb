"""A capsule of each kind of run is carried out again to the same events, but for times and ids."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from pytest_django import Settings

from agent.engine import local
from agent.exceptions import ModelUnavailable, ToolFailed
from agent.llm.base import Analysis, MemoryNote, ReadRequest
from agent.llm.openai import OpenAIModel
from agent.memory import memories
from agent.models import ChatSession, Project, Run
from agent.runs import approvals, ending, expiry, rerun, runs, steering
from agent.runs.runs import MessageRequest
from agent.runs.steering import Steer
from tests.support.capsules import assert_identical, assert_replays, capsule
from tests.support.conversation import MESSAGES
from tests.support.model_server import Gate as ServerGate
from tests.support.model_server import ModelServer
from tests.support.scripted_runs import (
    compose,
    create,
    ended,
    make_tasks,
    plan,
    result_of,
    status,
    use,
)
from tests.support.served import served
from tests.support.steered_runs import FIRST, MORE, SECOND, Gate, over_or_waiting
from tests.support.tools import Flaky, having

pytestmark = pytest.mark.django_db(transaction=True)

DO_IT = MessageRequest("Do it")
ASK_FIRST = MessageRequest("Do it", approval="required")
ANSWER = {
    "id": "a1",
    "type": "answer",
    "tool": None,
    "description": "Say what was done",
    "arguments": {},
    "depends_on": [],
}


async def carried_out(session: ChatSession, user: User, request: MessageRequest = DO_IT) -> Run:
    """Returns the run when it is over or waits, with all that it still remembers."""
    async with local.executing(OpenAIModel()):
        run = await runs.start(session.pk, user, request)
        return await over_or_waiting(run)


async def carried_on(run: Run) -> Run:
    async with local.executing(OpenAIModel(), {run.session_id}):
        return await ended(run)


# -- plans -----------------------------------------------------------------------------------------


async def test_a_plan_with_an_answer_in_pieces(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    pieces = ["One ", 0.15, "two ", 0.15, "three."]
    server.handler = served(
        plans=[plan(create("s1", "One"), create("s2", "Two", "s1"), ANSWER)], answers=[pieces]
    )
    run = await carried_out(session, alice)
    made = await assert_identical(run)
    assert sum(one["type"] == "token" for one in made.events) > 1
    assert {call.verb for call in made.calls} >= {"analyze", "plan", "answer"}


async def test_an_answer_with_open_questions(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    asked = {**plan(create("s1", "One")), "questions": [{"question": "Which day?", "choices": []}]}
    server.handler = served(plans=[asked], answers=[["A ", 0.2, "task."]])
    await assert_identical(await carried_out(session, alice))


async def test_a_question_instead_of_a_plan(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    asks = Analysis("command", "Unclear", needs_tools=True, question="Which one?")
    server.handler = served(analyses=[asks])
    await assert_identical(await carried_out(session, alice))


async def test_steps_at_the_same_time(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    steps = [create(f"s{number}", f"Task {number}") for number in range(1, 7)]
    server.handler = served(plans=[plan(*steps, ANSWER)])
    await assert_identical(await carried_out(session, alice))


async def test_a_repaired_plan(server: ModelServer, session: ChatSession, alice: User) -> None:
    wrong = plan(use("s1", "no_such_tool"))
    server.handler = served(plans=[wrong, plan(create("s1", "One"))])
    await assert_identical(await carried_out(session, alice))


async def test_no_valid_plan(server: ModelServer, session: ChatSession, alice: User) -> None:
    server.handler = served(plans=[plan(use("s1", "no_such_tool"))])
    await assert_identical(await carried_out(session, alice))


async def test_existing_objects_and_what_the_session_said_before(
    server: ModelServer, session: ChatSession, project: Project, alice: User
) -> None:
    first, second = await make_tasks(project, "Sign-up", "Login")
    await second.depends_on.aadd(first)
    server.handler = served(
        plans=[
            plan(create("s1", "One")),
            plan(
                use("s1", "change_task_status", task="Sign-up", status="in_progress"),
                use("s2", "update_task", task=f"#{second.number}", priority="high"),
            ),
        ],
        notes=[[MemoryNote("Database", "We use PostgreSQL", "decision")], []],
    )
    await assert_identical(await carried_out(session, alice, MessageRequest("We use PostgreSQL")))
    await assert_identical(await carried_out(session, alice))


async def test_readings_before_the_plan(
    server: ModelServer, session: ChatSession, project: Project, alice: User
) -> None:
    await make_tasks(project, "Sign-up", "Login")
    reads = {**plan(), "read_first": [{"tool": "search_tasks", "arguments": {"query": "login"}}]}
    server.handler = served(plans=[reads, plan(use("s1", "search_tasks", query="sign"), ANSWER)])
    made = await assert_identical(await carried_out(session, alice))
    assert len(made.readings) == 1


async def test_a_composition(server: ModelServer, session: ChatSession, alice: User) -> None:
    text = compose("s1", "text", given="words")
    made = plan(text, use("s2", "create_task", "s1", title=result_of("s1", "value")))
    server.handler = served(plans=[made], compositions=["A title"])
    await assert_identical(await carried_out(session, alice))


# -- memories --------------------------------------------------------------------------------------


async def test_memories_that_come_with_the_answer(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    note = MemoryNote("Database", "We use PostgreSQL", "decision")
    server.handler = served(plans=[plan(create("s1", "One"))], notes=[[note]])
    await assert_identical(await carried_out(session, alice, MessageRequest("We use PostgreSQL")))


async def test_memories_that_come_before_the_answer(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    note = MemoryNote("Database", "We use PostgreSQL", "decision")
    server.handler = served(
        plans=[plan(create("s1", "One"), ANSWER)],
        notes=[[note]],
        answers=[[0.4, "It is ", 0.4, "done."]],
    )
    await assert_identical(await carried_out(session, alice, MessageRequest("We use PostgreSQL")))


async def test_memories_that_come_after_the_run(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    gate = ServerGate()
    note = MemoryNote("Database", "We use PostgreSQL", "decision")
    server.handler = served(
        plans=[plan(create("s1", "One"))], notes=[[note]], holds={"consolidate": gate}
    )
    async with local.executing(OpenAIModel()):
        run = await runs.start(session.pk, alice, MessageRequest("We use PostgreSQL"))
        await ended(run)
        gate.open()
    made = await assert_identical(run)
    assert made.events[-1]["type"] != "complete"


# -- failures --------------------------------------------------------------------------------------


async def test_a_failed_step_and_a_new_plan(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.handler = served(
        plans=[
            plan(use("s1", "shaky"), create("s2", "After it", "s1"), create("s3", "Beside it")),
            plan(create("s4", "Instead")),
        ]
    )
    with having("shaky", Flaky(ToolFailed("It is out of paper"))):
        made = await capsule(await carried_out(session, alice))
    await assert_replays(made)  # the tool is not there any more


async def test_a_tool_that_is_tried_again(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.handler = served(plans=[plan(use("s1", "shaky"), ANSWER)])
    with having("shaky", Flaky(RuntimeError(), ConnectionError()), retries=2):
        made = await capsule(await carried_out(session, alice))
    await assert_replays(made)


async def test_what_a_tool_reports(server: ModelServer, session: ChatSession, alice: User) -> None:
    async def work(call: Any, given: Any) -> str:
        for done in range(4):
            call.progress("Fetching", step="searching", done=done, of=3, unit="pages")
            await asyncio.sleep(0.12)
        call.progress("Almost there", "really")
        await asyncio.sleep(0.12)
        return "all of it"

    server.handler = served(plans=[plan(use("s1", "fetch"), ANSWER)])
    with having("fetch", work):
        made = await capsule(await carried_out(session, alice))
    await assert_replays(made)


@pytest.mark.parametrize("verb", ["analyses", "plans", "answers"])
async def test_a_model_that_fails(
    server: ModelServer, session: ChatSession, alice: User, verb: str
) -> None:
    server.handler = served(
        **{"plans": [plan(create("s1", "One"))], verb: [ModelUnavailable("Gone")]}
    )
    run = await carried_out(session, alice)
    assert run.status == "failed"
    made = await assert_identical(run)
    assert made.events[-1]["type"] == "error"


async def test_a_model_that_takes_too_long(
    server: ModelServer, session: ChatSession, alice: User, settings: Settings
) -> None:
    settings.SAMURAI_MODEL_TIMEOUT = 1
    gate = ServerGate()
    server.handler = served(plans=[plan(create("s1", "One"))], holds={"plan": gate})
    run = await carried_out(session, alice)
    gate.open()
    assert run.error_code == "model_timeout"
    await assert_identical(run)


async def test_a_retry_of_a_failed_run(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    steps = plan(create("s1", "One"), ANSWER)
    server.handler = served(plans=[steps], answers=[ModelUnavailable("Gone"), ["There."]])
    run = await carried_out(session, alice)
    assert run.status == "failed"
    again = await rerun.retry(session.pk, run.pk, alice)
    await carried_on(again)
    await assert_identical(again)


async def test_an_answer_that_is_regenerated(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    server.handler = served(plans=[plan(create("s1", "One"))])
    run = await carried_out(session, alice)
    again = await rerun.regenerate(session.pk, run.pk, alice)
    await carried_on(again)
    await assert_identical(again)


# -- people ----------------------------------------------------------------------------------------


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
    await approvals.edit(session.pk, run.pk, 2, alice, [create("s1", "Another"), ANSWER])
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


# -- the offline model -----------------------------------------------------------------------------


async def test_the_conversation_with_the_offline_model(session: ChatSession, alice: User) -> None:
    told = []
    async with local.executing():
        for message in MESSAGES:
            run = await runs.start(session.pk, alice, MessageRequest(message))
            told.append(await ended(run))
    for run in told:
        await assert_identical(run)


async def test_words_that_mean_a_day(session: ChatSession, alice: User) -> None:
    async with local.executing():
        run = await runs.start(
            session.pk, alice, MessageRequest("Create a task to write the docs, due tomorrow")
        )
        await ended(run)
    await assert_identical(run)


@sync_to_async
def remembered(project: Project, *contents: str) -> None:
    for content in contents:
        memories.remember(project_id=project.pk, title=content, content=content, kind="fact")


async def test_requests_to_read_of_an_analysis(
    server: ModelServer, session: ChatSession, project: Project, alice: User
) -> None:
    await remembered(project, "The office is in Berlin", "The team has nine people")
    asks = Analysis(
        "question",
        "Where",
        needs_tools=True,
        search="office city",
        read_first=(ReadRequest("search_memories", {"query": "office"}),),
    )
    server.handler = served(analyses=[asks], plans=[plan(ANSWER)])
    await assert_identical(await carried_out(session, alice, MessageRequest("Where is it?")))
