"""The numbers of tasks: how they are given, and where a task is found by one."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from agent.board import finding
from agent.board import tasks as board
from agent.edits.undo import undo_changes
from agent.engine import local
from agent.exceptions import ToolFailed
from agent.models import ChatSession, Message, PlanStep, Project, Run, Task
from agent.runs import runs
from agent.runs.runs import MessageRequest
from tests.support.scripted_runs import ended, make_tasks, outcome, use


def make(project: Project, *titles: str) -> list[Task]:
    items = [board.NewTask(title) for title in titles]
    return board.create_tasks(project_id=project.pk, items=items)[0]


def test_tasks_are_counted_per_project(project: Project) -> None:
    other = Project.objects.create(name="Other", owner=project.owner)
    numbers = [task.number for task in make(project, "One", "Two")]
    assert numbers == [1, 2]
    assert [task.number for task in (*make(other, "Theirs"), *make(project, "Three"))] == [1, 3]


def test_a_number_is_never_given_twice(project: Project) -> None:
    task, created = board.create_task(project_id=project.pk, title="One")
    (undone,) = undo_changes(project.pk, [created])
    (later,) = make(project, "Two")
    undo_changes(project.pk, [undone])
    assert (Task.objects.get(pk=task.pk).number, later.number) == (1, 2)


def test_a_number_that_was_rolled_back_is_given_again(project: Project) -> None:
    with transaction.atomic():
        make(project, "Tried")
        transaction.set_rollback(True)
    assert make(project, "Kept")[0].number == 1


def test_a_task_is_found_by_its_number(project: Project) -> None:
    first, second = make(project, "One", "Two")
    found = finding.find_tasks(project.pk, ["#2", "one", " #1 "])
    assert [task.pk for task in found] == [second.pk, first.pk]
    with pytest.raises(ToolFailed, match="no task #3 in this project"):
        finding.find_task(project.pk, "#3")


def test_a_number_never_means_a_task_that_has_it_in_its_title(project: Project) -> None:
    first, second = make(project, "Phase 2", "Login")
    assert finding.find_task(project.pk, "[#2]") == second  # as prompts list the tasks
    assert finding.find_task(project.pk, "phase 2") == first
    for number in ("2", "task 2"):
        with pytest.raises(ToolFailed, match="There is no task"):
            finding.find_task(project.pk, number)
    with pytest.raises(ToolFailed, match="is written “#2”"):
        finding.find_task(project.pk, "2")
    (named,) = make(project, "2")
    assert finding.find_task(project.pk, "2") == named


def test_numbers_tell_tasks_with_the_same_title_apart(project: Project) -> None:
    make(project, "Login", "Login")
    with pytest.raises(ToolFailed, match=r"“Login” \(#1\), “Login” \(#2\). Use the number"):
        finding.find_task(project.pk, "login")


def test_the_api_shows_numbers_and_filters_by_them(client: Client, project: Project) -> None:
    make(project, "One", "Two")
    client.force_login(project.owner)
    listed = client.get(f"/api/projects/{project.pk}/tasks/?number=2").json()["results"]
    assert [(task["number"], task["title"]) for task in listed] == [(2, "Two")]


# -- in a run --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
async def test_a_plan_names_a_task_by_its_number_and_keeps_its_id(
    session: ChatSession, alice: User, project: Project
) -> None:
    first, second = [str(task.pk) for task in await make_tasks(project, "Sign-up", "Login")]
    step = use("s1", "update_task", task="#2", priority="high", depends_on=["#1"])
    run = await outcome(session, alice, MessageRequest("Raise #2"), step)
    stored = await PlanStep.objects.aget(plan__run=run)
    assert stored.status == PlanStep.Status.SUCCEEDED
    assert stored.arguments == {"task": second, "priority": "high", "depends_on": [first]}


@pytest.mark.django_db(transaction=True)
async def test_a_plan_with_a_number_of_no_task_is_refused(
    session: ChatSession, alice: User
) -> None:
    step = use("s1", "delete_task", task="#7")
    run = await outcome(session, alice, MessageRequest("Delete #7"), step)
    (shown,) = [step async for step in PlanStep.objects.filter(plan__run=run)]
    assert "There is no task #7 in this project" in shown.description


def test_a_task_that_was_deleted_is_named_by_number_and_title(project: Project) -> None:
    (task,) = make(project, "Sign-up")
    board.delete_task(task=task)
    with pytest.raises(ToolFailed, match="The task #1 “Sign-up” was deleted"):
        finding.find_task(project.pk, str(task.pk))


@pytest.mark.django_db(transaction=True)
async def test_the_offline_model_knows_tasks_by_their_numbers(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Sign-up", "Room 2", "Login")
    async with local.executing():
        for message in ("Mark #3 as done", "Delete task #2", "Set #1 to low priority"):
            run = await said(session, alice, message)
            assert (run.status, run.error) == (Run.Status.SUCCEEDED, "")
        rows = [row async for row in Task.objects.values_list("title", "status", "priority")]
        assert rows == [("Sign-up", "pending", "low"), ("Login", "completed", "medium")]
        run = await said(session, alice, "Finish #2")
    answer = await Message.objects.aget(pk=run.answer_id)
    assert "There is no task “#2”" in answer.content


async def said(session: ChatSession, user: User, message: str) -> Run:
    return await ended(await runs.start(session.pk, user, MessageRequest(message)))
