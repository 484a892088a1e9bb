"""The state for a client whose cursor is beyond the end of the log is bounded, as the page is."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agent.board.tasks import NewTask, create_tasks
from agent.memory.memories import remember
from agent.models import ChatSession, Project, Task
from chat import panels, snapshot

pytestmark = pytest.mark.django_db


def test_a_small_board_is_whole(project: Project, session: ChatSession) -> None:
    create_tasks(project_id=project.pk, items=[NewTask("Sweep"), NewTask("Mop")])
    remember(project_id=project.pk, title="Brooms", content="We have two.", kind="fact")
    _, state = snapshot.snapshot(session.pk)
    assert [task["title"] for task in state["tasks"]] == ["Sweep", "Mop"]
    assert [memory["title"] for memory in state["memories"]] == ["Brooms"]
    assert state["hidden"] == {"tasks": 0, "open": 0, "memories": 0}


def test_of_a_large_board_the_state_has_what_the_page_shows(
    project: Project, session: ChatSession
) -> None:
    create_tasks(
        project_id=project.pk, items=[NewTask(f"Errand {n}") for n in range(panels.TASKS + 40)]
    )
    Task.objects.filter(title__in=[f"Errand {n}" for n in range(30)]).update(status="completed")
    for n in range(panels.MEMORIES + 5):
        remember(project_id=project.pk, title=f"Note {n}", content=f"It is {n}.", kind="fact")
    with CaptureQueriesContext(connection) as queries:
        _, state = snapshot.snapshot(session.pk)
    page = panels.load(project).board
    assert {name: state[name] for name in ("tasks", "memories", "hidden")} == {
        name: page[name] for name in ("tasks", "memories", "hidden")
    }
    assert (len(state["tasks"]), len(state["memories"])) == (panels.TASKS, panels.MEMORIES)
    assert state["hidden"] == {"tasks": 40, "open": 10, "memories": 5}
    assert len(queries) < 15  # and not one for each task
