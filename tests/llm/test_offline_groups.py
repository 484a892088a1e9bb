"""Many tasks at once, the order of the board, and what the board says when it is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.llm.base import COMPLETED_TASKS, StepOutcome
from tests.support.clinic_board import BOARD, task
from tests.support.offline_answers import analysed, answered, planned

CHANGES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "mark all login tasks as done",
        "change_tasks_status",
        {"tasks": ["t2", "t3"], "status": "completed"},
    ),
    ("delete all completed tasks", "delete_tasks", {"tasks": ["t8", "t9"]}),
    ("clear the completed tasks", "delete_tasks", {"tasks": ["t8", "t9"]}),
    ("delete the login tasks", "delete_tasks", {"tasks": ["t2", "t3", "t8"]}),
    ("clear everything that is done", "delete_tasks", {"tasks": ["t8", "t9"]}),
    ("reopen all login tasks", "change_task_status", {"task": "t8", "status": "pending"}),
    ("unblock everything", "change_task_status", {"task": "t6", "status": "pending"}),
    (
        "set all low priority tasks to medium priority",
        "update_task",
        {"task": "t7", "priority": "medium"},
    ),
    (
        "mark tasks 2 and 3 as blocked",
        "change_tasks_status",
        {"tasks": ["t2", "t3"], "status": "blocked"},
    ),
    (
        "make the docs and the address form subtasks of stripe checkout",
        "update_tasks",
        {"tasks": ["t7", "t5"], "parent": "t6"},
    ),
    ("move the docs before the login page", "move_task", {"task": "t7", "before": "t2"}),
    ("put the docs after Stripe checkout", "move_task", {"task": "t7", "after": "t6"}),
    ("move the docs to the top", "move_task", {"task": "t7", "before": "t1"}),
    ("put the sign-up last", "move_task", {"task": "t1", "after": "t7"}),
    ("change the docs to high prio", "update_task", {"task": "t7", "priority": "high"}),
    (
        "Let's start with the login page",
        "change_task_status",
        {"task": "t2", "status": "in_progress"},
    ),
    (
        "break the login page down into: form, email",
        "create_tasks",
        {"tasks": [{"title": "Form", "parent": "t2"}, {"title": "Email", "parent": "t2"}]},
    ),
    (
        "add “write tests” as a subtask of the login page",
        "create_task",
        {"title": "Write tests", "parent": "t2"},
    ),
    (
        "Please add the following: a landing page and a contact form",
        "create_tasks",
        {"tasks": [{"title": "Landing page"}, {"title": "Contact form"}]},
    ),
]


@pytest.mark.parametrize(("message", "tool", "arguments"), CHANGES)
async def test_a_command_about_many_or_about_the_order_is_one_step(
    message: str, tool: str, arguments: dict[str, Any]
) -> None:
    (step,) = await planned(message, BOARD)
    assert (step["tool"], step["arguments"]) == (tool, arguments)


BEYOND = [
    ("assign the login page to Bob", "no member"),
    ("set a due date for the login page", "keep due dates"),
    ("postpone the docs", "nothing later"),
    ("revert to the old design", "Undo button"),
    ("invite Bob", "Members are added in the admin"),
    ("remind me to call Bob", "nothing at set times"),
    ("rename the project", "in the admin"),
]


@pytest.mark.parametrize(("message", "said"), BEYOND)
async def test_what_no_message_does_is_said_with_the_place_where_it_is_done(
    message: str, said: str
) -> None:
    assert not (await analysed(message, BOARD)).needs_tools
    assert said in await answered(message, BOARD)


async def test_a_group_of_more_than_a_context_holds_is_refused_as_that() -> None:
    full = replace(
        BOARD,
        completed=tuple(task(f"d{n}", f"Done {n}", "completed") for n in range(COMPLETED_TASKS)),
    )
    for message in ("Delete all completed tasks", "Reopen all tasks", "Clear everything"):
        assert not (await analysed(message, full)).needs_tools
        said = await answered(message, full)
        assert "more tasks than I see" in said
        assert "Nothing was changed" in said


async def test_one_task_that_may_be_several_is_asked_back() -> None:
    question = (await analysed("mark the login task as done", BOARD)).question
    assert "Login page" in question
    assert "Test the login flow" in question


async def test_nothing_is_done_when_it_is_not_clear_what_is_left_out() -> None:
    message = "Delete everything except the shipping task"
    assert not (await analysed(message, BOARD)).needs_tools
    assert "shipping" in await answered(message, BOARD)


async def test_a_group_that_is_empty_is_said_to_be() -> None:
    assert "no task like “all shipping tasks”" in await answered("Delete all shipping tasks", BOARD)


ASKED = [
    ("what depends on the login page?", ["Test the login flow"], ["Login page (", "docs"]),
    ("what does the login test depend on?", ["depends on “Login page”, not yet done"], ["docs"]),
    ("what is blocking the login test?", ["Login page"], []),
    ("can I start the docs?", ["is done", "Docs folder"], ["not yet"]),
    ("why is Stripe blocked?", ["marked as blocked"], []),
    ("what should I do next?", ["Go on with", "Patient sign-up", "Login page"], ["Test the login"]),
    ("what's next", ["Patient sign-up"], []),
    ("is the sign-up task done?", ["in progress"], []),
    ("Priority of the docs?", ["low priority"], []),
    ("tell me about the invoice task", ["For billing, as CSV", "Billing address form"], []),
]


@pytest.mark.parametrize(("message", "told", "not_told"), ASKED)
async def test_the_board_answers_without_a_step(
    message: str, told: list[str], not_told: list[str]
) -> None:
    assert not (await analysed(message, BOARD)).needs_tools
    said = await answered(message, BOARD)
    assert [words for words in told if words not in said] == []
    assert [words for words in not_told if words in said] == []


async def test_what_was_changed_is_told() -> None:
    message = "mark all login tasks as done"
    result = {"titles": ["Login page", "Test the login flow"]}
    arguments = {"tasks": ["t2", "t3"], "status": "completed"}
    step = StepOutcome(
        "s1",
        "tool",
        "change_tasks_status",
        "Mark 2 tasks as done",
        "succeeded",
        arguments,
        result,
        "",
    )
    said = await answered(message, BOARD, step)
    assert "Marked 2 tasks as done: “Login page”, “Test the login flow”." in said
