"""The texts that a page shows about a run. `static/chat/support/labels.js` makes the same from the
same tables.

Plain text from plain values: no rows, no markup. A change here is a change there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.event_log import events
from agent.event_log.payloads import EffectChange
from agent.support.counts import count
from agent.support.durations import duration

ENDED = ("succeeded", "failed", "skipped", "cancelled")
# What a run is doing while a phase is the latest one at work.
DOING = {
    "start": "Starting",
    "context": "Gathering context",
    "analyzing": "Analyzing the request",
    "planning": "Making a plan",
    "validation": "Checking the plan",
    "execution": "Running the plan",
    "memory": "Updating memory",
    "completion": "Writing the answer",
}
# What a plan does that calls one tool alone: while it works, and what it makes, one and many.
TOOLS = {
    "create_task": ("Creating", "task", "tasks"),
    "create_tasks": ("Creating", "task", "tasks"),
    "update_task": ("Changing", "task", "tasks"),
    "change_task_status": ("Changing", "task", "tasks"),
    "delete_task": ("Deleting", "task", "tasks"),
    "create_memory": ("Saving", "memory", "memories"),
    "update_memory": ("Changing", "memory", "memories"),
    "delete_memory": ("Deleting", "memory", "memories"),
}
ACTIONS = {
    "created": "Created",
    "updated": "Changed",
    "deleted": "Deleted",
    "restored": "Restored",
}
WOULD = {
    "created": "Create",
    "updated": "Change",
    "deleted": "Delete",
    "restored": "Restore",
}
FIELDS = {
    "title": "title",
    "description": "description",
    "status": "status",
    "priority": "priority",
    "parent": "parent task",
    "depends_on": "dependencies",
    "position": "position",
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
WAITING = "Waiting for your approval"
GOES_ON = "Resuming"
INTERRUPTED = "Interrupted. It resumes automatically when a server is available."
UNKNOWN_TIME = "No time estimate yet"
UNREADABLE = "This event can't be shown"

# What the page's script needs of the above.
TABLES = {
    "doing": DOING,
    "tools": TOOLS,
    "actions": ACTIONS,
    "would": WOULD,
    "fields": FIELDS,
    "statuses": STATUSES,
    "kinds": KINDS,
    "waiting": WAITING,
    "goes_on": GOES_ON,
    "interrupted": INTERRUPTED,
    "unknown_time": UNKNOWN_TIME,
    "unreadable": UNREADABLE,
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(timestamp: str) -> int:
    """Returns an event's timestamp in whole milliseconds, cut off as `Date.parse` does it."""
    return (datetime.fromisoformat(timestamp) - _EPOCH) // timedelta(milliseconds=1)


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
    return f"Queued ({before} ahead)" if before else "Queued"


def executing(steps: Sequence[Any]) -> str:
    """Returns e.g. "Creating 3 tasks, 2 done". `steps`: those of the plan that call a tool."""
    ended = [step for step in steps if step.status in ENDED]
    if not steps:
        return DOING["execution"]
    words = _all_the_same(steps)
    running = [step for step in steps if step.status == "running"]
    if not words and len(running) == 1 and len(steps) > 1:
        return f"Step {running[0].number} of {len(steps)}: {running[0].description}"
    text = words or (steps[0].description if len(steps) == 1 else f"Running {len(steps)} steps")
    if len(steps) == 1:
        return text
    failed = sum(step.status in ("failed", "skipped") for step in ended)
    done = f"{text}, {len(ended) - failed} done"
    return f"{done}, {failed} failed" if failed else done


def _all_the_same(steps: Sequence[Any]) -> str:
    if len({step.tool for step in steps}) > 1 or steps[0].tool not in TOOLS:
        return ""
    verb, one, many = TOOLS[steps[0].tool]
    lists = [step.arguments.get("tasks") for step in steps]
    return f"{verb} {count(sum(_length(one) for one in lists), one, many)}"


def _length(items: Any) -> int:
    return len(items) if isinstance(items, list) else 1


def done(ms: int | None, statuses: Sequence[str], tasks: int, memories: int) -> str:
    """Returns e.g. "Done in 4.2 s · 1 of 3 steps failed · 2 tasks, 1 memory". `statuses`: the steps'."""
    parts = ["Done" if ms is None else f"Done in {duration(ms)}"]
    if statuses:
        parts.append(_outcome(statuses))
    touched = [
        *([count(tasks, "task")] if tasks else []),
        *([count(memories, "memory", "memories")] if memories else []),
    ]
    return " · ".join([*parts, *([", ".join(touched)] if touched else [])])


def _outcome(statuses: Sequence[str]) -> str:
    failed, skipped = statuses.count("failed"), statuses.count("skipped")
    steps = count(len(statuses), "step", "steps")
    if failed:
        return f"{failed} of {steps} failed" + (f", {skipped} skipped" if skipped else "")
    return f"{skipped} of {steps} skipped" if skipped else steps


def cancelled(by: str | None, reason: str) -> str:
    who = f"Cancelled by {by}" if by else "Cancelled"
    return f"{who}: {reason}" if reason else who


def recalled(titles: Sequence[str]) -> str:
    return f"Recalled: {', '.join(f'“{title}”' for title in titles)}" if titles else ""


def waits_for(numbers: Sequence[int]) -> str:
    return f"after step {', '.join(map(str, numbers))}" if numbers else ""


def decided(approval: events.Approval) -> str:
    """Returns who decided on a plan and how, or "" while nobody has."""
    status, by, reason = approval.status, approval.by, approval.reason
    if status == "expired":
        return "Expired without a decision"
    if status not in ("approved", "rejected"):
        return ""
    word = "Approved" if status == "approved" else "Rejected"
    who = f"{word} by {by}" if by else word
    return f"{who}: {reason}" if reason and status == "rejected" else who


def estimate(estimate: Mapping[str, int] | None) -> str:
    """Returns how long a plan may take, e.g. "About 2 to 5 seconds"."""
    if estimate is None:
        return UNKNOWN_TIME
    (low, low_unit), (high, high_unit) = map(_rounded, (estimate["low_ms"], estimate["high_ms"]))
    if low_unit != high_unit:
        return f"About {_with_unit(low, low_unit)} to {_with_unit(high, high_unit)}"
    return (
        f"About {_with_unit(high, high_unit)}"
        if low == high
        else f"About {low} to {high} {high_unit}s"
    )


def _rounded(ms: int) -> tuple[int, str]:
    """Returns a duration in whole seconds, from a minute on in minutes, from an hour on in hours."""
    seconds = max(1, (ms + 500) // 1000)
    if seconds < 60:
        return seconds, "second"
    minutes = (seconds + 30) // 60
    return (minutes, "minute") if minutes < 60 else ((minutes + 30) // 60, "hour")


def _with_unit(number: int, unit: str) -> str:
    return count(number, unit, f"{unit}s")


def facts(values: Any, numbers: Mapping[str, int]) -> list[tuple[str, str]]:
    """Returns name and text of each field. `numbers`: those of the plan's steps by id."""
    if not isinstance(values, Mapping):
        return []
    return [(key.replace("_", " "), value(one, numbers)) for key, one in values.items()]


def value(one: Any, numbers: Mapping[str, int]) -> str:
    """Returns a JSON value as words: no brackets, and of a placeholder where it comes from."""
    if one is None or one == "" or one == [] or one == {}:
        return "–"
    if isinstance(one, bool):
        return "yes" if one else "no"
    if isinstance(one, float) and one.is_integer():
        return str(int(one))
    if isinstance(one, list):
        return "; ".join(value(each, numbers) for each in one)
    if not isinstance(one, Mapping):
        return str(one)
    if "$from" in one:
        return f"{one.get('path')} of step {numbers.get(one['$from'], one['$from'])}"
    parts = (f"{key.replace('_', ' ')} {value(each, numbers)}" for key, each in one.items())
    return ", ".join(parts)


def result(value: Any) -> str:
    """Returns what a step's result says beyond its description."""
    if not isinstance(value, Mapping):
        return ""
    titles, total = value.get("titles"), value.get("total")
    if isinstance(titles, list) and len(titles) > 1:
        return ", ".join(f"“{title}”" for title in titles)
    return f"{total} found" if isinstance(total, int) else ""


def change(event: events.Change) -> str:
    """Returns e.g. "Changed task “Booking”: status in progress, priority high"."""
    title = (event.after or event.before or {})["title"]
    text = f"{ACTIONS[event.action]} {event.object} “{title}”"
    fields = _changed(event)
    return f"{text}: {fields}" if fields else text


def brief(event: events.Change) -> str:
    """Returns e.g. "Changed: status in progress", for where the object itself is shown."""
    fields = _changed(event)
    return f"{ACTIONS[event.action]}: {fields}" if fields else ACTIONS[event.action]


def _changed(event: events.Change) -> str:
    if event.action != "updated":
        return ""
    before, after = event.before or {}, event.after or {}
    return ", ".join(_field(name, after) for name in FIELDS if before.get(name) != after.get(name))


def effect(change: EffectChange) -> str:
    """Returns what a step would do, e.g. "Change task “Booking”"."""
    return f"{WOULD[change['action']]} {change['object']} “{change['title']}”"


def differences(change: EffectChange) -> list[tuple[str, str, str]]:
    """Returns name, old and new text of each field that a step would change."""
    if change["action"] != "updated":
        return []
    before, after = change["before"] or {}, change["after"] or {}
    return [
        # Of other objects only the ids are told, and of a place a number: both say nothing to a person.
        (FIELDS[name], "", "changed")
        if name in ("parent", "depends_on", "position")
        else (FIELDS[name], _shown(before.get(name)), _shown(after.get(name)))
        for name in FIELDS
        if before.get(name) != after.get(name)
    ]


def _shown(one: Any) -> str:
    return STATUSES.get(one, one) if isinstance(one, str) and one else value(one, {})


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
