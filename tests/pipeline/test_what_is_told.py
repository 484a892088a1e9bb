"""What a language model is told with each call: enough, once, and as it is at that moment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from agent.agent import PlanningFirstAgent
from agent.board.tasks import PLAIN_FIELDS
from agent.llm.base import Context, TaskBrief
from agent.llm.fitting import Prompt, fit
from agent.models import ChatSession, Memory, Project, Task
from agent.models.projects import SAMPLE_BRIEF
from agent.pipeline import context
from agent.tools import registry
from tests.support.model_server import ModelServer, Request, by_schema
from tests.support.model_talk import connected
from tests.support.scripted_runs import plan, use

pytestmark = pytest.mark.django_db(transaction=True)

ANALYSIS = {"intent": "command", "summary": "Asks", "needs_tools": True, "question": ""}
COMPLETE = plan(use("s1", "change_task_status", task="Pay", status="completed"))


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with connected(settings, monkeypatch) as server:
        server.handler = by_schema(
            analysis=ANALYSIS, plan=COMPLETE, memory={"notes": []}, answer="Ok"
        )
        yield server


async def prompts(
    server: ModelServer, project: Project, session: ChatSession
) -> dict[str, Request]:
    """Returns the latest request of each kind, after one more message."""
    await PlanningFirstAgent().process_user_message(
        "Pay is done", project.pk, session_id=session.pk
    )
    return {request.asked: request for request in server.requests}


def block(text: str, name: str) -> str:
    found = re.search(rf'<data name="{re.escape(name)}[^"]*">\n(.*?)</data>', text, re.DOTALL)
    return "" if found is None else found[0]


async def test_date_fields_statuses_and_tools_are_told_from_the_first_call(
    server: ModelServer, project: Project, session: ChatSession
) -> None:
    await Task.objects.acreate(project=project, title="Pay")
    text = (await prompts(server, project, session))["analysis"].text
    assert f"{datetime.now(UTC):%Y-%m-%d}" in block(text, "today")
    (line,) = (line for line in text.splitlines() if line.startswith("A task has"))
    for word in (*PLAIN_FIELDS, *Task.Status.values, *Task.Priority.values, *Memory.Kind.values):
        assert word in line, word
    (tools,) = (line for line in text.splitlines() if line.startswith("The steps may use"))
    assert all(tool.name in tools for tool in registry.all_tools())


async def test_messages_and_memories_have_dates_and_lists_have_numbers(
    server: ModelServer, project: Project, session: ChatSession
) -> None:
    for title, status in (("Pay", "pending"), ("Book", "blocked"), ("Login", "completed")):
        await Task.objects.acreate(project=project, title=title, status=status)
    await Memory.objects.acreate(project=project, title="Stack", content="Django", kind="decision")
    await prompts(server, project, session)
    text = (await prompts(server, project, session))["analysis"].text
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert f"[message 1, {today} " in block(text, "earlier messages")
    assert f"] decision, {today} " in block(text, "memories")
    assert ": Stack: Django" in block(text, "memories")
    assert "shown 1 of 1" in block(text, "memories")
    assert "shown 1 of 1 (1 blocked)" in block(text, "open tasks")
    assert "shown 2 of 2" in block(text, "completed tasks")


def test_the_number_of_open_tasks_is_told_as_it_is() -> None:
    shown = tuple(TaskBrief(f"#{n}", "Pay", "pending", "low") for n in range(2))
    told = {
        "2 open tasks": {"pending": 1, "blocked": 1, "completed": 40, "memories": 3_000},
        "the first 2 of 125 open tasks": {"pending": 120, "blocked": 5},
        "the first 2 of at least 900 open tasks": {"pending": 900, "completed": 100},
    }
    for words, counts in told.items():
        known = Context("Hi", "Clinic", tasks=shown, counts=counts)
        assert context.open_tasks_in_words(known) == words


async def test_the_answer_is_told_the_board_after_the_steps(
    server: ModelServer, project: Project, session: ChatSession
) -> None:
    task = await Task.objects.acreate(project=project, title="Pay", description="By card")
    asked = await prompts(server, project, session)
    assert "By card" in block(asked["plan"].text, "open tasks before the steps")
    for name in ("answer", "memory"):
        text = asked[name].text
        assert "none" in block(text, "open tasks now, after the steps so far")
        assert f"[#{task.number}] Pay (completed" in block(
            text, "completed tasks now, after the steps"
        )
        assert "before the steps" not in text


async def test_a_brief_that_nobody_wrote_is_not_told(
    server: ModelServer, project: Project, session: ChatSession
) -> None:
    await Project.objects.aupdate(description=SAMPLE_BRIEF)
    await Task.objects.acreate(project=project, title="Pay")
    for request in (await prompts(server, project, session)).values():
        assert "Change this brief" not in request.text
    await Project.objects.aupdate(description="We sell shoes.")
    assert "We sell shoes." in (await prompts(server, project, session))["analysis"].text


def test_each_object_is_described_once() -> None:
    task = TaskBrief("t1", "Pay", "pending", "high", "Described.")
    other = TaskBrief("t2", "Book", "pending", "low", "Elsewhere.")
    context = Context("Hi", "Clinic", tasks=(other, task), recent_tasks=(task, other), focus=task)
    text = fit(Prompt("plan", context, {}), None).turns[1]["content"]
    assert (text.count("Described."), text.count("Elsewhere.")) == (1, 1)
    assert "Described." in block(text, "the task that the message or the session is about")
    assert "[t1] Pay (see the other block)" in block(text, "open tasks")
