"""A session may be about one task: "it" then means that one."""

from __future__ import annotations

import pytest

from agent.agent import PlanningFirstAgent
from agent.board import tasks as board
from agent.models import ChatSession, Message, Project, Run, Task
from agent.pipeline import context


@pytest.fixture
def tasks(project: Project) -> list[Task]:
    items = [board.NewTask("Sign-up"), board.NewTask("Booking")]
    return board.create_tasks(project_id=project.pk, items=items)[0]


def focus(session: ChatSession, **fields: object) -> str | None:
    message = Message.objects.create(session=session, role="user", content="Do it")
    run = Run.objects.create(
        session=session, number=session.runs.count() + 1, message=message, **fields
    )
    found = context.gather(run).focus
    return found.title if found else None


def test_the_task_of_the_message_goes_before_that_of_the_session(
    session: ChatSession, tasks: list[Task]
) -> None:
    assert focus(session) is None
    session.task = tasks[0]
    session.save()
    assert focus(session) == "Sign-up"
    assert focus(session, task=tasks[1]) == "Booking"
    board.delete_task(task=tasks[0])
    session.refresh_from_db()
    assert focus(session) is None


@pytest.mark.django_db(transaction=True)
async def test_it_means_the_task_that_the_session_is_about(
    project: Project, session: ChatSession, tasks: list[Task]
) -> None:
    session.task = tasks[0]
    await session.asave()
    result = await PlanningFirstAgent().process_user_message(
        "Mark it as done", project.pk, session_id=session.pk
    )
    assert "Sign-up" in result.answer
    statuses = {task.title: task.status async for task in Task.objects.all()}
    assert statuses == {"Sign-up": "completed", "Booking": "pending"}
