"""The whole conversation against real server processes: each model, each database."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support import conversation
from tests.support.model_server import Answer, ModelServer, Request, said, words
from tests.support.server import ServerProcess


async def test_the_conversation_with_the_offline_model(server: ServerProcess) -> None:
    answers = await conversation.play(server)
    conversation.check(server, answers)
    weather = answers[5][-1]["response"]
    assert "not a language model" in weather
    assert len(re.findall("“[^”]+”", weather)) >= 2  # two examples of what it can do
    assert "Traceback" not in server.log.read_text()


@pytest.mark.postgresql
async def test_the_conversation_on_postgresql(postgresql_server: ServerProcess) -> None:
    answers = await conversation.play(postgresql_server)
    conversation.check(postgresql_server, answers)
    assert "Traceback" not in postgresql_server.log.read_text()


def tool(
    key: str, name: str, description: str, after: str = "", **arguments: Any
) -> dict[str, Any]:
    return {
        "id": key,
        "type": "tool",
        "tool": name,
        "description": description,
        "arguments": arguments,
        "depends_on": [after] if after else [],
    }


DECISION = "We decided to use Django with PostgreSQL."
PLANS = [
    [
        tool(
            "a",
            "create_memory",
            "Remember the stack",
            title="Django with PostgreSQL",
            content=DECISION,
            kind="decision",
        ),
        tool(
            "b",
            "create_memory",
            "Remember how to test",
            title="Tests first",
            content="Write the tests first.",
            kind="preference",
        ),
    ],
    [
        tool(
            "a",
            "create_tasks",
            "Create 4 tasks",
            tasks=[
                {"title": "Patient sign-up with email verification"},
                {"title": "Doctors publish free slots"},
                {"title": "Patients book and cancel a slot"},
                {"title": "SMS reminder a day before", "after": [2]},
            ],
        )
    ],
    [],
    [
        tool(
            "a",
            "change_task_status",
            "Start the sign-up",
            task="Patient sign-up with email verification",
            status="in_progress",
        ),
        tool("b", "create_task", "Create the test", "a", title="Test the login flow"),
        tool(
            "c",
            "create_memory",
            "Remember Firefox",
            "b",
            title="Firefox",
            content="We test on Firefox too.",
            kind="preference",
        ),
    ],
    [tool("a", "delete_task", "Delete the reminder", task="SMS reminder a day before")],
    [],
]
ANSWERS = ["Noted.", "Four tasks.", f"You said: {DECISION}", "Done.", "Deleted.", "I cannot tell."]


def scripted(request: Request) -> Answer:
    """Answers like a good model would; what it is told must hold the person's message."""
    turn = next(n for n, text in enumerate(conversation.MESSAGES) if text == request.message)
    match request.asked:
        case "analysis":
            needs = bool(PLANS[turn])
            return said(
                {"intent": "command", "summary": "Understood", "needs_tools": needs, "question": ""}
            )
        case "plan":
            return said({"summary": "A plan", "steps": PLANS[turn]})
        case "memory":
            return said({"notes": []})
        case _:
            return words(ANSWERS[turn])


async def test_the_conversation_with_an_openai_compatible_server(
    scripted_model: ModelServer,
    scripted_server: ServerProcess,
) -> None:
    scripted_model.handler = scripted
    answers = await conversation.play(scripted_server)
    conversation.check(scripted_server, answers)
    used = answers[0][-1]["usage"]
    assert used["calls"] == 4  # analysis, plan, memory, answer
    assert answers[5][-1]["usage"]["calls"] == 3  # a plain question needs no plan of the model's
