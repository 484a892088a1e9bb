"""Undo: each change can be taken back, unless somebody went on from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from agent.board import tasks
from agent.change import Change
from agent.edits.undo import undo_change, undo_changes
from agent.exceptions import Refused
from agent.memory import memories
from agent.models import Memory, Project, Task

Make = Callable[..., tuple[Task, Change]]


@pytest.fixture
def make(project: Project) -> Make:
    def make(title: str, **fields: Any) -> tuple[Task, Change]:
        return tasks.create_task(project_id=project.pk, title=title, **fields)

    return make


@pytest.fixture
def remembered(project: Project) -> tuple[Memory, Change]:
    one, change = memories.remember(
        project_id=project.pk, title="PostgreSQL", content="We use it.", kind="decision"
    )
    assert change is not None
    return one, change


def titles() -> list[str]:
    return [task.title for task in Task.objects.all()]


def refused(project: Project, change: Change) -> str:
    with pytest.raises(Refused) as caught:
        undo_change(project.pk, change)
    assert caught.value.code == "stale_change"
    return str(caught.value)


def test_undoing_a_creation_deletes_and_undoing_that_restores(project: Project, make: Make) -> None:
    task, created = make("Login", description="Text")
    deleted = undo_change(project.pk, created)
    assert (deleted.action, titles()) == ("deleted", [])
    restored = undo_change(project.pk, deleted)
    assert (restored.action, restored.after) == ("restored", created.after)
    assert titles() == ["Login"]
    assert undo_change(project.pk, restored).action == "deleted"
    assert Task.all_objects.get() == task


def test_undoing_an_update_brings_only_its_own_fields_back(project: Project, make: Make) -> None:
    parent, needed, other = make("Parent")[0], make("Needed")[0], make("Other")[0]
    task, _ = make("Login", parent=parent, depends_on=[needed, other])
    _, change = tasks.update_task(task=task, title="Sign-in", parent=None, depends_on=[other])
    tasks.update_task(task=task, status="blocked", description="Added later")
    assert change is not None
    undone = undo_change(project.pk, change)
    assert undone.action == "updated"
    now = tasks.task_json(Task.objects.get(pk=task.pk))
    assert now == undone.after
    assert (now["title"], now["parent"], now["status"], now["description"]) == (
        "Login",
        str(parent.pk),
        "blocked",
        "Added later",
    )
    assert set(now["depends_on"]) == {str(needed.pk), str(other.pk)}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"title": "Sign-in"}, {"title": "Sign in"}),
        ({"status": "completed"}, {"status": "blocked"}),
        ({"depends_on": []}, {"depends_on": ["other"]}),
        ({"parent": None}, {"parent": "other"}),
    ],
)
def test_what_was_changed_since_is_left_as_it_is(
    project: Project, make: Make, first: dict[str, Any], then: dict[str, Any]
) -> None:
    needed, other = make("Needed")[0], make("Other")[0]
    task, _ = make("Login", parent=needed, depends_on=[needed])
    then = {
        name: other if value == "other" else [other] if value == ["other"] else value
        for name, value in then.items()
    }
    change = tasks.update_task(task=task, **first)[1]
    now = tasks.task_json(tasks.update_task(task=task, **then)[0])
    assert change is not None
    assert "has changed since" in refused(project, change)
    assert tasks.task_json(Task.objects.get(pk=task.pk)) == now


def test_nothing_is_undone_twice(project: Project, make: Make) -> None:
    task, created = make("Login")
    _, updated = tasks.update_task(task=task, status="completed")
    assert updated is not None
    undo_change(project.pk, updated)
    refused(project, updated)
    deleted = undo_change(project.pk, created)
    assert "already deleted" in refused(project, created)
    restored = undo_change(project.pk, deleted)
    assert "not deleted" in refused(project, deleted)
    undo_change(project.pk, restored)
    refused(project, restored)
    assert "It is deleted" in refused(project, updated)


def test_undo_never_makes_a_circle(project: Project, make: Make) -> None:
    first, second = make("First")[0], make("Second")[0]
    tasks.update_task(task=first, depends_on=[second])
    change = tasks.update_task(task=first, depends_on=[])[1]
    tasks.update_task(task=second, depends_on=[first])
    assert change is not None
    assert "circle" in refused(project, change)


def test_memories_are_undone_with_a_revision_by_whoever_undoes(
    project: Project, alice: User, remembered: tuple[Memory, Change]
) -> None:
    one, created = remembered
    _, updated = memories.revise(memory=one, content="We use SQLite.", category="storage")
    assert updated is not None
    undone = undo_change(project.pk, updated, by_id=alice.pk)
    assert undone.after == created.after == memories.memory_json(Memory.objects.get())
    forgotten = undo_change(project.pk, created, by_id=alice.pk)
    assert not Memory.objects.exists()
    undo_change(project.pk, forgotten, by_id=alice.pk)
    assert memories.recall(project.pk, "PostgreSQL", 5) == [one]
    rows = one.revisions.order_by("number").values_list("action", "by__username")
    assert list(rows) == [
        ("created", None),
        ("updated", None),
        ("updated", "alice"),
        ("deleted", "alice"),
        ("restored", "alice"),
    ]


def test_several_changes_are_undone_from_the_last_to_the_first(
    project: Project, make: Make, remembered: tuple[Memory, Change]
) -> None:
    task, created = make("Login")
    _, renamed = tasks.update_task(task=task, title="Sign-in")
    _, again = tasks.update_task(task=task, title="Signing in", status="completed")
    assert renamed is not None
    assert again is not None
    undone = undo_changes(project.pk, [remembered[1], created, renamed, again])
    assert [change.action for change in undone] == ["updated", "updated", "deleted", "deleted"]
    assert Task.all_objects.get().title == "Login"
    assert (titles(), Memory.objects.count()) == ([], 0)


def test_of_several_changes_all_are_undone_or_none(project: Project, make: Make) -> None:
    task, first = make("Login")
    other, second = make("Slots")
    tasks.delete_task(task=task)
    with transaction.atomic(), pytest.raises(Refused):
        undo_changes(project.pk, [first, second])
    assert titles() == ["Slots"]
    assert other == Task.objects.get()


def test_what_is_not_in_the_project_is_not_found(project: Project, alice: User, make: Make) -> None:
    _, created = make("Login")
    elsewhere = Project.objects.create(name="Another", owner=alice)
    for where, change in (
        (elsewhere, created),
        (project, replace(created, id=project.pk)),
        (project, replace(created, object="memory")),
    ):
        with pytest.raises(Refused) as caught:
            undo_change(where.pk, change)
        assert caught.value.code == "not_found"
    assert titles() == ["Login"]
