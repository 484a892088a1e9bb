"""The board of a project page: columns, filter, groups and figures, and a large board in part."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agent.board.tasks import NewTask, create_tasks
from agent.models import ChatSession, Membership, Message, Project, Run, Task
from chat.project_board import FIRST, MORE, Column


@pytest.fixture
def client(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def fill(project: Project, *items: tuple[str, dict[str, Any]]) -> list[Task]:
    rows = [NewTask(title, more=more) for title, more in items]  # type: ignore[arg-type]
    return create_tasks(project_id=project.pk, items=rows)[0]


def page(client: Client, project: Project, **query: Any) -> Any:
    return client.get(reverse("project", args=[project.pk]), query)


def shown(response: Any) -> dict[str, list[str]]:
    columns: list[Column] = response.context["columns"]
    return {
        column.status: [card.title for _, cards in column.groups for card in cards]
        for column in columns
        if column.count
    }


@pytest.fixture
def board(project: Project, bob: User) -> list[Task]:
    Membership.objects.create(project=project, user=bob)
    return fill(
        project,
        ("Booking", {"labels": ["web"], "assignee": "bob", "description": "Slots & <mail>"}),
        ("Reminders", {"status": "in_progress", "labels": ["mail", "web"]}),
        ("Invoices", {"status": "completed", "assignee": "alice", "priority": "high"}),
        ("100% sure", {"labels": ["web"]}),
    )


def test_each_status_is_a_column_with_its_count(
    client: Client, project: Project, board: list[Task]
) -> None:
    response = page(client, project)
    assert [(column.name, column.count) for column in response.context["columns"]] == [
        ("Pending", 2),
        ("In progress", 1),
        ("Completed", 1),
        ("Blocked", 0),
        ("Cancelled", 0),
    ]
    assert shown(response)["pending"] == ["Booking", "100% sure"]
    text = response.content.decode()
    assert "high priority" in text
    assert "in progress" not in text  # the head of the column says it
    assert reverse("task", args=[board[0].pk]) in text


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({"q": "MAIL"}, {"pending": ["Booking"], "in_progress": ["Reminders"]}),
        ({"q": "#3"}, {"completed": ["Invoices"]}),
        ({"q": "100%"}, {"pending": ["100% sure"]}),
        ({"q": "no such"}, {}),
        ({"label": "mail"}, {"in_progress": ["Reminders"]}),
        ({"assignee": "bob"}, {"pending": ["Booking"]}),
        ({"status": "completed"}, {"completed": ["Invoices"]}),
        ({"label": "web", "q": "slots"}, {"pending": ["Booking"]}),
    ],
)
def test_the_board_is_filtered(
    client: Client, project: Project, board: list[Task], query: dict[str, str], titles: Any
) -> None:
    response = page(client, project, **query)
    assert shown(response) == titles


def test_nonsense_in_the_query_is_as_if_it_were_not_there(
    client: Client, project: Project, board: list[Task]
) -> None:
    response = page(client, project, status="gone", group="x", pending="9" * 40, q="  ")
    assert len(response.context["columns"]) == 5
    assert len(shown(response)["pending"]) == 2


@pytest.mark.parametrize(
    ("by", "names"),
    [("label", ["No label", "web"]), ("assignee", ["bob", "No assignee"])],
)
def test_cards_are_grouped(
    client: Client, project: Project, board: list[Task], by: str, names: list[str]
) -> None:
    fill(project, ("Unlabelled", {"labels": []}))
    (pending, *_) = page(client, project, group=by).context["columns"]
    assert sorted(name for name, _ in pending.groups) == sorted(names)


def test_a_large_column_shows_its_first_cards_and_more_on_request(
    client: Client, project: Project, django_assert_max_num_queries: Any
) -> None:
    fill(project, *((f"Errand {n}", {}) for n in range(FIRST + 2 * MORE)))
    with django_assert_max_num_queries(40):
        response = page(client, project)
    pending = response.context["columns"][0]
    assert (pending.count, len(shown(response)["pending"])) == (FIRST + 2 * MORE, FIRST)
    assert f"Show more ({2 * MORE} left)" in response.content.decode()
    more = client.get(f"{reverse('project', args=[project.pk])}?{pending.more}")
    assert len(shown(more)["pending"]) == FIRST + MORE


def test_the_figures_count_open_tasks_and_waiting_runs_of_the_project(
    client: Client, project: Project, board: list[Task], session: ChatSession
) -> None:
    message = Message.objects.create(session=session, role="user", content="Hi")
    Run.objects.create(session=session, message=message, number=1, status=Run.Status.WAITING)
    figures = page(client, project).context["figures"]
    assert (figures.open, figures.waiting) == (3, 1)
    assert figures.last_activity >= board[-1].updated_at


def test_a_task_moves_in_its_column_without_a_script(
    client: Client, project: Project, board: list[Task]
) -> None:
    address = reverse("move-task", args=[board[3].pk])
    client.post(address, {"direction": "up"})
    assert shown(page(client, project))["pending"] == ["100% sure", "Booking"]
    again = client.post(address, {"direction": "up"}, follow=True)
    assert "it was not moved" in again.content.decode()
    client.post(address, {"direction": "down"})
    assert shown(page(client, project))["pending"] == ["Booking", "100% sure"]


def test_a_viewer_sees_a_board_that_nothing_moves(
    bob: User, project: Project, board: list[Task]
) -> None:
    client = Client()
    client.force_login(bob)
    text = page(client, project).content.decode()
    assert "Booking" in text
    for control in ("data-writable", 'draggable="true"', "New task", "New memory"):
        assert control not in text
