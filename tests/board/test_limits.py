"""The limits of a task's description and due date are the same wherever one is entered."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.forms import modelform_factory
from django.test import Client

from agent.accounts.tokens import create_token
from agent.admin.task_form import TaskForm as AdminForm
from agent.board import tasks
from agent.board.task_rules import MAX_DESCRIPTION
from agent.exceptions import ToolFailed
from agent.models import Project, Task
from agent.tools import registry
from chat.board_forms import TaskForm

TOO_LONG = "x" * (MAX_DESCRIPTION + 1)
LONG = "is too long: 100,001 of 100,000 characters."
OUTSIDE = "The due date must be from 2000-01-01 to 2200-12-31, not "


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("description", TOO_LONG, LONG),
        ("due", "0001-01-01", f"{OUTSIDE}0001-01-01."),
        ("due", "2201-01-01", f"{OUTSIDE}2201-01-01."),
    ],
)
def test_every_entrance_refuses_it(
    project: Project, alice: User, field: str, value: str, reason: str
) -> None:
    task, _ = tasks.create_task(project_id=project.pk, title="Booking")
    fields: dict[str, Any] = {field: value}
    with pytest.raises(ToolFailed, match=reason):
        tasks.update_task(task=task, **fields)
    given = {"title": "Booking", "status": "pending", "priority": "medium", **fields}
    admin_form = modelform_factory(Task, form=AdminForm, fields=[field])
    for form in (admin_form(given, instance=task), TaskForm(given, project_id=project.pk)):
        assert reason in str(form.errors[field])
    tool = registry.get("create_task")
    assert tool is not None
    assert tool.check({"title": "Booking", **fields})
    client = Client(headers={"Authorization": f"Token {create_token(alice, 'x')[1]}"})
    address = f"/api/tasks/{task.pk}/"
    answer = client.patch(address, fields, content_type="application/json")
    assert answer.status_code == 400
    assert reason in answer.content.decode()


@pytest.mark.django_db
def test_what_is_within_the_limits_is_kept(project: Project) -> None:
    task, _ = tasks.create_task(
        project_id=project.pk, title="Booking", description="x" * MAX_DESCRIPTION, due="2200-12-31"
    )
    assert (len(task.description), task.due) == (MAX_DESCRIPTION, date(2200, 12, 31))
