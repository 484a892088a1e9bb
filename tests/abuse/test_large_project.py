"""What a page, a frame or a change costs does not grow with the project: rows, statements and bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agent.board import tasks as board
from agent.board.task_rules import MAX_DEPENDENCIES, MAX_DEPTH
from agent.board.tasks import NewTask
from agent.edits.manual_changes import remove_member
from agent.exceptions import ToolFailed
from agent.memory import memories
from agent.models import ChatSession, Membership, Memory, Message, Project, Task
from agent.support.words import text_key
from agent.text import search_index
from chat import panels, snapshot
from tests.support.reading import Reading, counted

pytestmark = pytest.mark.django_db

LARGE = 1200  # tasks and memories: more than any page shows
DESCRIPTION = "It has to be done. " * 300
CRITERIA = [{"id": f"c{n}", "text": "It is done. " * 40, "done": False} for n in range(10)]


def fill(project: Project, number: int, first: int = 0) -> list[Task]:
    """Adds tasks and memories with long texts."""
    titles = [f"Errand {n}" for n in range(first, first + number)]
    tasks = Task.objects.bulk_create(
        Task(
            project=project,
            number=n + 1,
            title=title,
            title_key=text_key(title),
            position=n,
            description=DESCRIPTION,
            criteria=CRITERIA,
        )
        for n, title in enumerate(titles, first)
    )
    rows = Memory.objects.bulk_create(
        Memory(
            project=project,
            title=f"Note about {title}",
            title_key=text_key(f"Note about {title}"),
            content=f"{title}: {DESCRIPTION}",
            content_key=text_key(f"{title}: {DESCRIPTION}"),
            kind="fact",
        )
        for title in titles
    )
    for kind, objects in (("task", tasks), ("memory", rows)):
        search_index.put(
            search_index.entry(project_id=project.pk, kind=kind, object_id=row.pk, body=row.title)
            for row in objects
        )
    Project.objects.filter(pk=project.pk).update(last_task_number=first + number)
    return tasks


@pytest.fixture
def signed_in(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def large(project: Project, session: ChatSession) -> list[Task]:
    return fill(project, LARGE)


def page(client: Client, path: str) -> tuple[bytes, Reading]:
    with counted() as reading:
        response = client.get(path)
    assert response.status_code == 200
    return response.content, reading


@pytest.mark.parametrize(
    ("path", "rows", "size"),
    [
        ("/sessions/{session}/", 400, 1_500_000),
        ("/projects/{project}/", 400, 800_000),
        ("/projects/{project}/board/", 400, 1_500_000),
        ("/projects/{project}/board/?all=1", 2100, 9_000_000),
    ],
)
def test_a_page_reads_and_sends_what_it_shows(
    large: list[Task],
    signed_in: Client,
    project: Project,
    session: ChatSession,
    path: str,
    rows: int,
    size: int,
) -> None:
    address = path.format(project=project.pk, session=session.pk)
    content, reading = page(signed_in, address)
    assert len(content) < size
    assert reading.rows < rows
    fill(project, 300, LARGE)
    more, more_reading = page(signed_in, address)
    assert abs(len(more) - len(content)) < 1000  # a number has another digit
    assert (more_reading.statements, more_reading.rows) == (reading.statements, reading.rows)


def test_a_board_tells_how_much_of_it_is_left(
    large: list[Task], signed_in: Client, project: Project
) -> None:
    loaded = panels.load(project, whole=True).board
    assert len(loaded["tasks"]) == len(loaded["memories"]) == panels.WHOLE
    assert loaded["whole"]
    assert loaded["hidden"]["tasks"] == LARGE - panels.WHOLE


def test_long_texts_are_cut_and_say_so(large: list[Task], project: Project) -> None:
    loaded = panels.load(project).board
    for task in loaded["tasks"]:
        assert len(task["description"]) <= panels.MAX_TEXT
        assert sum(len(item["text"]) for item in task["criteria"]) <= panels.MAX_TEXT
        assert task["cut"]
    assert all(len(one["content"]) <= panels.MAX_TEXT and one["cut"] for one in loaded["memories"])
    Task.objects.filter(pk=large[0].pk).update(description="Short", criteria=[])
    short = next(one for one in panels.load(project).board["tasks"] if one["number"] == 1)
    assert short["description"] == "Short"
    assert "cut" not in short


def test_the_state_for_a_lost_cursor_is_bounded(
    large: list[Task], project: Project, session: ChatSession
) -> None:
    Message.objects.bulk_create(
        Message(session=session, role="user", content=f"{n} {'x' * 100_000}") for n in range(30)
    )
    with counted() as reading:
        _, state = snapshot.snapshot(session.pk)
    assert len(json.dumps(state)) < 2_000_000
    assert reading.rows < 600
    contents = [message["content"] for message in state["messages"]]
    assert sum(map(len, contents)) <= snapshot.MAX_TEXT
    assert contents[-1].startswith("29 ")


def test_a_column_reads_no_descriptions(
    large: list[Task], signed_in: Client, project: Project
) -> None:
    content, reading = page(signed_in, f"/projects/{project.pk}/?pending=1000")
    assert content.count(b"Errand ") >= 1000
    assert reading.characters < 1000 * (len(json.dumps(CRITERIA)) + 1000)
    assert reading.statements < 40


@pytest.mark.parametrize("kind", ["tasks", "memories"])
def test_a_list_of_the_api_reads_one_page(
    large: list[Task], signed_in: Client, project: Project, kind: str
) -> None:
    _, reading = page(signed_in, f"/api/projects/{project.pk}/{kind}/?limit=50")
    assert reading.rows < 80


def cost(work: Callable[[], Any]) -> tuple[int, int]:
    with counted() as reading:
        work()
    return reading.statements, reading.rows


def test_checks_of_a_change_cost_the_same_in_a_larger_project(project: Project) -> None:
    """A new parent, dependencies, and a memory that is known already."""
    tasks = fill(project, 20)

    def change(number: int) -> Callable[[], Any]:
        task = Task.objects.get(number=number)
        others = list(Task.objects.filter(number__in=[19, 20]))
        return lambda: board.update_task(task=task, parent=others[0], depends_on=others)

    def remember(title: str) -> Callable[[], Any]:
        fields = {"title": title, "content": f"{title} is new.", "kind": "fact"}
        return lambda: memories.remember(project_id=project.pk, **fields)

    changed, remembered = cost(change(2)), cost(remember("Alpha"))
    fill(project, LARGE, 20)
    assert cost(change(3)) == changed
    assert cost(remember("Beta")) == remembered
    assert remembered[1] < 40
    assert len(tasks) == 20


def test_the_height_of_a_large_tree_is_one_statement_and_one_row(project: Project) -> None:
    tasks = fill(project, 600)
    Task.objects.filter(number__range=(3, 600)).update(parent=tasks[1])
    statements, rows = cost(lambda: board.update_task(task=tasks[1], parent=tasks[0]))
    assert rows < 15
    assert statements < 20
    chain = [
        board.create_task(project_id=project.pk, title=f"Level {n}")[0] for n in range(MAX_DEPTH)
    ]
    for above, below in pairwise(chain):
        board.update_task(task=below, parent=above)
    with pytest.raises(ToolFailed, match="nested"):
        board.update_task(task=chain[0], parent=tasks[0])


def test_a_task_has_a_limited_number_of_dependencies(project: Project) -> None:
    tasks = fill(project, MAX_DEPENDENCIES + 2)
    with pytest.raises(ToolFailed, match=f"{MAX_DEPENDENCIES} at most"):
        board.update_task(task=tasks[0], depends_on=tasks[1:])
    items = [NewTask("New", depends_on=tuple(tasks[1:]))]
    with pytest.raises(ToolFailed, match=f"{MAX_DEPENDENCIES} at most"):
        board.create_tasks(project_id=project.pk, items=items)


def test_a_member_who_leaves_is_taken_from_all_tasks_by_one_statement(
    project: Project, bob: User
) -> None:
    fill(project, 300)
    Task.objects.update(assignee=bob)
    member = Membership.objects.create(project=project, user=bob, role="editor")
    version = Project.objects.get(pk=project.pk).board_version
    statements, rows = cost(lambda: remove_member(member))
    assert (statements < 12, rows <= 1) == (True, True)  # the name, for the audit log
    assert not Task.objects.filter(assignee=bob).exists()
    assert Project.objects.get(pk=project.pk).board_version == version + 1


# -- lengths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/projects/", {"name": "x" * 201}),
        ("/api/projects/", {"name": "x", "description": "x" * 100_001}),
        ("/api/projects/{project}/tasks/", {"title": "x" * 201}),
        ("/api/projects/{project}/tasks/", {"title": "x", "description": "x" * 100_001}),
        ("/api/projects/{project}/tasks/", {"title": "x", "labels": ["x" * 31]}),
        ("/api/projects/{project}/tasks/", {"title": "x", "criteria": [{"text": "x" * 501}]}),
        ("/api/projects/{project}/tasks/", {"title": "x", "assignee": "x" * 151}),
        ("/api/projects/{project}/tasks/", {"title": "x", "depends_on": [str(uuid4())] * 101}),
        ("/api/projects/{project}/memories/", {"title": "x" * 201, "content": "x"}),
        ("/api/projects/{project}/memories/", {"title": "x", "content": "x" * 10_001}),
        ("/api/projects/{project}/memories/", {"title": "x", "content": "x", "category": "x" * 51}),
        ("/api/projects/{project}/sessions/", {"title": "x" * 201}),
        ("/api/sessions/{session}/messages/", {"content": "x" * 100_001}),
        ("/api/projects/{project}/chat/", {"message": "x" * 100_001}),
        (
            "/api/ag-ui/",
            {
                "threadId": "t",
                "runId": "r",
                "state": {},
                "tools": [],
                "context": [],
                "forwardedProps": {},
                "messages": [{"id": "m", "role": "user", "content": "x" * 100_001}],
            },
        ),
    ],
)
def test_a_program_cannot_send_a_text_that_is_too_long(
    signed_in: Client, project: Project, session: ChatSession, path: str, body: dict[str, Any]
) -> None:
    response = signed_in.post(
        path.format(project=project.pk, session=session.pk), body, "application/json"
    )
    assert response.status_code in (400, 413), response.content
    assert not Task.objects.exists()
    assert not Memory.objects.exists()
    assert not Message.objects.exists()


LONG_FIELDS = [
    ("new-task", {"title": "x" * 201}),
    ("new-task", {"description": "x" * 100_001}),
    ("new-task", {"assignee": "x" * 151}),
    ("new-task", {"labels": "x " * 1100}),
    ("new-task", {"criteria": "x\n" * 16_000}),
    ("new-task", {"depends_on": "#1 " * 800}),
    ("new-task", {"parent": "#1" * 1100}),
    ("new-memory", {"title": "x" * 201}),
    ("new-memory", {"content": "x" * 10_001}),
    ("new-memory", {"category": "x" * 51}),
]


@pytest.mark.parametrize(("page", "field"), LONG_FIELDS)
def test_a_form_cannot_send_a_text_that_is_too_long(
    signed_in: Client, project: Project, page: str, field: dict[str, str]
) -> None:
    kind = page.removeprefix("new-")
    kinds = {"task": "tasks", "memory": "memories"}
    usual = {
        "title": "x",
        "status": "pending",
        "priority": "medium",
        "content": "x",
        "kind": "fact",
    }
    address = f"/projects/{project.pk}/{kinds[kind]}/new/"
    with counted() as reading:
        response = signed_in.post(address, {**usual, **field})
    assert response.status_code == 400
    assert reading.statements < 40
    assert not Task.objects.exists()
    assert not Memory.objects.exists()


def test_the_admin_cannot_save_a_description_that_is_too_long(
    client: Client, project: Project
) -> None:
    client.force_login(User.objects.create_superuser("root", password="root's secret"))
    fields = {"name": "Clinic", "owner": project.owner.pk, "description": "x" * 100_001}
    forms = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    forms |= {"switched_off_tools-TOTAL_FORMS": 0, "switched_off_tools-INITIAL_FORMS": 0}
    address = f"/admin/agent/project/{project.pk}/change/"
    response = client.post(address, {**fields, **forms})
    assert response.status_code == 200
    assert "at most 100000 characters" in response.content.decode()
    assert client.post(address, {**fields, **forms, "description": "Short"}).status_code == 302
