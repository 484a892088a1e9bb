"""The texts of the page that no event carries: those of tasks, and those that change without an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.event_log.phases import Phase
from agent.event_log.texts import QUEUED_BEHIND, queued

# The order in which the panel shows memories.
KINDS = ("decision", "preference", "spec", "fact", "note")
INTERRUPTED = "Interrupted. It resumes automatically when a server is available."
UNREADABLE = "This event can't be shown"
# What stands under a task: its status and priority where they are special, and what it depends on.
NOTES = {
    "in_progress": "in progress",
    "blocked": "blocked",
    "low": "low priority",
    "high": "high priority",
}
AFTER = "after {}"
# The names of the button that completes or reopens a task, by its status.
TICKS = {
    "pending": "Pending: mark “{}” as completed",
    "in_progress": "In progress: mark “{}” as completed",
    "completed": "Completed: mark “{}” as pending",
    "blocked": "Blocked: mark “{}” as completed",
}

# What the page's script needs of the above.
TABLES = {
    "phases": list(Phase),
    "kinds": KINDS,
    "queued": queued(0),
    "queued_behind": QUEUED_BEHIND,
    "interrupted": INTERRUPTED,
    "unreadable": UNREADABLE,
    "notes": NOTES,
    "after": AFTER,
    "ticks": TICKS,
}


def task_note(task: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Returns the small line under a task. `titles`: those of the board's tasks by id."""
    needed = ", ".join(f"“{titles[key]}”" for key in task["depends_on"] if key in titles)
    notes = (
        NOTES.get(task["status"]),
        NOTES.get(task["priority"]),
        needed and AFTER.format(needed),
    )
    return " · ".join(filter(None, notes))
