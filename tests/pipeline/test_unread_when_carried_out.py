"""A text that changed after the plan was made, or that the plan did not name, is not replaced either."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.board import tasks
from agent.engine import local
from agent.memory import memories
from agent.models import ChatSession, Project, Task
from agent.runs import runs
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from tests.support.scripted_runs import create, make_tasks, plan, process, result_of, use
from tests.support.tools import having
from tests.support.untrusted_runs import continued

pytestmark = pytest.mark.django_db(transaction=True)

edit = sync_to_async(tasks.update_task)
remember = sync_to_async(memories.remember)


async def test_what_a_person_wrote_since_the_plan_is_not_replaced(
    project: Project, session: ChatSession
) -> None:
    task = await Task.objects.acreate(project=project, title="Pay", description="By card.")

    async def meanwhile(call: Any, given: Any) -> None:
        await edit(task=task, description="By card or in cash, as Alice said.")

    steps = [
        use("s1", "wait_here"),
        use("s2", "update_task", "s1", task="Pay", description="Paid by card."),
        create("s3", "Refund"),
    ]
    with having("wait_here", meanwhile, "reads"):
        result = await process(ScriptedModel(plans=[plan(*steps)]), project, session)
    await task.arefresh_from_db()
    assert task.description == "By card or in cash, as Alice said."
    failed = next(step for step in result.steps if step["id"] == "s2")
    assert failed["error"] == "The text of “Pay” was not read as it is now. It is not replaced."
    assert await Task.objects.filter(title="Refund").aexists()


async def test_what_an_earlier_step_of_the_run_wrote_may_be_replaced(
    project: Project, session: ChatSession
) -> None:
    await Task.objects.acreate(project=project, title="Pay", description="By card.")
    steps = [
        use("s1", "update_task", task="Pay", edits=[{"how": "append", "text": "Or in cash."}]),
        use("s2", "update_task", "s1", task="Pay", description="Paid."),
        use("s3", "update_task", "s2", task="Pay", description="Paid at once."),
    ]
    await process(ScriptedModel(plans=[plan(*steps)]), project, session)
    assert (await Task.objects.aget()).description == "Paid at once."


async def test_lists_that_an_earlier_step_of_the_run_wrote_may_be_replaced_and_others_not(
    project: Project, session: ChatSession
) -> None:
    needed = [create("s1", "One"), create("s2", "Two")]
    mine, theirs = await make_tasks(project, "Mine", "Theirs")

    async def meanwhile(call: Any, given: Any) -> None:
        await edit(task=theirs, labels=["urgent"])
        await edit(task=theirs, depends_on=[mine])

    of_mine = [
        use("s3", "update_task", "s1", "s2", task="Mine", depends_on=[result_of("s1", "task_id")]),
        use("s4", "update_task", "s3", task="Mine", depends_on=[result_of("s2", "task_id")]),
        use("s5", "wait_here", "s4"),
        use("s6", "update_task", "s5", task="Theirs", labels=["later"]),
        use("s7", "update_task", "s5", task="Theirs", depends_on=[]),
    ]
    with having("wait_here", meanwhile, "reads"):
        result = await process(ScriptedModel(plans=[plan(*needed, *of_mine)]), project, session)
    assert [one["id"] for one in result.steps if one["status"] == "failed"] == ["s6", "s7"]
    assert [task.title async for task in mine.depends_on.all()] == ["Two"]
    await theirs.arefresh_from_db()
    assert theirs.labels == ["urgent"]


async def test_a_memory_that_a_result_names_is_not_replaced_unread(
    project: Project, session: ChatSession
) -> None:
    said = {"title": "Database", "content": "PostgreSQL 15.", "kind": "decision"}
    memory, _ = await remember(project_id=project.pk, **said)
    for number in range(30):  # so that the context has it no more
        note = {"title": f"Note {number}", "content": f"Fact {number}.", "kind": "fact"}
        await remember(project_id=project.pk, **note)
    title = result_of("s1", "memories.0.title")
    steps = [
        use("s1", "search_memories", query="PostgreSQL"),
        use("s2", "create_memory", "s1", title=title, content="SQLite.", kind="decision"),
    ]
    await process(ScriptedModel(plans=[plan(*steps)]), project, session)
    await memory.arefresh_from_db()
    assert memory.content == "PostgreSQL 15."


async def test_what_a_new_plan_has_read_counts_after_a_crash_too(
    project: Project, session: ChatSession, alice: User
) -> None:
    other, task = await make_tasks(project, "Book", "Pay")
    await edit(task=task, description="By card.")
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait(call: Any, given: Any) -> str:
        reached.set()
        await go_on.wait()
        return ""

    failing = use("s1", "move_task", task=str(other.pk), before=str(other.pk))
    steps = [
        use("s2", "wait_here"),
        use("s3", "update_task", "s2", task="Pay", description="Paid by card."),
    ]
    model = ScriptedModel(plans=[plan(failing), plan(*steps)])
    model.shown["plan"] = {}  # the prompt of the first plan had no text of a task
    with having("wait_here", wait):
        engine = local.LocalEngine(serving=False, model=model)
        await engine.start()
        run = await runs.start(session.pk, alice, MessageRequest("Do it"))
        await reached.wait()
        await engine.stop()
        go_on.set()
        await continued(session, run, ScriptedModel())
    await task.arefresh_from_db()
    assert task.description == "Paid by card."
