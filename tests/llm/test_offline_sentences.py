"""Everyday sentences of new users: carried out rightly, or refused with an offer that repeats no mistake."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.support.offline_board import Project

SET_UP, SCHEMA, LOGIN, DOCS, STAGING, BUG = (
    "Set up the repository",
    "Design the database schema",
    "Build the login page",
    "Write the API docs",
    "Deploy to staging",
    "Fix the search bug",
)


async def board() -> Project:
    project = Project()
    await project.say(f"Tasks: {SET_UP}, {SCHEMA}, {LOGIN}, {DOCS}, {STAGING}, {BUG}")
    for message in (
        f"{DOCS} depends on {SCHEMA}",
        f"{STAGING} depends on {LOGIN}",
        f"Block {STAGING}",
        "We decided to use MySQL",
    ):
        await project.say(message)
    project.done.clear()
    return project


def needed(project: Project, title: str) -> set[str]:
    titles = {task.id: task.title for task in project.tasks}
    (task,) = [task for task in project.tasks if task.title == title]
    return {titles[key] for key in task.depends_on}


@pytest.mark.parametrize(
    "message",
    [
        "Deploy to staging also depends on Fix the search bug",
        "Deploy to staging now depends on the search bug",
        "Deploy to staging is also blocked by the search bug",
        "Make the staging deploy also depend on the search bug",
        "Deploy to staging can't start until Fix the search bug is done",
        "The staging deploy cannot begin before the search bug is finished",
        "Fix the search bug has to happen before Deploy to staging",
        "Fix the search bug must be done before Deploy to staging",
    ],
)
async def test_one_more_dependency_is_said_in_many_ways(message: str) -> None:
    project = await board()
    await project.say(message)
    assert needed(project, STAGING) == {LOGIN, BUG}


@pytest.mark.parametrize(
    "message",
    [
        "The docs no longer wait for the schema",
        "The docs don't wait for the schema now",
    ],
)
async def test_a_dependency_ends_in_many_ways(message: str) -> None:
    project = await board()
    await project.say(message)
    assert needed(project, DOCS) == set()


@pytest.mark.parametrize(
    "message",
    [
        "Deploy to staging isn't blocked anymore",
        "Deploy to staging is not blocked any longer",
        "The staging deploy is no longer blocked",
        "Deploy to staging is no longer stuck",
    ],
)
async def test_a_task_that_is_no_longer_blocked_is_unblocked(message: str) -> None:
    project = await board()
    await project.say(message)
    assert project.tasks[4].status == "pending"


async def test_a_task_that_was_never_blocked_keeps_its_status() -> None:
    project = await board()
    await project.say("Start the login page")
    answer = await project.say("The login page isn't blocked anymore")
    assert "not marked as blocked" in answer
    assert project.tasks[2].status == "in_progress"


@pytest.mark.parametrize(
    "message",
    [
        "We don't use MySQL anymore, we use Postgres",
        "Add the tasks a, b and c under the login page",
        "Create a task to test under the login page",
        "Create a task to announce it all after the staging deploy",
        "Delete the login page and assign the docs to Bob",
        "Mark the login page as done but not the docs",
        "Start the login page tomorrow",
        "The login page is due soon",
        "Put the launch in my calendar for 12 March",
        "remind me tomorrow to call the client",
        "If the login page is done, move Deploy to staging to in progress",
        "Email the team that staging is up",
        "ok so I think we should maybe start with the login page and worry about docs later",
        "Delete the search bug but keep a note that the index was corrupt",
    ],
)
async def test_a_sentence_with_a_part_that_no_form_has_changes_nothing(message: str) -> None:
    project = await board()
    assert "Nothing was changed" in await project.say(message)
    assert project.done == []


@pytest.mark.parametrize(
    ("message", "wrong", "offered"),
    [
        ("creat a task to mesure page speed", "creat|mesure", ""),
        ("remeber that teh client pays late", "remeber|teh", ""),
        ("fxi the login page", "fxi", ""),
        ("Fix the taks list", "taks", ""),
        ("Creat a task to mesure page speed?", "creat|mesure", ""),
    ],
)
async def test_an_offer_repeats_no_typing_error(message: str, wrong: str, offered: str) -> None:
    project = await board()
    offers = re.findall(r"\[(.*?)\]\(#say\)", await project.say(message))
    assert project.done == []
    assert not [text for text in offers if re.search(rf"\b({wrong})\b", text, re.I)]
    assert offered in (*offers[:1], "")


SAID: list[tuple[str, list[Any]]] = [
    ("thanks, that's great!", []),
]


@pytest.mark.parametrize(("message", "tools"), SAID)
async def test_everyday_words_are_understood(message: str, tools: list[str]) -> None:
    project = await board()
    assert "Nothing was changed" not in await project.say(message)
    assert project.done == tools


async def test_a_task_is_shown_with_all_that_is_planned_with_it() -> None:
    project = await board()
    (task,) = [one for one in project.tasks if one.title == LOGIN]
    planned: dict[str, Any] = {
        "description": "With a form.",
        "due": "2099-12-04",
        "assignee": "anna",
        "estimate": 1.5,
        "labels": ("ui", "api"),
        "criteria": ({"text": "Works on a phone", "done": True}, {"text": "Has a test"}),
    }
    project.tasks[project.tasks.index(task)] = replace(task, **planned)
    answer = await project.say(f"Show {task.id}")
    assert (
        "It is due 2099-12-04, assigned to anna, estimated at 1.5 hours, labelled ui, api."
        in answer
    )
    assert "With a form." in answer
    assert "Acceptance criteria:\n\n- Works on a phone (met)\n- Has a test" in answer
