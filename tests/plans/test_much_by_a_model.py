"""What a language model's plan creates and overwrites without a question, and that rules may more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from agent.board import tasks
from agent.change import Change
from agent.engine import local
from agent.llm.offline.model import OfflineModel
from agent.models import ChatSession, Project, Run, Task
from agent.plans import approval_policy
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.tools import registry
from agent.tools.registry import Result, ToolCall
from tests.support.scripted_runs import create, ended, make_tasks, outcome, use
from tests.support.tools import Text

pytestmark = pytest.mark.django_db(transaction=True)


async def reason_of(run: Run) -> str:
    assert run.status == Run.Status.WAITING, f"nobody was asked: {run.status}"
    return (await run.approvals.aget()).reason


def describe(step: str, task: str, *after: str) -> dict[str, Any]:
    return use(step, "update_task", *after, task=task, description="New")


async def described(project: Project, *titles: str) -> None:
    await make_tasks(project, *titles)
    await Task.objects.filter(project=project).aupdate(description="Old")


async def test_the_text_of_one_object_is_overwritten_at_once_and_of_two_waits(
    session: ChatSession, alice: User, project: Project
) -> None:
    await described(project, "Login", "Invoices")
    run = await outcome(session, alice, MessageRequest("Describe it"), describe("s1", "#1"))
    assert run.status == "succeeded"
    both = [describe("s1", "#1"), describe("s2", "#2")]
    both[0]["arguments"]["description"] = "Newer"
    run = await outcome(session, alice, MessageRequest("Describe both"), *both)
    assert await reason_of(run) == "Overwrites the texts of 2 tasks."


async def test_texts_that_were_empty_are_not_overwritten(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Login", "Invoices")
    both = [describe("s1", "#1"), describe("s2", "#2")]
    run = await outcome(session, alice, MessageRequest("Describe both"), *both)
    assert run.status == "succeeded"


async def test_fifty_objects_are_created_at_once_and_one_more_waits(
    session: ChatSession, alice: User
) -> None:
    listed = [{"title": f"Task {number}"} for number in range(50)]
    many = use("s1", "create_tasks", tasks=listed)
    run = await outcome(session, alice, MessageRequest("Make them"), many)
    assert run.status == "succeeded"
    run = await outcome(session, alice, MessageRequest("More"), many, create("s2", "One more"))
    assert await reason_of(run) == "Creates 51 tasks."
    assert await Task.objects.acount() == 50


class Many(Result):
    number: int


def make_many(call: ToolCall, arguments: Text) -> Many:
    """Makes as many tasks as the text says."""
    items = [tasks.NewTask(f"Made {number}") for number in range(int(arguments.text))]
    made, changes = tasks.create_tasks(project_id=call.project_id, items=items)
    call.changes.extend(changes)
    return Many(number=len(made))


@pytest.fixture
def with_make_many() -> Iterator[None]:
    registry.add(registry.make(make_many, "writes", alters=0))
    yield
    registry.remove("make_many")


@pytest.mark.usefixtures("with_make_many")
async def test_what_the_arguments_do_not_show_waits_when_it_would_be_done(
    session: ChatSession, alice: User
) -> None:
    steps = [use("s1", "make_many", text="50"), use("s2", "make_many", "s1", text="1")]
    run = await outcome(session, alice, MessageRequest("Go"), *steps)
    assert await reason_of(run) == "Creates 51 tasks."
    assert await Task.objects.acount() == 50


async def test_rules_may_more_than_a_language_model(
    session: ChatSession, alice: User, settings: Settings
) -> None:
    listed = ", ".join(f"Task {number}" for number in range(51))
    async with local.executing(OfflineModel()):
        run = await ended(await runs.start(session.pk, alice, MessageRequest(f"Tasks: {listed}")))
    assert run.status == "succeeded"
    assert await Task.objects.acount() == 51
    # A language model may have the same name.
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    await run.arefresh_from_db()
    assert run.model == OfflineModel.name
    made = [
        Change("task", uuid4(), "created", None, {"title": f"{number}"}) for number in range(51)
    ]
    assert approval_policy.creating(run, made) == "Creates 51 tasks."
    settings.OPENAI_BASE_URL = ""
    assert approval_policy.creating(run, made) == ""
