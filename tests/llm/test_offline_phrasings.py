"""What the offline model makes of many ways to say a thing: tool and arguments, phrase by phrase."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.offline_answers import analysed, answered, planned

CREATED = [
    ("Create a task to test the login flow", "Test the login flow"),
    ("create a task for testing the login flow", "Testing the login flow"),
    ("Please create a new task called Payments", "Payments"),
    ("Could you please add a task named “Pay, then ship”?", "Pay, then ship"),
    ("Add a task: write the docs", "Write the docs"),
    ("new task: buy a domain", "Buy a domain"),
    ("New task to buy a domain", "Buy a domain"),
    ("make a task for the landing page", "Landing page"),
    ("I want to create a task to call the clinic", "Call the clinic"),
    ("Add a task to the board to call the clinic", "Call the clinic"),
    ("Add a ticket about slow pages", "Slow pages"),
    ("create a task to fix login and add tests", "Fix login and add tests"),
    ("hi, create a task to ship", "Ship"),
    ("Create a task for onboarding doctors", "Onboarding doctors"),
]


@pytest.mark.parametrize(("message", "title"), CREATED)
async def test_a_task_is_created(message: str, title: str) -> None:
    (step,) = await planned(message)
    assert (step["tool"], step["arguments"]["title"]) == ("create_task", title)
    assert step["description"] == f"Create “{title}”"


DETAILS: list[tuple[str, dict[str, Any]]] = [
    ("Create a high priority task to ship", {"title": "Ship", "priority": "high"}),
    ("Create an urgent task to ship", {"title": "Ship", "priority": "high"}),
    ("Create a task to ship with low priority", {"title": "Ship", "priority": "low"}),
    ("Create a task to ship that depends on booking", {"title": "Ship", "depends_on": ["t3"]}),
    ("Create a subtask of booking to ship", {"title": "Ship", "parent": "t3"}),
]


@pytest.mark.parametrize(("message", "arguments"), DETAILS)
async def test_a_task_gets_what_is_said_of_it(message: str, arguments: dict[str, Any]) -> None:
    (step,) = await planned(message)
    assert (step["tool"], step["arguments"]) == ("create_task", arguments)


LISTS = [
    ("Create tasks for: alpha, beta and gamma", ["Alpha", "Beta", "Gamma"]),
    ("Create three tasks: alpha, beta, and gamma", ["Alpha", "Beta", "Gamma"]),
    ("Add tasks for testing login and writing docs", ["Testing login", "Writing docs"]),
    ("Tasks:\n- [ ] alpha\n- [ ] beta", ["Alpha", "Beta"]),
    ("I need: alpha; beta; gamma", ["Alpha", "Beta", "Gamma"]),
    ("I need: 1) alpha 2) beta 3) gamma", ["Alpha", "Beta", "Gamma"]),
    ("Tasks:\n- alpha\n- beta", ["Alpha", "Beta"]),
    ("Requirements\n\n* alpha\n\n* beta", ["Alpha", "Beta"]),
    ("## Features\r\n1. alpha\r\n2. beta\r\n", ["Alpha", "Beta"]),
]


@pytest.mark.parametrize(("message", "titles"), LISTS)
async def test_a_list_becomes_one_step(message: str, titles: list[str]) -> None:
    (step,) = await planned(message)
    assert step["tool"] == "create_tasks"
    assert [item["title"] for item in step["arguments"]["tasks"]] == titles


STATUSES = [
    ("Mark the sign-up task as done", "t1", "completed"),
    ("Set sign up to in progress", "t1", "in_progress"),
    ("move the reminder to blocked", "t4", "blocked"),
    ("Change the status of the booking task to pending", "t3", "pending"),
    ("mark “SMS reminder a day before” done", "t4", "completed"),
    ("finish booking", "t3", "completed"),
    ("Complete the task about free slots", "t2", "completed"),
    ("Start working on the sign-up task", "t1", "in_progress"),
    ("block the reminder", "t4", "blocked"),
    ("reopen the reminder", "t4", "pending"),
    ("I finished the sign-up task!", "t1", "completed"),
    ("The sign-up task is done", "t1", "completed"),
    ("Mark it as done", "t4", "completed"),
    ("mark that task as blocked please", "t4", "blocked"),
    ("mark the last task as done", "t4", "completed"),
    ("mark the first task as done", "t1", "completed"),
    ("Mark task 2 as done", "t2", "completed"),
    ("set the doctors task back to pending", "t2", "pending"),
]


@pytest.mark.parametrize(("message", "task", "status"), STATUSES)
async def test_a_status_is_changed(message: str, task: str, status: str) -> None:
    (step,) = await planned(message)
    assert step["tool"] == "change_task_status"
    assert step["arguments"] == {"task": task, "status": status}


UPDATES: list[tuple[str, dict[str, Any]]] = [
    ("Set the reminder to high priority", {"task": "t4", "priority": "high"}),
    ("make the sign-up task high priority", {"task": "t1", "priority": "high"}),
    ("Set the priority of booking to low", {"task": "t3", "priority": "low"}),
    ("The reminder is urgent", {"task": "t4", "priority": "high"}),
    ("Rename the reminder to Text message", {"task": "t4", "title": "Text message"}),
    ("rename it to “From a to b”", {"task": "t4", "title": "From a to b"}),
    ("Sign-up depends on free slots", {"task": "t1", "depends_on": ["t2"]}),
    ("Make sign-up depend on free slots", {"task": "t1", "depends_on": ["t2"]}),
    ("Sign-up is blocked by free slots", {"task": "t1", "depends_on": ["t2"]}),
    ("The reminder no longer depends on booking", {"task": "t4", "depends_on": []}),
    ("Make the reminder a subtask of booking", {"task": "t4", "parent": "t3"}),
]


@pytest.mark.parametrize(("message", "arguments"), UPDATES)
async def test_a_task_is_updated(message: str, arguments: dict[str, Any]) -> None:
    (step,) = await planned(message)
    assert (step["tool"], step["arguments"]) == ("update_task", arguments)


@pytest.mark.parametrize(
    "message",
    [
        "Delete the SMS reminder task, the clinic dropped it.",
        "delete the reminder",
        "Remove the reminder from the board",
        "drop the SMS reminder because nobody wants it",
        "get rid of it",
        "Please delete “SMS reminder a day before”",
    ],
)
async def test_a_task_is_deleted(message: str) -> None:
    (step,) = await planned(message)
    assert (step["tool"], step["arguments"]) == ("delete_task", {"task": "t4"})


MEMORIES = [
    ("We decided to use Redis", "decision", "Redis", "We decided to use Redis."),
    ("we chose Stripe for payments", "decision", "Stripe for payments", None),
    ("Let's go with Stripe because it is simple", "decision", "Stripe", None),
    ("We'll use Celery", "decision", "Celery", None),
    ("we agreed on weekly releases", "decision", "Weekly releases", None),
    ("Decision: no mobile app", "decision", "No mobile app", None),
    ("I prefer short functions", "preference", "Short functions", "I prefer short functions."),
    ("remember that we test on Firefox too", "preference", "Test on Firefox too", None),
    ("Remember: we use Black for formatting", "preference", "Use Black for formatting", None),
    ("remember that the clinic opens at 8", "fact", "Clinic opens at 8", "The clinic opens at 8."),
    ("Note that SMS costs 5 cents", "fact", "SMS costs 5 cents", None),
    ("keep in mind that Mondays are full", "fact", "Mondays are full", None),
    ("Don't forget that Bob is away", "fact", "Bob is away", None),
]


@pytest.mark.parametrize(("message", "kind", "title", "content"), MEMORIES)
async def test_a_statement_is_remembered(
    message: str, kind: str, title: str, content: str | None
) -> None:
    (step,) = await planned(message)
    assert step["tool"] == "create_memory"
    assert (step["arguments"]["kind"], step["arguments"]["title"]) == (kind, title)
    assert content in (None, step["arguments"]["content"])


OPEN = ["pending", "in_progress", "blocked"]
SEARCHES: list[tuple[str, dict[str, Any]]] = [
    ("What is open?", {"status": OPEN}),
    ("what's left?", {"status": OPEN}),
    ("show tasks", {"status": OPEN}),
    ("List all open tasks", {"status": OPEN}),
    ("what is blocked", {"status": ["blocked"]}),
    ("Which tasks are in progress?", {"status": ["in_progress"]}),
    ("show the completed tasks", {"status": ["completed"]}),
    ("find tasks about login", {"query": "login"}),
]


@pytest.mark.parametrize(("message", "arguments"), SEARCHES)
async def test_the_board_is_searched(message: str, arguments: dict[str, Any]) -> None:
    (step,) = await planned(message)
    assert (step["tool"], step["arguments"]) == ("search_tasks", {"limit": 50, **arguments})


@pytest.mark.parametrize(
    ("message", "quoted"),
    [
        ("What did we decide about the database?", "Django with PostgreSQL."),
        ("which database did we choose?", "Django with PostgreSQL."),
        ("What do you remember about tests?", "I prefer writing the tests first."),
    ],
)
async def test_memory_is_quoted(message: str, quoted: str) -> None:
    assert (await analysed(message)).intent == "question"
    assert quoted in await answered(message)


@pytest.mark.parametrize(
    ("message", "tool"),
    [
        ("forget the Django memory", "delete_memory"),
        ("Forget about Django", "delete_memory"),
        ("Delete the memory about Django", "delete_memory"),
    ],
)
async def test_a_memory_is_changed(message: str, tool: str) -> None:
    (step,) = await planned(message)
    assert (step["tool"], step["arguments"]["memory"]) == (tool, "m1")


@pytest.mark.parametrize(
    "message",
    ["How is the weather?", "write me a poem", "def f(): pass", "Who won the cup?", "lorem ipsum"],
)
async def test_what_it_cannot_do_it_says_with_two_examples(message: str) -> None:
    assert (await analysed(message)).intent == "unsupported"
    said = await answered(message)
    assert "not a language model" in said
    assert said.count("“") == 2


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Hello!", "Hello"),
        ("thanks a lot", "welcome"),
        ("What can you do?", "Create a task"),
        ("help", "Create a task"),
        ("We're building a clinic booking app.", "building"),
    ],
)
async def test_small_talk_gets_a_short_answer(message: str, said: str) -> None:
    assert not (await analysed(message)).needs_tools
    assert said in await answered(message)
