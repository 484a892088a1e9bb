"""The pages of one task and of one memory: all fields by hand, the history, the deletion."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agent.board.tasks import create_task
from agent.memory.memories import remember
from agent.models import Membership, Memory, Project, Task
from agent.models.projects import Role

TASK = {
    "title": "Booking",
    "description": "Patients\r\nbook.",
    "status": "in_progress",
    "priority": "high",
    "due": "2030-12-04",
    "estimate": "2.5",
    "assignee": "alice",
    "labels": "web, clinic",
    "criteria": "A slot is taken\r\n\r\nA mail is sent",
    "parent": "1",
    "depends_on": "#2 #1",
}
MEMORY = {"title": "Stack", "content": "Django", "kind": "decision", "category": "tech"}


@pytest.fixture
def client(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def board(project: Project) -> list[Task]:
    return [create_task(project_id=project.pk, title=title)[0] for title in ("Site", "Slots")]


@pytest.fixture
def memory(project: Project) -> Memory:
    return remember(project_id=project.pk, title="Stack", content="Flask", kind="fact")[0]


def text_of(response: Any) -> str:
    return str(response.content.decode())


def at(name: str, row: Any, *more: Any) -> str:
    return reverse(name, args=[row.pk, *more])


def sent(client: Client, address: str, **fields: Any) -> dict[str, Any]:
    """The form as the page has it, with some fields changed."""
    form = client.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {**{name: "" if value is None else value for name, value in values.items()}, **fields}


def test_a_task_is_added_with_all_its_fields(
    client: Client, project: Project, board: list[Task]
) -> None:
    response = client.post(at("new-task", project), TASK, follow=True)
    assert "Task added." in text_of(response)
    task = Task.objects.get(title="Booking")
    assert (task.status, task.priority, str(task.due), task.estimate) == (
        *("in_progress", "high", "2030-12-04", 2.5),
    )
    assert task.description == "Patients\nbook."
    assert (task.assignee, task.labels, task.parent) == (
        *(project.owner, ["web", "clinic"], board[0]),
    )
    assert [item["text"] for item in task.criteria] == ["A slot is taken", "A mail is sent"]
    assert set(task.depends_on.all()) == set(board)
    project.refresh_from_db()
    assert project.board_version == 1


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("title", "", "This field is required."),
        ("due", "tomorrow", "Enter a valid date."),
        ("estimate", "-1", "greater than or equal to 0"),
        ("assignee", "bob", "is no member of this project"),
        ("labels", "x" * 31, "A label is one word"),
        ("parent", "#9", "There is no task #9 in this project."),
        ("depends_on", "Booking", "Enter the number of a task"),
        ("status", "gone", "Select a valid choice."),
    ],
)
def test_a_refused_field_says_why_and_nothing_is_lost(
    client: Client,
    project: Project,
    board: list[Task],
    bob: User,
    field: str,
    value: str,
    reason: str,
) -> None:
    response = client.post(at("new-task", project), {**TASK, field: value})
    assert response.status_code == 400
    assert any(reason in text for text in response.context["form"].errors[field])
    text = text_of(response)
    assert "A mail is sent" in text
    assert Task.objects.count() == len(board)


def test_a_task_is_changed_keeps_its_ticks_and_is_deleted(
    client: Client, project: Project, board: list[Task]
) -> None:
    client.post(at("new-task", project), TASK)
    task = Task.objects.get(title="Booking")
    board[1].delete()
    address = at("task", task)
    assert "Specification" in text_of(client.get(address))
    fields = sent(client, address, title="Booking 2", met=["c2"], due="2030-12-04")
    assert client.post(address, fields).status_code == 302
    task.refresh_from_db()
    assert task.title == "Booking 2"
    assert [item["done"] for item in task.criteria] == [False, True]
    stale = client.post(address, {**fields, "title": "Booking 3"})
    assert "Someone else changed this meanwhile" in text_of(stale)
    assert "Booking 3" in text_of(stale)
    assert client.post(at("delete-task", task)).status_code == 302
    assert not Task.objects.filter(pk=task.pk).exists()
    assert client.get(address).status_code == 404


def test_a_circle_of_dependencies_is_an_error_of_the_form(
    client: Client, project: Project, board: list[Task]
) -> None:
    client.post(at("task", board[0]), sent(client, at("task", board[0]), depends_on="2"))
    response = client.post(at("task", board[1]), sent(client, at("task", board[1]), depends_on="1"))
    assert response.status_code == 400
    assert "form a circle" in text_of(response)


def test_a_memory_is_added_changed_restored_deleted_and_undone(
    client: Client, project: Project
) -> None:
    added = client.post(at("new-memory", project), MEMORY, follow=True)
    assert "Memory added." in text_of(added)
    memory = Memory.objects.get()
    assert (memory.kind, memory.category) == ("decision", "tech")
    address = at("memory", memory)
    client.post(address, sent(client, address, content="Django\r\n5"))
    memory.refresh_from_db()
    assert memory.content == "Django\n5"
    client.post(at("use-revision", memory, 1))
    memory.refresh_from_db()
    assert (memory.content, memory.revisions.count()) == ("Django", 3)
    deleted = client.post(at("delete-memory", memory), follow=True)
    assert "This memory is deleted" in text_of(deleted)
    undone = client.post(at("undo-memory", memory), follow=True)
    assert "The last change was undone." in text_of(undone)
    assert Memory.objects.get().content == "Django"
    assert client.post(at("use-revision", memory, 99)).status_code == 404


def test_a_refused_memory_keeps_what_was_typed(client: Client, memory: Memory) -> None:
    address = at("memory", memory)
    response = client.post(address, sent(client, address, title="", content="<b>kept</b>"))
    assert response.status_code == 400
    assert "&lt;b&gt;kept&lt;/b&gt;" in text_of(response)
    assert Memory.objects.get().title == "Stack"


def test_each_role_sees_and_does_what_it_may(
    bob: User, project: Project, board: list[Task], memory: Memory
) -> None:
    client = Client()
    client.force_login(bob)
    reading = [at("task", board[0]), at("memory", memory)]
    writing = [
        *(at("new-task", project), at("new-memory", project), *reading),
        *(at("delete-task", board[0]), at("delete-memory", memory)),
        *(at("undo-memory", memory), at("use-revision", memory, 1)),
    ]
    for address in reading:
        assert client.get(address).status_code == 404
    for address in writing:
        assert client.post(address, {"title": "x"}).status_code == 404
    Membership.objects.create(project=project, user=bob, role=Role.VIEWER)
    for address in reading:
        text = text_of(client.get(address))
        assert not any(word in text for word in ("Save task", "Save memory", "Delete", "Undo"))
    for address in writing:
        response = client.post(address, {"title": "x"})
        assert response.status_code == 403
        assert "This needs the role editor in the project." in text_of(response)
