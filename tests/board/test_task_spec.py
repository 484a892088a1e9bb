"""A task as a coding agent gets it: all that was said of it, and nothing else."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from agent.board import task_spec, tasks
from agent.memory import memories
from agent.models import Project, Task


@pytest.fixture
def project(alice: User) -> Project:
    return Project.objects.create(
        name="Clinic", description="Patients book\nslots of doctors.", owner=alice
    )


def make(project: Project, title: str, **fields: object) -> Task:
    return tasks.create_task(project_id=project.pk, title=title, **fields)[0]  # type: ignore[arg-type]


def test_a_specification_has_all_that_the_project_knows_of_a_task(project: Project) -> None:
    accounts = make(project, "Accounts")
    sign_up = make(project, "Sign-up", description="By email.\nWith a link.", parent=accounts)
    tasks.update_task(task=sign_up, status="completed")
    reset = make(
        project,
        "Reset the password",
        description="# Goal\nUsers reset their password by email.\n```\n# code\n```",
        parent=accounts,
        depends_on=[sign_up],
        priority="high",
    )
    make(project, "Write the email", parent=reset)
    make(project, "Tell the admins", depends_on=[reset])
    for kind, said in (
        ("decision", "We send email with Postmark."),
        ("fact", "The clinic opens at 8."),
        ("note", "Ask Bob about the password email."),
    ):
        memories.remember(project_id=project.pk, title=said[:20], content=said, kind=kind)
    assert (
        task_spec.render(reset)
        == f"""# Reset the password

Number: #3. Status: pending. Priority: high. Id: {reset.pk}

## Description

### Goal
Users reset their password by email.
```
# code
```

## Subtasks

- [ ] #4 Write the email (pending)

## Depends on

- [x] #2 Sign-up (completed): By email.

## Tasks that depend on it

- [ ] #5 Tell the admins (pending)

## Related decisions and facts

- We send email with Postmark. (decision)

## Project

- Name: Clinic
- Description: Patients book slots of doctors.
- This task is part of “Accounts”
"""
    )


def test_what_nobody_said_is_not_made_up(project: Project) -> None:
    said = task_spec.render(make(project, "Ship"))
    assert "No description yet" in said
    assert "decisions" not in said
    assert "Subtasks" not in said


def test_what_is_deleted_is_not_told(project: Project) -> None:
    needed = make(project, "Design")
    task = make(project, "Build", depends_on=[needed])
    child = make(project, "Sketch", parent=task)
    tasks.delete_tasks(tasks=[needed, child])
    assert "Design" not in task_spec.render(task)
    assert "Sketch" not in task_spec.render(task)
