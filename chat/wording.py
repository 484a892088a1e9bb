"""The words that a page says about a run. `static/chat/wording.js` says the same from the same tables.

Plain text from plain values: no rows, no markup. A change here is a change there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

# What a run is doing while a phase is the latest one at work.
DOING = {
    "start": "Starting",
    "context": "Gathering the context",
    "analyzing": "Analyzing the request",
    "planning": "Making a plan",
    "validation": "Checking the plan",
    "execution": "Executing plan",
    "memory": "Updating the memory",
    "completion": "Writing the answer",
}
ACTIONS = {
    "created": "Created",
    "updated": "Changed",
    "deleted": "Deleted",
    "restored": "Restored",
}
FIELDS = {
    "title": "title",
    "description": "description",
    "status": "status",
    "priority": "priority",
    "parent": "parent task",
    "depends_on": "dependencies",
    "position": "place",
    "content": "content",
    "kind": "kind",
    "category": "category",
}
STATUSES = {
    "pending": "pending",
    "in_progress": "in progress",
    "completed": "completed",
    "blocked": "blocked",
}
# The order in which the panel shows memories.
KINDS = ("decision", "preference", "spec", "fact", "note")
WAITING = "The plan waits for your approval"
GOES_ON = "Going on"
UNREADABLE = "Something happened here that this page cannot show"

# What the page's script needs of the above.
TABLES = {
    "doing": DOING,
    "actions": ACTIONS,
    "fields": FIELDS,
    "statuses": STATUSES,
    "kinds": KINDS,
    "waiting": WAITING,
    "goes_on": GOES_ON,
    "unreadable": UNREADABLE,
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(timestamp: str) -> int:
    """Returns an event's timestamp in whole milliseconds, cut off as `Date.parse` does it."""
    return (datetime.fromisoformat(timestamp) - _EPOCH) // timedelta(milliseconds=1)


def duration(ms: int) -> str:
    if ms < 59_950:
        tenths = (ms + 50) // 100
        return f"{tenths // 10}.{tenths % 10} s"
    seconds = (ms + 500) // 1000
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def plain(message: str) -> str:
    """Returns `message` without the emoji in front: the page draws an icon of its own instead."""
    at = 0
    while at < len(message) and _is_emoji(message[at]):
        at += 1
    return message[at:].strip() or message.strip()


def _is_emoji(sign: str) -> bool:
    joins = sign in "\ufe0f\u200d" or "\U0001f3fb" <= sign <= "\U0001f3ff"
    return joins or unicodedata.category(sign) == "So"


def queued(before: int) -> str:
    return f"Queued, {before} before it" if before else "Queued"


def executing(done: int, steps: int) -> str:
    return (
        f"{DOING['execution']}, {done} of {count(steps, 'step', 'steps')}"
        if steps
        else (DOING["execution"])
    )


def done(ms: int | None, steps: int, failed: int, tasks: int, memories: int) -> str:
    """Returns e.g. "Done in 4.2 s · 3 steps, 1 failed · 2 tasks, 1 memory"."""
    parts = ["Done" if ms is None else f"Done in {duration(ms)}"]
    if steps:
        parts.append(count(steps, "step", "steps") + (f", {failed} failed" if failed else ""))
    touched = [
        *([count(tasks, "task", "tasks")] if tasks else []),
        *([count(memories, "memory", "memories")] if memories else []),
    ]
    return " · ".join([*parts, *([", ".join(touched)] if touched else [])])


def cancelled(by: str | None, reason: str) -> str:
    who = f"Cancelled by {by}" if by else "Cancelled"
    return f"{who}: {reason}" if reason else who


def waits_for(numbers: Sequence[int]) -> str:
    return f"after step {', '.join(map(str, numbers))}" if numbers else ""


def result(value: Any) -> str:
    """Returns what a step's result says beyond its description."""
    if not isinstance(value, Mapping):
        return ""
    titles, total = value.get("titles"), value.get("total")
    if isinstance(titles, list) and len(titles) > 1:
        return ", ".join(f"“{title}”" for title in titles)
    return f"{total} found" if isinstance(total, int) else ""


def change(body: Mapping[str, Any]) -> str:
    """Returns e.g. "Changed task “Booking”: status in progress, priority high"."""
    title = (body["after"] or body["before"])["title"]
    text = f"{ACTIONS[body['action']]} {body['object']} “{title}”"
    fields = _changed(body)
    return f"{text}: {fields}" if fields else text


def brief(body: Mapping[str, Any]) -> str:
    """Returns e.g. "Changed: status in progress", for where the object itself is shown."""
    fields = _changed(body)
    return f"{ACTIONS[body['action']]}: {fields}" if fields else ACTIONS[body["action"]]


def _changed(body: Mapping[str, Any]) -> str:
    if body["action"] != "updated":
        return ""
    before, after = body["before"] or {}, body["after"] or {}
    return ", ".join(_field(name, after) for name in FIELDS if before.get(name) != after.get(name))


def _field(name: str, after: Mapping[str, Any]) -> str:
    if name in ("status", "priority", "kind"):
        return f"{FIELDS[name]} {STATUSES.get(after[name], after[name])}"
    return FIELDS[name]


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
