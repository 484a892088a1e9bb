"""The acceptance conversation, and what must be true after it; for each model, database and client."""

from __future__ import annotations

import json
from typing import Any

from tests.support.server import ServerProcess, say, watching

MESSAGES = [
    "We're building a clinic booking app. We decided to use Django with PostgreSQL, and I prefer "
    "writing the tests first.",
    "I need: 1. patient sign-up with email verification 2. doctors publish free slots 3. patients "
    "book and cancel a slot 4. SMS reminder a day before. The reminder depends on booking.",
    "What did we decide about the database?",
    "Mark the sign-up task as in progress, then create a task for testing the login flow, and "
    "finally remember that we test on Firefox too.",
    "Delete the SMS reminder task, the clinic dropped it.",
    "How is the weather?",
]


async def play(server: ServerProcess) -> list[list[dict[str, Any]]]:
    """Says all of it over a WebSocket; returns the frames of each answer."""
    answers = []
    async with watching(server) as socket:
        for message in MESSAGES:
            frames = await say(socket, message)
            answers.append(frames)
            await socket.send(json.dumps({"type": "ack", "seq": frames[-1]["seq"]}))
    return answers


def check(server: ServerProcess, answers: list[list[dict[str, Any]]]) -> None:
    assert [frames[-1]["type"] for frames in answers] == ["complete"] * 6
    check_memory(server)
    check_board(server, answers)
    check_words(answers)
    numbers = [frame["seq"] for frames in answers for frame in frames if "seq" in frame]
    assert numbers == list(range(1, len(numbers) + 1))


def check_memory(server: ServerProcess) -> None:
    memories = server.rows("SELECT kind, content FROM agent_memory WHERE deleted_at IS NULL")
    decisions = [content for kind, content in memories if kind == "decision"]
    preferences = [content for kind, content in memories if kind == "preference"]
    assert len(decisions) == 1
    assert "Django" in decisions[0]
    assert "PostgreSQL" in decisions[0]
    assert len(preferences) == 2
    assert sum("test" in content and "first" in content for content in preferences) == 1
    assert sum("Firefox" in content for content in preferences) == 1


def check_board(server: ServerProcess, answers: list[list[dict[str, Any]]]) -> None:
    tasks = dict(server.rows("SELECT title, status FROM agent_task WHERE deleted_at IS NULL"))
    assert len(tasks) == 4
    assert not any("SMS" in title or "reminder" in title for title in tasks)
    assert sum("login flow" in title.lower() for title in tasks) == 1
    assert [status for title, status in tasks.items() if "sign-up" in title.lower()] == [
        "in_progress"
    ]
    booking = next(
        frame["change"]["id"]
        for frame in answers[1]
        if frame["type"] == "change" and "book" in frame["change"]["after"]["title"]
    )
    deleted = [frame["change"] for frame in answers[4] if frame["type"] == "change"]
    assert [change["action"] for change in deleted] == ["deleted"]
    assert deleted[0]["before"]["depends_on"] == [booking]


def check_words(answers: list[list[dict[str, Any]]]) -> None:
    assert "PostgreSQL" in answers[2][-1]["response"]
    assert order_of_steps(answers[3]) == ["change_task_status", "create_task", "create_memory"]
    assert not any(frame["type"] == "approval" for frames in answers for frame in frames)
    assert not any(frame["type"] == "change" for frame in answers[5])


def order_of_steps(frames: list[dict[str, Any]]) -> list[str]:
    """Returns the tools in the order in which their steps started, each after the one before ended."""
    plan = next(frame["plan"] for frame in frames if frame["type"] == "plan")
    tools = {step["id"]: step["tool"] for step in plan["steps"]}
    steps = [frame["step"] for frame in frames if frame["type"] == "step"]
    statuses = [(step["id"], step["status"]) for step in steps if tools[step["id"]]]
    order = [name for name, status in statuses if status == "running"]
    assert statuses == [(name, status) for name in order for status in ("running", "succeeded")]
    return [tools[name] for name in order]
