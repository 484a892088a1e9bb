"""The texts of the page that no event carries: those of tasks, and those that change without an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from agent.board import readiness
from agent.event_log.phases import Phase, kinds
from agent.event_log.texts import QUEUED_BEHIND, queued
from agent.models import Task
from agent.support.words import isolated, marked

# The order in which the panel shows memories.
KINDS = ("decision", "preference", "spec", "fact", "note")
INTERRUPTED = "Interrupted. It resumes automatically when a server is available."
UNREADABLE = "This event can't be shown"
# What stands under a task: its status and priority where they are special, and what it waits for.
NOTES = {
    "in_progress": "in progress",
    "blocked": "blocked",
    "cancelled": "cancelled",
    "low": "low priority",
    "high": "high priority",
}
WAITS = "waits for {}"
READY = "ready"
DUE = "due {}"
OVERDUE = "overdue, due {}"
HOURS = "{} h"
CRITERIA = "{} criteria"
# The names of the button that completes or reopens a task, by its status.
TICKS = {
    "pending": "Pending: mark “{}” as completed",
    "in_progress": "In progress: mark “{}” as completed",
    "completed": "Completed: mark “{}” as pending",
    "blocked": "Blocked: mark “{}” as completed",
    "cancelled": "Cancelled: mark “{}” as pending",
}

# What the page's script needs of the above.
_TABLES = {
    "phases": list(Phase),
    "kinds": KINDS,
    "queued": queued(0),
    "queued_behind": QUEUED_BEHIND,
    "interrupted": INTERRUPTED,
    "unreadable": UNREADABLE,
    "notes": NOTES,
    "waits": WAITS,
    "ready": READY,
    "due": DUE,
    "overdue": OVERDUE,
    "hours": HOURS,
    "criteria": CRITERIA,
    "ticks": TICKS,
}


def tables() -> dict[str, Any]:
    """Returns what the page's script needs: texts, and how it shows custom progress steps."""
    steps = {kind.name: [kind.icon, kind.color, kind.order] for kind in kinds()}
    return {**_TABLES, "zone": settings.SAMURAI_TIME_ZONE, "steps": steps}


def task_note(
    task: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]], *, whole: bool
) -> str:
    """Returns the small line under a task. `tasks`: those of the board by id; `whole`: all of them."""
    return " · ".join(filter(None, (NOTES.get(task["status"]), note_in_column(task, tasks, whole))))


def note_in_column(
    task: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]], whole: bool
) -> str:
    """As `task_note`, where the column of the task says its status."""
    notes = (
        NOTES.get(task["priority"]),
        _readiness(task, tasks, whole),
        _due(task["status"], task["due"]),
        task["estimate"] and HOURS.format(f"{task['estimate']:g}"),
        task["assignee"],
        task["criteria"] and CRITERIA.format(_met(task["criteria"])),
        marked(", ".join(task["labels"])),
    )
    return " · ".join(filter(None, notes))


def _readiness(task: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]], whole: bool) -> str:
    """Returns what an open task waits for, or that it is ready because all that it needed is over."""
    needed = task["depends_on"]
    if task["status"] not in Task.OPEN or not needed:
        return ""
    known = [tasks[key] for key in needed if key in tasks]
    titles = [f"“{isolated(other['title'])}”" for other in known if other["status"] in Task.OPEN]
    if titles:
        return WAITS.format(", ".join(titles))
    is_known = whole or len(known) == len(needed)
    return READY if is_known and task["status"] == Task.Status.PENDING else ""


def _due(status: str, due: str | None) -> str:
    words = OVERDUE if readiness.is_overdue(status, due) else DUE
    return words.format(due) if due else ""


def _met(criteria: Sequence[Mapping[str, Any]]) -> str:
    return f"{sum(item['done'] for item in criteria)}/{len(criteria)}"
