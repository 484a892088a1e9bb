"""What a plan needs to know is read before it is made: seen live, kept with the run, and only read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from agent.agent import PlanningFirstAgent
from agent.board import tasks
from agent.engine import local
from agent.exceptions import ModelUnavailable
from agent.llm.base import Analysis, Context, ReadRequest
from agent.models import ChatSession, Message, PhaseResult, Project, Run, Task
from agent.runs import rerun
from agent.testing import ScriptedModel
from agent.tools import registry
from agent.tools.registry import Arguments, Result, ToolCall
from tests.support.model_server import ModelServer, Request, by_schema
from tests.support.model_talk import connected
from tests.support.scripted_runs import create, ended, log_of, plan, process, use

pytestmark = pytest.mark.django_db(transaction=True)

SCENARIOS = "\n\n".join(f"Scenario: payment {n}\n  Given invoice {n}" for n in range(1, 50))
ANALYSIS = {"intent": "command", "summary": "Asks", "needs_tools": True, "question": ""}
MADE = plan(create("s1", "Login"))


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": tool, "arguments": arguments}


def wanting(*requests: dict[str, Any], needs_tools: bool = True) -> Analysis:
    reads = tuple(ReadRequest(**request) for request in requests)
    return Analysis("command", "Do it", needs_tools, read_first=reads)


class Noting(ScriptedModel):
    """Notes the context of each plan and answer."""

    def __init__(self, **turns: Any) -> None:
        super().__init__(**turns)
        self.contexts: list[Context] = []

    async def plan(self, context: Context, *more: Any) -> dict[str, Any]:
        self.contexts.append(context)
        return dict(await super().plan(context, *more))

    async def answer(self, context: Context, *more: Any) -> Any:
        self.contexts.append(context)
        async for chunk in super().answer(context, *more):
            yield chunk


async def told(session: ChatSession) -> list[tuple[str, str, str]]:
    """Returns message, phase and details of each progress event about reading."""
    progress = [event["progress"] for event in await log_of(session) if event["type"] == "progress"]
    return [
        (one["message"].removeprefix("🔎 "), one["metadata"]["phase"], one["details"])
        for one in progress
        if one["step"] == "reading"
    ]


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with connected(settings, monkeypatch) as server:
        yield server


async def test_a_task_is_read_in_full_before_its_text_is_replaced(
    server: ModelServer, project: Project, session: ChatSession
) -> None:
    task = await Task.objects.acreate(project=project, title="Take payments", description=SCENARIOS)

    def analysis(request: Request) -> dict[str, Any]:
        assert "… [cut: 500 of" in request.text
        return {**ANALYSIS, "read_first": [call("get_tasks", tasks=["Take payments"])]}

    def planned(request: Request) -> dict[str, Any]:
        assert SCENARIOS in request.text  # with its line breaks as they are
        text = SCENARIOS.replace("Scenario: payment 7\n", "Scenario: payment by cash\n")
        return plan(use("s1", "update_task", task=str(task.pk), description=text))

    server.handler = by_schema(analysis=analysis, plan=planned, memory={"notes": []})
    result = await PlanningFirstAgent().process_user_message(
        "The seventh scenario is about cash", project.pk, session_id=session.pk
    )
    assert [step["status"] for step in result.steps] == ["succeeded"]
    await task.arefresh_from_db()
    assert task.description.count("Scenario") == 49
    reading = "Reading “Take payments” in full"
    assert await told(session) == [(reading, "started", ""), (reading, "finished", "")]
    assert "reading:r1" not in result.durations
    assert await PhaseResult.objects.filter(run=result.run, phase="reading:r1").aexists()


async def test_a_question_is_answered_from_what_was_read_without_a_plan(
    project: Project, session: ChatSession
) -> None:
    await Task.objects.acreate(project=project, title="Pay", description=SCENARIOS)
    model = Noting(analyses=[wanting(call("get_tasks", tasks=["Pay"]), needs_tools=False)])
    result = await process(model, project, session)
    assert result.status == "succeeded"
    assert [verb for verb, _ in model.asked] == ["analyze", "consolidate", "answer"]
    (reading,) = model.contexts[0].readings
    assert reading.result is not None
    assert reading.result["tasks"][0]["description"] == SCENARIOS


async def test_a_model_that_cannot_plan_yet_may_ask_once_more(
    project: Project, session: ChatSession
) -> None:
    await Task.objects.acreate(project=project, title="Pay", description="By card")
    wish = {**plan(), "read_first": [call("get_history", task="Pay")]}
    model = Noting(analyses=[wanting(call("search_tasks", query="card"))], plans=[wish, wish, MADE])
    result = await process(model, project, session)
    assert result.status == "succeeded"
    first, second, *_ = model.contexts
    assert (len(first.readings), first.reads_left) == (1, 7)
    assert (len(second.readings), second.reads_left) == (2, 0)
    assert [(message, phase) for message, phase, _ in await told(session)] == [
        ("Searching tasks for “card”", "started"),
        ("Searching tasks for “card”", "finished"),
        ("Reading the history of “Pay”", "started"),
        ("Reading the history of “Pay”", "finished"),
    ]


async def test_at_most_eight_calls_are_made_and_none_twice(
    project: Project, session: ChatSession
) -> None:
    calls = [call("search_tasks", query=f"word {n}") for n in range(6)]
    wish = {
        **plan(),
        "read_first": [*calls, *(call("search_memories", query=f"{n}") for n in range(6))],
    }
    model = Noting(analyses=[wanting(*calls, *calls)], plans=[wish, MADE])
    await process(model, project, session)
    assert [len(context.readings) for context in model.contexts[:2]] == [6, 8]
    assert len({message for message, _, _ in await told(session)}) == 8


async def test_what_was_read_is_not_read_again_after_a_failure(
    project: Project, session: ChatSession, alice: User
) -> None:
    await Task.objects.acreate(project=project, title="Pay", description="By card")
    analysis = wanting(call("get_tasks", tasks=["Pay"]))
    failing = ScriptedModel(analyses=[analysis], plans=[ModelUnavailable("Away.")])
    first = await process(failing, project, session)
    assert first.status == "failed"
    await Task.objects.aupdate(description="Changed meanwhile")
    model = Noting(plans=[MADE])
    async with local.executing(model):
        run = await ended(await rerun.retry(session.pk, first.run, alice))
    assert run.status == Run.Status.SUCCEEDED
    assert "By card" in str(model.contexts[0].readings)
    assert len(await told(session)) == 2
    parts = PhaseResult.objects.filter(run=run, phase__startswith="reading:")
    assert await parts.acount() == 1


async def test_a_reading_is_told_before_it_is_made(project: Project, session: ChatSession) -> None:
    gate = asyncio.Event()
    model = ScriptedModel(
        analyses=[wanting(call("search_tasks", query="x"))], plans=[MADE], gates={"plan": gate}
    )
    running = asyncio.create_task(process(model, project, session))
    while ("plan", None) not in model.asked:
        await asyncio.sleep(0.01)
    assert [phase for _, phase, _ in await told(session)] == ["started", "finished"]
    gate.set()
    assert (await running).status == "succeeded"


# -- only reading ------------------------------------------------------------------------------------


class Nothing(Arguments):
    pass


class Done(Result):
    done: bool = True


def writes_though_it_should_read(call: ToolCall, arguments: Nothing) -> Done:
    """Says that it reads."""
    tasks.create_task(project_id=call.project_id, title="Smuggled")
    return Done()


async def fetches(call: ToolCall, arguments: Nothing) -> Done:
    """Acts outside."""
    raise AssertionError("called before the plan")


@pytest.fixture
def odd_tools() -> Iterator[None]:
    for function in (writes_though_it_should_read, fetches):
        registry.add(registry.make(function, "reads"))
    yield
    for function in (writes_though_it_should_read, fetches):
        registry.remove(function.__name__)


async def test_nothing_is_changed_sent_or_read_elsewhere_before_the_plan(
    project: Project, session: ChatSession, alice: User, odd_tools: None
) -> None:
    other = await Project.objects.acreate(name="Other", owner=alice)
    secret = await Task.objects.acreate(project=other, title="Secret", description="hidden words")
    where = await ChatSession.objects.acreate(project=other, created_by=alice)
    await Message.objects.acreate(session=where, role="user", content="hidden words")
    requests = [
        call("create_task", title="Made"),
        call("delete_everything"),
        call("get_tasks", tasks=[str(secret.pk)]),
        call("search_messages", query="hidden words"),
        call("search_tasks", query={"$from": "s1", "path": "title"}),
        call("search_tasks", limit=10_000),
        call("writes_though_it_should_read"),
        call("fetches"),
    ]
    model = Noting(analyses=[wanting(*requests, needs_tools=False)])
    result = await process(model, project, session)
    assert result.status == "succeeded"
    assert await Task.objects.acount() == 1
    readings = model.contexts[0].readings
    assert len(readings) == 8
    assert "hidden" not in str([reading.result for reading in readings])
    assert [bool(reading.error) for reading in readings] == [True] * 3 + [False] + [True] * 2 + [
        False,
        True,
    ]
    assert [phase for _, phase, _ in await told(session)][1::2].count("failed") == 6
    assert not [event for event in await log_of(session) if event["type"] == "change"]


async def test_every_reading_and_what_is_missing_is_told_in_plain_words(
    project: Project, session: ChatSession
) -> None:
    analysis = wanting(call("get_project"), call("get_tasks", tasks=["#1"]))
    await process(Noting(analyses=[analysis], plans=[MADE]), project, session)
    ends = [
        (message, details) for message, state, details in await told(session) if state != "started"
    ]
    assert ends == [
        ("Reading the description of the project", ""),
        ("Reading “#1” in full", "There is no task #1 in this project."),
    ]
