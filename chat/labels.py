"""The texts of the page that no event carries: those of tasks, and those that change without an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.event_log.phases import Phase
from agent.event_log.texts import QUEUED_BEHIND, STATUSES, queued

# The order in which the panel shows memories.
KINDS = ("decision", "preference", "spec", "fact", "note")
INTERRUPTED = "Interrupted. It resumes automatically when a server is available."
UNREADABLE = "This event can't be shown"

# What the page's script needs of the above.
TABLES = {
    "phases": list(Phase),
    "statuses": STATUSES,
    "kinds": KINDS,
    "queued": queued(0),
    "queued_behind": QUEUED_BEHIND,
    "interrupted": INTERRUPTED,
    "unreadable": UNREADABLE,
}


def task_note(task: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Returns the small line under a task. `titles`: those of the board's tasks by id."""
    needed = [f"“{titles[key]}”" for key in task["depends_on"] if key in titles]
    parts = [
        *([STATUSES[task["status"]]] if task["status"] in ("in_progress", "blocked") else []),
        *([f"{task['priority']} priority"] if task["priority"] != "medium" else []),
        *([f"after {', '.join(needed)}"] if needed else []),
    ]
    return " · ".join(parts)


def tick(task: Mapping[str, Any]) -> str:
    """Returns the name of the button that ticks a task off, or opens it again."""
    turned = "pending" if task["status"] == "completed" else "completed"
    return f"{STATUSES[task['status']].capitalize()}: mark “{task['title']}” as {turned}"
