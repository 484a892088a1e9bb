"""A number finds exactly its task, and words find acceptance criteria: in the API and in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agent.accounts.tokens import create_token
from agent.board import tasks
from agent.models import Project, Task
from tests.support.admin_site import page

pytestmark = pytest.mark.django_db


@pytest.fixture
def board(project: Project) -> Project:
    more: dict[str, Any] = {"criteria": ["Works on a telephone"], "priority": "high"}
    items = [tasks.NewTask(f"Task {number}") for number in range(1, 12)]
    items += [tasks.NewTask("After #1 is done"), tasks.NewTask("Sign-up", more=more)]
    tasks.create_tasks(project_id=project.pk, items=items)
    return project


def found(project: Project, user: User, query: str) -> Any:
    client = Client(headers={"Authorization": f"Token {create_token(user, 'x')[1]}"})
    return client.get(f"/api/projects/{project.pk}/tasks/?{query}")


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("q=%231", [1]),
        ("q=%2312", [12]),
        ("q=telephones", [13]),
        ("q=telephone&priority=low", []),
        ("q=nowhere", []),
        ("q=task&limit=2", None),
    ],
)
def test_the_api_finds_tasks_by_number_and_words(
    board: Project, alice: User, query: str, numbers: list[int] | None
) -> None:
    answer = found(board, alice, query)
    assert answer.status_code == 200
    shown = [row["number"] for row in answer.json()["results"]]
    assert shown == numbers if numbers is not None else len(shown) == 2
    assert answer.json()["next"] is None


def test_somebody_elses_tasks_are_not_found(board: Project, bob: User) -> None:
    assert found(board, bob, "q=%231").status_code == 404


@pytest.mark.parametrize(
    ("words", "titles"),
    [("#1", ["Task 1"]), ("#12", ["After #1 is done"]), ("telephone", ["Sign-up"])],
)
def test_the_admin_finds_tasks_by_number_and_words(
    board: Project, words: str, titles: list[str]
) -> None:
    admin = User.objects.create_superuser("admin")
    client = Client()
    client.force_login(admin)
    answer = client.get(page(Task, "changelist"), {"q": words})
    assert [task.title for task in answer.context["cl"].result_list] == titles
