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
from agent.models import ChatSession, Project
from agent.runs import rerun, runs
from agent.runs.runs import MessageRequest
from tests.support.capsules import (
    ANSWER_STEP,
    assert_identical,
    assert_replays,
    capsule,
    carried_on,
    carried_out,
)
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
    use,
)
from tests.support.served import served
from tests.support.tools import Flaky, having

pytestmark = pytest.mark.django_db(transaction=True)

# -- plans -----------------------------------------------------------------------------------------


async def test_a_plan_with_an_answer_in_pieces(
    server: ModelServer, session: ChatSession, alice: User
) -> None:
    pieces = ["One ", 0.15, "two ", 0.15, "three."]
    server.handler = served(
        plans=[plan(create("s1", "One"), create("s2", "Two", "s1"), ANSWER_STEP)], answers=[pieces]
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
    server.handler = served(plans=[plan(*steps, ANSWER_STEP)])
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
    server.handler = served(
        plans=[reads, plan(use("s1", "search_tasks", query="sign"), ANSWER_STEP)]
    )
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
        plans=[plan(create("s1", "One"), ANSWER_STEP)],
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
    server.handler = served(plans=[plan(use("s1", "shaky"), ANSWER_STEP)])
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

    server.handler = served(plans=[plan(use("s1", "fetch"), ANSWER_STEP)])
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
    steps = plan(create("s1", "One"), ANSWER_STEP)
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
    server.handler = served(analyses=[asks], plans=[plan(ANSWER_STEP)])
    await assert_identical(await carried_out(session, alice, MessageRequest("Where is it?")))
