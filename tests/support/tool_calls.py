"""Valid calls of each tool, and calls as a run makes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from agent.models import ChatSession, Message, Run
from agent.tools import registry
from agent.tools.registry import ToolCall

Use = Callable[..., dict[str, Any]]


def call_of(session: ChatSession) -> ToolCall:
    """Returns a call of the first run of `session`."""
    message = Message.objects.create(
        session=session, role="user", author=session.created_by, content="On speed: we cache."
    )
    run = Run.objects.create(session=session, number=1, message=message)
    return ToolCall(
        project_id=session.project_id,
        session_id=session.pk,
        run_id=run.pk,
        user_id=session.created_by_id,
        message_id=message.pk,
        key="s1",
    )


def user_of(call: ToolCall) -> Use:
    """Returns a function that calls a tool as a run does: arguments from JSON, the result as JSON."""

    def use(tool: str, /, **arguments: Any) -> dict[str, Any]:
        chosen = registry.get(tool)
        assert chosen is not None
        assert chosen.check(arguments) == []
        result = chosen.function(call, chosen.arguments.model_validate(arguments))
        assert isinstance(result, chosen.result)
        done: dict[str, Any] = json.loads(result.model_dump_json())
        return done

    return use


VALID: dict[str, list[dict[str, Any]]] = {
    "create_task": [
        {"title": "Login"},
        {
            "title": "Login",
            "description": "",
            "priority": "high",
            "parent": None,
            "depends_on": ["Slots", str(uuid4())],
        },
        {"title": "x" * 200, "parent": "Sign-up", "at_top": True},
        {"title": "Login", "before_task": "Slots"},
        {"title": "Login", "after_task": "Slots", "at_top": False},
        {
            "title": "Login",
            "due": "next friday",
            "estimate": 1.5,
            "assignee": "alice",
            "labels": ["ui", "c++"],
            "criteria": ["It works on a phone"],
        },
    ],
    "create_tasks": [
        {"tasks": [{"title": "Login"}]},
        {"tasks": [{"title": "Login"}], "after_task": "Slots"},
        {
            "tasks": [
                {"title": "Slots", "description": "Text", "priority": "low", "depends_on": ["A"]},
                {"title": "Booking", "after": [0]},
                {"title": "Reminder", "after": [0, 1]},
            ]
        },
        {"tasks": [{"title": str(number)} for number in range(100)]},
    ],
    "update_task": [
        {"task": "Login", "title": "Sign-in"},
        {"task": "Login", "title": None, "description": "", "parent": None},
        {"task": "Login", "parent": ""},
        {"task": "Login", "depends_on": []},
        {"task": "Login", "edits": [{"how": "prepend", "text": "First."}]},
        {"task": "Login", "priority": "low", "depends_on": ["Slots"]},
        {"task": "#1", "due": "", "estimate": 0, "assignee": "", "labels": [], "criteria": []},
    ],
    "edit_tasks": [
        {"tasks": [{"task": "Login", "description": ""}]},
        {"tasks": [{"task": "Login", "title": "Sign-in"}]},
        {
            "tasks": [
                {"task": "Login", "edits": [{"how": "append", "text": "More."}]},
                {"task": "Slots", "edits": [{"how": "section", "find": "Goal", "text": "Less."}]},
                {"task": str(uuid4()), "edits": [{"how": "replace", "find": "a", "text": ""}]},
            ]
        },
    ],
    "change_task_status": [
        {"task": "Login", "status": status}
        for status in ("pending", "in_progress", "completed", "blocked", "cancelled")
    ],
    "tick_criterion": [
        {"task": "#1", "criterion": "2"},
        {"task": "Login", "criterion": "It works on a phone", "done": False},
    ],
    "search_tasks": [
        {},
        {"query": "login", "status": ["pending", "blocked"], "limit": 50},
        {"query": "", "status": [], "limit": 1},
        {"assignee": "alice", "label": "ui", "due_until": "tomorrow", "ready": True},
    ],
    "split_task": [
        {"task": "Login", "parts": [{"title": "Form"}, {"title": "Session", "after": [0]}]},
        {
            "task": "Login",
            "parts": [
                {"title": str(n), "description": "Text", "priority": "low"} for n in range(20)
            ],
        },
    ],
    "get_project": [{}],
    "update_project": [
        {"name": "Clinic"},
        {"name": None, "description": ""},
        {"edits": [{"how": "append", "text": "More."}]},
    ],
    "create_project": [{"name": "Clinic"}, {"name": "Clinic", "description": "Text"}],
    "rename_session": [{"title": "Kickoff"}],
    "undo": [{}, {"message": 1}, {"message": None, "object": "Login"}],
    "get_tasks": [{"tasks": ["Login"]}, {"tasks": [str(uuid4()) for _ in range(20)]}],
    "get_memories": [{"memories": ["Tests"]}, {"memories": [str(uuid4()) for _ in range(20)]}],
    "search_messages": [{"query": "tests"}, {"query": "tests", "limit": 50}],
    "get_history": [{"task": "Login"}, {"task": None, "memory": "Tests", "limit": 100}],
    "list_changes": [
        {},
        {"since": "2026-03-04T09:00:00Z"},
        {"since": "2026-03-04T09:00:00.123+01:00", "limit": 100},
    ],
    "change_tasks_status": [
        {"tasks": ["Login"], "status": "completed"},
        {"tasks": [str(uuid4()) for _ in range(100)], "status": "blocked"},
    ],
    "update_tasks": [
        {"tasks": ["Login", "Slots"], "priority": "high"},
        {"tasks": ["Login"], "priority": None, "parent": "Sign-up"},
        {"tasks": ["Login"], "parent": ""},
        {"tasks": ["Login"], "due": "2026-12-04", "assignee": "alice"},
    ],
    "move_task": [
        {"task": "Login", "before": "Slots"},
        {"task": "Login", "before": None, "after": str(uuid4())},
    ],
    "delete_tasks": [{"tasks": ["Login", "Slots"]}],
    "delete_task": [{"task": "Login"}, {"task": str(uuid4())}],
    "create_memory": [
        {"title": "Tests", "content": "Tests first.", "kind": kind}
        for kind in ("decision", "preference", "fact", "spec", "note")
    ]
    + [{"title": "Tests", "content": "x" * 10_000, "kind": "fact", "category": "work"}],
    "update_memory": [
        {"memory": "Tests", "title": "Tests first"},
        {"memory": "Tests", "content": "New", "kind": None},
        {"memory": "Tests", "category": ""},
        {"memory": "Tests", "edits": [{"how": "replace", "find": "first", "text": "last"}]},
        {"memory": "Tests", "kind": "note"},
    ],
    "search_memories": [
        {"query": "tests"},
        {"query": "", "kind": None, "limit": 10},
        {"query": "tests", "kind": "fact", "limit": 50},
    ],
    "delete_memory": [{"memory": "Tests"}],
}
