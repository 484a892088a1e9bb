"""The texts of events, for people: made once, when an event is written, and sent with it.

Plain text from plain values: no rows, no markup.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from agent.event_log.times import milliseconds
from agent.event_log.value_texts import value_text
from agent.support.counts import count
from agent.support.durations import duration
from agent.support.words import isolated

ENDED = ("succeeded", "failed", "skipped", "cancelled")
# What a run does while a phase is the latest one that works.
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
    "edit_tasks": ("Changing", "task", "tasks"),
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
FIELDS = {
    "title": "title",
    "description": "description",
    "status": "status",
    "priority": "priority",
    "due": "due date",
    "estimate": "estimate",
    "labels": "labels",
    "criteria": "acceptance criteria",
    "assignee": "assignee",
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
    "cancelled": "cancelled",
}

# -- the line of a run -----------------------------------------------------------------------------

QUEUED_BEHIND = "Queued ({} ahead)"


def status_line(status: str, position: int | None = None) -> str:
    """Returns what a new status of a run, or a decision on its plan, says about the run."""
    match status:
        case "queued":
            return queued(position or 0)
        case "running":
            return "Starting"
        case "approved" | "rejected":
            return "Resuming"
    return ""  # the request for approval says what waits, and the run's last event how it ended


def queued(before: int) -> str:
    return QUEUED_BEHIND.format(before) if before else "Queued"


def executing(steps: Sequence[Any]) -> str:
    """Returns e.g. "Creating 3 tasks, 2 done, 1 failed". `steps`: those of the plan that call a tool."""
    if not steps:
        return DOING["execution"]
    words = _common_action(steps)
    running = [step for step in steps if step.status == "running"]
    if not words and len(running) == 1 and len(steps) > 1:
        return f"Step {steps.index(running[0]) + 1} of {len(steps)}: {_name(running[0])}"
    text = words or (_name(steps[0]) if len(steps) == 1 else f"Running {len(steps)} steps")
    if len(steps) == 1:
        return text
    statuses = Counter(step.status for step in steps)
    others = [f"{statuses[one]} {one}" for one in ("failed", "skipped") if statuses[one]]
    return ", ".join([text, f"{statuses['succeeded']} done", *others])


def _name(step: Any) -> str:
    return str(step.description or step.tool)


def _common_action(steps: Sequence[Any]) -> str:
    if len({step.tool for step in steps}) > 1 or steps[0].tool not in TOOLS:
        return ""
    verb, one, many = TOOLS[steps[0].tool]
    lists = [step.arguments.get("tasks") for step in steps]
    return f"{verb} {count(sum(_length(one) for one in lists), one, many)}"


def _length(items: Any) -> int:
    return len(items) if isinstance(items, list) else 1


def done(
    ms: int,
    statuses: Sequence[str] = (),
    objects: Collection[str] = (),
    *,
    has_plan: bool = True,
) -> str:
    """Returns e.g. "Done in 4.2 s · 1 of 3 steps failed · 2 tasks, 1 memory".

    `statuses`: of the steps that call a tool; `objects`: the kind of each object that changed;
    `has_plan`: a valid plan was found.
    """
    tasks = sum(kind == "task" for kind in objects)
    memories = sum(kind == "memory" for kind in objects)
    parts = [f"Done in {duration(ms)}"]
    if not has_plan:
        nothing = "Nothing more was done" if "succeeded" in statuses else "Nothing was done"
        parts = [f"{nothing}: no valid plan was found", duration(ms)]
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


def failed(error: str) -> str:
    return f"Failed: {error}" if error else "Failed"


def cancelled(by: str | None, reason: str) -> str:
    who = f"Cancelled by {by}" if by else "Cancelled"
    return f"{who}: {reason}" if reason else who


# -- progress and plans ----------------------------------------------------------------------------


def counted(counts: Mapping[str, Any]) -> str:
    """Returns the counts of a sub-step: "3 of 12 pages". `counts`: done, of, unit, as far as known."""
    if "done" not in counts:
        return ""
    of = f" of {counts['of']:,}" if "of" in counts else ""
    return f"{counts['done']:,}{of} {counts.get('unit', '')}".strip()


def without_emoji(message: str) -> str:
    """Returns `message` without the emoji in front: a page draws an icon instead."""
    at = 0
    while at < len(message) and _is_emoji(message[at]):
        at += 1
    return message[at:].strip() or message.strip()


def _is_emoji(sign: str) -> bool:
    joins = sign in "\ufe0f\u200d" or "\U0001f3fb" <= sign <= "\U0001f3ff"
    return joins or unicodedata.category(sign) == "So"


def started_line(step: str, message: str) -> str:
    """Returns what a run does once a step of the work has started."""
    return DOING.get(step) or without_emoji(message)


def recalled(titles: Sequence[str]) -> str:
    return f"Recalled: {_quoted(titles)}" if titles else ""


def _quoted(titles: Sequence[Any]) -> str:
    return ", ".join(f"“{isolated(str(title))}”" for title in titles)


def open_points(assumptions: Sequence[str], questions: Sequence[str]) -> list[str]:
    """Returns what a plan takes for granted, and what it leaves open."""
    return [*(f"Assumes: {text}" for text in assumptions), *(f"Open: {text}" for text in questions)]


def after(numbers: Sequence[int]) -> str:
    return f"after step {', '.join(map(str, sorted(numbers)))}" if numbers else ""


def took(started_at: str | None, finished_at: str | None) -> str:
    if started_at is None or finished_at is None:
        return ""
    return duration(milliseconds(finished_at) - milliseconds(started_at))


def result(value: Any) -> str:
    """Returns what a step's result says beyond its description."""
    if not isinstance(value, Mapping):
        return ""
    titles, total, composed = (value.get(name) for name in ("titles", "total", "value"))
    if isinstance(composed, list):
        return count(len(composed), "item")
    if isinstance(titles, list) and len(titles) > 1:
        return _quoted(titles)
    return f"{total} found" if isinstance(total, int) else ""


# -- approvals -------------------------------------------------------------------------------------


def decision(status: str, by: str | None, reason: str) -> str:
    """Returns who decided on a plan and how, or "" while nobody has."""
    if status == "expired":
        return "Expired without a decision"
    if status not in ("approved", "rejected"):
        return ""
    word = "Approved" if status == "approved" else "Rejected"
    who = f"{word} by {by}" if by else word
    return f"{who}: {reason}" if reason and status == "rejected" else who


def comment(step: Any, text: str) -> str:
    """Returns what a person said about a step of a plan."""
    return f"Step {step.position}, {_name(step)}: {text}"


def estimate(estimate: Mapping[str, int] | None) -> str:
    """Returns how long a plan may take, e.g. "About 2 to 5 seconds"."""
    if estimate is None:
        return "No time estimate yet"
    if estimate["high_ms"] < 1000:
        return "Under 1 second"
    (low, low_unit), (high, high_unit) = map(_rounded, (estimate["low_ms"], estimate["high_ms"]))
    if low_unit != high_unit:
        return f"About {_with_unit(low, low_unit)} to {_with_unit(high, high_unit)}"
    return (
        f"About {_with_unit(high, high_unit)}"
        if low == high
        else f"About {low} to {high} {high_unit}s"
    )


def usual(band: Mapping[str, int]) -> str:
    """Returns how long something usually takes, e.g. "usually about 2 to 5 seconds"."""
    text = estimate(band)
    return f"usually {text[0].lower()}{text[1:]}"


def _rounded(ms: int) -> tuple[int, str]:
    """Returns a duration in whole seconds, from a minute on in minutes, from an hour on in hours."""
    seconds = max(1, (ms + 500) // 1000)
    if seconds < 60:
        return seconds, "second"
    minutes = (seconds + 30) // 60
    return (minutes, "minute") if minutes < 60 else ((minutes + 30) // 60, "hour")


def _with_unit(number: int, unit: str) -> str:
    return count(number, unit, f"{unit}s")


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [name for name in FIELDS if before.get(name) != after.get(name)]


def field_text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        value = [f"{'☑' if item['done'] else '☐'} {item['text']}" for item in value]
    return STATUSES.get(value, value) if isinstance(value, str) and value else value_text(value, {})


# -- messages sent into a run ----------------------------------------------------------------------


def steering(status: str, author: str | None, revision: int | None, reason: str) -> dict[str, str]:
    """Returns what became of a message that was sent into a run: one line about it, and the note that
    stands below the message.
    """
    match status:
        case "taken":
            who = author or "Somebody"
            return {
                "message": f"{who} sent a message into this run",
                "note": "Taken into this run. The plan changes after the running steps.",
            }
        case "applied":
            where = reason or f"It is part of the plan since version {revision}."
            return {
                "message": f"The message was taken up: {inner(where)}",
                "note": f"Taken up. {where}",
            }
    note = f"Sent as the next message: {inner(reason)}"
    return {"message": note, "note": note}


def inner(sentence: str) -> str:
    """Returns a sentence as it stands behind a colon."""
    return f"{sentence[:1].lower()}{sentence[1:].removesuffix('.')}"


# -- changes ---------------------------------------------------------------------------------------

Object = Mapping[str, Any] | None


def change(action: str, object: str, before: Object, after: Object) -> str:
    """Returns e.g. "Changed task “Booking”: status in progress, priority high"."""
    title = (after or before or {}).get("title", "")
    text = f"{ACTIONS[action]} {object} “{isolated(str(title))}”"
    details = _change_details(action, before or {}, after or {})
    return f"{text}: {details}" if details else text


def change_summary(action: str, before: Object, after: Object) -> str:
    """Returns e.g. "Changed: status in progress", for where the object itself is shown."""
    details = _change_details(action, before or {}, after or {})
    return f"{ACTIONS[action]}: {details}" if details else ACTIONS[action]


def _change_details(action: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if action != "updated":
        return ""
    return ", ".join(_changed_field(name, after) for name in changed_fields(before, after))


def _changed_field(name: str, after: Mapping[str, Any]) -> str:
    value = after.get(name)
    if name in ("status", "priority", "kind", "due", "assignee") and name in after:
        return f"{FIELDS[name]} {STATUSES.get(value, value)}" if value else f"no {FIELDS[name]}"
    return FIELDS[name]
