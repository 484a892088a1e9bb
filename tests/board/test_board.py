"""The board: what becomes of tasks, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from agent.board import readiness, task_rules
from agent.board import tasks as board
from agent.exceptions import ToolFailed
from agent.models import Project, Task
from agent.text.search_index import search

Make = Callable[..., Task]


def needs(task: Task) -> set[str]:
    return set(task.depends_on.values_list("title", flat=True))


def test_a_new_task_stands_at_the_end_and_its_change_holds_all_of_it(
    project: Project, make: Make
) -> None:
    first = make("Sign-up")
    task, change = board.create_task(
        project_id=project.pk,
        title="  Send a reminder ",
        description="By SMS",
        priority="high",
        parent=first,
        depends_on=[first],
    )
    assert [task.title for task in Task.objects.all()] == ["Sign-up", "Send a reminder"]
    assert (change.object, change.id, change.action, change.before) == (
        "task",
        task.pk,
        "created",
        None,
    )
    assert change.after == {
        "id": str(task.pk),
        "number": 2,
        "title": "Send a reminder",
        "description": "By SMS",
        "status": "pending",
        "priority": "high",
        "due": None,
        "estimate": None,
        "labels": [],
        "criteria": [],
        "assignee": None,
        "parent": str(first.pk),
        "depends_on": [str(first.pk)],
        "position": task_rules.GAP,
    }


def test_a_list_of_tasks_keeps_its_order_and_its_dependencies(project: Project, make: Make) -> None:
    old = make("Old")
    tasks, changes = board.create_tasks(
        project_id=project.pk,
        items=[
            board.NewTask("Book a slot"),
            board.NewTask("Publish slots", depends_on=(old,)),
            board.NewTask("Remind", depends_on=(old,), after=(0, 1, 0)),
        ],
    )
    assert [task.title for task in Task.objects.all()] == ["Old", *(task.title for task in tasks)]
    assert needs(tasks[2]) == {"Old", "Book a slot", "Publish slots"}
    assert [change.after["depends_on"] for change in changes if change.after] == [
        [],
        [str(old.pk)],
        [str(old.pk), str(tasks[0].pk), str(tasks[1].pk)],
    ]


@pytest.mark.parametrize("place", [1, 2, -1])
def test_an_item_cannot_come_after_itself_or_a_later_one(project: Project, place: int) -> None:
    items = [board.NewTask("One"), board.NewTask("Two", after=(place,)), board.NewTask("Three")]
    with pytest.raises(ToolFailed, match="cannot come after"):
        board.create_tasks(project_id=project.pk, items=items)
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("title", "problem"),
    [
        ("", "The title is empty"),
        ("  \n", "The title is empty"),
        ("\x00", "The title is empty"),
        ("x" * 1201, "The title is too long: 1,201 of 200 characters"),
    ],
)
def test_a_title_has_1_to_200_characters(
    project: Project, make: Make, title: str, problem: str
) -> None:
    task = make("x" * 200)
    with pytest.raises(ToolFailed, match=problem):
        make(title)
    with pytest.raises(ToolFailed, match=problem):
        board.update_task(task=task, title=title)
    assert Task.objects.get().title == "x" * 200


def test_text_that_a_database_refuses_is_kept_without_those_signs(make: Make) -> None:
    task = make("NUL \x00 here", description="half \ud800 sign")
    task.refresh_from_db()
    assert (task.title, task.description) == ("NUL  here", "half  sign")


def test_an_update_changes_what_is_given_and_nothing_else(make: Make) -> None:
    parent, needed = make("Parent"), make("Needed")
    task = make("Task", description="Text", priority="low", parent=parent, depends_on=[needed])
    task, change = board.update_task(task=task, title="New", status="blocked")
    assert change is not None
    assert change.before is not None
    assert change.after == {**change.before, "title": "New", "status": "blocked"}
    assert change.after == board.task_json(Task.objects.get(pk=task.pk))


def test_an_update_without_a_difference_is_no_change(make: Make) -> None:
    one, other = make("One"), make("Other")
    task = make("Task", depends_on=[one, other])
    assert board.update_task(task=task, title=" Task ", depends_on=[other, one])[1] is None
    assert board.update_task(task=task, status="pending")[1] is None


def test_none_takes_a_task_out_of_its_parent(make: Make) -> None:
    task = make("Task", parent=make("Parent"))
    board.update_task(task=task, description="Still within it")
    assert Task.objects.get(pk=task.pk).parent is not None
    board.update_task(task=task, parent=None)
    assert Task.objects.get(pk=task.pk).parent is None


@pytest.mark.parametrize("fields", [{"status": "done"}, {"priority": "urgent"}])
def test_an_unknown_status_or_priority_is_refused_by_name(
    make: Make, fields: dict[str, Any]
) -> None:
    task = make("Task")
    with pytest.raises(ToolFailed, match=next(iter(fields.values()))):
        board.update_task(task=task, **fields)


def test_tasks_go_four_levels_deep_and_no_deeper(make: Make) -> None:
    levels = [make("1")]
    for level in "234":
        levels.append(make(level, parent=levels[-1]))
    with pytest.raises(ToolFailed, match="4 levels"):
        make("5", parent=levels[-1])
    root = make("Root")
    with pytest.raises(ToolFailed, match="4 levels"):
        board.update_task(task=levels[0], parent=root)
    board.update_task(task=levels[1], parent=root)
    assert Task.objects.get(title="2").parent == root


def test_a_task_is_never_within_itself(make: Make) -> None:
    top = make("Top")
    middle = make("Middle", parent=top)
    low = make("Low", parent=middle)
    for parent in (top, middle, low):
        with pytest.raises(ToolFailed, match="cannot be part of itself"):
            board.update_task(task=top, parent=parent)
    board.delete_task(task=middle)
    with pytest.raises(ToolFailed, match="cannot be part of itself"):
        board.update_task(task=top, parent=low)


def test_tasks_never_depend_on_each_other_in_a_circle(make: Make) -> None:
    first = make("First")
    second = make("Second", depends_on=[first])
    third = make("Third", depends_on=[second])
    for needed in (first, second, third):
        with pytest.raises(ToolFailed, match="circle"):
            board.update_task(task=first, depends_on=[needed])
    assert needs(first) == set()
    board.update_task(task=third, depends_on=[first])
    board.update_task(task=second, depends_on=[third, first])
    assert (needs(third), needs(second)) == ({"First"}, {"First", "Third"})


def test_a_long_chain_of_dependencies_takes_no_more_statements_than_a_short_one(
    make: Make, project: Project, django_assert_max_num_queries: Any
) -> None:
    later = [board.NewTask(str(number), after=(number - 1,)) for number in range(1, 300)]
    chain, _ = board.create_tasks(project_id=project.pk, items=[board.NewTask("0"), *later])
    task = make("Task")
    with django_assert_max_num_queries(12):
        board.update_task(task=task, depends_on=[chain[-1]])
    with pytest.raises(ToolFailed, match="circle"), django_assert_max_num_queries(12):
        board.update_task(task=chain[0], depends_on=[task])


def test_tasks_of_another_project_cannot_be_linked(alice: User, make: Make) -> None:
    elsewhere = Project.objects.create(name="Another", owner=alice)
    foreign = board.create_task(project_id=elsewhere.pk, title="Foreign")[0]
    task = make("Task")
    for fields in ({"parent": foreign}, {"depends_on": [foreign]}):
        with pytest.raises(ToolFailed, match="not in this project"):
            make("New", **fields)
        with pytest.raises(ToolFailed, match="not in this project"):
            board.update_task(task=task, **fields)


def test_deleting_hides_a_task_and_leaves_its_subtasks_and_dependants(
    project: Project, make: Make
) -> None:
    task = make("Booking")
    child = make("Slots", parent=task)
    dependant = make("Reminder", depends_on=[task])
    told = board.tasks_json([child, dependant])
    deleted, change = board.delete_task(task=task)
    assert (change.action, change.before, change.after) == (
        "deleted",
        board.task_json(deleted),
        None,
    )
    assert {task.title for task in Task.objects.all()} == {"Slots", "Reminder"}
    assert board.tasks_json([child, dependant]) == told
    assert search(project.pk, "task", "booking", 5) == []
    with pytest.raises(ToolFailed, match="already"):
        board.delete_task(task=task)


def test_a_restored_task_is_as_it_was(project: Project, make: Make) -> None:
    task = make("Booking", description="Text", depends_on=[make("Slots")])
    before = board.task_json(task)
    board.delete_task(task=task)
    restored, change = board.restore_task(task=task)
    assert (change.action, change.before, change.after) == ("restored", None, before)
    assert Task.objects.filter(pk=restored.pk).exists()
    assert search(project.pk, "task", "booking", 5) == [task.pk]
    with pytest.raises(ToolFailed, match="not deleted"):
        board.restore_task(task=task)


def test_the_place_of_a_deleted_task_stays_free(make: Make) -> None:
    task = make("One")
    board.delete_task(task=task)
    assert make("Two").position == task_rules.GAP


def test_a_list_of_a_hundred_tasks_takes_a_few_queries(
    project: Project, django_assert_max_num_queries: Any
) -> None:
    later = [board.NewTask(str(number), after=(number - 1,)) for number in range(1, 100)]
    with django_assert_max_num_queries(8):
        board.create_tasks(project_id=project.pk, items=[board.NewTask("0"), *later])
    assert Task.objects.filter(depends_on__project=project).count() == 99


def test_the_people_and_parents_of_a_hundred_tasks_are_looked_up_once(
    make: Make, project: Project, django_assert_max_num_queries: Any
) -> None:
    parent = make("Parent")
    items = [
        board.NewTask(str(number), parent=parent, more={"assignee": "alice"})
        for number in range(100)
    ]
    with django_assert_max_num_queries(12):
        made, _ = board.create_tasks(project_id=project.pk, items=items)
    assert {(task.assignee.username, task.parent) for task in made} == {("alice", parent)}
    other = make("Another")
    with django_assert_max_num_queries(16):
        board.update_tasks(tasks=made, parent=other, assignee="Alice")
    assert Task.objects.filter(parent=other, assignee__username="alice").count() == 100


# -- several at once, and what does not fit --------------------------------------------------------


def test_several_tasks_are_changed_at_once_and_only_those_that_differ_are_told(
    make: Make, django_assert_max_num_queries: Any
) -> None:
    tasks = [make(str(number)) for number in range(100)]
    parent = make("Parent")
    board.update_task(task=tasks[0], priority="high")
    with django_assert_max_num_queries(8):
        changes = board.update_tasks(tasks=tasks, priority="high", status="blocked")
    assert len(changes) == 100
    assert changes[0].before is not None
    assert changes[0].after == {**changes[0].before, "status": "blocked"}
    assert board.update_tasks(tasks=tasks, status="blocked") == []
    assert len(board.update_tasks(tasks=tasks[:3], parent=parent)) == 3
    assert parent.children.count() == 3
    with pytest.raises(ToolFailed, match="cannot be part of itself"):
        board.update_tasks(tasks=[tasks[5], parent], parent=tasks[5])


def test_several_tasks_are_deleted_at_once_and_come_back_one_by_one(
    project: Project, make: Make
) -> None:
    tasks = [make(f"Booking {number}") for number in range(3)]
    changes = board.delete_tasks(tasks=tasks[:2])
    assert [change.action for change in changes] == ["deleted", "deleted"]
    assert [task.title for task in Task.objects.all()] == ["Booking 2"]
    assert search(project.pk, "task", "booking", 5) == [tasks[2].pk]
    with pytest.raises(ToolFailed, match="already deleted"):
        board.delete_tasks(tasks=tasks)
    board.restore_task(task=tasks[1])
    assert [task.title for task in Task.objects.all()] == ["Booking 1", "Booking 2"]


def test_a_status_is_never_refused_and_what_does_not_fit_is_told(make: Make) -> None:
    design, deploy = make("Design"), make("Deploy")
    booking = make("Booking", depends_on=[design])
    make("Book a slot", parent=booking)
    assert readiness.still_open_titles([booking]) == []
    board.update_task(task=booking, status="in_progress")
    assert readiness.still_open_titles([booking, deploy]) == ["Design"]
    board.update_task(task=booking, status="completed")
    assert readiness.still_open_titles([booking]) == ["Design", "Book a slot"]
    board.update_task(task=design, status="completed")
    assert readiness.still_open_titles([booking]) == ["Book a slot"]
