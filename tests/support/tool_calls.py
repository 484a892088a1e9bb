"""Valid calls of each tool."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

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
        {"title": "x" * 200, "parent": "Sign-up"},
    ],
    "create_tasks": [
        {"tasks": [{"title": "Login"}]},
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
        {"task": "Login", "priority": "low", "depends_on": ["Slots"]},
    ],
    "change_task_status": [
        {"task": "Login", "status": status}
        for status in ("pending", "in_progress", "completed", "blocked")
    ],
    "search_tasks": [
        {},
        {"query": "login", "status": ["pending", "blocked"], "limit": 50},
        {"query": "", "status": [], "limit": 1},
    ],
    "list_changes": [
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
        {"memory": "Tests", "kind": "note"},
    ],
    "search_memories": [
        {"query": "tests"},
        {"query": "", "kind": None, "limit": 10},
        {"query": "tests", "kind": "fact", "limit": 50},
    ],
    "delete_memory": [{"memory": "Tests"}],
}
