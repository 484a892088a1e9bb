"""What has no form is refused whole by the offline model: nothing is done, and what works is offered."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from agent.llm.offline import drafting
from tests.support.clinic_board import BOARD
from tests.support.offline_answers import analysed, answered

NO_FORM = [
    # groups
    *("set everything about billing to high priority", "Everything about billing is done"),
    "delete all login tasks except the login page",
    "mark everything about billing but the invoice export as done",
    "mark as done: the login page, the docs",
    # rare wordings of new tasks
    *("Create a task to ship as a subtask of booking", "archive the completed tasks"),
    *(
        "I think we should use Redis",
        "Preference: tabs over spaces",
        "If it rains, delete the docs",
    ),
    *("todo: call the clinic", "add a login task", "Create subtasks: form, email"),
    *("Create a subtask to write tests", "Add subtasks to the login page: form, email"),
    "Users should be able to reset their password",
    "I'd like you to create a task to call the clinic",
    "Make me a list of tasks: buy domain, set up DNS",
    # what a title may not hold outside quotes
    *("Create a task to ship (high)", "Create a task to ship under the login page"),
    *("Create a task to call Bob on Friday", "Create a task to ship before the docs"),
    *("Create a task to ship with description: by boat", "Create a task to test “Login page”"),
    # rare wordings of changes
    *("take the address form out of its parent", "move the login page up", "prioritize the docs"),
    *("We're done with the docs.", "I'm working on the docs", "Set the docs's status to done"),
    *("change the title of the docs to manual", "Describe the docs as: one click"),
    *("Add a description “one click” to the docs", "Add a note to the docs: ask the lawyer"),
    *("The docs aren't blocked by the login page anymore", "mark signin as completed"),
    *("Set up the tests is done", "Delete old logs is done", "mrak the docs as done"),
    # memory
    *("we always review pull requests", "Never deploy on Friday", "We switched to Fastmail"),
    *("Update the memory about Django to: We use Flask", "Remember our clinic opens at 8"),
    # questions
    *("what did we finish?", "is anything blocked?", "list the login tasks", "search for invoices"),
    *("what are the subtasks of the invoice export?", "which tasks are high priority?"),
    *("do you remember Django?", "Which database are we using?", "What do I prefer?"),
]


@pytest.mark.parametrize("message", NO_FORM)
async def test_what_has_no_form_is_refused_whole(message: str) -> None:
    assert not (await analysed(message, BOARD)).needs_tools
    assert "Nothing was changed" in await answered(message, BOARD)


@pytest.mark.parametrize(
    "message", ["mrak the docs as done", "delet the login page", "fxi teh page"]
)
async def test_what_a_refusal_offers_works_and_repeats_no_typing_error(message: str) -> None:
    offers = re.findall(r"\[(.*?)\]\(#say\)", await answered(message, BOARD))
    assert len(offers) == 2
    for offer in offers:
        assert not re.search(r"mrak|delet\b|fxi|teh", offer)
        made = drafting.draft(replace(BOARD, message=offer.replace("\\", "")))
        assert (made.refusal, made.question) == ("", "")


async def test_a_task_on_both_sides_is_refused_as_that() -> None:
    for message in (
        "The login page depends on the login page",
        "Move the docs under the docs",
        "It depends on that",
    ):
        assert "both sides" in await answered(message, BOARD)
