"""Tasks are found by number, id and title; what names none or several is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from agent.board import finding
from agent.board import tasks as board
from agent.exceptions import ToolFailed
from agent.models import Project, Task

Make = Callable[..., Task]


@pytest.mark.parametrize(
    "reference",
    [
        "Patient sign-up with email verification",
        "PATIENT SIGN-UP WITH EMAIL VERIFICATION",
        " “Patient sign-up  with email verification”. ",
        "the sign-up task",
        "signing up patients",
        "verification of emails",
    ],
)
def test_a_task_is_found_by_its_title_or_by_words_that_only_it_has(
    project: Project, make: Make, reference: str
) -> None:
    task = make("Patient sign-up with email verification")
    make("Patients book and cancel a slot")
    make("Send an email reminder")
    assert finding.find_task(project.pk, reference) == task
    assert finding.find_task(project.pk, f" {task.pk} ") == task


def test_the_exact_title_is_found_among_longer_ones(project: Project, make: Make) -> None:
    make("Book a slot twice")
    task = make("Book a slot")
    make("Learn C#")
    assert finding.find_task(project.pk, "book a slot") == task
    assert finding.find_task(project.pk, "the slot booking") == task
    assert finding.find_task(project.pk, "Learn C++ ".strip()).title == "Learn C#"
    other = make("Learn C++")
    assert finding.find_task(project.pk, "learn c++") == other


def test_a_reference_that_fits_several_tasks_names_them(project: Project, make: Make) -> None:
    tasks = [make("SMS reminder"), make("Email reminder"), make("Login")]
    with pytest.raises(ToolFailed) as failed:
        finding.find_task(project.pk, "reminder")
    said = str(failed.value)
    assert all(f"“{task.title}” (#{task.number})" in said for task in tasks[:2])
    assert "Login" not in said


def test_two_tasks_of_one_title_are_told_apart_by_id_only(project: Project, make: Make) -> None:
    task, other = make("Login"), make("login")
    with pytest.raises(ToolFailed, match="several"):
        finding.find_task(project.pk, "Login")
    assert finding.find_task(project.pk, str(other.pk)) == other != task


@pytest.mark.parametrize("reference", ["export the invoices", "", "the", "?!", "\x00", "x" * 9999])
def test_a_reference_to_nothing_is_said_to_be_one(
    project: Project, make: Make, reference: str
) -> None:
    make("Publish slots")
    with pytest.raises(ToolFailed, match="There is no task"):
        finding.find_task(project.pk, reference)


def test_a_reference_that_is_nearly_right_is_answered_with_what_is_near(
    project: Project, make: Make
) -> None:
    task = make("SMS reminder")
    with pytest.raises(ToolFailed, match=f"Similar titles: “SMS reminder” \\(#{task.number}\\)"):
        finding.find_task(project.pk, "WhatsApp reminder")


def test_deleted_and_foreign_tasks_are_not_found(alice: User, project: Project, make: Make) -> None:
    task = make("Login")
    elsewhere = Project.objects.create(name="Another", owner=alice)
    for reference in (str(task.pk), "Login"):
        assert finding.find_task(project.pk, reference) == task
        with pytest.raises(ToolFailed, match=r"no task|is gone|was deleted"):
            finding.find_task(elsewhere.pk, reference)
    board.delete_task(task=task)
    for reference in (str(task.pk), "Login", str(uuid4())):
        with pytest.raises(ToolFailed, match=r"no task|is gone|was deleted"):
            finding.find_task(project.pk, reference)


def test_tasks_are_found_with_as_few_queries_as_one(
    make: Make, project: Project, django_assert_max_num_queries: Any
) -> None:
    made = [make(str(number)) for number in range(20)]
    references = [f"#{task.number}" for task in made] + [str(task.pk) for task in made]
    with django_assert_max_num_queries(2):
        named = finding.tasks_by_reference(project.pk, references)
    assert [named[reference] for reference in references] == [*made, *made]
